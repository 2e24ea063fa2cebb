"""Messages as one wire sends them: made once, counted once, hashed once."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
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
        end = self.ends[-1] if self.ends else 0
        for message in messages[len(self.items) :]:
            item = encode(message)
            if not item:
                self._empty.append(len(self.items))
            end += len(item)
            self.items.append(item)
            self.ends.append(end)

    def filled(self, count: int) -> int:
        """Count the items of the first `count` messages that are not empty."""
        return count - bisect_left(self._empty, count)

    def digest(self) -> str:
        """Give the SHA-256 of all items, each with a comma behind it."""
        for item in self.items[self._hashed :]:
            _take(self._hash.update, item)
        self._hashed = len(self.items)
        return self._hash.hexdigest()

    def digest_of(self, count: int) -> str:
        """Give the digest as it was when the first `count` messages were all."""
        if count == self._hashed:
            return self._hash.hexdigest()
        begun = hashlib.sha256()
        for item in self.items[:count]:
            _take(begun.update, item)
        return begun.hexdigest()


def _take(update: Callable[[bytes], None], item: bytes) -> None:
    if item:  # what is not sent is in nobody's cache
        update(item)
        update(b",")
