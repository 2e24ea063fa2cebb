"""
What a session is, as a fold over its log.

`state = fold(records)`: the same log gives the same state, today, after a crash, and in
every later version. Nothing changes a session's state but a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from a3s_code.kernel.events import (
    ConfirmationReceived,
    ConfirmationRequired,
    RunId,
    ToolEnd,
    TurnEnd,
)
from a3s_code.kernel.messages import Conversation, ToolResult, Usage
from a3s_code.kernel.records import (
    ArtifactEvicted,
    ArtifactStored,
    EffectInDoubt,
    EffectIntended,
    EffectSettled,
    Event,
    FileChanging,
    FileLeft,
    HistoryAppended,
    HistoryReplaced,
    ModelSwitched,
    Record,
    RecordsPruned,
    Rewound,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    SnapshotsOff,
    SnapshotTaken,
    StoreAttached,
    TokensSpent,
    ToolsOffered,
    TraceRecorded,
)
from a3s_code.kernel.run_events import RunEventRecord, RunEvents, shown_events
from a3s_code.kernel.tool import Effect

RunStatus: TypeAlias = Literal[
    "created", "planning", "executing", "verifying", "completed", "failed", "cancelled"
]
TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})


UNKNOWN_REACH = frozenset({Effect.EXECUTE.value, Effect.NETWORK.value, Effect.HOST.value})
"""Effects that may change any file."""

MAX_VERSIONS = 500
"""Of files, as they were before their changes; the oldest go first. SPEC 12.3."""


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


class FileChange(msgspec.Struct, frozen=True):
    """`sequence` is that of the record that announced it."""

    sequence: int
    timestamp_ms: int
    what: FileChanging


class OpenEffect(msgspec.Struct):
    """
    A call that was about to run, and whose end no record tells.

    Attributes:
        since_ms: When it was recorded, in Unix time.
        files: Paths it was about to change, or has changed, oldest first.
        doubt: Why nobody can tell whether it took effect; empty while nobody has looked.
    """

    run: RunId
    since_ms: int
    intended: EffectIntended
    files: list[FileChanging] = msgspec.field(default_factory=list[FileChanging])
    doubt: str = ""


class Checkpoint(msgspec.Struct, frozen=True):
    """
    A place in the log that a session can go back to.

    Attributes:
        sequence: Of the record that it stands before.
        run: The run that began there; empty before a rewind.
        messages: Of the conversation as it was.
    """

    sequence: int
    timestamp_ms: int
    run: RunId
    label: str
    messages: int


class Approval(msgspec.Struct):
    """
    A question about a call that has not ended.

    Attributes:
        since_ms: When it was asked, in Unix time.
        answer: None while nobody has given one.
    """

    run: RunId
    since_ms: int
    asked: ConfirmationRequired
    answer: ConfirmationReceived | None = None


class SessionState:
    """
    Attributes:
        checkpoints: Where the session can go back to, oldest first.
        snapshots: Sequences of records that tell the tree of the workspace, and the trees.
        unknown: Sequences of effects that may have changed any file.
        snapshots_off: Why nothing is taken before commands any more; empty while it is.
        approvals: What somebody was asked about calls that have not ended, by their ids.
        effects: Calls that were about to run and whose end is not told, by id, oldest first.
        changes: Every change of a file that came about as far as the log tells, oldest first.
        opened: How the session was opened the last time; None before the first record.
        durability: What the store of the session promises now; see `SessionOpened`.
        model: `provider/model` that answers now.
        offered: The tools that the model was shown last; None where that is not recorded.
        runs: By id, oldest first.
        events: Where the stream events of each run are.
        traces: Sequences of the records of tool calls, oldest first.
        spent: Tokens of all runs by the model that answered.
        last_usage: Of the latest answer in a run.
        artifacts: What `a3s://` URIs stand for, oldest first.
        blobs: How many things in the log need the blob of a digest.
        released: Digests of blobs that nothing needs any more; whoever keeps them clears it.
        kept: Digests of what files were before their changes, oldest first.
    """

    __slots__ = (
        "approvals",
        "artifacts",
        "blobs",
        "changes",
        "checkpoints",
        "conversation",
        "durability",
        "effects",
        "events",
        "kept",
        "last_usage",
        "model",
        "offered",
        "opened",
        "released",
        "runs",
        "snapshots",
        "snapshots_off",
        "spent",
        "traces",
        "unknown",
    )

    def __init__(self) -> None:
        self.opened: SessionOpened | None = None
        self.durability = ""
        self.model = ""
        self.offered: ToolsOffered | None = None
        self.conversation = Conversation()
        self.runs: dict[RunId, RunSnapshot] = {}
        self.events: dict[RunId, RunEvents] = {}
        self.traces: list[int] = []
        self.spent: dict[str, Usage] = {}
        self.last_usage = Usage()
        self.artifacts: dict[str, ArtifactStored] = {}
        self.blobs: dict[str, int] = {}
        self.released: list[str] = []
        self.kept: list[str] = []
        self.checkpoints: list[Checkpoint] = []
        self.snapshots: list[tuple[int, str]] = []
        self.unknown: list[int] = []
        self.snapshots_off = ""
        self.approvals: dict[str, Approval] = {}
        self.effects: dict[str, OpenEffect] = {}
        self.changes: list[FileChange] = []

    @property
    def in_doubt(self) -> dict[str, OpenEffect]:
        """The effects of which nobody can tell whether they came about."""
        return {key: effect for key, effect in self.effects.items() if effect.doubt}

    @property
    def usage(self) -> Usage:
        """Tokens of all runs."""
        return sum(self.spent.values(), Usage())


def fold(records: Iterable[Record]) -> SessionState:
    """Rebuild the state of a session from its log."""
    state = SessionState()
    for record in records:
        apply(state, record)
    state.released.clear()
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


def _offer(state: SessionState, _: Record, event: ToolsOffered) -> None:
    """What was offered before stays held: an earlier run is told with it."""
    state.offered = event
    _hold(state, event.sha256)


def _append(state: SessionState, _: Record, event: HistoryAppended) -> None:
    if event.isolated:
        return
    state.conversation.append(event.message)
    if state.approvals:
        for block in event.message.blocks:
            if isinstance(block, ToolResult):
                state.approvals.pop(block.tool_use_id, None)


def _replace(state: SessionState, _: Record, event: HistoryReplaced) -> None:
    state.conversation.replace(list(event.messages))


def _start_run(state: SessionState, record: Record, event: RunStarted) -> None:
    session_id = state.opened.session_id if state.opened else ""
    at = record.timestamp_ms
    state.runs[record.run] = RunSnapshot(record.run, session_id, "executing", event.prompt, at, at)
    state.checkpoints.append(
        Checkpoint(record.sequence, at, record.run, event.prompt, len(state.conversation))
    )


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
        state.released.append(sha256)


def _intend(state: SessionState, record: Record, event: EffectIntended) -> None:
    state.effects[event.call_id] = OpenEffect(record.run, record.timestamp_ms, event)
    if event.effect in UNKNOWN_REACH:
        state.unknown.append(record.sequence)


def _change(state: SessionState, record: Record, event: FileChanging) -> None:
    state.changes.append(FileChange(record.sequence, record.timestamp_ms, event))
    if event.before.is_kept:
        _hold(state, event.before.sha256)
        state.kept.append(event.before.sha256)
        if len(state.kept) > MAX_VERSIONS:
            _let_go(state, state.kept.pop(0))
    effect = state.effects.get(event.call_id)
    if effect is not None:
        effect.files.append(event)


def _leave(state: SessionState, _: Record, event: FileLeft) -> None:
    for change in reversed(state.changes):
        if (change.what.call_id, change.what.path) == (event.call_id, event.path):
            state.changes.remove(change)
            break
    effect = state.effects.get(event.call_id)
    if effect is not None:
        effect.files = [file for file in effect.files if file.path != event.path]


def _take(state: SessionState, record: Record, event: SnapshotTaken) -> None:
    state.snapshots.append((record.sequence, event.tree))


def _turn_off(state: SessionState, _: Record, event: SnapshotsOff) -> None:
    state.snapshots_off = event.reason


def _rewind(state: SessionState, record: Record, event: Rewound) -> None:
    state.checkpoints.append(
        Checkpoint(event.undo, record.timestamp_ms, RunId(""), "before a rewind", event.messages)
    )


def _settle(state: SessionState, _: Record, event: EffectSettled) -> None:
    state.effects.pop(event.call_id, None)


def _doubt(state: SessionState, _: Record, event: EffectInDoubt) -> None:
    effect = state.effects.get(event.call_id)
    if effect is not None:
        effect.doubt = event.reason


def _ask(state: SessionState, record: Record, event: ConfirmationRequired) -> None:
    state.approvals[event.tool_id] = Approval(record.run, record.timestamp_ms, event)


def _answer(state: SessionState, _: Record, event: ConfirmationReceived) -> None:
    approval = state.approvals.get(event.tool_id)
    if approval is not None:
        approval.answer = event


def _end_call(state: SessionState, _: Record, event: ToolEnd) -> None:
    state.approvals.pop(event.id, None)


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
    ToolsOffered: _offer,
    HistoryAppended: _append,
    HistoryReplaced: _replace,
    RunStarted: _start_run,
    RunStatusChanged: _change_run,
    TurnEnd: _spend,
    TokensSpent: _spend,
    ArtifactStored: _store,
    ArtifactEvicted: _evict,
    EffectIntended: _intend,
    SnapshotTaken: _take,
    SnapshotsOff: _turn_off,
    Rewound: _rewind,
    FileChanging: _change,
    FileLeft: _leave,
    EffectSettled: _settle,
    EffectInDoubt: _doubt,
    ConfirmationRequired: _ask,
    ConfirmationReceived: _answer,
    ToolEnd: _end_call,
    TraceRecorded: _trace,
    RecordsPruned: _prune,
}


def is_needed(state: SessionState, event: Event) -> bool:
    """Say that `state` could not be rebuilt without a record of this event."""
    match event:
        case ConfirmationRequired(tool_id=id_) | ConfirmationReceived(tool_id=id_):
            return id_ in state.approvals
        case ToolEnd():
            return False
        case _:
            return type(event) in _STEPS


def run_events(records: Iterable[Record], run: RunId) -> list[RunEventRecord]:
    """List the stream events of one run of a whole log in order, batches of deltas expanded."""
    log = tuple(records)
    found = fold(log).events.get(run, RunEvents())
    return list(found.rows(log, 0))
