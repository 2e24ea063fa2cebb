"""
What is known of a file of memories without looking into it: its index, and how far it was read.

Used on threads, one question at a time, each over a connection that has begun a transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from sqlite3 import Connection

from a3s_code.kernel.memory import MemoryItem, Pruning, Relevance
from a3s_code.persistence.memories.index import Index, Wanted
from a3s_code.persistence.memories.question import answer
from a3s_code.persistence.memories.tables import (
    Mark,
    Row,
    read_gone,
    read_items,
    read_mark,
    read_since,
)


class Shelf:
    """An index by the numbers of the items. Empty until it first catches up."""

    __slots__ = ("_index", "_mark")

    def __init__(self) -> None:
        self._index: Index[int] = Index()
        self._mark = Mark(-1, 0)

    @property
    def count(self) -> int:
        return len(self._index)

    def catch_up(self, connection: Connection) -> None:
        """Read what was written since the last time, by anybody."""
        mark = read_mark(connection)
        if mark == self._mark:
            return
        if mark.epoch != self._mark.epoch or self._index.is_worn:
            self._index, self._mark = Index(), Mark(mark.epoch, 0)
        for row in read_since(connection, self._mark.change):
            self._take(row)
        for number in read_gone(connection, self._mark.change):
            self._index.discard(number)
        self._mark = mark

    def _take(self, row: Row) -> None:
        self._index.add(row.number, row.content, row.importance, row.timestamp_ns, row.tags)

    # Questions

    def search(
        self, connection: Connection, query: str, limit: int, relevance: Relevance
    ) -> Sequence[MemoryItem]:
        wanted = Wanted(limit, relevance, time.time_ns())
        return read_items(connection, answer(self._index, query, wanted))

    def by_tags(
        self, connection: Connection, tags: Sequence[str], limit: int, relevance: Relevance
    ) -> Sequence[MemoryItem]:
        wanted = Wanted(limit, relevance, time.time_ns())
        return read_items(connection, self._index.by_tags(tags, wanted))

    def recent(self, connection: Connection, limit: int) -> Sequence[MemoryItem]:
        return read_items(connection, self._index.recent(limit))

    def important(
        self, connection: Connection, threshold: float, limit: int
    ) -> Sequence[MemoryItem]:
        return read_items(connection, self._index.important(threshold, limit))

    def prunable(
        self, connection: Connection, pruning: Pruning, relevance: Relevance, now_ns: int
    ) -> list[str]:
        """Give the ids of what `pruning` lets go."""
        numbers = self._index.prunable(pruning, relevance, now_ns)
        return [item.id for item in read_items(connection, numbers)]
