"""
The one log of a session: append-only, in order, and the only way its state changes.

Consecutive deltas of one block become one record: it is closed by any other event, at
`BATCH_CHARS`, or by the first delta after `BATCH_S`. Records go to the store as they are
made; only `barrier` waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias, cast

from a3s_code.errors import StoreError
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.events import (
    Delta,
    ReasoningDelta,
    RunEvent,
    RunId,
    SessionId,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    tag_of,
)
from a3s_code.kernel.fold import apply, fold
from a3s_code.kernel.records import (
    ArtifactStored,
    DeltaBatch,
    Dropped,
    Event,
    LogOnly,
    Ranges,
    Record,
    RecordsPruned,
    StoreAttached,
    emptied,
)
from a3s_code.kernel.run_events import RunEventRecord, RunEvents, numbered, shown_events
from a3s_code.kernel.screen import Screen
from a3s_code.kernel.state import Approval, OpenEffect, SessionState
from a3s_code.kernel.store import Store

BATCH_CHARS = 64 * 1024
BATCH_S = 0.25

SESSION = RunId("")
"""The run of records that belong to the session itself."""

_DELTAS = frozenset({TextDelta, ReasoningDelta, ToolInputDelta, ToolOutputDelta})
_Named: TypeAlias = ToolInputDelta | ToolOutputDelta


def _key(delta: Delta) -> tuple[type[Delta], str]:
    return type(delta), delta.id if isinstance(delta, _Named) else ""


def _full(batch: _Batch, now: float) -> bool:
    return batch.length >= BATCH_CHARS or now - batch.since >= BATCH_S


class _Batch:
    """Deltas of one block on their way to one record."""

    __slots__ = ("ends", "id", "key", "kind", "length", "name", "run", "sequence", "since", "texts")

    def __init__(self, sequence: int, run: RunId, delta: Delta, since: float) -> None:
        self.sequence, self.run, self.kind, self.since = sequence, run, tag_of(delta), since
        self.key = _key(delta)
        self.id = delta.id if isinstance(delta, _Named) else ""
        self.name = delta.name if isinstance(delta, ToolOutputDelta) else ""
        self.texts: list[str] = []
        self.ends: list[int] = []
        self.length = 0

    def add(self, text: str) -> None:
        self.length += len(text)
        self.texts.append(text)
        self.ends.append(self.length)

    def event(self) -> DeltaBatch:
        """Give the record so far. Other threads may ask while this one adds."""
        ends = tuple(self.ends)
        return DeltaBatch(
            kind=self.kind,
            text="".join(self.texts[: len(ends)]),
            ends=ends,
            id=self.id,
            name=self.name,
        )


class Log:
    """
    Args:
        store: Where records go as well; what it acknowledges is durable. None keeps them
            in memory only, until `attach`.
        records: What the store already holds of this session, when it is resumed.
        owner: As whom this writes into the store; the one that loaded `records`.

    Attributes:
        screen: What every event passes first; None while nothing is known to be secret.
    """

    __slots__ = (
        "_batch",
        "_blobs",
        "_clock",
        "_left_over",
        "_lost",
        "_owner",
        "_records",
        "_store",
        "screen",
        "session",
        "state",
    )

    def __init__(
        self,
        session: SessionId,
        clock: Clock,
        store: Store | None,
        records: Iterable[Record] = (),
        owner: str = "",
    ) -> None:
        self.session, self._owner = session, owner
        self._clock, self._store = clock, store
        self._records = list(records)
        self._batch: _Batch | None = None
        self._lost: StoreError | None = None
        self._blobs: dict[str, bytes] = {}
        self.screen: Screen | None = None
        self.state: SessionState = fold(self._records)
        self._left_over = self._pruned_before()

    @property
    def records(self) -> tuple[Record, ...]:
        """
        All records so far, oldest first. Any thread may read them.

        Deltas that are not written yet come last, as the record that they would be.
        """
        batch = self._batch
        written = tuple(self._records)
        if batch is None or batch.sequence < len(written):
            return written
        return (*written, self._as_record(batch))

    def _as_record(self, batch: _Batch) -> Record:
        return Record(batch.sequence, self._clock.now_ms(), batch.run, batch.event())

    def backwards(self) -> Iterator[Record]:
        """Give the records that are written, the newest first; the loop's thread only."""
        return reversed(self._records)

    @property
    def length(self) -> int:
        """How many records are written: the sequence of the next one."""
        return len(self._records)

    @property
    def is_stored(self) -> bool:
        return self._store is not None

    @property
    def durability(self) -> str:
        """What the store promises; `none` without one, `unknown` when it does not say."""
        if self._store is None:
            return "none"
        try:
            said: object = getattr(self._store, "durability", "")
        except Exception:  # noqa: BLE001 - a store is foreign code, and this is no promise of it
            said = ""
        return said if isinstance(said, str) and said else "unknown"

    def at(self, sequence: int) -> Record:
        """Give one record that is written."""
        return self._records[sequence]

    def run_events(self, run: RunId, start: int = 0) -> Iterator[RunEventRecord]:
        """Give the stream events of a run from sequence `start` on, also unwritten deltas."""
        events = self.state.events.get(run, RunEvents())
        late, first = self._not_taken_in(run, events), events.count
        yield from events.rows(self._records, start)
        for record in late:
            yield from numbered(record, first, start)
            first += shown_events(record.event)

    def event_count(self, run: RunId) -> int:
        """Count the stream events of a run so far, also unwritten and dropped ones."""
        events = self.state.events.get(run, RunEvents())
        late = self._not_taken_in(run, events)
        return events.count + sum(shown_events(record.event) for record in late)

    def _not_taken_in(self, run: RunId, events: RunEvents) -> list[Record]:
        """Give what the state does not know yet: deltas that wait, and what is just written."""
        batch, latest = self._batch, self._records[-1:]
        if batch is not None and not (latest and latest[0].sequence >= batch.sequence):
            latest.append(self._as_record(batch))
        return [each for each in latest if each.run == run and events.is_behind(each.sequence)]

    def append(self, event: Event, run: RunId = SESSION) -> Sequence[Event]:
        """Record an event, and give it as it is recorded: redacted, in pieces or not yet."""
        passed = (event,) if self.screen is None else self.screen.passed(event, run)
        for each in passed:
            self._append(each, run)
        return passed

    def shown(self, text: str) -> str:
        """Give what may be shown of a text that does not come from the log."""
        return text if self.screen is None else self.screen.text(text)

    def _append(self, event: Event, run: RunId) -> None:
        if type(event) in _DELTAS:
            self._append_delta(cast("Delta", event), run)
            return
        if self._batch is not None:
            self._close_batch()
        self._write(event, run)

    def attach(self, store: Store) -> None:
        """Keep this log in `store` from its first record on; only the first call counts."""
        if self._store is None:
            self._close_batch()
            self._store = store
            for sha256, data in self._blobs.items():
                self.put_blob(sha256, data)
            self._blobs.clear()
            for record in self._records:
                self._hand_over(record)
            self._write(StoreAttached(durability=self.durability), SESSION)

    def prune(self, pruned: RecordsPruned) -> None:
        """Give up the bodies of older records, here and in the store; the numbers stay."""
        self.append(pruned)
        self._empty(pruned.ranges)
        self._allow("prune", pruned.ranges)

    def prune_again(self) -> None:
        """Have the store drop what was given up before this log was loaded, and is still there."""
        ranges, self._left_over = self._left_over, ()
        if ranges:
            self._allow("prune", ranges)

    def _pruned_before(self) -> Ranges:
        """Empty what the log says is given up; say what the store had not dropped yet."""
        found: list[tuple[int, int]] = []
        for record in self._records:
            if isinstance(record.event, RecordsPruned):
                found += self._empty(record.event.ranges)
        return tuple(found)

    def _empty(self, ranges: Ranges) -> Ranges:
        """Drop bodies; say which ranges had any."""
        had: list[tuple[int, int]] = []
        for first, last in ranges:
            whole = self._records[first : last + 1]
            if any(type(record.event) is not Dropped for record in whole):
                had.append((first, last))
            self._records[first : last + 1] = [emptied(record.sequence) for record in whole]
        return tuple(had)

    def put_blob(self, sha256: str, data: bytes) -> None:
        """Keep `data` beside the log; durable at the next barrier, where there is a store."""
        if self._store is None:
            self._blobs[sha256] = data
        elif self._lost is None:
            try:
                self._store.put_blob(self.session, sha256, data, self._owner)
            except Exception as error:  # noqa: BLE001 - a store is foreign code; barrier tells
                self._lost = _store_error(error)

    async def get_blob(self, sha256: str) -> bytes | None:
        """
        Give what was put under this digest; None when there is nothing, or no more.

        Raises:
            StoreError: it cannot be read.
        """
        if self._store is None:
            return self._blobs.get(sha256)
        return await self._store.get_blob(self.session, sha256)

    def _drop_released(self) -> None:
        """Let go of the blobs that nothing in the log needs any more."""
        for sha256 in self.state.released:
            if sha256 not in self.state.blobs:
                self._blobs.pop(sha256, None)
                self._allow("drop_blob", sha256)
        self.state.released.clear()

    async def head(self) -> tuple[int, str] | None:
        """
        Give the anchor of what the store has; see `Store.head`. None without a store, or with
        one that knows no anchors.

        Raises:
            StoreError: it cannot be read.
        """
        ask = getattr(self._store, "head", None)
        if ask is None:
            return None
        try:
            return await ask(self.session)
        except Exception as error:
            raise _store_error(error) from error

    def _allow(self, name: str, what: object) -> None:
        """Let the store drop something. One that cannot keeps more than it has to, and no less."""
        drop = getattr(self._store, name, None)
        if drop is not None and self._lost is None:
            with suppress(Exception):  # border: a store is foreign code, and nothing is lost
                drop(self.session, what, self._owner)

    def release(self) -> None:
        """Let others go on with the session, until this writes its next record."""
        if self._store is not None:
            try:
                self._store.release(self.session, self._owner)
            except Exception as error:  # noqa: BLE001 - a store is foreign code; barrier tells
                self._lost = self._lost or _store_error(error)

    async def barrier(self) -> None:
        """
        Return when everything appended so far is durable.

        Raises:
            StoreError: the store cannot keep it, or could not keep something before.
        """
        self._close_batch()
        if self._store is None:
            return
        if self._lost is None:
            try:
                await self._store.barrier(self.session, self._owner)
            except Exception as error:  # noqa: BLE001 - a store is foreign code
                self._lost = _store_error(error)
        if self._lost is not None:
            raise _again(self._lost) from self._lost

    def _append_delta(self, delta: Delta, run: RunId) -> None:
        text = delta.delta if isinstance(delta, _Named) else delta.text
        now = self._clock.monotonic()
        batch = self._batch
        if batch is None or batch.key != _key(delta) or batch.run != run or _full(batch, now):
            self._close_batch()
            batch = self._batch = _Batch(len(self._records), run, delta, now)
        batch.add(text)

    def _close_batch(self) -> None:
        if self._batch is not None:
            self._write(self._batch.event(), self._batch.run)
            self._batch = None  # only now, so that a reader in another thread misses nothing

    def _write(self, event: Event, run: RunId) -> None:
        record = Record(len(self._records), self._clock.now_ms(), run, event)
        self._records.append(record)
        apply(self.state, record)
        if self._store is not None:
            self._hand_over(record)
        if self.state.released:
            self._drop_released()

    def _hand_over(self, record: Record) -> None:
        """Give a record to the store; after the first one that it lost it gets none."""
        assert self._store is not None
        if self._lost is not None:
            return
        try:
            self._store.append(self.session, record, self._owner)
        except Exception as error:  # noqa: BLE001 - a store is foreign code; barrier tells
            self._lost = _store_error(error)


def _store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    lost = StoreError(f"The store failed: {type(error).__name__}: {error}.")
    lost.__cause__ = error
    return lost


def _again(error: StoreError) -> StoreError:
    """Copy an error, whose traceback would grow each time that it is raised itself."""
    copy = type(error).__new__(type(error), *error.args)
    copy.__dict__.update(error.__dict__)
    return copy


class RunSink:
    """The log as one run sees it: every event is recorded, and shown to who watches."""

    __slots__ = ("_log", "_watch", "run")

    def __init__(
        self, log: Log, run: RunId, watch: Callable[[RunEvent], None] | None = None
    ) -> None:
        self._log, self._watch, self.run = log, watch, run

    @property
    def artifacts(self) -> Mapping[str, ArtifactStored]:
        return self._log.state.artifacts

    @property
    def call_ids(self) -> Container[str]:
        return self._log.state.call_ids

    @property
    def effects(self) -> Mapping[str, OpenEffect]:
        return self._log.state.effects

    @property
    def approvals(self) -> Mapping[str, Approval]:
        return self._log.state.approvals

    def emit(self, event: Event) -> None:
        for each in self._log.append(event, self.run):
            if self._watch is not None and not isinstance(each, LogOnly):
                self._watch(each)

    def put_blob(self, sha256: str, data: bytes) -> None:
        self._log.put_blob(sha256, data)

    async def barrier(self) -> None:
        await self._log.barrier()
