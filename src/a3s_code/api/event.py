"""
Events as callers see them: flat attributes, the rest as JSON in `data`.

Streams use the short names `start` and `end`; run records keep `agent_start` and
`agent_end` (DESIGN 6). Fields per type: SPEC 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from a3s_code.harness.verification.reports import report_row
from a3s_code.harness.verification.summary import format_verification_summary
from a3s_code.kernel import events as e
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import kind_of


class EventType:
    """The values of `AgentEvent.event_type`."""

    START = "start"
    AGENT_START = "agent_start"
    AGENT_MODE_CHANGED = "agent_mode_changed"
    GOAL_EXTRACTED = "goal_extracted"
    GOAL_PROGRESS = "goal_progress"
    GOAL_ACHIEVED = "goal_achieved"
    PLANNING_START = "planning_start"
    PLANNING_END = "planning_end"
    TASK_UPDATED = "task_updated"
    STEP_START = "step_start"
    STEP_END = "step_end"
    CONTEXT_RESOLVING = "context_resolving"
    CONTEXT_RESOLVED = "context_resolved"
    CONTEXT_COMPACTED = "context_compacted"
    PREFIX_CHANGED = "prefix_changed"
    COMPACTION_FAILED = "compaction_failed"
    MEMORY_STORED = "memory_stored"
    MEMORY_RECALLED = "memory_recalled"
    MEMORIES_SEARCHED = "memories_searched"
    MEMORY_CLEARED = "memory_cleared"
    SKILLS_LOADED = "skills_loaded"
    TURN_START = "turn_start"
    TEXT_DELTA = "text_delta"
    REASONING_DELTA = "reasoning_delta"
    TOOL_INPUT_DELTA = "tool_input_delta"
    TURN_END = "turn_end"
    MODEL_RETRY = "model_retry"
    TOOL_START = "tool_start"
    TOOL_OUTPUT_DELTA = "tool_output_delta"
    TOOL_END = "tool_end"
    PERMISSION_DENIED = "permission_denied"
    SANDBOX_VIOLATION = "sandbox_violation"
    SANDBOX_PASSAGE = "sandbox_passage"
    CONFIRMATION_REQUIRED = "confirmation_required"
    CONFIRMATION_RECEIVED = "confirmation_received"
    CONFIRMATION_TIMEOUT = "confirmation_timeout"
    SUBAGENT_START = "subagent_start"
    SUBAGENT_PROGRESS = "subagent_progress"
    SUBAGENT_END = "subagent_end"
    STEERED = "steered"
    EXTERNAL_TASK_PENDING = "external_task_pending"
    EXTERNAL_TASK_COMPLETED = "external_task_completed"
    COMMAND_DEAD_LETTERED = "command_dead_lettered"
    COMMAND_RETRY = "command_retry"
    QUEUE_ALERT = "queue_alert"
    BUDGET_THRESHOLD_HIT = "budget_threshold_hit"
    VERIFICATION = "verification"
    END = "end"
    AGENT_END = "agent_end"
    ERROR = "error"
    PERSISTENCE_FAILED = "persistence_failed"
    CAPABILITY_MISSING = "capability_missing"
    SNAPSHOTS_OFF = "snapshots_off"
    PASSIVATION_REQUESTED = "passivation_requested"
    PEER_INVOCATION = "peer_invocation"


class AgentEvent(msgspec.Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """
    One event of a stream. Attributes that do not belong to its type are None.

    Attributes:
        event_type: One of the constants of `EventType`.
        text: The delta, or the final text of `end`.
        tool_output: Of `tool_end`: what the model sees, at most 100 KiB.
        exit_code: Of `tool_end`: 0 for success.
        total_tokens: Of `turn_end` for that turn, of `end` for the run.
        error_kind: Of `tool_end`: its `type`; of `error`: the code of the exception.
        error_kind_json: The whole kind as JSON.
        data: JSON object with every field that has no attribute here.
    """

    event_type: str
    text: str | None = None
    tool_name: str | None = None
    tool_id: str | None = None
    tool_output: str | None = None
    exit_code: int | None = None
    turn: int | None = None
    total_tokens: int | None = None
    prompt: str | None = None
    error: str | None = None
    error_kind: str | None = None
    error_kind_json: str | None = None
    verification_summary_text: str | None = None
    verification_summary_json: str | None = None
    data: str | None = None


def project(event: e.RunEvent) -> AgentEvent:
    """Give the caller's view of an event."""
    view = _VIEWS.get(type(event))
    return view(event) if view is not None else _generic(event)


def summary_text(summary: JsonObject) -> str:
    """Say a verification summary in words, also one of an earlier version with fewer counts."""
    return format_verification_summary({"status": "skipped", **summary})


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON
    return msgspec.json.encode(value).decode()


def _text_delta(event: e.TextDelta) -> AgentEvent:
    return AgentEvent("text_delta", event.text)


def _reasoning_delta(event: e.ReasoningDelta) -> AgentEvent:
    return AgentEvent("reasoning_delta", event.text)


def _input_delta(event: e.ToolInputDelta) -> AgentEvent:
    return AgentEvent("tool_input_delta", event.delta, tool_id=event.id)


def _output_delta(event: e.ToolOutputDelta) -> AgentEvent:
    return AgentEvent("tool_output_delta", event.delta, event.name, event.id)


def _agent_start(event: e.AgentStart) -> AgentEvent:
    return AgentEvent("start", prompt=event.prompt)


def _planning_start(event: e.PlanningStart) -> AgentEvent:
    return AgentEvent("planning_start", prompt=event.prompt)


def _turn_start(event: e.TurnStart) -> AgentEvent:
    return AgentEvent("turn_start", turn=event.turn)


def _turn_end(event: e.TurnEnd) -> AgentEvent:
    return AgentEvent(
        "turn_end",
        turn=event.turn,
        total_tokens=event.usage.total_tokens,
        data=_json({"usage": event.usage, "stop": event.stop}),
    )


def _tool_start(event: e.ToolStart) -> AgentEvent:
    return AgentEvent("tool_start", tool_name=event.name, tool_id=event.id)


def _tool_end(event: e.ToolEnd) -> AgentEvent:
    kind = event.error_kind
    return AgentEvent(
        "tool_end",
        tool_name=event.name,
        tool_id=event.id,
        tool_output=event.output,
        exit_code=event.exit_code,
        error_kind=kind_of(kind),
        error_kind_json=_json(kind) if kind else None,
        data=_json({"metadata": event.metadata}) if event.metadata else None,
    )


def _agent_end(event: e.AgentEnd) -> AgentEvent:
    return AgentEvent(
        "end",
        event.text,
        total_tokens=event.usage.total_tokens,
        verification_summary_text=summary_text(event.verification_summary),
        verification_summary_json=_json(event.verification_summary),
        data=_json({"usage": event.usage, "meta": event.meta}),
    )


def _run_failed(event: e.RunFailed) -> AgentEvent:
    return AgentEvent("error", error=event.message, error_kind=event.kind)


def _subagent_start(event: e.SubagentStart) -> AgentEvent:
    return AgentEvent(
        "subagent_start",
        event.session_id,
        event.agent,
        event.task_id,
        prompt=event.description,
        data=_json({"parent_session_id": event.parent_session_id, **_background(event)}),
    )


def _subagent_progress(event: e.SubagentProgress) -> AgentEvent:
    told = _generic(event)
    return msgspec.structs.replace(told, text=event.session_id, tool_id=event.task_id)


def _subagent_end(event: e.SubagentEnd) -> AgentEvent:
    return AgentEvent(
        "subagent_end",
        event.session_id,
        event.agent,
        event.task_id,
        event.output,
        0 if event.success else 1,
        data=_json(more) if (more := _more(event)) else None,
    )


def _background(event: e.SubagentStart) -> JsonObject:
    return {"background": True} if event.background else {}


def _more(event: e.SubagentEnd) -> JsonObject:
    every = {"status": event.status, "transcript": event.transcript, "merge": event.merge}
    return {name: value for name, value in every.items() if value}


def _verification(event: e.Verification) -> AgentEvent:
    row = {**report_row(event.report), "made_by": event.made_by}
    return AgentEvent("verification", data=_json(row))


def _generic(event: e.RunEvent) -> AgentEvent:
    fields: JsonObject = msgspec.to_builtins(event)
    tag = fields.pop("type")
    return AgentEvent(
        tag,
        tool_name=fields.pop("tool_name", None),
        tool_id=fields.pop("tool_id", None),
        data=_json(fields) if fields else None,
    )


_VIEWS: dict[type, Callable[[Any], AgentEvent]] = {
    e.TextDelta: _text_delta,
    e.ReasoningDelta: _reasoning_delta,
    e.ToolInputDelta: _input_delta,
    e.ToolOutputDelta: _output_delta,
    e.AgentStart: _agent_start,
    e.PlanningStart: _planning_start,
    e.TurnStart: _turn_start,
    e.TurnEnd: _turn_end,
    e.ToolStart: _tool_start,
    e.ToolEnd: _tool_end,
    e.Verification: _verification,
    e.AgentEnd: _agent_end,
    e.RunFailed: _run_failed,
    e.SubagentStart: _subagent_start,
    e.SubagentProgress: _subagent_progress,
    e.SubagentEnd: _subagent_end,
}
