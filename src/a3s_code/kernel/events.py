"""
Everything a stream shows of a session, as one tagged union.

An event says what happened: it carries what a UI, an audit log and a replay need, and
never a live object. Adding a case, or a field with a default, is compatible; removing
one, or changing a field's meaning, is not. Names and fields: SPEC 3.1.

`RunEvent`s are what a stream shows and `run_events` returns. What only the log holds, and
the log's own entries, are in `records`.
"""

from __future__ import annotations

from typing import NewType, TypeAlias, get_args

import msgspec

from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.kernel.verification import Report, Reporter

SessionId = NewType("SessionId", str)
RunId = NewType("RunId", str)


class Tagged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A case of the union. Values never form cycles, so the collector need not look."""


# Intent


class AgentStart(Tagged, tag="agent_start", frozen=True):
    prompt: str


class AgentModeChanged(Tagged, tag="agent_mode_changed", frozen=True):
    mode: str
    agent: str
    description: str


class GoalExtracted(Tagged, tag="goal_extracted", frozen=True):
    goal: JsonObject


class GoalProgress(Tagged, tag="goal_progress", frozen=True):
    goal: str
    progress: float
    completed_steps: int
    total_steps: int


class GoalAchieved(Tagged, tag="goal_achieved", frozen=True):
    goal: str
    total_steps: int
    duration_ms: int


class PlanningStart(Tagged, tag="planning_start", frozen=True):
    prompt: str


class PlanningEnd(Tagged, tag="planning_end", frozen=True):
    plan: JsonObject
    estimated_steps: int


class TaskUpdated(Tagged, tag="task_updated", frozen=True):
    session_id: str
    tasks: tuple[JsonObject, ...]


class StepStart(Tagged, tag="step_start", frozen=True):
    step_id: str
    description: str
    step_number: int
    total_steps: int


class StepEnd(Tagged, tag="step_end", frozen=True):
    step_id: str
    status: str
    step_number: int
    total_steps: int


# Context


class ContextResolving(Tagged, tag="context_resolving", frozen=True):
    """Before a run, or behind the results of calls, these sources are asked what they have."""

    providers: tuple[str, ...]


class ContextLeftOut(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    What a source gave, or should have given, and the model is not shown.

    Attributes:
        source: Of the item; the name of the source where it gave none.
        tokens: Estimated; 0 where it is not known.
    """

    source: str
    why: str
    tokens: int = 0


class ContextResolved(Tagged, tag="context_resolved", frozen=True):
    """
    What entered of it.

    Attributes:
        total_tokens: Estimated.
        left_out: The first `harness.context.MAX_LEFT_OUT` that did not enter; the last of them
            counts the rest.
    """

    total_items: int
    total_tokens: int
    left_out: tuple[ContextLeftOut, ...] = ()


class ContextCompacted(Tagged, tag="context_compacted", frozen=True):
    session_id: str
    before_messages: int
    after_messages: int
    percent_before: float


class PrefixChanged(Tagged, tag="prefix_changed", frozen=True):
    """
    A request begins otherwise than the one before it, so its provider's cache is of less use.

    Attributes:
        segment: The first that is another: `model`, `settings`, `tools`, `system`, `messages`.
        also: Others behind it that changed as well.
        message: Index of the first message that is another; -1 when none is.
        why: What made it so, as far as it is known.
        model: That is asked.
        tokens: Estimated: those that were sent before and have to be read, and paid for, again.
        cost_usd: What they cost then, in US dollars; None where no price is known.
        child: The child run whose request it is; empty for the session's own.
    """

    segment: str
    also: tuple[str, ...] = ()
    message: int = -1
    why: str = ""
    model: str = ""
    tokens: int = 0
    cost_usd: float | None = None
    child: str = ""


class CompactionFailed(Tagged, tag="compaction_failed", frozen=True):
    """
    There was to be more room in the conversation, and it was left as it is.

    Attributes:
        reason: Why; the run goes on.
        again_at: Messages that the conversation must have before it is tried again by itself.
    """

    session_id: str
    reason: str
    again_at: int = 0


class MemoryStored(Tagged, tag="memory_stored", frozen=True):
    memory_id: str
    memory_type: str
    importance: float
    tags: tuple[str, ...]


class MemoryRecalled(Tagged, tag="memory_recalled", frozen=True):
    memory_id: str
    content: str
    relevance: float


class MemoriesSearched(Tagged, tag="memories_searched", frozen=True):
    query: str | None = None
    tags: tuple[str, ...] = ()
    result_count: int = 0


class MemoryCleared(Tagged, tag="memory_cleared", frozen=True):
    tier: str
    count: int


# Skills


class SkillSkipped(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    Something that is not there as a skill.

    Attributes:
        kind: What the validator had against it; empty when it could not be read.
    """

    path: str
    reason: str
    kind: str = ""


class SkillsLoaded(Tagged, tag="skills_loaded", frozen=True):
    """
    The skills that a session can find and run, at its first run since it was opened.

    Attributes:
        sha256: Over the name of each skill, a NUL, the SHA-256 of its bytes and a line end, in
            the order in which they were registered.
        persona: The skill that took the place of the role; empty for none.
        more_skipped: How many more were skipped.
    """

    count: int
    sha256: str
    persona: str = ""
    skipped: tuple[SkillSkipped, ...] = ()
    more_skipped: int = 0


# Model


class TurnStart(Tagged, tag="turn_start", frozen=True):
    """
    A turn begins. The same number again means that the attempt before it was cut off:
    every delta since the `turn_start` before is void.
    """

    turn: int


class TextDelta(Tagged, tag="text_delta", frozen=True):
    text: str


class ReasoningDelta(Tagged, tag="reasoning_delta", frozen=True):
    text: str


class ToolInputDelta(Tagged, tag="tool_input_delta", frozen=True):
    id: str
    delta: str


class TurnEnd(Tagged, tag="turn_end", frozen=True):
    """
    Attributes:
        stop: Why the model stopped: `end`, `tool_calls`, `length`, `refusal`,
            `content_filter`.
    """

    turn: int
    usage: Usage
    stop: str = "end"


class ModelRetry(Tagged, tag="model_retry", frozen=True):
    attempt: int
    reason: str
    delay_ms: int


# Action


class ToolStart(Tagged, tag="tool_start", frozen=True):
    id: str
    name: str


class ToolOutputDelta(Tagged, tag="tool_output_delta", frozen=True):
    id: str
    name: str
    delta: str


class ToolEnd(Tagged, tag="tool_end", frozen=True):
    id: str
    name: str
    output: str
    exit_code: int
    metadata: JsonObject | None = None
    error_kind: JsonObject | None = None


class PermissionDenied(Tagged, tag="permission_denied", frozen=True):
    """
    Attributes:
        rule, part: What decided, and on which part of the call; see `ports.Allow`.
    """

    tool_id: str
    tool_name: str
    args: JsonObject
    reason: str
    rule: str = ""
    part: str = ""


class SandboxViolation(Tagged, tag="sandbox_violation", frozen=True):
    """
    The sandbox did not let a program of a call do something; see `confinement.Violation`.

    Attributes:
        kind: `path`, `host`, `syscall` or `limit`.
        name: Which one.
        is_certain: False when it was read from what the program printed.
    """

    tool_id: str
    tool_name: str
    kind: str
    name: str
    is_certain: bool = False


class SandboxPassage(Tagged, tag="sandbox_passage", frozen=True):
    """
    What became of a program's wish to reach a host through the proxy of its sandbox.

    Attributes:
        host: In its one spelling; empty when what was asked for names none.
        port: 0 when it is not known.
        outcome: `reached`, `refused` or `unreachable`.
        why: The reason, when it was not reached.
        address: What was dialled; empty when nothing was.
    """

    tool_id: str
    tool_name: str
    host: str
    port: int
    outcome: str
    why: str = ""
    address: str = ""


class Binding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    What an approval holds for: one call, as it and the world were when it was asked about.

    Attributes:
        args_sha256: Of the canonical JSON of the decoded arguments.
        tool_sha256: Of the tool's name, summary and schema.
        policy_version: Of the gate that asked.
        target: The real path below the workspace root; empty for a tool without a path.
        before: By path, the SHA-256 of each file that the call would change; empty where there
            is none, and the kind of the error where it cannot be read.
    """

    args_sha256: str
    tool_sha256: str
    policy_version: str
    target: str = ""
    before: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class ConfirmationRequired(Tagged, tag="confirmation_required", frozen=True):
    """
    Attributes:
        timeout_ms: How long it waits for an answer; 0 = until there is one.
        reason: Why it is asked.
        part, rule: The part of the call, and the rule, that made the gate ask.
        rules: Those that would allow the call from now on; what `remember` may be given.
        explicit: Only an answer says yes; no lane and no time does.
        binding: None in logs of before it was kept.
    """

    tool_id: str
    tool_name: str
    args: JsonObject
    timeout_ms: int
    reason: str = ""
    part: str = ""
    rule: str = ""
    rules: tuple[str, ...] = ()
    explicit: bool = False
    binding: Binding | None = None


class ConfirmationReceived(Tagged, tag="confirmation_received", frozen=True):
    tool_id: str
    approved: bool
    reason: str | None = None


class ConfirmationTimeout(Tagged, tag="confirmation_timeout", frozen=True):
    """Nobody answered in time; `action_taken` is `rejected` or `auto_approved`."""

    tool_id: str
    action_taken: str


class SubagentStart(Tagged, tag="subagent_start", frozen=True):
    """`background`: what started it goes on, and is told when it has ended."""

    task_id: str
    session_id: str
    parent_session_id: str
    agent: str
    description: str
    background: bool = False


class SubagentProgress(Tagged, tag="subagent_progress", frozen=True):
    task_id: str
    session_id: str
    status: str
    metadata: JsonObject


class SubagentEnd(Tagged, tag="subagent_end", frozen=True):
    """
    Attributes:
        status: `cancelled` where somebody ended it; else empty, and `success` says it.
        transcript: URI of its whole conversation; empty when it is not kept.
        merge: What became of its worktree, as of `ChildOutcome`; None for one that had none.
    """

    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool
    status: str = ""
    transcript: str = ""
    merge: JsonObject | None = None


# Words that reach a run while it goes on


class Steered(Tagged, tag="steered", frozen=True):
    """
    The receipt of `session.steer`: these words stand in the conversation from here on.

    Attributes:
        turn: Whose request is the first that has them; 0 = they stand before the prompt of a run
            that came after the one they were written to.
    """

    id: str
    text: str
    turn: int


class ExternalTaskPending(Tagged, tag="external_task_pending", frozen=True):
    task_id: str
    session_id: str
    lane: str
    command_type: str
    payload: JsonObject
    timeout_ms: int


class ExternalTaskCompleted(Tagged, tag="external_task_completed", frozen=True):
    task_id: str
    session_id: str
    success: bool


class CommandDeadLettered(Tagged, tag="command_dead_lettered", frozen=True):
    command_id: str
    command_type: str
    lane: str
    error: str
    attempts: int


class CommandRetry(Tagged, tag="command_retry", frozen=True):
    command_id: str
    command_type: str
    lane: str
    attempt: int
    delay_ms: int


class QueueAlert(Tagged, tag="queue_alert", frozen=True):
    level: str
    alert_type: str
    message: str


class BudgetThresholdHit(Tagged, tag="budget_threshold_hit", frozen=True):
    """
    Attributes:
        kind: `soft` when a share of a limit is come to, `hard` when something was not done.
        consumed: With what is reserved; tokens, US dollars, calls or milliseconds, as `limit`.
        scope: Whose limit it is: `tenant`, `session`, `run`, `child`, or `budget_guard`.
    """

    resource: str
    kind: str
    consumed: float
    limit: float
    message: str | None = None
    scope: str = ""


# Verification


class Verification(Tagged, tag="verification", frozen=True):
    """Something was checked; what it came to follows from the report (`status_of`)."""

    report: Report
    made_by: Reporter


# Ends and state of the session


class AgentEnd(Tagged, tag="agent_end", frozen=True):
    text: str
    usage: Usage
    verification_summary: JsonObject
    meta: JsonObject | None = None


class RunFailed(Tagged, tag="error", frozen=True):
    """The run ended without an answer; `kind` is the code of the exception."""

    message: str
    kind: str = "run"


class PersistenceFailed(Tagged, tag="persistence_failed", frozen=True):
    session_id: str
    operation: str
    error: str


class CapabilityWasMissing(Tagged, tag="capability_missing", frozen=True):
    """
    Options, configuration keys and hooks that are accepted but have no effect in this build,
    and hooks that a session had before it was resumed and has no more.
    """

    names: tuple[str, ...]


class SnapshotsOff(Tagged, tag="snapshots_off", frozen=True):
    """
    From here on, in this process, the workspace is not taken before commands, so what they
    change cannot be undone.
    """

    reason: str


class PassivationRequested(Tagged, tag="passivation_requested", frozen=True):
    reason: str
    deadline_ms: int | None = None


class PeerInvocation(Tagged, tag="peer_invocation", frozen=True):
    from_session_id: str
    from_tenant_id: str | None = None
    correlation_id: str | None = None


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
    | PrefixChanged
    | CompactionFailed
    | MemoryStored
    | MemoryRecalled
    | MemoriesSearched
    | MemoryCleared
    | SkillsLoaded
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
    | SandboxViolation
    | SandboxPassage
    | ConfirmationRequired
    | ConfirmationReceived
    | ConfirmationTimeout
    | SubagentStart
    | SubagentProgress
    | SubagentEnd
    | Steered
    | ExternalTaskPending
    | ExternalTaskCompleted
    | CommandDeadLettered
    | CommandRetry
    | QueueAlert
    | BudgetThresholdHit
    | Verification
    | AgentEnd
    | RunFailed
    | PersistenceFailed
    | CapabilityWasMissing
    | SnapshotsOff
    | PassivationRequested
    | PeerInvocation
)

RUN_EVENTS: tuple[type[RunEvent], ...] = get_args(RunEvent)


def tag_of(event: Tagged) -> str:
    """Give the `type` of an event as it stands on the wire and in the log."""
    return str(type(event).__struct_config__.tag)
