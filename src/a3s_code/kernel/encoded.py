"""Messages as one wire sends them: made once, counted once, hashed once."""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Encoded(Generic[T]):
    """
    The bytes of every message of a conversation, which only grows.

    What each request asks of it, how long it is and what its digest is, costs what is new.

    Attributes:
        items: The bytes of each message; empty for one that the wire does not send.
        ends: For each message, the bytes of all items up to and with it, without commas.
    """

    __slots__ = ("_empty", "_hash", "_hashed", "ends", "items")

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.ends: list[int] = []
        self._empty: list[int] = []
        self._hash = hashlib.sha256()
        self._hashed = 0

    def grow(self, messages: Sequence[T], encode: Callable[[T], bytes]) -> None:
        """Take up the messages behind those that are there already."""
        first = len(self.items)
        items = [encode(message) for message in messages[first:]]
        below = self.ends[-1] if self.ends else 0
        self.ends += itertools.islice(itertools.accumulate(map(len, items), initial=below), 1, None)
        self.items += items
        if not all(items):
            self._empty += [place for place, item in enumerate(items, first) if not item]

    def until(self, count: int) -> Encoded[T]:
        """Give the bytes of the first `count` messages, to go on with otherwise."""
        other = Encoded[T]()
        other.items, other.ends = self.items[:count], self.ends[:count]
        other._empty = self._empty[: bisect_left(self._empty, count)]
        if self._hashed <= count:
            other._hash, other._hashed = self._hash.copy(), self._hashed
        return other

    def filled(self, count: int) -> int:
        """Count the items of the first `count` messages that are not empty."""
        return count - bisect_left(self._empty, count)

    def digest(self) -> str:
        """Give the SHA-256 of all items, each with a comma behind it."""
        for item in self.items[self._hashed :]:
            _take(self._hash.update, item)
        self._hashed = len(self.items)
        return self._hash.hexdigest()

    def agreed(self, marks: Mapping[int, str]) -> int:
        """
        Give the largest of these counts whose first messages have the digest beside it; 0 when
        none have. It hashes all of them once more.
        """
        found, begun = 0, hashlib.sha256()
        for count, item in enumerate(self.items[: max(marks, default=0)], 1):
            _take(begun.update, item)
            if count in marks and begun.hexdigest() == marks[count]:
                found = count
        return found


def _take(update: Callable[[bytes], None], item: bytes) -> None:
    if item:  # what is not sent is in nobody's cache
        update(item)
        update(b",")
