"""
The words that an index knows, and which of them hold a text.

All words stand in one long text, a line each, which is searched as a whole; that takes about a
millisecond for 200,000 words. New ones wait in a list until they are worth a longer text.
Numbers have a text of their own: there are many, and few questions are about them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

_MAX_NEW = 2_000
_MARK = "\n"


class Vocabulary:
    """Numbers its words from 0 in the order in which they come."""

    __slots__ = ("_names", "_numbers", "_plain")

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._plain, self._names = _Text(), _Text()

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, word: str) -> int:
        """Give the number of a word, which is a new one if it was not there."""
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self._numbers)
            (self._plain if word.isdecimal() else self._names).add(word, number)
        return number

    def find(self, word: str) -> int | None:
        """Give the number of exactly this word."""
        return self._numbers.get(word)

    def holding(self, part: str, limit: int) -> list[int] | None:
        """Give the numbers of the words that hold `part`; None when they are more than `limit`."""
        found: list[int] = []
        texts = (self._names, self._plain) if part.isdecimal() else (self._names,)
        if all(text.holding(part, found, limit) for text in texts):
            return found
        return None


class _Text:
    __slots__ = ("_new", "_new_numbers", "_numbers", "_starts", "_text")

    def __init__(self) -> None:
        self._text, self._starts, self._numbers = _MARK, array("I"), array("I")
        self._new: list[str] = []
        self._new_numbers = array("I")

    def add(self, word: str, number: int) -> None:
        self._new.append(word)
        self._new_numbers.append(number)

    def holding(self, part: str, found: list[int], limit: int) -> bool:
        """Add to `found`; False when it would get longer than `limit`."""
        if len(self._new) > _MAX_NEW:
            self._extend()
        new = zip(self._new, self._new_numbers, strict=True)
        found += [number for word, number in new if part in word]
        text, starts, numbers = self._text, self._starts, self._numbers
        at = text.find(part)
        while at >= 0:
            if len(found) >= limit:
                return False
            place = bisect_right(starts, at) - 1
            found.append(numbers[place])
            at = text.find(part, text.index(_MARK, at))
        return len(found) <= limit

    def _extend(self) -> None:
        """Make the text longer by the new words. It begins and ends with a mark."""
        at = len(self._text)
        for word in self._new:
            self._starts.append(at)
            at += len(word) + 1
        self._text = f"{self._text}{_MARK.join(self._new)}{_MARK}"
        self._numbers += self._new_numbers
        self._new.clear()
        self._new_numbers = array("I")
