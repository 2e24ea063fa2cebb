"""The memories of an agent: where each of its sessions remembers, and what of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.api.closing import close_all
from a3s_code.api.settings import Settings
from a3s_code.checks import absolute
from a3s_code.errors import A3SError, SessionClosed, StoreError

if TYPE_CHECKING:
    from a3s_code.capabilities.memory import MemoryLimits
    from a3s_code.config.schema import Config
    from a3s_code.kernel.memory import MemoryStore


class Memories:
    """
    One store for each directory; a session without one remembers in this process, by itself.

    Nothing is opened before it is used.

    Source:
        SPEC 1.4, `memory_dir`; SPEC 1.6; DESIGN 6, "memory".
    """

    __slots__ = ("_config", "_is_closed", "_own", "_shared")

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shared: dict[str, MemoryStore] = {}
        self._own: set[str] = set()
        self._is_closed = False

    @property
    def idle_keys(self) -> frozenset[str]:
        """Name the keys of the `memory` block that have no effect."""
        block = self._config.memory
        return frozenset({"memory.llm_extraction"} if block and block.llm_extraction else ())

    @property
    def own_files(self) -> list[Path]:
        """Name what stores keep in the directories of this agent: no snapshot is to take it."""
        return [path for place in map(Path, self._shared) for path in memory_files(place)]

    def configured(self, settings: Settings) -> MemoryStore | None:
        """
        Give the store that a session was given; None for one that remembers by itself.

        Raises:
            SessionClosed: the agent was closed.
        """
        choice = settings.memory
        if choice.store is not None:
            place: object = getattr(choice.store, "directory", None)
            return self._one(str(place), choice.store) if isinstance(place, Path) else choice.store
        directory = choice.directory or self._config.memory_dir
        return self._in_directory(absolute((directory,))[0]) if directory else None

    def in_process(self) -> MemoryStore:
        """Give a new store for one session."""
        from a3s_code.persistence.memories.in_process import InMemoryStore

        return InMemoryStore()

    def _in_directory(self, place: str) -> MemoryStore:
        from a3s_code.persistence.memories.file_store import FileMemoryStore

        if place in self._shared and not _failed(self._shared[place]):
            return self._shared[place]
        self._own.add(place)
        self._shared.pop(place, None)
        return self._one(place, FileMemoryStore(place))

    def _one(self, place: str, store: MemoryStore) -> MemoryStore:
        """Give the one store of a directory, so that sessions see each other's items at once."""
        if self._is_closed:
            raise SessionClosed("The agent is closed.", hint="make a new one")
        if (
            place in self._shared
            and _failed(self._shared[place])
            and store is not self._shared[place]
        ):
            del self._shared[place]
        return self._shared.setdefault(place, store)

    def trouble(self, settings: Settings) -> str:
        """Say why a session cannot remember; empty when nothing is known against it."""
        try:
            store = self.configured(settings)
            check: Callable[[], None] | None = getattr(store, "check", None)
            if check is not None:
                check()
        except A3SError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - border: a store is foreign code
            return f"The memory store failed: {type(error).__name__}: {error}."
        return ""

    def notes(self, settings: Settings) -> str:
        """Say what a person should know of how memories came here."""
        with suppress(A3SError):
            said: Sequence[str] = getattr(self.configured(settings), "notes", ())
            return " ".join(said)
        return ""

    def limits(self) -> MemoryLimits:
        """Give what the `memory` block says."""
        from a3s_code.capabilities.memory import PRUNE_INTERVAL_S, MemoryLimits
        from a3s_code.kernel.memory import Pruning, Relevance

        block = self._config.memory
        if block is None:
            return MemoryLimits()
        given, prune = block.relevance, block.prune
        return MemoryLimits(
            max_short_term=block.max_short_term,
            max_working=block.max_working,
            relevance=Relevance(
                decay_days=given.decay_days,
                importance_weight=given.importance_weight,
                recency_weight=given.recency_weight,
            ),
            pruning=Pruning(
                max_age_days=prune.max_age_days,
                min_importance_to_keep=prune.min_importance_to_keep,
                max_items=prune.max_items,
            ),
            prune_interval_s=block.prune_interval_secs or PRUNE_INTERVAL_S,
        )

    async def close(self) -> None:
        """Close the stores that were opened here, and make durable what the others hold."""
        self._is_closed = True
        shared, own = dict(self._shared), set(self._own)
        self._shared.clear()
        await close_all(
            [store.close if place in own else store.flush for place, store in shared.items()]
        )


def _failed(store: MemoryStore) -> bool:
    return isinstance(getattr(store, "failure", None), StoreError)


def memory_files(place: Path) -> list[Path]:
    """Name a directory of memories and what we keep in it."""
    from a3s_code.persistence.memories.header import OWN

    return [place, *map(place.joinpath, OWN)]
