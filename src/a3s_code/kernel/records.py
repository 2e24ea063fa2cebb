"""
The entries of a session's log: what happened, numbered, timed and given to a run.

`SessionEvent`s are in the log only: they carry what the fold needs to rebuild the
session. The rules for adding and changing them are those of `events`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from a3s_code.kernel.confinement import SandboxState
from a3s_code.kernel.events import Binding, ContextLeftOut, RunEvent, RunId, Tagged
from a3s_code.kernel.messages import JsonObject, Message, Usage
from a3s_code.kernel.prefix import Prefix

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""First and last of each row of neighbours, ascending."""


class LogOnly(Tagged, frozen=True):
    """What the fold needs and no stream shows."""


class ParentLog(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    The log that a fork comes from.

    Attributes:
        at: Sequence of the record before which it parted.
        sequence, sha256: Of the last record that the parent's store had then; -1 and empty
            when it had no store.
    """

    session_id: str
    at: int
    sequence: int = -1
    sha256: str = ""


class SessionOpened(LogOnly, tag="session_opened", frozen=True):
    """
    The first record of a log; written again when the session goes on with other options.

    Attributes:
        format: Version of the record format.
        durability: What its store promises: `full`, `normal`, `none` (as without a store),
            or `unknown` where the store does not say. Empty in logs of before it was kept.
        parent: What it is a fork of; None for a session of its own.
        history: The conversation that a fork begins with. It stands here so that no crash can
            leave a fork without it; one that goes on with other options does not repeat it.
        settings: The options that a resume must know again; never a secret.
        sandbox: How its programs are held; None in logs of before it was kept.
    """

    session_id: str
    workspace: str
    model: str
    created_at_ms: int
    format: int = 1
    durability: str = ""
    parent: ParentLog | None = None
    history: tuple[Message, ...] = ()
    settings: JsonObject = msgspec.field(default_factory=dict[str, Any])
    sandbox: SandboxState | None = None


class StoreAttached(LogOnly, tag="store_attached", frozen=True):
    """From here on a log that was in memory is kept in a store; `durability` as above."""

    durability: str


class SessionEnded(LogOnly, tag="session_ended", frozen=True):
    pass


class ModelSwitched(LogOnly, tag="model_switched", frozen=True):
    model: str


class HistoryAppended(LogOnly, tag="history_appended", frozen=True):
    """
    `isolated` messages belong to a run with a history of its own, or to `child`, which is a child
    run, or a step of a plan that runs beside others.

    Attributes:
        brings: Ids of what waited for a run and is told with it; see `tracked.Waiting`.
    """

    message: Message
    isolated: bool = False
    child: str = ""
    brings: tuple[str, ...] = ()


class HistoryReplaced(LogOnly, tag="history_replaced", frozen=True):
    """
    The conversation is now these messages: after `/clear`, a compaction or a rewind.

    Attributes:
        tasks: What the list of tasks is now. A compaction leaves it as it is, and says nothing.
    """

    messages: tuple[Message, ...]
    reason: str
    tasks: tuple[JsonObject, ...] = ()


class OutputPruned(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An output that is a marker now; `uri` is that of its artifact, empty where it has none."""

    call_id: str
    tokens: int
    uri: str = ""


class Compacted(LogOnly, tag="compacted", frozen=True):
    """
    What a compaction did. The `HistoryReplaced` behind it holds what came of it, and the messages
    that were replaced are in the records before.

    Attributes:
        trigger: `threshold`, `overflow` (the provider refused the request), or `command`.
        tokens_before, tokens_after: Of the conversation; estimates.
        used: Tokens that the request would have had, as reported last, or estimated where that is
            more.
        window: Of the model, or less as the session wants it.
        first, count: Which messages became the summary; none where the count is 0.
        sha256: Of the JSON of these messages, as a list.
        left_out: Facts that had to go for others, each with its kind.
        is_isolated: The conversation is that of a run with a history of its own, or of a child.
        summary: Of such a run, whose conversation is in no other record.
        child: The child run whose conversation it is.
    """

    trigger: str
    tokens_before: int
    tokens_after: int
    used: int
    window: int
    pruned: tuple[OutputPruned, ...] = ()
    first: int = 0
    count: int = 0
    sha256: str = ""
    left_out: tuple[str, ...] = ()
    is_isolated: bool = False
    summary: Message | None = None
    child: str = ""


class HistorySupplied(LogOnly, tag="history_supplied", frozen=True):
    """
    A run was given a history by the caller.

    Attributes:
        sha256: Of its JSON as a list of `Message`; empty while the log is in memory only,
            where nobody could check it later.
    """

    messages: int
    sha256: str = ""


class ToolDisclosed(msgspec.Struct, frozen=True, gc=False):
    """A tool that was not shown before, and why it is, such as `asked for: git`."""

    name: str
    why: str


class ToolsOffered(LogOnly, tag="tools_offered", frozen=True):
    """
    From here on the model is shown these tools; written when they are others than before.

    Attributes:
        sha256: Of `ToolSet.schemas()`, which is a blob of the session.
        names: In the order in which they are shown.
        new: Those of them that were not shown before, but not what a session begins with.
        child: The child run whose model it is; empty for the session's.
    """

    sha256: str
    names: tuple[str, ...]
    new: tuple[ToolDisclosed, ...] = ()
    child: str = ""


class ReceiptPart(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    A part of a request.

    Attributes:
        kind: `settings`, `tools`, `prompt` (how the agent works: the harness's own words, and
            those that the host put into their slots), `context`, `kept`
            (messages that are in an earlier receipt, or before the first), `user`, `assistant`,
            `result`, `image`, or `joints` (brackets, names and commas between the others).
        bytes: In the body of the request, as they are escaped there.
        tokens: Estimated; see `harness.tokens`.
        source, trust, why: Where it comes from, whose words it is, and why it is there.
        count: Of tools, of kept messages.
    """

    kind: str
    bytes: int
    tokens: int = 0
    source: str = ""
    trust: str = ""
    why: str = ""
    count: int = 1


class RequestReceipt(LogOnly, tag="request_receipt", frozen=True):
    """
    What a model is about to be shown; written before it is asked.

    Attributes:
        turn: Of the run; when a turn has several requests, the last one was answered. 0 for a
            request in no turn; `purpose` then says what it is for, as in `TokensSpent`.
        wire: Whose bytes these are: `openai`, `anthropic`, or `plain` for the canonical JSON
            where only the model itself knows what it sends.
        bytes: Of the body; those of `parts` add up to it.
        tokens: Of `parts`, estimated.
        left_out: What was not shown, since the receipt before.
        prefix: What it begins with, for the comparison with later requests.
        child: The child run whose request it is, and turn; empty for the session's own.

    Source:
        DESIGN 1, "nothing enters the context unseen".
    """

    turn: int
    model: str
    wire: str
    bytes: int
    tokens: int
    parts: tuple[ReceiptPart, ...]
    left_out: tuple[ContextLeftOut, ...] = ()
    prefix: Prefix | None = None
    child: str = ""
    purpose: str = ""


class TokensSpent(LogOnly, tag="tokens_spent", frozen=True):
    """
    Tokens of a request outside the turns of a run; `purpose` says what for.

    Attributes:
        child: The child run that asked; empty for the session itself.
        model: `provider/model` that answered; empty for the one of the session.
    """

    usage: Usage
    purpose: str
    child: str = ""
    model: str = ""


class BudgetSettled(LogOnly, tag="budget_settled", frozen=True):
    """
    What a session that has a budget has used up so far in all; a resume counts on from there.

    Attributes:
        tokens: Those of requests that were cut off are estimates.
        nano_usd: Billionths of a US dollar.
        wall_time_ms: Of all its runs together.
    """

    tokens: int
    nano_usd: int
    tool_calls: int
    wall_time_ms: int


class RunStarted(LogOnly, tag="run_started", frozen=True):
    """
    Attributes:
        resumes: The run that this one goes on with; empty for one of its own.
        queued: Id of the prompt that waited for its turn; empty for one that did not.
    """

    prompt: str
    resumes: RunId = RunId("")
    queued: str = ""


class SteeringReceived(LogOnly, tag="steering_received", frozen=True):
    """The user wrote this to a run that goes on; it waits until a model is shown it."""

    id: str
    text: str


class PromptQueued(LogOnly, tag="prompt_queued", frozen=True):
    """This is to be a run of its own, behind what was asked before."""

    id: str
    prompt: str


class PromptLeft(LogOnly, tag="prompt_left", frozen=True):
    """A prompt that waited for its turn waits no more, and no run began with it; says why."""

    id: str
    why: str


class RunStatusChanged(LogOnly, tag="run_status_changed", frozen=True):
    status: str
    result_text: str | None = None
    error: str | None = None


class ConfirmationWaived(LogOnly, tag="confirmation_waived", frozen=True):
    """
    The gate asked, and the terms of the session said yes without a question.

    Attributes:
        asked: Why the gate asked.
        reason: What said yes, such as a yolo lane.
        rule, part: What made the gate ask, and about which part of the call.
    """

    call_id: str
    tool: str
    asked: str
    reason: str
    binding: Binding
    rule: str = ""
    part: str = ""


class RuleGranted(LogOnly, tag="rule_granted", frozen=True):
    """
    An answer made rules that allow; they hold from here on, for the policy `before`.

    Attributes:
        call_id: The call that was asked about.
        before, after: Version of the policy without and with them.
    """

    call_id: str
    rules: tuple[str, ...]
    before: str
    after: str


class EffectIntended(LogOnly, tag="effect_intended", frozen=True):
    """
    A call with effects is about to run; written and durable before it does.

    Attributes:
        args_sha256: Of the canonical JSON of the decoded arguments.
        subject_sha256: Of the text that permission patterns match, such as a command line.
        decision: Why it may run: the rule, or who approved it.
        rule, part: What decided, or had it asked about, and on which part of the call; see
            `ports.Allow`.
        authority: `session` for the model's calls, `host` for direct ones.
        effect: The value of its `Effect`.
        policy_version: Of the gate that decided, as it says it itself.
        evidence: What can be looked at later to tell whether it took effect, in the words
            of the tool, such as a git ref; empty when there is nothing.
        before: What was seen there.
        exit_record: The file in which the status of its only command is written when that
            has ended; empty when none is.
        apart: The directory that it works in, when that is a copy of the workspace which a
            child has for itself; empty for the workspace.
    """

    call_id: str
    tool: str
    args_sha256: str
    decision: str
    authority: str
    effect: str = ""
    policy_version: str = ""
    evidence: str = ""
    before: str = ""
    exit_record: str = ""
    subject_sha256: str = ""
    rule: str = ""
    part: str = ""
    apart: str = ""


class FileImage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    A file at one moment.

    Attributes:
        sha256: Of its content; empty when there is no file, `?` when it is too large to look at.
        is_kept: The content is a blob of the session.
    """

    sha256: str = ""
    size: int = 0
    is_kept: bool = False


class FileChanging(LogOnly, tag="file_changing", frozen=True):
    """
    A call is about to put a file there; durable before it does.

    Attributes:
        path: The real path below the workspace root, or below `apart`.
        after: Without a digest when the file goes.
        apart: As of `EffectIntended`; no file of the workspace is changed then.
    """

    call_id: str
    tool: str
    path: str
    before: FileImage
    after: FileImage
    apart: str = ""


class FileLeft(LogOnly, tag="file_left", frozen=True):
    """The change that was announced last for this path did not come about."""

    call_id: str
    path: str


class EffectSettled(LogOnly, tag="effect_settled", frozen=True):
    """
    How an intended call ended.

    Attributes:
        outcome: `done` or `failed`; of one that its process did not live to see end:
            `done`, `not_done`, `interrupted` (what it did is known, and it may not be all of
            it), or `repeated` (somebody had it run once more).
        evidence: From what that is known, when it was settled later.
    """

    call_id: str
    outcome: str
    exit_code: int
    evidence: str = ""


class EffectInDoubt(LogOnly, tag="effect_in_doubt", frozen=True):
    """Nothing tells whether an intended call took effect. It stays so until it is settled."""

    call_id: str
    reason: str


class WorktreeMade(LogOnly, tag="worktree_made", frozen=True):
    """
    A child is about to get a copy of the workspace for itself; durable before it does.

    Attributes:
        child: Its id.
        directory: Where it will work, absolute.
        base: The tree of the workspace that is copied.
        apart: Where its parent works, as of `EffectIntended`; empty for the workspace.
        repository: The `.git` that it may be linked to; empty when it is to none.
    """

    child: str
    directory: str
    base: str
    apart: str = ""
    repository: str = ""


class Unmerged(msgspec.Struct, frozen=True):
    """
    A file that a child changed, and that was left as it is.

    Attributes:
        path: Below the workspace root.
    """

    path: str
    reason: str


class WorktreeEnded(LogOnly, tag="worktree_ended", frozen=True):
    """
    What became of the copy that a child had for itself.

    Attributes:
        status: `merged`, `nothing` (it changed nothing), `conflicts` (what could be merged is),
            `kept` (nothing was merged) or `failed`.
        tree: What the child left; empty where nobody could take it.
        files: What was merged, below the workspace root.
        conflicts: What was not.
        reason: Why nothing was merged; empty when that was tried.
    """

    child: str
    status: str
    tree: str = ""
    files: tuple[str, ...] = ()
    conflicts: tuple[Unmerged, ...] = ()
    reason: str = ""


class SnapshotTaken(LogOnly, tag="snapshot_taken", frozen=True):
    """
    The workspace was this tree.

    Attributes:
        why: What came next: the name of a tool, `rewind`, `fork` or `diff`; or `end`, of a run.
        skipped: Paths that a snapshot should hold and this one does not, at most 100.
    """

    tree: str
    why: str
    skipped: tuple[str, ...] = ()


class RewindBegun(LogOnly, tag="rewind_begun", frozen=True):
    """
    The session is about to go back; durable before it does.

    Attributes:
        to: The sequence of the record that the checkpoint stands before.
        undo: That of the checkpoint that takes it back.
        messages: Of the conversation before this.
    """

    to: int
    undo: int
    messages: int


class Rewound(LogOnly, tag="rewound", frozen=True):
    """
    The session went back; the first three as in `RewindBegun`.

    Attributes:
        tree: What the files of the workspace were made, where they were.
        chat: The conversation went back as well.
    """

    to: int
    undo: int
    messages: int
    tree: str = ""
    chat: bool = False


class ProgramOpened(LogOnly, tag="program_opened", frozen=True):
    """
    A program is about to be started that goes on beside the calls of a session; durable before.

    Attributes:
        id: Of this start; `ProgramClosed` names it.
        name: What it is called, such as `ruff`.
        purpose: What it is there for, such as `diagnostics`.
        level: How it is held; see `Confinement`.
        form: Whose rights it has.
        has_network: It can reach more than itself.
        read_only: It cannot write in the workspace.
    """

    id: str
    name: str
    purpose: str
    argv: tuple[str, ...]
    level: str
    form: str = ""
    has_network: bool = True
    read_only: bool = False


class ProgramClosed(LogOnly, tag="program_closed", frozen=True):
    """
    How such a program ended.

    Attributes:
        status: As of `workspace.Exit`; -1 when it could not be started.
        reason: Why it was let go; empty when it was there to the end of the session.
    """

    id: str
    status: int
    reason: str = ""


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


class HookNamed(msgspec.Struct, frozen=True, gc=False):
    """A hook by its id, and the event it is asked about; `*` for every event."""

    id: str
    event: str


class AgentNamed(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    Attributes:
        sha256: Of the bytes of its file; without one, of its role as canonical JSON.
        source: Its file; empty for one that the host made.
        trust: Whose words it is, `host` or `workspace`.
    """

    name: str
    sha256: str
    source: str = ""
    trust: str = "host"


class AgentSkipped(msgspec.Struct, frozen=True, gc=False):
    """A file that is not there as an agent."""

    path: str
    reason: str


class AgentsLoaded(LogOnly, tag="agents_loaded", frozen=True):
    """
    Agents that the session can delegate to from here on, beside those that it had.

    Attributes:
        more: How many more were loaded or skipped.
    """

    agents: tuple[AgentNamed, ...] = ()
    skipped: tuple[AgentSkipped, ...] = ()
    more: int = 0


class HooksInForce(LogOnly, tag="hooks_in_force", frozen=True):
    """From here on these hooks are asked; written when they are others than before."""

    hooks: tuple[HookNamed, ...]


class HookRan(LogOnly, tag="hook_ran", frozen=True):
    """
    What one hook said of one event.

    Attributes:
        event: Its name, such as `pre_tool_use`.
        outcome: `continue`, `skip`, `modify`, `block`, `retry` (it is asked once more), or
            `failed`: it raised, was late, or gave an answer that is none. Of an event that it
            gates, `failed` blocks as well.
        reason: Why it blocked or failed; redacted.
        call_id: The call of a tool that it was about; empty for other events.
    """

    hook_id: str
    event: str
    outcome: str
    duration_ms: int
    reason: str = ""
    call_id: str = ""


class CallRewritten(LogOnly, tag="call_rewritten", frozen=True):
    """A hook put another call in place of one; both are redacted. What runs is decided anew."""

    call_id: str
    asked_tool: str
    asked: JsonObject
    tool: str
    args: JsonObject


class WorkflowOpened(LogOnly, tag="workflow_opened", frozen=True):
    """
    Begins the log of a part of a workflow, which stands beside the sessions of a store; written
    again when somebody goes on with it.
    """

    workflow: str
    schema_version: int


class WorkflowStepCompleted(LogOnly, tag="workflow_step_completed", frozen=True):
    """
    A step came to a good end, and need not run again. In the log of a part of a workflow.

    Attributes:
        digest: What the step was asked; empty when nobody has told.
        outcome: As it was given, `delegation.steps.StepOutcome`.
    """

    task_id: str
    outcome: JsonObject
    digest: str = ""


class WorkflowPhaseStarted(LogOnly, tag="workflow_phase_started", frozen=True):
    """A host began a phase of a workflow; `steps` are the task ids of its steps."""

    workflow: str
    name: str
    index: int
    steps: tuple[str, ...]


class WorkflowStepStarted(LogOnly, tag="workflow_step_started", frozen=True):
    """
    A host began a step: the call `call_id` is what it does.

    Attributes:
        workflow, phase: Root id, and `<index>:<name>`; empty outside of workflows, and of phases.
    """

    task_id: str
    call_id: str
    workflow: str = ""
    phase: str = ""


class WorkflowPhaseEnded(LogOnly, tag="workflow_phase_ended", frozen=True):
    """A phase has ended; one without this was cut off. `cached`: steps that had not to run."""

    workflow: str
    name: str
    index: int
    succeeded: int
    failed: int
    cached: tuple[str, ...] = ()


class WorkflowNoted(LogOnly, tag="workflow_noted", frozen=True):
    """Something in a workflow was not as it should be, and failed nothing by itself."""

    workflow: str
    message: str
    fields: JsonObject


class Dropped(LogOnly, tag="dropped", frozen=True):
    """
    Stands where a record was whose body is gone; a `RecordsPruned` behind it says so.

    It is written only when a log that was pruned in memory is given a store later.
    """


class ShortenedRun(msgspec.Struct, frozen=True):
    """
    What a run is after its oldest events were dropped.

    Attributes:
        first_event: Sequence of the first one that is left.
        event_count: Of all its events, dropped ones included.
        updated_at_ms: As the run says it, whichever records are left.
    """

    id: RunId
    first_event: int
    event_count: int
    updated_at_ms: int


class RecordsPruned(LogOnly, tag="records_pruned", frozen=True):
    """
    Bodies of records before this one are given up, as the limits of the session say.

    Their sequences and hashes stay, so the chain can still be checked. A body that is still
    there, because the process ended first, counts as dropped.

    Attributes:
        count: Records whose bodies go.
        ranges: Which ones: first and last sequence of each row of neighbours, ascending.
        evicted: Runs that are forgotten.
        first_trace: Sequence before which no trace is left.
        tasks: Child runs that are forgotten.
    """

    count: int
    ranges: Ranges = ()
    evicted: tuple[RunId, ...] = ()
    shortened: tuple[ShortenedRun, ...] = ()
    first_trace: int = 0
    tasks: tuple[str, ...] = ()


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


SessionEvent: TypeAlias = (
    SessionOpened
    | StoreAttached
    | SessionEnded
    | ModelSwitched
    | HistoryAppended
    | HistoryReplaced
    | Compacted
    | HistorySupplied
    | ToolsOffered
    | RequestReceipt
    | TokensSpent
    | BudgetSettled
    | RunStarted
    | RunStatusChanged
    | SteeringReceived
    | PromptQueued
    | PromptLeft
    | ConfirmationWaived
    | RuleGranted
    | EffectIntended
    | FileChanging
    | FileLeft
    | WorktreeMade
    | WorktreeEnded
    | EffectSettled
    | EffectInDoubt
    | SnapshotTaken
    | RewindBegun
    | Rewound
    | ProgramOpened
    | ProgramClosed
    | ArtifactStored
    | ArtifactEvicted
    | TraceRecorded
    | AgentsLoaded
    | HooksInForce
    | HookRan
    | CallRewritten
    | WorkflowOpened
    | WorkflowStepCompleted
    | WorkflowPhaseStarted
    | WorkflowStepStarted
    | WorkflowPhaseEnded
    | WorkflowNoted
    | Dropped
    | RecordsPruned
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


def emptied(sequence: int) -> Record:
    """Give what stands for a record whose body is gone."""
    return Record(sequence, 0, RunId(""), _DROPPED)


_DROPPED = Dropped()
