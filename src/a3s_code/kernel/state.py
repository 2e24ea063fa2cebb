"""
What a session is, as a fold over its log.

`state = fold(records)`: the same log gives the same state, today, after a crash, and in
every later version. Nothing changes a session's state but a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from a3s_code.kernel.events import RunId, TurnEnd
from a3s_code.kernel.messages import Conversation, Usage
from a3s_code.kernel.records import (
    ArtifactEvicted,
    ArtifactStored,
    Event,
    HistoryAppended,
    HistoryReplaced,
    ModelSwitched,
    Record,
    RecordsPruned,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    StoreAttached,
    TokensSpent,
    TraceRecorded,
)
from a3s_code.kernel.run_events import RunEventRecord, RunEvents, shown_events

RunStatus: TypeAlias = Literal[
    "created", "planning", "executing", "verifying", "completed", "failed", "cancelled"
]
TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})


class RunSnapshot(msgspec.Struct):
    """
    Stable facts of one run.

    Attributes:
        event_count: Of its stream events that are written, those of its deltas counted singly.

    Source:
        A3S Code README 3.x, "Durable run state"; SPEC 4.1.
    """

    id: RunId
    session_id: str
    status: str
    prompt: str
    created_at_ms: int
    updated_at_ms: int
    result_text: str | None = None
    error: str | None = None
    event_count: int = 0


class SessionState:
    """
    Attributes:
        opened: How the session was opened the last time; None before the first record.
        durability: What the store of the session promises now; see `SessionOpened`.
        model: `provider/model` that answers now.
        runs: By id, oldest first.
        events: Where the stream events of each run are.
        traces: Sequences of the records of tool calls, oldest first.
        spent: Tokens of all runs by the model that answered.
        last_usage: Of the latest answer in a run.
        artifacts: What `a3s://` URIs stand for, oldest first.
        blobs: How many things in the log need the blob of a digest; who lets a blob go asks
            here. A record that names kept content holds its digest in its step of the fold.
    """

    __slots__ = (
        "artifacts",
        "blobs",
        "conversation",
        "durability",
        "events",
        "last_usage",
        "model",
        "opened",
        "runs",
        "spent",
        "traces",
    )

    def __init__(self) -> None:
        self.opened: SessionOpened | None = None
        self.durability = ""
        self.model = ""
        self.conversation = Conversation()
        self.runs: dict[RunId, RunSnapshot] = {}
        self.events: dict[RunId, RunEvents] = {}
        self.traces: list[int] = []
        self.spent: dict[str, Usage] = {}
        self.last_usage = Usage()
        self.artifacts: dict[str, ArtifactStored] = {}
        self.blobs: dict[str, int] = {}

    @property
    def usage(self) -> Usage:
        """Tokens of all runs."""
        return sum(self.spent.values(), Usage())


def fold(records: Iterable[Record]) -> SessionState:
    """Rebuild the state of a session from its log."""
    state = SessionState()
    for record in records:
        apply(state, record)
    return state


def apply(state: SessionState, record: Record) -> None:
    """Take one more record into `state`. Terminal runs never change their status again."""
    event = record.event
    shown = shown_events(event)
    if shown:
        events = state.events.get(record.run)
        if events is None:  # a default would be made anew for each event
            events = state.events[record.run] = RunEvents()
        events.add(record.sequence, shown)
    run = state.runs.get(record.run)
    if run is not None:
        run.event_count += shown
        run.updated_at_ms = record.timestamp_ms
    step = _STEPS.get(type(event))
    if step is not None:
        step(state, record, event)


def _open(state: SessionState, _: Record, event: SessionOpened) -> None:
    state.opened, state.model, state.durability = event, event.model, event.durability


def _attach(state: SessionState, _: Record, event: StoreAttached) -> None:
    state.durability = event.durability


def _switch_model(state: SessionState, _: Record, event: ModelSwitched) -> None:
    state.model = event.model


def _append(state: SessionState, _: Record, event: HistoryAppended) -> None:
    if not event.isolated:
        state.conversation.append(event.message)


def _replace(state: SessionState, _: Record, event: HistoryReplaced) -> None:
    state.conversation.replace(list(event.messages))


def _start_run(state: SessionState, record: Record, event: RunStarted) -> None:
    session_id = state.opened.session_id if state.opened else ""
    at = record.timestamp_ms
    state.runs[record.run] = RunSnapshot(record.run, session_id, "executing", event.prompt, at, at)


def _change_run(state: SessionState, record: Record, event: RunStatusChanged) -> None:
    run = state.runs.get(record.run)
    if run is None or run.status in TERMINAL:
        return
    run.status, run.result_text, run.error = event.status, event.result_text, event.error


def _spend(state: SessionState, _: Record, event: TurnEnd | TokensSpent) -> None:
    state.spent[state.model] = state.spent.get(state.model, Usage()) + event.usage
    if isinstance(event, TurnEnd):
        state.last_usage = event.usage


def _store(state: SessionState, _: Record, event: ArtifactStored) -> None:
    before = state.artifacts.get(event.uri)
    state.artifacts[event.uri] = event
    _hold(state, event.sha256)
    if before is not None:
        _let_go(state, before.sha256)


def _evict(state: SessionState, _: Record, event: ArtifactEvicted) -> None:
    gone = state.artifacts.pop(event.uri, None)
    if gone is not None:
        _let_go(state, gone.sha256)


def _hold(state: SessionState, sha256: str) -> None:
    state.blobs[sha256] = state.blobs.get(sha256, 0) + 1


def _let_go(state: SessionState, sha256: str) -> None:
    state.blobs[sha256] -= 1
    if not state.blobs[sha256]:
        del state.blobs[sha256]


def _trace(state: SessionState, record: Record, _: TraceRecorded) -> None:
    state.traces.append(record.sequence)


def _prune(state: SessionState, _: Record, event: RecordsPruned) -> None:
    for id_ in event.evicted:
        state.runs.pop(id_, None)
        state.events.pop(id_, None)
    for short in event.shortened:
        events = state.events.setdefault(short.id, RunEvents())
        events.drop(short.first_event, short.event_count)
        run = state.runs.get(short.id)
        if run is not None:
            run.event_count, run.updated_at_ms = short.event_count, short.updated_at_ms
    if event.first_trace:
        state.traces = [place for place in state.traces if place >= event.first_trace]


_STEPS: dict[type, Callable[[SessionState, Record, Any], None]] = {
    SessionOpened: _open,
    StoreAttached: _attach,
    ModelSwitched: _switch_model,
    HistoryAppended: _append,
    HistoryReplaced: _replace,
    RunStarted: _start_run,
    RunStatusChanged: _change_run,
    TurnEnd: _spend,
    TokensSpent: _spend,
    ArtifactStored: _store,
    ArtifactEvicted: _evict,
    TraceRecorded: _trace,
    RecordsPruned: _prune,
}


def is_needed(event: Event) -> bool:
    """Say that the state could not be rebuilt without a record of this event."""
    return type(event) in _STEPS


def run_events(records: Iterable[Record], run: RunId) -> list[RunEventRecord]:
    """List the stream events of one run of a whole log in order, batches of deltas expanded."""
    log = tuple(records)
    found = fold(log).events.get(run, RunEvents())
    return list(found.rows(log, 0))
