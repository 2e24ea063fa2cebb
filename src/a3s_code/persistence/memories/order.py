"""
Which items rank highest, without ranking them all.

Items of nearly the same importance stand in one row, by time. The rank of the newest of each row
is a bound for all of it, so the best come out one after the other, and whoever has enough stops.
That holds whatever the weights are, and however late it is.
"""

from __future__ import annotations

import heapq
import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from a3s_code.kernel.memory import Relevance

_ROWS = 100


class Order:
    """
    Args:
        importance, stamps: Of each item by its number; times in Unix nanoseconds.
    """

    __slots__ = ("_importance", "_rows", "_stamps")

    def __init__(self, importance: Sequence[float], stamps: Sequence[int]) -> None:
        self._importance, self._stamps = importance, stamps
        self._rows: dict[int, array[int]] = {}

    def add(self, number: int) -> None:
        """Take an item whose importance and time are known."""
        key = math.ceil(self._importance[number] * _ROWS)
        row = self._rows.setdefault(key, array("I"))
        stamp = self._stamps[number]
        if not row or self._stamps[row[-1]] <= stamp:
            row.append(number)
        else:
            row.insert(bisect_right(row, stamp, key=self._stamps.__getitem__), number)

    def by_rank(self, relevance: Relevance, now_ns: int) -> Iterator[tuple[float, int]]:
        """Give a bound for the rank of all that is still to come, and the next item."""

        def bound(key: int, number: int) -> float:
            return relevance.score(key / _ROWS, self._stamps[number], now_ns)

        heads = [(-bound(key, row[-1]), key, len(row) - 1) for key, row in self._rows.items()]
        heapq.heapify(heads)
        while heads:
            negative, key, place = heads[0]
            row = self._rows[key]
            yield -negative, row[place]
            if place:
                heapq.heapreplace(heads, (-bound(key, row[place - 1]), key, place - 1))
            else:
                heapq.heappop(heads)

    def by_time(self) -> Iterator[int]:
        """Give all items, the newest first; of one time the one that came last."""
        rows = (((self._stamps[n], n) for n in reversed(row)) for row in self._rows.values())
        return (number for _, number in heapq.merge(*rows, reverse=True))

    def by_importance(self) -> Iterator[int]:
        """Give all items, the most important first, then the newest."""
        for key in sorted(self._rows, reverse=True):
            row = self._rows[key]
            yield from sorted(row, key=self._eminence, reverse=True)

    def _eminence(self, number: int) -> tuple[float, int, int]:
        return self._importance[number], self._stamps[number], number
