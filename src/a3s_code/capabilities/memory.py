"""
What a session remembers: its long-term store, and the two tiers that live as long as it does.

    long term     the store: what outlives the session, where it is kept on disk
    short term    the last items that this session stored, oldest out first
    working       what the task of now is about: a few items, those of the lowest rank out first

An item of the type `working` is in the working tier only; any other is in the long-term store
and in the short-term tier. All of it is told in the log, and to hooks.

Source:
    Document 001, "Memory"; document 002; SPEC 11.1.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar, cast

import msgspec

from a3s_code.checks import check_text
from a3s_code.errors import A3SError, InvalidType, MemoryUnavailable
from a3s_code.harness.hooks.event_names import POST_MEMORY, PRE_MEMORY
from a3s_code.kernel.events import (
    MemoriesSearched,
    MemoryCleared,
    MemoryRecalled,
    MemoryStored,
    RunEvent,
)
from a3s_code.kernel.memory import (
    MemoryItem,
    MemoryStore,
    Provenance,
    Pruning,
    Relevance,
    remembered,
)
from a3s_code.kernel.messages import JsonObject

P = ParamSpec("P")
T = TypeVar("T")

STORE_DEADLINE_S = 90.0
"""For any store; those of this package say sooner that they cannot be used."""
MAX_TOLD_CHARS = 2_000
"""Of the content of an item in an event."""
PRUNE_INTERVAL_S = 3_600.0


class Told(Protocol):
    """Where it is recorded what happens: the log of a run, or of a session."""

    def emit(self, event: RunEvent) -> None: ...


Tell = Callable[[str, JsonObject], Awaitable[None]]
"""Tells hooks of an event by its name, with its payload."""


Choice = Callable[[Sequence[MemoryItem]], Sequence[MemoryItem]]


class MemoryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        max_short_term, max_working: Items of these tiers.
        pruning: What is forgotten by itself; None for nothing.
        prune_interval_s: How often that is looked for, when the memory is used.

    Source:
        SPEC 1.6.
    """

    max_short_term: int = 100
    max_working: int = 10
    relevance: Relevance = Relevance()
    pruning: Pruning | None = None
    prune_interval_s: float = PRUNE_INTERVAL_S


@dataclass(slots=True)
class AgentMemory:
    """
    The memory of one session.

    Attributes:
        store: Long-term memory.
        origin: What new items say of where they come from.
        shown: Takes secrets out of a text, before it is kept.
        tell: Tells hooks.
        is_owed: The store has taken something that need not be durable yet.
    """

    store: MemoryStore
    limits: MemoryLimits
    origin: Provenance
    shown: Callable[[str], str]
    tell: Tell
    is_owed: bool = field(default=False, init=False)
    _short: deque[MemoryItem] = field(init=False)
    _working: list[MemoryItem] = field(default_factory=list[MemoryItem], init=False)
    _pruned_s: float | None = field(default=None, init=False)
    _made_s: float = field(default_factory=time.monotonic, init=False)

    def __post_init__(self) -> None:
        self._short = deque(maxlen=self.limits.max_short_term)

    # Storing

    async def remember(self, item: MemoryItem, told: Told) -> JsonObject:
        """
        Keep an item in its tiers.

        Returns:
            `id`, `memory_type`, `tags`, `importance`, and `durability`: `next_commit` where the
            store writes it in a moment and `flush` waits for that, `none` where it is kept in
            this process only.

        Raises:
            MemoryUnavailable: the store does not take it.
        """
        item = self._cleaned(item)
        is_working = item.memory_type == "working"
        if is_working:
            self._focus(item)
        else:
            await self._prune_in_time(told)
            await self._asked(self.store.store, item)
            self.is_owed = True
            self._short.append(item)
        told.emit(
            MemoryStored(
                memory_id=item.id,
                memory_type=item.memory_type,
                importance=item.importance,
                tags=item.tags,
            )
        )
        volatile = is_working or self.store.durability == "none"
        return {
            "id": item.id,
            "memory_type": item.memory_type,
            "tags": list(item.tags),
            "importance": item.importance,
            "durability": "none" if volatile else "next_commit",
        }

    def _cleaned(self, item: MemoryItem) -> MemoryItem:
        """Give what may be kept of an item."""
        return msgspec.structs.replace(
            item,
            content=self.shown(item.content),
            tags=tuple(map(self.shown, item.tags)),
            metadata={name: self.shown(value) for name, value in item.metadata.items()},
        )

    def _focus(self, item: MemoryItem) -> None:
        others = [each for each in self._working if each.id != item.id]
        self._working = self._ranked([*others, item])[: self.limits.max_working]

    def _ranked(self, items: Sequence[MemoryItem]) -> list[MemoryItem]:
        now_ns, score = time.time_ns(), self.limits.relevance.score

        def rank(item: MemoryItem) -> tuple[float, int]:
            return score(item.importance, item.timestamp_ns, now_ns), item.timestamp_ns

        return sorted(items, key=rank, reverse=True)

    async def flush(self) -> None:
        """
        Return when all that was remembered is as durable as the store can make it.

        Raises:
            MemoryUnavailable: it is not, and never will be.
        """
        await self._asked(self.store.flush)
        self.is_owed = False

    # Recalling

    async def recall(
        self, query: str, limit: int, told: Told, choose: Choice | None = None
    ) -> list[MemoryItem]:
        """
        Give what fits, best first, and count that it was recalled.

        Args:
            choose: Says which of what was found is recalled; all of it without one.

        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        await self.tell(PRE_MEMORY, {"query": query, "tags": [], "limit": limit})
        await self._prune_when_due(told)
        found = await self._found(self.store.search, query, limit, self.limits.relevance)
        chosen = found[:limit] if choose is None else choose(found)
        return await self._recalled(chosen, query, (), told)

    async def recall_by_tags(self, tags: Sequence[str], limit: int, told: Told) -> list[MemoryItem]:
        """
        Give what has one of `tags`, by rank, and count that it was recalled.

        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        await self.tell(PRE_MEMORY, {"query": "", "tags": list(tags), "limit": limit})
        await self._prune_when_due(told)
        found = await self._found(self.store.search_by_tags, tags, limit, self.limits.relevance)
        return await self._recalled(found[:limit], None, tuple(tags), told)

    async def _recalled(
        self, found: Sequence[MemoryItem], query: str | None, tags: tuple[str, ...], told: Told
    ) -> list[MemoryItem]:
        now_ns = time.time_ns()
        if found:
            ids = [item.id for item in found]
            await self._asked(self.store.record_access, ids, now_ns)
        told.emit(MemoriesSearched(query=query, tags=tags, result_count=len(found)))
        rows: list[JsonObject] = []
        for item in found:
            relevance = self.limits.relevance.score(item.importance, item.timestamp_ns, now_ns)
            rows.append({"id": item.id, "relevance": relevance})
            told.emit(
                MemoryRecalled(
                    memory_id=item.id,
                    content=item.content[:MAX_TOLD_CHARS],
                    relevance=relevance,
                )
            )
        payload = {"query": query or "", "tags": list(tags), "items": rows}
        await self.tell(POST_MEMORY, payload)
        return list(found)

    async def recent(self, limit: int) -> list[MemoryItem]:
        """
        Give the newest of the long-term store.

        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        return list(await self._found(self.store.get_recent, limit))[:limit]

    async def counts(self, told: Told) -> JsonObject:
        """
        Count the items of each tier.

        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        await self._prune_when_due(told)
        return {
            "long_term_count": await self._asked(self.store.count),
            "short_term_count": len(self._short),
            "working_count": len(self._working),
        }

    @property
    def working(self) -> list[MemoryItem]:
        """The working tier, the highest rank first."""
        return self._ranked(self._working)

    @property
    def short_term(self) -> list[MemoryItem]:
        """The short-term tier, oldest first."""
        return list(self._short)

    # Forgetting

    async def forget(self, item_id: str, told: Told) -> bool:
        """
        Forget one item in all tiers, durably; False for an unknown id.

        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        known = await self._asked(self.store.delete, item_id)
        known = known or any(item.id == item_id for item in self._working)
        self._working = [item for item in self._working if item.id != item_id]
        others = [item for item in self._short if item.id != item_id]
        self._short = deque(others, maxlen=self.limits.max_short_term)
        if known:
            told.emit(MemoryCleared(tier="item", count=1))
        return known

    async def clear(self, told: Told) -> int:
        """
        Forget all tiers, durably; says how many items the store had.

        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        count = await self._asked(self.store.clear)
        told.emit(MemoryCleared(tier="long_term", count=count))
        await self.clear_short_term(told)
        await self.clear_working(told)
        return count

    async def clear_working(self, told: Told) -> int:
        """Empty the working tier; says how many items it had."""
        count = len(self._working)
        self._working = []
        told.emit(MemoryCleared(tier="working", count=count))
        return count

    async def clear_short_term(self, told: Told) -> int:
        """Empty the short-term tier; says how many items it had."""
        count = len(self._short)
        self._short.clear()
        told.emit(MemoryCleared(tier="short_term", count=count))
        return count

    async def _prune_in_time(self, told: Told) -> None:
        """Prune before something is stored, but not at once: nobody waits for what is there."""
        since = self._made_s if self._pruned_s is None else self._pruned_s
        if time.monotonic() - since >= self.limits.prune_interval_s:
            await self._prune_when_due(told)

    async def _prune_when_due(self, told: Told) -> None:
        pruning, now = self.limits.pruning, time.monotonic()
        last = self._pruned_s
        if pruning is None or (last is not None and now - last < self.limits.prune_interval_s):
            return
        self._pruned_s = now
        count = await self._asked(self.store.prune, pruning, self.limits.relevance)
        if count:
            told.emit(MemoryCleared(tier="long_term", count=count))

    # The store

    async def _found(
        self, method: Callable[P, Awaitable[Sequence[MemoryItem]]], *args: P.args, **named: P.kwargs
    ) -> Sequence[MemoryItem]:
        """Ask a store for items, which may be anything."""
        given = await self._asked(method, *args, **named)
        kind = _not_items(given)
        if kind:
            raise MemoryUnavailable(
                f"The memory store gave a {kind} where items belong.",
                hint="its searches give a list of MemoryItem",
            )
        return given

    async def _asked(
        self, method: Callable[P, Awaitable[T]], *args: P.args, **named: P.kwargs
    ) -> T:
        """Ask a store, which may be anybody's, and wait for it."""
        try:
            async with asyncio.timeout(STORE_DEADLINE_S):
                return await method(*args, **named)
        except A3SError as error:
            raise MemoryUnavailable(error.message, hint=error.hint) from error
        except TimeoutError as error:
            raise MemoryUnavailable(
                f"The memory store did not answer within {STORE_DEADLINE_S:g} s."
            ) from error
        except Exception as error:  # border: a store is foreign code
            raise MemoryUnavailable(
                f"The memory store failed: {type(error).__name__}: {error}."
            ) from error


def _not_items(given: object) -> str:
    """Say of which kind is what a search gave in place of items; empty when it gave items."""
    if not isinstance(given, Sequence):
        return type(given).__name__
    kinds = map(type, cast("Sequence[object]", given))
    return next((kind.__name__ for kind in kinds if not issubclass(kind, MemoryItem)), "")


def success(task: str, tools: Sequence[str], result: str, origin: Provenance) -> MemoryItem:
    """
    Make the item of something that worked: procedural, of importance 0.8.

    Raises:
        InvalidType, InvalidValue: a value is none that can be kept.

    Source:
        SPEC 11.1.
    """
    names = _names(task, tools)
    check_text("result", result)
    return remembered(
        f"Success: {task}\nTools: {', '.join(names)}\nResult: {result}",
        memory_type="procedural",
        importance=0.8,
        tags=("success", "pattern", *names),
        provenance=origin,
    )


def failure(task: str, error: str, tools: Sequence[str], origin: Provenance) -> MemoryItem:
    """
    Make the item of something that did not work: episodic, of importance 0.9.

    Raises:
        InvalidType, InvalidValue: a value is none that can be kept.

    Source:
        SPEC 11.1.
    """
    names = _names(task, tools)
    check_text("error", error)
    return remembered(
        f"Failure: {task}\nTools: {', '.join(names)}\nError: {error}",
        memory_type="episodic",
        importance=0.9,
        tags=("failure", "avoid", *names),
        provenance=origin,
    )


def _names(task: object, tools: Sequence[str]) -> list[str]:
    check_text("task", task)
    if isinstance(tools, str) or not isinstance(tools, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType("tools is no list of names.", hint='write ["read", "edit"]')
    for name in tools:
        check_text("a name in tools", name)
    return list(dict.fromkeys(tools))
