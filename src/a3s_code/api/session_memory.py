"""
What a session remembers, for the host to write and to ask.

`SessionRemembrance` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from a3s_code.api.settings import Opening
from a3s_code.checks import check_list, check_text
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.assembly import Assembly
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.memory import MemoryItem

MAX_LIMIT = 10_000
MAX_QUERY_CHARS = 100_000


class SessionRemembrance(ABC):
    """Gives `AsyncSession` its memory. Nothing is opened before it is used."""

    __slots__ = ()

    _assembly: Assembly
    _engine: Engine | None
    _opening: Opening

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _check_open(self) -> None:
        """
        Raises:
            SessionClosed: the session was closed.
        """

    @property
    def has_memory(self) -> bool:
        """
        Whether the session can remember; when not, `init_warning` says why.

        One without a memory store remembers in this process, until it is closed.
        """
        return not self._assembly.memory_trouble(self._opening)

    def _memory_warning(self) -> str:
        trouble = self._assembly.memory_trouble(self._opening)
        if not trouble:
            return self._assembly.memory_notes(self._opening)
        return f"This session cannot remember anything: {trouble}"

    # Storing

    async def remember(
        self,
        content: str,
        memory_type: str = "episodic",
        importance: float = 0.5,
        tags: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """
        Remember a text.

        It is queued, and durable at the store's next commit, 50 ms later at most when the disk
        keeps up; `flush_memory` and `close` wait for that. Secrets that the session knows are
        taken out before.

        Args:
            memory_type: `episodic`, `semantic`, `procedural`; or `working`, which stays in this
                session and is not in the store.
            importance: 0 to 1; what is outside is brought to the nearer end.
            metadata: Texts by names, for the caller.

        Returns:
            `id`, `memory_type`, `tags`, `importance`, and `durability`: `next_commit`, or `none`
            where nothing outlives this process.

        Raises:
            InvalidType, InvalidValue: one of them is not accepted; nothing was kept.
            MemoryUnavailable: the store does not take it.
            SessionClosed: the session was closed.
        """
        from a3s_code.kernel.memory import remembered

        engine = await self._awake()
        memory = engine.memory()
        item = remembered(
            content,
            memory_type=memory_type,
            importance=importance,
            tags=tags,
            metadata=metadata,
            provenance=memory.origin,
        )
        return await engine.aside(partial(memory.remember, item, engine.outlet()))

    async def remember_success(self, task: str, tools: Sequence[str], result: str) -> JsonObject:
        """
        Remember how something worked: procedural, importance 0.8, tags `success` and `pattern`
        and the tools.

        Returns, Raises:
            As `remember`.

        Source:
            A3S Code README, "Memory"; SPEC 11.1.
        """
        from a3s_code.capabilities.memory import success

        engine = await self._awake()
        memory = engine.memory()
        item = success(task, tools, result, memory.origin)
        return await engine.aside(partial(memory.remember, item, engine.outlet()))

    async def remember_failure(self, task: str, error: str, tools: Sequence[str]) -> JsonObject:
        """
        Remember what did not work: episodic, importance 0.9, tags `failure` and `avoid` and the
        tools.

        Returns, Raises:
            As `remember`.

        Source:
            SPEC 11.1.
        """
        from a3s_code.capabilities.memory import failure

        engine = await self._awake()
        memory = engine.memory()
        item = failure(task, error, tools, memory.origin)
        return await engine.aside(partial(memory.remember, item, engine.outlet()))

    async def flush_memory(self) -> None:
        """
        Return when all that was remembered is as durable as the store can make it.

        Raises:
            MemoryUnavailable: it is not, and never will be.
            SessionClosed: the session was closed.
        """
        engine = await self._awake()
        await engine.aside(engine.memory().flush)

    # Recalling

    async def recall_similar(self, query: str, limit: int = 5) -> list[JsonObject]:
        """
        Give what fits a text: items that hold all its words first, then those that hold some.

        A word is held wherever it stands, inside other words too, whatever its case. Among
        equals the more important and the newer come first.

        Returns:
            Of each item `id`, `content`, `timestamp` and `last_accessed` (RFC 3339; None when it
            never was), `importance`, `tags`, `memory_type`, `metadata`, `access_count` (before
            this recall) and `provenance`.

        Raises:
            InvalidType, InvalidValue: the query is no text, or the limit is not 1 to 10,000.
            MemoryUnavailable: the store cannot be asked.
            SessionClosed: the session was closed.
        """
        check_text("query", query)
        if len(query) > MAX_QUERY_CHARS:
            raise InvalidValue(
                f"query has {len(query)} characters.", hint=f"give at most {MAX_QUERY_CHARS}"
            )
        _check_limit(limit)
        engine = await self._awake()
        recall = partial(engine.memory().recall, query, limit, engine.outlet())
        return _rows(await engine.aside(recall))

    async def recall_by_tags(self, tags: Sequence[str], limit: int = 10) -> list[JsonObject]:
        """
        Give what has at least one of `tags`, the more important and newer first.

        Returns, Raises:
            As `recall_similar`.
        """
        check_list("tags", tags)
        for tag in tags:
            check_text("a tag", tag)
        _check_limit(limit)
        engine = await self._awake()
        recall = partial(engine.memory().recall_by_tags, tags, limit, engine.outlet())
        return _rows(await engine.aside(recall))

    async def memory_recent(self, limit: int = 10) -> list[JsonObject]:
        """
        Give the newest items of the store, newest first.

        Returns, Raises:
            As `recall_similar`.
        """
        _check_limit(limit)
        engine = await self._awake()
        return _rows(await engine.aside(partial(engine.memory().recent, limit)))

    async def memory_stats(self) -> JsonObject:
        """
        Count `long_term_count`, `short_term_count` and `working_count`.

        Raises:
            MemoryUnavailable: the store cannot be asked.
            SessionClosed: the session was closed.
        """
        engine = await self._awake()
        return await engine.aside(partial(engine.memory().counts, engine.outlet()))

    def get_working(self) -> list[JsonObject]:
        """
        Give the items of the type `working`, the highest rank first.

        Raises:
            SessionClosed: the session was closed.
        """
        self._check_open()
        return _rows(self._engine.memory().working) if self._engine is not None else []

    def get_short_term(self) -> list[JsonObject]:
        """
        Give the last items that this session remembered, oldest first.

        Raises:
            SessionClosed: the session was closed.
        """
        self._check_open()
        return _rows(self._engine.memory().short_term) if self._engine is not None else []

    # Forgetting

    async def forget(self, memory_id: str) -> bool:
        """
        Forget one item, durably; False when there is none of this id.

        Raises:
            InvalidType: the id is no text.
            MemoryUnavailable: the store cannot be asked.
            SessionClosed: the session was closed.
        """
        check_text("memory_id", memory_id)
        engine = await self._awake()
        return await engine.aside(partial(engine.memory().forget, memory_id, engine.outlet()))

    async def clear_memory(self) -> int:
        """
        Forget everything, durably, also what other sessions stored in the same directory.

        Returns:
            How many items the store had.

        Raises:
            MemoryUnavailable: the store cannot be asked.
            SessionClosed: the session was closed.
        """
        engine = await self._awake()
        return await engine.aside(partial(engine.memory().clear, engine.outlet()))

    async def clear_working(self) -> int:
        """
        Forget the items of the type `working`; says how many there were.

        Raises:
            SessionClosed: the session was closed.
        """
        engine = await self._awake()
        return await engine.aside(partial(engine.memory().clear_working, engine.outlet()))

    async def clear_short_term(self) -> int:
        """
        Empty the short-term tier; the store keeps its items. Says how many there were.

        Raises:
            SessionClosed: the session was closed.
        """
        engine = await self._awake()
        return await engine.aside(partial(engine.memory().clear_short_term, engine.outlet()))


def _rows(items: Sequence[MemoryItem]) -> list[JsonObject]:
    return [item.row() for item in items]


def _check_limit(limit: object) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise InvalidType(f"limit is a {type(limit).__name__}, not a whole number.")
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidValue(f"limit is {limit}.", hint=f"give 1 to {MAX_LIMIT}")
