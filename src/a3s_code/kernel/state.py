"""What a session is. Nothing changes it but a record; see `fold`."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from a3s_code.kernel.events import (
    ConfirmationReceived,
    ConfirmationRequired,
    RunId,
)
from a3s_code.kernel.messages import Conversation, JsonObject, Usage
from a3s_code.kernel.records import (
    ArtifactStored,
    EffectIntended,
    FileChanging,
    HookNamed,
    RuleGranted,
    SessionOpened,
    ToolsOffered,
    WorktreeMade,
)
from a3s_code.kernel.run_events import RunEvents
from a3s_code.kernel.tool import Effect
from a3s_code.kernel.tracked import ChildRun, Waiting
from a3s_code.kernel.verification import Report, Reporter

TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})


UNKNOWN_REACH = frozenset({Effect.EXECUTE.value, Effect.NETWORK.value, Effect.HOST.value})
"""Effects that may change any file."""


class RunSnapshot(msgspec.Struct):
    """
    Stable facts of one run.

    Attributes:
        event_count: Of its stream events that are written, those of its deltas counted singly.
        usage: Tokens of all its requests, also of summaries and children.

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
    usage: Usage = Usage()


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
        runs_across: Something was at work there that may change any file.
    """

    sequence: int
    timestamp_ms: int
    run: RunId
    label: str
    messages: int
    runs_across: bool = False

    @property
    def id(self) -> str:
        return checkpoint_id(self.sequence)


def checkpoint_id(sequence: int) -> str:
    """Give the id of the checkpoint before a record."""
    return f"cp-{sequence}"


def is_within(call_id: str, calls: Container[str]) -> bool:
    """Say whether a call is one of `calls`, or was made inside one: `outer.1`, `outer.1.2`."""
    outer = call_id
    while outer not in calls:
        outer, dot, _ = outer.rpartition(".")
        if not dot:
            return False
    return True


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


class Grant(msgspec.Struct, frozen=True):
    """`since_ms` is Unix time."""

    since_ms: int
    what: RuleGranted


class Verified(msgspec.Struct, frozen=True):
    """
    A report, and where the log has it.

    Attributes:
        sequence: Of its record; it knows nothing of what came after.
        run: In which it was made; empty outside of any.
    """

    sequence: int
    timestamp_ms: int
    run: RunId
    made_by: Reporter
    report: Report


class SessionState:
    """
    Attributes:
        grants: Rules that answers have made, oldest first; for which policy, they say.
        call_ids: Of every call that a model has made.
        checkpoints: Where the session can go back to, oldest first.
        snapshots: Sequences of records that tell the tree of the workspace, and the trees.
        unknown: Sequences of effects that may have changed any file.
        approvals: What somebody was asked about calls that have not ended, by their ids.
        effects: Calls that were about to run and whose end is not told, by id, oldest first.
        changes: Every change of a file that came about as far as the log tells, oldest first.
        opened: How the session was opened the last time; None before the first record.
        durability: What the store of the session promises now; see `SessionOpened`.
        model: `provider/model` that answers now.
        hooks: Those that are asked, as the log says it last.
        tasks: Rows of the list of tasks of the session's own conversation, as it is now.
        apart: The latest run with a history of its own; what it plans is not the session's.
        offered: The tools that the model was shown last; None where that is not recorded.
        runs: By id, oldest first.
        events: Where the stream events of each run are.
        traces: Sequences of the records of tool calls, oldest first.
        receipts: Sequences of the receipts of the requests of each run, oldest first.
        style: The agent whose style the latest run had; empty before it was ever another than
            the general one.
        spent: Tokens of all runs by the model that answered.
        last_usage: Of the latest answer in a run.
        artifacts: What `a3s://` URIs stand for, oldest first.
        blobs: How many things in the log need the blob of a digest.
        released: Digests of blobs that nothing needs any more; whoever keeps them clears it.
        kept: Digests of what files were before their changes, oldest first.
        kept_sizes: Bytes of these.
        verifications: Every report about what was checked, oldest first.
        children: Child runs by id, oldest first.
        waiting: What no run has taken up yet, by id, oldest first.
        worktrees: The copies that children have for themselves, by child.
    """

    __slots__ = (
        "apart",
        "approvals",
        "artifacts",
        "blobs",
        "call_ids",
        "changes",
        "checkpoints",
        "children",
        "conversation",
        "durability",
        "effects",
        "events",
        "grants",
        "hooks",
        "kept",
        "kept_sizes",
        "last_usage",
        "model",
        "offered",
        "opened",
        "receipts",
        "released",
        "runs",
        "snapshots",
        "spent",
        "style",
        "tasks",
        "traces",
        "unknown",
        "verifications",
        "waiting",
        "worktrees",
    )

    def __init__(self) -> None:
        self.opened: SessionOpened | None = None
        self.durability = ""
        self.model = ""
        self.hooks: tuple[HookNamed, ...] = ()
        self.offered: ToolsOffered | None = None
        self.tasks: tuple[JsonObject, ...] = ()
        self.apart: RunId | None = None
        self.conversation = Conversation()
        self.runs: dict[RunId, RunSnapshot] = {}
        self.events: dict[RunId, RunEvents] = {}
        self.traces: list[int] = []
        self.receipts: dict[RunId, list[int]] = {}
        self.style = ""
        self.spent: dict[str, Usage] = {}
        self.last_usage = Usage()
        self.artifacts: dict[str, ArtifactStored] = {}
        self.blobs: dict[str, int] = {}
        self.released: list[str] = []
        self.kept: list[str] = []
        self.kept_sizes: list[int] = []
        self.checkpoints: list[Checkpoint] = []
        self.snapshots: list[tuple[int, str]] = []
        self.unknown: list[int] = []
        self.call_ids: set[str] = set()
        self.approvals: dict[str, Approval] = {}
        self.grants: list[Grant] = []
        self.effects: dict[str, OpenEffect] = {}
        self.changes: list[FileChange] = []
        self.verifications: list[Verified] = []
        self.children: dict[str, ChildRun] = {}
        self.waiting: dict[str, Waiting] = {}
        self.worktrees: dict[str, WorktreeMade] = {}

    @property
    def in_doubt(self) -> dict[str, OpenEffect]:
        """The effects of which nobody can tell whether they came about."""
        return {key: effect for key, effect in self.effects.items() if effect.doubt}

    @property
    def running(self) -> dict[str, ChildRun]:
        """The child runs that go on."""
        return {id_: child for id_, child in self.children.items() if child.ended is None}

    @property
    def offered_names(self) -> tuple[str, ...]:
        """The tools that the model was shown last; none where that is not recorded."""
        return self.offered.names if self.offered is not None else ()

    @property
    def usage(self) -> Usage:
        """Tokens of all runs."""
        return sum(self.spent.values(), Usage())
