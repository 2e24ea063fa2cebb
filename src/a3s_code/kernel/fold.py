"""
From records to state: one step for each kind that changes what a session is.

`state = fold(records)`: the same log gives the same state, today, after a crash, and in
every later version. Nothing changes a session's state but a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from a3s_code.kernel.events import (
    AgentModeChanged,
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
    RunId,
    TaskUpdated,
    ToolEnd,
    TurnEnd,
    Verification,
)
from a3s_code.kernel.messages import ToolResult, Usage
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
    HooksInForce,
    ModelSwitched,
    Record,
    RecordsPruned,
    RequestReceipt,
    RewindBegun,
    Rewound,
    RuleGranted,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    SnapshotTaken,
    StoreAttached,
    TokensSpent,
    ToolsOffered,
    TraceRecorded,
    WorktreeEnded,
    WorktreeMade,
)
from a3s_code.kernel.run_events import RunEventRecord, RunEvents, shown_events
from a3s_code.kernel.state import (
    TERMINAL,
    UNKNOWN_REACH,
    Approval,
    Checkpoint,
    FileChange,
    Grant,
    OpenEffect,
    RunSnapshot,
    SessionState,
    Verified,
    is_within,
)
from a3s_code.kernel.tracking import TRACKING, is_tracked, retell

MAX_VERSIONS = 500
"""Of files, as they were before their changes; the oldest go first. SPEC 12.3."""

MAX_VERSION_BYTES = 256 * 1024 * 1024
"""Of all of these together."""


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
    if event.history:
        state.conversation.replace(list(event.history))
        state.call_ids.update(call.id for message in event.history for call in message.calls)


def _attach(state: SessionState, _: Record, event: StoreAttached) -> None:
    state.durability = event.durability


def _switch_model(state: SessionState, _: Record, event: ModelSwitched) -> None:
    state.model = event.model


def _change_style(state: SessionState, _: Record, event: AgentModeChanged) -> None:
    state.style = event.agent


def _append(state: SessionState, record: Record, event: HistoryAppended) -> None:
    state.call_ids.update(call.id for call in event.message.calls)
    for id_ in event.brings:
        state.waiting.pop(id_, None)
    if event.isolated:
        state.apart = state.apart if event.child else record.run
        return
    state.conversation.append(event.message)
    if state.approvals:
        ended = {it.tool_use_id for it in event.message.blocks if isinstance(it, ToolResult)}
        running = state.running  # their calls outlive the one that they stand in
        over = [each for each in state.approvals if is_within(each, ended)]
        _drop_questions(state, [each for each in over if not is_within(each, running)])


def _replace(state: SessionState, _: Record, event: HistoryReplaced) -> None:
    state.conversation.replace(list(event.messages))
    ids = {call.id for message in event.messages for call in message.calls}
    state.call_ids |= ids
    asked, running = [*state.approvals], state.running
    over = [each for each in asked if not is_within(each, ids) and not is_within(each, running)]
    _drop_questions(state, over)
    if event.reason != "compact":
        state.tasks = event.tasks
        retell(state)


def _plan(state: SessionState, record: Record, event: TaskUpdated) -> None:
    """Take up the list of the session's own conversation, and no child's or other history's."""
    is_own = state.opened is not None and event.session_id == state.opened.session_id
    if is_own and record.run != state.apart:
        state.tasks = event.tasks


def _drop_questions(state: SessionState, call_ids: Iterable[str]) -> None:
    for call_id in call_ids:
        del state.approvals[call_id]


def _start_run(state: SessionState, record: Record, event: RunStarted) -> None:
    session_id = state.opened.session_id if state.opened else ""
    at = record.timestamp_ms
    state.waiting.pop(event.queued, None)
    state.runs[record.run] = RunSnapshot(record.run, session_id, "executing", event.prompt, at, at)
    _mark(state, record, record.sequence, event.prompt, len(state.conversation), record.run)


def _change_run(state: SessionState, record: Record, event: RunStatusChanged) -> None:
    run = state.runs.get(record.run)
    if run is None or run.status in TERMINAL:
        return
    run.status, run.result_text, run.error = event.status, event.result_text, event.error


def _spend(state: SessionState, record: Record, event: TurnEnd | TokensSpent) -> None:
    model = (event.model if isinstance(event, TokensSpent) else "") or state.model
    state.spent[model] = state.spent.get(model, Usage()) + event.usage
    if isinstance(event, TurnEnd):
        state.last_usage = event.usage
    run = state.runs.get(record.run)
    if run is not None:
        run.usage += event.usage


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
    state.approvals.pop(event.call_id, None)
    state.effects[event.call_id] = OpenEffect(record.run, record.timestamp_ms, event)
    if event.effect in UNKNOWN_REACH:
        state.unknown.append(record.sequence)


def _change(state: SessionState, record: Record, event: FileChanging) -> None:
    if not event.apart:
        state.changes.append(FileChange(record.sequence, record.timestamp_ms, event))
    if event.before.is_kept:
        _hold(state, event.before.sha256)
        state.kept.append(event.before.sha256)
        state.kept_sizes.append(event.before.size)
        while len(state.kept) > MAX_VERSIONS or sum(state.kept_sizes) > MAX_VERSION_BYTES:
            state.kept_sizes.pop(0)
            _let_go(state, state.kept.pop(0))
    effect = state.effects.get(event.call_id)
    if effect is not None:
        effect.files.append(event)


def _leave(state: SessionState, _: Record, event: FileLeft) -> None:
    left = next(
        (
            change
            for change in reversed(state.changes)
            if (change.what.call_id, change.what.path) == (event.call_id, event.path)
        ),
        None,
    )
    if left is not None:
        state.changes.remove(left)
    effect = state.effects.get(event.call_id)
    files = effect.files if effect is not None else []
    last = next((at for at in reversed(range(len(files))) if files[at].path == event.path), None)
    if last is not None:
        del files[last]


def _set_apart(state: SessionState, _: Record, event: WorktreeMade) -> None:
    state.worktrees[event.child] = event


def _end_worktree(state: SessionState, _: Record, event: WorktreeEnded) -> None:
    state.worktrees.pop(event.child, None)
    child = state.children.get(event.child)
    if child is not None:
        child.worktree = event


def _take(state: SessionState, record: Record, event: SnapshotTaken) -> None:
    state.snapshots.append((record.sequence, event.tree))


def _offer(state: SessionState, _: Record, event: ToolsOffered) -> None:
    """What was offered before stays held: an earlier run is told with it."""
    if not event.child:
        state.offered = event
    _hold(state, event.sha256)


def _hook(state: SessionState, _: Record, event: HooksInForce) -> None:
    state.hooks = event.hooks


def _rewind(state: SessionState, record: Record, event: RewindBegun | Rewound) -> None:
    if all(place.sequence != event.undo for place in state.checkpoints):
        _mark(state, record, event.undo, "before a rewind", event.messages)


def _mark(
    state: SessionState, record: Record, sequence: int, label: str, messages: int, run: str = ""
) -> None:
    """Note a checkpoint, and whether something that may change any file runs across it."""
    runs_across = any(
        effect.intended.effect in UNKNOWN_REACH and not effect.doubt
        for effect in state.effects.values()
    )
    state.checkpoints.append(
        Checkpoint(sequence, record.timestamp_ms, RunId(run), label, messages, runs_across)
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


def _time_out(state: SessionState, record: Record, event: ConfirmationTimeout) -> None:
    approved = event.action_taken == "auto_approved"
    said = "nobody answered in time"
    _answer(
        state,
        record,
        ConfirmationReceived(tool_id=event.tool_id, approved=approved, reason=said),
    )


def _grant(state: SessionState, record: Record, event: RuleGranted) -> None:
    """Take up rules; they forbid nothing, so what was approved before them stays approved."""
    state.grants.append(Grant(record.timestamp_ms, event))
    for approval in state.approvals.values():
        bound = approval.asked.binding
        if bound is not None and bound.policy_version == event.before:
            bound = replace(bound, policy_version=event.after)
            approval.asked = replace(approval.asked, binding=bound)


def _end_call(state: SessionState, _: Record, event: ToolEnd) -> None:
    state.approvals.pop(event.id, None)


def _trace(state: SessionState, record: Record, _: TraceRecorded) -> None:
    state.traces.append(record.sequence)


def _receive(state: SessionState, record: Record, _: RequestReceipt) -> None:
    state.receipts.setdefault(record.run, []).append(record.sequence)


def _verify(state: SessionState, record: Record, event: Verification) -> None:
    state.verifications.append(
        Verified(record.sequence, record.timestamp_ms, record.run, event.made_by, event.report)
    )


def _prune(state: SessionState, _: Record, event: RecordsPruned) -> None:
    for id_ in event.evicted:
        state.runs.pop(id_, None)
        state.events.pop(id_, None)
        state.receipts.pop(id_, None)
    for short in event.shortened:
        events = state.events.setdefault(short.id, RunEvents())
        events.drop(short.first_event, short.event_count)
        run = state.runs.get(short.id)
        if run is not None:
            run.event_count, run.updated_at_ms = short.event_count, short.updated_at_ms
    for id_ in event.tasks:
        state.children.pop(id_, None)
    if event.first_trace:
        state.traces = [place for place in state.traces if place >= event.first_trace]


_STEPS: dict[type, Callable[[SessionState, Record, Any], None]] = {
    SessionOpened: _open,
    StoreAttached: _attach,
    ModelSwitched: _switch_model,
    AgentModeChanged: _change_style,
    HistoryAppended: _append,
    HistoryReplaced: _replace,
    TaskUpdated: _plan,
    RunStarted: _start_run,
    RunStatusChanged: _change_run,
    TurnEnd: _spend,
    TokensSpent: _spend,
    ArtifactStored: _store,
    ArtifactEvicted: _evict,
    EffectIntended: _intend,
    SnapshotTaken: _take,
    ToolsOffered: _offer,
    HooksInForce: _hook,
    RewindBegun: _rewind,
    Rewound: _rewind,
    FileChanging: _change,
    FileLeft: _leave,
    WorktreeMade: _set_apart,
    WorktreeEnded: _end_worktree,
    EffectSettled: _settle,
    EffectInDoubt: _doubt,
    ConfirmationRequired: _ask,
    ConfirmationReceived: _answer,
    ConfirmationTimeout: _time_out,
    RuleGranted: _grant,
    ToolEnd: _end_call,
    TraceRecorded: _trace,
    RequestReceipt: _receive,
    Verification: _verify,
    RecordsPruned: _prune,
    **TRACKING,
}


def is_needed(state: SessionState, event: Event) -> bool:
    """Say that `state` could not be rebuilt without a record of this event."""
    match event:
        case (
            ConfirmationRequired(tool_id=id_)
            | ConfirmationReceived(tool_id=id_)
            | ConfirmationTimeout(tool_id=id_)
        ):
            return id_ in state.approvals
        case ToolEnd():
            return False
        case _:
            return type(event) in _STEPS and is_tracked(state, event)


def run_events(records: Iterable[Record], run: RunId) -> list[RunEventRecord]:
    """List the stream events of one run of a whole log in order, batches of deltas expanded."""
    log = tuple(records)
    found = fold(log).events.get(run, RunEvents())
    return list(found.rows(log, 0))
