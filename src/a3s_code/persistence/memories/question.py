"""
Which items a text asks for.

A question begins with its rarest word: only the items that hold it are looked at for the others,
in their texts. A question without a rare word goes through the items by rank until it has
enough. Where too few items hold all words, those follow that hold some: first by how much the
words tell that they hold, where a rare word tells more, then by rank.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

from a3s_code.kernel.words import asked_words, folded
from a3s_code.persistence.memories.index import MAX_LOOKED_AT, MAX_RANKED, Index, Wanted

K = TypeVar("K")

MAX_WORDS = 12
"""Words that count where no item holds all: the rarest."""
_TELLING_CHARS = 3
"""A shorter word is in too many others, but for scripts where it is a pair of characters."""


def answer(index: Index[K], query: str, wanted: Wanted) -> list[K]:
    """Give the keys of what fits, best first."""
    if wanted.limit < 1:
        return []
    text = folded(query)
    words = asked_words(text)
    if not words:
        return index.named(_holding_marks(index, text.strip(), wanted))
    question = _Question(index, words, wanted)
    found = question.whole()
    left = wanted.limit - len(found)
    if left > 0 and len(words) > 1:
        found += question.partly(left, frozenset(found))
    return index.named(found)


def _holding_marks(index: Index[K], part: str, wanted: Wanted) -> list[int]:
    """Give the best items that hold a text without words; an empty one is in all."""
    if not part:
        return index.first(lambda _: True, wanted)
    held = [number for number, text in enumerate(index.texts) if part in text]
    return index.best(held, wanted)


class _Question(Generic[K]):
    __slots__ = ("_held", "_index", "_wanted", "_words")

    def __init__(self, index: Index[K], words: Sequence[str], wanted: Wanted) -> None:
        self._index, self._wanted = index, wanted
        self._words = sorted(words, key=index.frequency)
        self._held: dict[str, list[int] | None] = {}

    def whole(self) -> list[int]:
        """Give the best items that hold every word."""
        index, texts = self._index, self._index.texts
        for rare in self._words:
            held = self._holding(rare)
            if held is None:
                continue
            for word in self._words:
                if word is not rare:
                    held = [number for number in held if word in texts[number]]
            return index.best(held, self._wanted)

        def fits(number: int) -> bool:
            text = texts[number]
            return all(word in text for word in self._words)

        return index.first(fits, self._wanted)

    def partly(self, limit: int, without: AbstractSet[int]) -> list[int]:
        """Give the best items that hold some of the words, but for those in `without`."""
        held = {word: self._holding_itself(word) for word in self._telling()}
        weights = {word: self._weight(numbers) for word, numbers in held.items()}
        candidates: set[int] = set()
        for numbers in sorted((n for n in held.values() if n), key=len):
            candidates.update(numbers)
            if len(candidates) > MAX_RANKED:
                break
        found = self._most_telling(self._narrowed(candidates - without, limit), weights, limit)
        common = [word for word, numbers in held.items() if numbers is None]
        if len(found) < limit and common:
            found += self._holding_one(common, limit - len(found), {*without, *found})
        return found

    def _telling(self) -> Sequence[str]:
        """Give the words that count."""
        long = [w for w in self._words if len(w) >= _TELLING_CHARS or not w.isascii()]
        return (long or self._words)[:MAX_WORDS]

    def _holding(self, word: str) -> list[int] | None:
        if word not in self._held:
            self._held[word] = self._index.holding(word)
        return self._held[word]

    def _holding_itself(self, word: str) -> list[int] | None:
        """Give the items that hold a word; where they are many, those that have just that."""
        held = self._holding(word)
        return self._index.holding_itself(word) if held is None else held

    def _narrowed(self, candidates: Collection[int], limit: int) -> Collection[int]:
        """Of more than can be compared, take those that hold further words, or rank highest."""
        texts = self._index.texts
        for word in self._words if len(candidates) > MAX_RANKED else ():
            narrower = [number for number in candidates if word in texts[number]]
            candidates = narrower if len(narrower) >= limit else candidates
        if len(candidates) <= MAX_RANKED:
            return candidates
        return self._index.best(candidates, self._wanted._replace(limit=limit))

    def _weight(self, numbers: Sequence[int] | None) -> float:
        """Say how much a word tells."""
        held = MAX_LOOKED_AT if numbers is None else len(numbers)
        return math.log1p(len(self._index) / (held + 1))

    def _most_telling(
        self, candidates: Collection[int], weights: Mapping[str, float], limit: int
    ) -> list[int]:
        texts, rank = self._index.texts, self._index.rank

        def order(number: int) -> tuple[float, tuple[float, int, int]]:
            text = texts[number]
            told = sum(weight for word, weight in weights.items() if word in text)
            return told, rank(number, self._wanted)

        return heapq.nlargest(limit, candidates, key=order)

    def _holding_one(
        self, words: Sequence[str], limit: int, without: AbstractSet[int]
    ) -> list[int]:
        """Give the best items that hold one of the words that many items hold."""
        texts = self._index.texts

        def fits(number: int) -> bool:
            text = texts[number]
            return number not in without and any(word in text for word in words)

        return self._index.first(fits, self._wanted._replace(limit=limit))
