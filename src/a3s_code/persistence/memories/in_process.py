"""Memories in this process, for as long as their store is held."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from a3s_code.errors import StoreError
from a3s_code.kernel.memory import DEFAULT_RELEVANCE, MemoryItem, Pruning, Relevance
from a3s_code.persistence.memories.index import Index, Wanted
from a3s_code.persistence.memories.question import answer


class InMemoryStore:
    """
    What a session has that was given no store: of its own, so two sessions share nothing.

    Nothing is indexed before somebody asks, and then only what is new. Used on one loop.

    Source:
        Document 001, extension points; DESIGN 6, "memory".
    """

    __slots__ = ("_index", "_is_closed", "_items", "_new")

    def __init__(self) -> None:
        self._items: dict[str, MemoryItem] = {}
        self._new: deque[str] = deque()
        self._index: Index[str] = Index()
        self._is_closed = False

    @property
    def durability(self) -> str:
        return "none"

    async def store(self, item: MemoryItem) -> None:
        """
        Raises:
            StoreError: the store was closed.
        """
        self._check_open()
        self._items[item.id] = msgspec.structs.replace(item, metadata=dict(item.metadata))
        self._new.append(item.id)

    async def flush(self) -> None:
        """
        Raises:
            StoreError: the store was closed.
        """
        self._check_open()

    async def record_access(self, item_ids: Sequence[str], at_ns: int) -> None:
        """
        Raises:
            StoreError: the store was closed.
        """
        self._check_open()
        for item_id in item_ids:
            if item_id in self._items:
                self._items[item_id] = self._items[item_id].accessed(at_ns)

    async def delete(self, item_id: str) -> bool:
        """
        Raises:
            StoreError: the store was closed.
        """
        self._check_open()
        return self._drop((item_id,)) > 0

    async def clear(self) -> int:
        """
        Raises:
            StoreError: the store was closed.
        """
        self._check_open()
        count = len(self._items)
        self._items.clear()
        self._new.clear()
        self._index = Index()
        return count

    async def prune(self, pruning: Pruning, relevance: Relevance = DEFAULT_RELEVANCE) -> int:
        """
        Raises:
            StoreError: the store was closed.
        """
        return self._drop(self._indexed().prunable(pruning, relevance, time.time_ns()))

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """
        Raises:
            StoreError: the store was closed.
        """
        self._check_open()
        return self._items.get(item_id)

    async def search(
        self, query: str, limit: int, relevance: Relevance = DEFAULT_RELEVANCE
    ) -> Sequence[MemoryItem]:
        """
        Raises:
            StoreError: the store was closed.
        """
        wanted = Wanted(limit, relevance, time.time_ns())
        return self._found(answer(self._indexed(), query, wanted))

    async def search_by_tags(
        self, tags: Sequence[str], limit: int, relevance: Relevance = DEFAULT_RELEVANCE
    ) -> Sequence[MemoryItem]:
        """
        Raises:
            StoreError: the store was closed.
        """
        wanted = Wanted(limit, relevance, time.time_ns())
        return self._found(self._indexed().by_tags(tags, wanted))

    async def get_recent(self, limit: int) -> Sequence[MemoryItem]:
        """
        Raises:
            StoreError: the store was closed.
        """
        return self._found(self._indexed().recent(limit))

    async def get_important(self, threshold: float, limit: int) -> Sequence[MemoryItem]:
        """
        Raises:
            StoreError: the store was closed.
        """
        return self._found(self._indexed().important(threshold, limit))

    async def count(self) -> int:
        """
        Raises:
            StoreError: the store was closed.
        """
        self._check_open()
        return len(self._items)

    async def close(self) -> None:
        """Forget everything."""
        self._is_closed = True
        self._items.clear()
        self._new.clear()
        self._index = Index()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError("The memory store was closed.", hint="make a new store")

    def _indexed(self) -> Index[str]:
        """Give the index, with all that was stored."""
        self._check_open()
        if self._index.is_worn:
            self._index, self._new = Index(), deque(self._items)
        while self._new:
            item = self._items.get(self._new.popleft())
            if item is not None:
                self._index.add(
                    item.id, item.content, item.importance, item.timestamp_ns, item.tags
                )
        return self._index

    def _found(self, ids: Iterable[str]) -> list[MemoryItem]:
        return [self._items[item_id] for item_id in ids]

    def _drop(self, ids: Iterable[str]) -> int:
        dropped = [item_id for item_id in ids if self._items.pop(item_id, None) is not None]
        for item_id in dropped:
            self._index.discard(item_id)
        return len(dropped)
