"""
Everything observable about a session, as one tagged union.

An event says what happened: it carries what a UI, an audit log and a replay need, and
never a live object. Adding a case, or a field with a default, is compatible; removing
one, or changing a field's meaning, is not. Names and fields: SPEC 3.1.

`RunEvent`s are what a stream shows and `run_events` returns. `SessionEvent`s are in the
log only: they carry what the fold needs to rebuild the session.
"""

from __future__ import annotations

from typing import Any, NewType, TypeAlias, get_args

import msgspec

from a3s_code.kernel.messages import JsonObject, Message, Usage

SessionId = NewType("SessionId", str)
RunId = NewType("RunId", str)


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Fields no case may lack. Values never form cycles, so the collector need not look."""


# Intent


class AgentStart(_Event, tag="agent_start", frozen=True):
    prompt: str


class AgentModeChanged(_Event, tag="agent_mode_changed", frozen=True):
    mode: str
    agent: str
    description: str


class GoalExtracted(_Event, tag="goal_extracted", frozen=True):
    goal: JsonObject


class GoalProgress(_Event, tag="goal_progress", frozen=True):
    goal: str
    progress: float
    completed_steps: int
    total_steps: int


class GoalAchieved(_Event, tag="goal_achieved", frozen=True):
    goal: str
    total_steps: int
    duration_ms: int


class PlanningStart(_Event, tag="planning_start", frozen=True):
    prompt: str


class PlanningEnd(_Event, tag="planning_end", frozen=True):
    plan: JsonObject
    estimated_steps: int


class TaskUpdated(_Event, tag="task_updated", frozen=True):
    session_id: str
    tasks: tuple[JsonObject, ...]


class StepStart(_Event, tag="step_start", frozen=True):
    step_id: str
    description: str
    step_number: int
    total_steps: int


class StepEnd(_Event, tag="step_end", frozen=True):
    step_id: str
    status: str
    step_number: int
    total_steps: int


# Context


class ContextResolving(_Event, tag="context_resolving", frozen=True):
    providers: tuple[str, ...]


class ContextResolved(_Event, tag="context_resolved", frozen=True):
    total_items: int
    total_tokens: int


class ContextCompacted(_Event, tag="context_compacted", frozen=True):
    session_id: str
    before_messages: int
    after_messages: int
    percent_before: float


class MemoryStored(_Event, tag="memory_stored", frozen=True):
    memory_id: str
    memory_type: str
    importance: float
    tags: tuple[str, ...]


class MemoryRecalled(_Event, tag="memory_recalled", frozen=True):
    memory_id: str
    content: str
    relevance: float


class MemoriesSearched(_Event, tag="memories_searched", frozen=True):
    query: str | None = None
    tags: tuple[str, ...] = ()
    result_count: int = 0


class MemoryCleared(_Event, tag="memory_cleared", frozen=True):
    tier: str
    count: int


# Model


class TurnStart(_Event, tag="turn_start", frozen=True):
    """
    A turn begins. The same number again means that the attempt before it was cut off:
    every delta since the `turn_start` before is void.
    """

    turn: int


class TextDelta(_Event, tag="text_delta", frozen=True):
    text: str


class ReasoningDelta(_Event, tag="reasoning_delta", frozen=True):
    text: str


class ToolInputDelta(_Event, tag="tool_input_delta", frozen=True):
    id: str
    delta: str


class TurnEnd(_Event, tag="turn_end", frozen=True):
    """
    Attributes:
        stop: Why the model stopped: `end`, `tool_calls`, `length`, `refusal`,
            `content_filter`.
    """

    turn: int
    usage: Usage
    stop: str = "end"


class ModelRetry(_Event, tag="model_retry", frozen=True):
    attempt: int
    reason: str
    delay_ms: int


# Action


class ToolStart(_Event, tag="tool_start", frozen=True):
    id: str
    name: str


class ToolOutputDelta(_Event, tag="tool_output_delta", frozen=True):
    id: str
    name: str
    delta: str


class ToolEnd(_Event, tag="tool_end", frozen=True):
    id: str
    name: str
    output: str
    exit_code: int
    metadata: JsonObject | None = None
    error_kind: JsonObject | None = None


class PermissionDenied(_Event, tag="permission_denied", frozen=True):
    tool_id: str
    tool_name: str
    args: JsonObject
    reason: str


class ConfirmationRequired(_Event, tag="confirmation_required", frozen=True):
    tool_id: str
    tool_name: str
    args: JsonObject
    timeout_ms: int


class ConfirmationReceived(_Event, tag="confirmation_received", frozen=True):
    tool_id: str
    approved: bool
    reason: str | None = None


class ConfirmationTimeout(_Event, tag="confirmation_timeout", frozen=True):
    tool_id: str
    action_taken: str


class SubagentStart(_Event, tag="subagent_start", frozen=True):
    task_id: str
    session_id: str
    parent_session_id: str
    agent: str
    description: str


class SubagentProgress(_Event, tag="subagent_progress", frozen=True):
    task_id: str
    session_id: str
    status: str
    metadata: JsonObject


class SubagentEnd(_Event, tag="subagent_end", frozen=True):
    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool


class ExternalTaskPending(_Event, tag="external_task_pending", frozen=True):
    task_id: str
    session_id: str
    lane: str
    command_type: str
    payload: JsonObject
    timeout_ms: int


class ExternalTaskCompleted(_Event, tag="external_task_completed", frozen=True):
    task_id: str
    session_id: str
    success: bool


class CommandDeadLettered(_Event, tag="command_dead_lettered", frozen=True):
    command_id: str
    command_type: str
    lane: str
    error: str
    attempts: int


class CommandRetry(_Event, tag="command_retry", frozen=True):
    command_id: str
    command_type: str
    lane: str
    attempt: int
    delay_ms: int


class QueueAlert(_Event, tag="queue_alert", frozen=True):
    level: str
    alert_type: str
    message: str


class BudgetThresholdHit(_Event, tag="budget_threshold_hit", frozen=True):
    resource: str
    kind: str
    consumed: float
    limit: float
    message: str | None = None


# Ends and state of the session


class AgentEnd(_Event, tag="agent_end", frozen=True):
    text: str
    usage: Usage
    verification_summary: JsonObject
    meta: JsonObject | None = None


class RunFailed(_Event, tag="error", frozen=True):
    """The run ended without an answer; `kind` is the code of the exception."""

    message: str
    kind: str = "run"


class PersistenceFailed(_Event, tag="persistence_failed", frozen=True):
    session_id: str
    operation: str
    error: str


class CapabilityWasMissing(_Event, tag="capability_missing", frozen=True):
    """Options or configuration keys that are accepted but have no effect in this build."""

    names: tuple[str, ...]


class PassivationRequested(_Event, tag="passivation_requested", frozen=True):
    reason: str
    deadline_ms: int | None = None


class PeerInvocation(_Event, tag="peer_invocation", frozen=True):
    from_session_id: str
    from_tenant_id: str | None = None
    correlation_id: str | None = None


# In the log only


class LogOnly(_Event, frozen=True):
    """What the fold needs and no stream shows."""


class SessionOpened(LogOnly, tag="session_opened", frozen=True):
    """
    Attributes:
        format: Version of the record format.
        settings: The options that a resume must know again; never a secret.
    """

    session_id: str
    workspace: str
    model: str
    created_at_ms: int
    format: int = 1
    settings: JsonObject = msgspec.field(default_factory=dict[str, Any])


class SessionEnded(LogOnly, tag="session_ended", frozen=True):
    pass


class ModelSwitched(LogOnly, tag="model_switched", frozen=True):
    model: str


class HistoryAppended(LogOnly, tag="history_appended", frozen=True):
    """`isolated` messages belong to a run with a history of its own."""

    message: Message
    isolated: bool = False


class HistoryReplaced(LogOnly, tag="history_replaced", frozen=True):
    """The conversation is now these messages: after `/clear` and after a compaction."""

    messages: tuple[Message, ...]
    reason: str


class HistorySupplied(LogOnly, tag="history_supplied", frozen=True):
    """
    A run was given a history by the caller.

    Attributes:
        sha256: Of its JSON as a list of `Message`; empty while the log is in memory only,
            where nobody could check it later.
    """

    messages: int
    sha256: str = ""


class TokensSpent(LogOnly, tag="tokens_spent", frozen=True):
    """Tokens of a request outside the turns of a run; `purpose` says what for."""

    usage: Usage
    purpose: str


class RunStarted(LogOnly, tag="run_started", frozen=True):
    prompt: str


class RunStatusChanged(LogOnly, tag="run_status_changed", frozen=True):
    status: str
    result_text: str | None = None
    error: str | None = None


class EffectIntended(LogOnly, tag="effect_intended", frozen=True):
    """
    A call with effects is about to run; written and durable before it does.

    Attributes:
        args_sha256: Of the canonical JSON of the decoded arguments.
        decision: Why it may run: the rule, or who approved it.
        authority: `session` for the model's calls, `host` for direct ones.
    """

    call_id: str
    tool: str
    args_sha256: str
    decision: str
    authority: str


class EffectSettled(LogOnly, tag="effect_settled", frozen=True):
    call_id: str
    outcome: str
    exit_code: int


class ArtifactStored(LogOnly, tag="artifact_stored", frozen=True):
    uri: str
    tool: str
    sha256: str
    original_bytes: int
    shown_bytes: int


class ArtifactEvicted(LogOnly, tag="artifact_evicted", frozen=True):
    uri: str


class TraceRecorded(LogOnly, tag="trace_recorded", frozen=True):
    """A row of `trace_events()`; fields of schema `a3s.trace_event.v1`, SPEC 4.2."""

    kind: str
    name: str
    success: bool
    exit_code: int
    duration_ms: int
    output_bytes: int
    metadata_keys: tuple[str, ...] = ()
    artifact_uris: tuple[str, ...] = ()


class DeltaBatch(LogOnly, tag="delta_batch", frozen=True):
    """
    Consecutive deltas of one block as one record.

    Attributes:
        kind: Tag of the single events.
        ends: Offset in `text` (code points) where each of them ends.
    """

    kind: str
    text: str
    ends: tuple[int, ...]
    id: str = ""
    name: str = ""


Delta: TypeAlias = TextDelta | ReasoningDelta | ToolInputDelta | ToolOutputDelta

RunEvent: TypeAlias = (
    AgentStart
    | AgentModeChanged
    | GoalExtracted
    | GoalProgress
    | GoalAchieved
    | PlanningStart
    | PlanningEnd
    | TaskUpdated
    | StepStart
    | StepEnd
    | ContextResolving
    | ContextResolved
    | ContextCompacted
    | MemoryStored
    | MemoryRecalled
    | MemoriesSearched
    | MemoryCleared
    | TurnStart
    | TextDelta
    | ReasoningDelta
    | ToolInputDelta
    | TurnEnd
    | ModelRetry
    | ToolStart
    | ToolOutputDelta
    | ToolEnd
    | PermissionDenied
    | ConfirmationRequired
    | ConfirmationReceived
    | ConfirmationTimeout
    | SubagentStart
    | SubagentProgress
    | SubagentEnd
    | ExternalTaskPending
    | ExternalTaskCompleted
    | CommandDeadLettered
    | CommandRetry
    | QueueAlert
    | BudgetThresholdHit
    | AgentEnd
    | RunFailed
    | PersistenceFailed
    | CapabilityWasMissing
    | PassivationRequested
    | PeerInvocation
)

SessionEvent: TypeAlias = (
    SessionOpened
    | SessionEnded
    | ModelSwitched
    | HistoryAppended
    | HistoryReplaced
    | HistorySupplied
    | TokensSpent
    | RunStarted
    | RunStatusChanged
    | EffectIntended
    | EffectSettled
    | ArtifactStored
    | ArtifactEvicted
    | TraceRecorded
    | DeltaBatch
)

Event: TypeAlias = RunEvent | SessionEvent


class Record(msgspec.Struct, frozen=True, gc=False):
    """
    One entry of a session's log.

    Attributes:
        sequence: From 0, without gaps, per session.
        timestamp_ms: Unix time of the (last) event in it.
        run: The run it belongs to, or "" for the session itself.
    """

    sequence: int
    timestamp_ms: int
    run: RunId
    event: Event


RUN_EVENTS: tuple[type[RunEvent], ...] = get_args(RunEvent)


def tag_of(event: Event) -> str:
    """Give the `type` of an event as it stands on the wire and in the log."""
    return str(type(event).__struct_config__.tag)
