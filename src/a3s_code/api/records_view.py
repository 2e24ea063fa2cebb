"""The log of a session as callers see it: plain JSON, made anew for each question."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

import msgspec

from a3s_code.api.request import history_rows
from a3s_code.harness.question import Question
from a3s_code.kernel import state
from a3s_code.kernel.events import ConfirmationRequired, RunId
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import plain
from a3s_code.kernel.records import CallRewritten, HistoryAppended, HookRan
from a3s_code.kernel.tracked import ChildRun

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.kernel.log import Log

TRACE_SCHEMA = "a3s.trace_event.v1"
_NO_LISTS: JsonObject = {"metadata_keys": [], "artifact_uris": []}


def history(log: Log) -> list[JsonObject]:
    """Give the conversation: `{"role", "content": [blocks]}`, oldest first."""
    return history_rows(log.state.conversation.messages)


def runs(log: Log) -> list[JsonObject]:
    """Give the snapshots of all runs, oldest first."""
    return [row(run) for run in log.state.runs.values()]


def run_snapshot(log: Log, run_id: str) -> JsonObject | None:
    run = log.state.runs.get(RunId(run_id))
    return row(run) if run is not None else None


def active_run(log: Log, current: RunId | None) -> JsonObject | None:
    """Give the snapshot of `current` unless the log says that it has ended."""
    run = log.state.runs.get(current) if current is not None else None
    return row(run) if run is not None and run.status not in state.TERMINAL else None


def run_events(log: Log, run_id: str) -> list[JsonObject]:
    """List `{"sequence", "timestamp_ms", "event"}` of one run, without gaps."""
    return [msgspec.to_builtins(event) for event in log.run_events(RunId(run_id))]


def tasks(log: Log) -> list[JsonObject]:
    """List the tasks of the session, in their order."""
    return [plain(task) for task in log.state.tasks]


def trace_events(log: Log) -> list[JsonObject]:
    """List every tool call with its duration and size, without its output; SPEC 4.2."""
    traces = [log.at(place).event for place in log.state.traces]
    return [{"schema": TRACE_SCHEMA, **_NO_LISTS, **row(trace)} for trace in traces]


def hook_decisions(log: Log) -> list[JsonObject]:
    """List what each hook said of each event, oldest first."""
    return [
        {
            "hook_id": said.hook_id,
            "event": said.event,
            "outcome": said.outcome,
            "reason": said.reason,
            "duration_ms": said.duration_ms,
            "call_id": said.call_id or None,
            "run_id": record.run or None,
            "timestamp_ms": record.timestamp_ms,
        }
        for record in log.records
        if isinstance(said := record.event, HookRan)
    ]


def checkpoints(log: Log) -> list[JsonObject]:
    """List where the session can go back to, oldest first."""
    return [
        {
            "id": place.id,
            "run_id": place.run or None,
            "label": place.label,
            "created_at_ms": place.timestamp_ms,
            "messages": place.messages,
        }
        for place in sorted(log.state.checkpoints, key=lambda place: place.sequence)
    ]


def child_runs(log: Log) -> list[JsonObject]:
    """List the child runs, oldest first; SPEC 9.5."""
    return [_child_run(child) for child in [*log.state.children.values()]]


def _child_run(child: ChildRun) -> JsonObject:
    begun, end = child.begun, child.ended
    merge = child.merge
    return {
        "task_id": begun.task_id,
        "parent_session_id": begun.parent_session_id,
        "child_session_id": begun.session_id,
        "agent": begun.agent,
        "description": begun.description,
        "status": child.status,
        "started_ms": child.started_ms,
        "updated_ms": child.updated_ms,
        "finished_ms": child.updated_ms if end is not None else None,
        "output": end.output if end is not None else None,
        "success": end.success if end is not None else None,
        "progress": [
            {
                "status": each.what.status,
                "metadata": plain(each.what.metadata),
                "timestamp_ms": each.timestamp_ms,
            }
            for each in [*child.progress]
        ],
        **({"merge": plain(merge)} if merge is not None else {}),
    }


def in_doubt(log: Log) -> list[JsonObject]:
    """List the effects of which nobody can tell whether they came about."""
    doubts = log.state.in_doubt
    said = dict(_calls_of(log)) if doubts else {}
    return [
        {
            "call_id": effect.intended.call_id,
            "tool": effect.intended.tool,
            "args": said.get(effect.intended.call_id),
            "args_sha256": effect.intended.args_sha256,
            "run_id": effect.run,
            "since_ms": effect.since_ms,
            "reason": effect.doubt,
        }
        for effect in doubts.values()
    ]


def _calls_of(log: Log) -> Iterator[tuple[str, JsonObject]]:
    """Give the arguments of every call by its id; what a hook made of one comes after it."""
    for record in log.records:
        match record.event:
            case HistoryAppended(message=message):
                yield from ((call.id, call.input) for call in message.calls)
            case CallRewritten(call_id=id_, args=args):
                yield id_, args
            case _:
                pass


def pending_confirmations(log: Log, remaining_ms: Callable[[str], int | None]) -> list[JsonObject]:
    """List the questions that nobody has answered, oldest first."""
    return [
        _question(approval.asked, remaining_ms(call_id))
        for call_id, approval in log.state.approvals.items()
        if approval.answer is None
    ]


def _question(asked: ConfirmationRequired, remaining_ms: int | None) -> JsonObject:
    question = Question(asked.tool_name, asked.args, asked.reason, asked.part, asked.rule)
    return {
        "tool_id": asked.tool_id,
        "tool_name": asked.tool_name,
        "args": plain(asked.args),  # whoever asks may change what it gets
        "remaining_ms": remaining_ms,
        "reason": asked.reason,
        "part": asked.part,
        "rule": asked.rule,
        "rules": list(asked.rules),
        "view": question.view(),
    }


def granted_rules(log: Log, held: Collection[str]) -> list[JsonObject]:
    """List the rules that answers have made and that hold, oldest first."""
    return [
        {"rule": rule, "tool_id": grant.what.call_id, "granted_at_ms": grant.since_ms}
        for grant in log.state.grants
        for rule in grant.what.rules
        if rule in held
    ]


def row(value: msgspec.Struct) -> JsonObject:
    """Give the fields of a value, without the tag of its type."""
    fields: JsonObject = msgspec.to_builtins(value)
    fields.pop("type", None)
    return fields
