"""
What is remembered across runs: items, how they are ranked, and the port of what keeps them.

A memory is evidence, never an order: whatever an item says, it changes no policy, tool or
endpoint, and a model sees it only as a marked `ContextItem`.

Source:
    Document 000, "Memory System"; document 002, memory as optional evidence; SPEC 11.1.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, cast, get_args

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import JsonObject

MemoryType: TypeAlias = Literal["episodic", "semantic", "procedural", "working"]
"""What happened; what is so; how something is done; what the task of now is about."""

MEMORY_TYPES: tuple[str, ...] = get_args(MemoryType)

MAX_CONTENT_CHARS = 262_144
MAX_ID_CHARS = 256

_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS
_OLDEST_NS, _LATEST_NS = -62_135_596_800 * _SECOND_NS, 253_402_300_800 * _SECOND_NS
"""The years 1 to 9999, which RFC 3339 can write."""


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    Where an item comes from; empty where that is not known.

    Attributes:
        run_id: The run that it is about, where the harness stored it.
        workspace: The directory that the session worked in, absolute.
        stored_by: `host` (a call of the embedding program), `run` (the harness, after a run that
            ended well) or `earlier` (files of A3S Code 3).
    """

    session_id: str = ""
    run_id: str = ""
    workspace: str = ""
    stored_by: str = ""


class MemoryItem(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that is remembered. `remembered` makes one with an id and the time of now.

    Attributes:
        id: Any text without NUL, up to `MAX_ID_CHARS`; a UUID where we make it.
        timestamp_ns: Of what it is about, Unix time in nanoseconds.
        importance: 0 to 1; what is outside is brought to the nearer end.
        last_accessed_ns: When it was recalled last; None when it never was.

    Raises:
        InvalidValue: a value is outside of what can be kept; says which.
    """

    id: str
    content: str
    timestamp_ns: int
    importance: float = 0.5
    tags: tuple[str, ...] = ()
    memory_type: MemoryType = "episodic"
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    access_count: int = 0
    last_accessed_ns: int | None = None
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        if not 0 < len(self.id) <= MAX_ID_CHARS or "\0" in self.id:
            raise InvalidValue(
                f"The id of a memory is {self.id[:40]!r}.",
                hint=f"give 1 to {MAX_ID_CHARS} characters without NUL",
            )
        if len(self.content) > MAX_CONTENT_CHARS:
            raise InvalidValue(
                f"A memory of {len(self.content)} characters is too long.",
                hint=f"remember at most {MAX_CONTENT_CHARS}; keep the rest in a file",
            )
        for name in ("timestamp_ns", "last_accessed_ns"):
            at = getattr(self, name)
            if at is not None and not _OLDEST_NS <= at < _LATEST_NS:
                raise InvalidValue(f"{name} of a memory is {at}.", hint="give Unix nanoseconds")
        if not 0 <= self.importance <= 1:
            clamped = min(1.0, max(0.0, _number(self.importance)))
            msgspec.structs.force_setattr(self, "importance", clamped)

    @property
    def timestamp(self) -> str:
        """RFC 3339 in UTC with nanoseconds."""
        return rfc3339(self.timestamp_ns)

    def row(self) -> JsonObject:
        """
        Give it as plain JSON.

        Returns:
            `id`, `content`, `timestamp`, `importance`, `tags`, `memory_type`, `metadata`,
            `access_count`, `last_accessed` (RFC 3339 or None) and `provenance`.
        """
        last = self.last_accessed_ns
        return {
            "id": self.id,
            "content": self.content,
            "timestamp": self.timestamp,
            "importance": self.importance,
            "tags": list(self.tags),
            "memory_type": self.memory_type,
            "metadata": dict(self.metadata),
            "access_count": self.access_count,
            "last_accessed": None if last is None else rfc3339(last),
            "provenance": msgspec.structs.asdict(self.provenance),
        }

    def accessed(self, at_ns: int) -> MemoryItem:
        """Give it as it is after it was recalled once more."""
        last = max(at_ns, self.last_accessed_ns or at_ns)
        return msgspec.structs.replace(
            self, access_count=self.access_count + 1, last_accessed_ns=last
        )


def _number(value: float) -> float:
    if math.isnan(value):
        raise InvalidValue("The importance of a memory is no number.", hint="give 0 to 1")
    return value


class Relevance(msgspec.Struct, frozen=True, kw_only=True):
    """
    How items are ranked: by importance, and by age with an exponential decay.

    Source:
        SPEC 1.6, `relevance`; SPEC 11.1.
    """

    decay_days: float = 30.0
    importance_weight: float = 0.7
    recency_weight: float = 0.3

    def score(self, importance: float, timestamp_ns: int, now_ns: int) -> float:
        """Give the rank, 0 to the sum of the weights; what is of the future is of now."""
        age_days = max(0, now_ns - timestamp_ns) / _DAY_NS
        recency = math.exp(-age_days / self.decay_days)
        return importance * self.importance_weight + recency * self.recency_weight


class Pruning(msgspec.Struct, frozen=True, kw_only=True):
    """
    Which items go: those that are both older than `max_age_days` and less important than
    `min_importance_to_keep`; and beyond `max_items` (0 = no cap) those of the lowest rank.

    Source:
        SPEC 1.6, `prune`.
    """

    max_age_days: float = 90.0
    min_importance_to_keep: float = 0.5
    max_items: int = 0

    def oldest_ns(self, now_ns: int) -> int:
        """Give the time before which an item has to be important to stay."""
        return max(_OLDEST_NS, now_ns - round(self.max_age_days * _DAY_NS))


DEFAULT_RELEVANCE = Relevance()


class MemoryStore(Protocol):
    """
    Where long-term memory is kept. Users may bring their own;
    `a3s_code.testing.MEMORY_CHECKS` are these promises as checks that run on any store.

    All that one caller stored or deleted before it asks is seen by the answer. What several
    words ask for is what holds all of them first, then what holds some; a word is held wherever
    it stands in the text, inside other words too, whatever its case. Among equals the rank of
    `Relevance.score` decides, then the newer one. Limits below 1 give nothing.

    After `close`, which may be called twice, everything else raises StoreError.

    Source:
        SPEC 11.1, "Store interface".
    """

    @property
    def durability(self) -> str:
        """
        What `flush` promises: `full`, what was stored before survives a power cut; `normal`, a
        crash of the process; `none`, nothing outlives the process.
        """
        ...

    async def store(self, item: MemoryItem) -> None:
        """Take an item, in place of one of the same id; durable when the next `flush` returns."""
        ...

    async def flush(self) -> None:
        """
        Return when all that was stored, accessed or deleted before is durable.

        Raises:
            StoreError: it is not, and never will be.
        """
        ...

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """Give one item; None for an unknown id."""
        ...

    async def search(
        self, query: str, limit: int, relevance: Relevance = DEFAULT_RELEVANCE
    ) -> Sequence[MemoryItem]:
        """Give what fits `query`, best first; an empty one fits everything."""
        ...

    async def search_by_tags(
        self, tags: Sequence[str], limit: int, relevance: Relevance = DEFAULT_RELEVANCE
    ) -> Sequence[MemoryItem]:
        """Give what has at least one of `tags`, by rank. Tags are compared as they are."""
        ...

    async def get_recent(self, limit: int) -> Sequence[MemoryItem]:
        """Give the newest, newest first."""
        ...

    async def get_important(self, threshold: float, limit: int) -> Sequence[MemoryItem]:
        """Give what is at least as important, the most important first, then the newest."""
        ...

    async def record_access(self, item_ids: Sequence[str], at_ns: int) -> None:
        """Count that items were recalled; unknown ids are passed over. Durable as `store`."""
        ...

    async def delete(self, item_id: str) -> bool:
        """Forget one item, durably; False for an unknown id."""
        ...

    async def clear(self) -> int:
        """Forget all, durably; says how many there were."""
        ...

    async def count(self) -> int: ...

    async def prune(self, pruning: Pruning, relevance: Relevance = DEFAULT_RELEVANCE) -> int:
        """Forget what `pruning` says, durably; says how many went."""
        ...

    async def close(self) -> None:
        """
        Make durable what was stored.

        Raises:
            StoreError: it could not be.
        """
        ...


def remembered(
    content: str,
    *,
    memory_type: str = "episodic",
    importance: float = 0.5,
    tags: Iterable[str] = (),
    metadata: Mapping[str, str] | None = None,
    provenance: Provenance | None = None,
) -> MemoryItem:
    """
    Make an item of now, with a new id. What cannot be written as UTF-8 becomes `?`.

    Raises:
        InvalidType, InvalidValue: a value cannot be kept; says which.
    """
    if memory_type not in MEMORY_TYPES:
        raise InvalidValue(
            f"{memory_type!r} is no type of memory.", hint=f"use one of {', '.join(MEMORY_TYPES)}"
        )
    if isinstance(importance, bool) or not isinstance(importance, int | float):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(f"importance is a {type(importance).__name__}.", hint="give 0 to 1")
    return MemoryItem(
        id=_new_id(),
        content=_text("content", content),
        timestamp_ns=time.time_ns(),
        importance=float(importance),
        tags=tuple(dict.fromkeys(_text("a tag", tag) for tag in _listed("tags", tags))),
        memory_type=cast("MemoryType", memory_type),
        metadata=_texts(metadata or {}),
        provenance=provenance or Provenance(),
    )


def _new_id() -> str:
    hexed = f"{int.from_bytes(os.urandom(16)) & ~(0xF << 76) & ~(3 << 62) | 4 << 76 | 2 << 62:032x}"
    return f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"


def _listed(name: str, given: Iterable[str]) -> Iterable[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(f"{name} is a {type(given).__name__}.", hint=f"write {name}=[...]")
    return given


def _texts(given: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType("metadata of a memory is no mapping.", hint='give {"name": "text"}')
    return {
        _text("a name in metadata", name): _text(f"metadata[{name!r}]", value)
        for name, value in given.items()
    }


def _text(name: str, given: object) -> str:
    if not isinstance(given, str):
        raise InvalidType(f"{name} of a memory is a {type(given).__name__}, not text.")
    try:
        given.encode()
    except UnicodeEncodeError:
        return given.encode("utf-8", "replace").decode()
    return given


def rfc3339(at_ns: int) -> str:
    """Write a Unix time as `2026-01-31T09:30:00.123456789Z`."""
    seconds, rest = divmod(at_ns, _SECOND_NS)
    at = time.gmtime(seconds)
    day = f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}"
    return f"{day}T{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}.{rest:09}Z"
