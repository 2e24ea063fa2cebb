"""
The Protocols that the package plugs into: the doors of the house.

One method where one will do. Implementations do not inherit from these; they are checked
where they are wired together, in `api/assembly.py`, and by the conformance suites in
`a3s_code.testing`.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from a3s_code.kernel.events import ReasoningDelta, SessionId, TextDelta, ToolInputDelta
from a3s_code.kernel.messages import Conversation, Message, ToolCall, Usage
from a3s_code.kernel.records import ArtifactStored, Event, Record
from a3s_code.kernel.state import Approval, OpenEffect
from a3s_code.kernel.tool import Effect, Observation, Resolved, Tool, ToolSet

# Model


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """
    What the harness chose to show the model this time.

    Attributes:
        conversation: Oldest first. Adapters encode each message once, through
            `Conversation.encoded`.
        temperature, thinking_budget, max_output_tokens: None = the model's own default.
        deadline: `Clock.monotonic()` after which no attempt may go on; None = the
            adapter's own limit.
    """

    system: str
    conversation: Conversation
    tools: ToolSet
    session_id: str
    temperature: float | None = None
    thinking_budget: int | None = None
    max_output_tokens: int | None = None
    deadline: float | None = None


class Reply(msgspec.Struct, frozen=True):
    """
    A complete answer.

    Attributes:
        stop: `end`, `tool_calls`, `length`, `refusal` or `content_filter`.
        meta: Facts of the exchange for the record: provider, request_model, attempts, …
    """

    message: Message
    usage: Usage
    stop: str = "end"
    meta: dict[str, str | int] = msgspec.field(default_factory=dict[str, "str | int"])


ModelDelta: TypeAlias = TextDelta | ReasoningDelta | ToolInputDelta


class ReplyListener(Protocol):
    """Who watches an answer come in."""

    def delta(self, delta: ModelDelta) -> None: ...

    def retry(self, attempt: int, reason: str, delay_s: float) -> None:
        """Another attempt follows after `delay_s`; what was shown of this one is void."""
        ...


class Model(Protocol):
    @property
    def ref(self) -> str:
        """`provider/model`."""
        ...

    @property
    def context_window(self) -> int:
        """Tokens that fit into one request."""
        ...

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        """
        Ask once, and return only a complete answer. Cancelling closes the connection.

        Raises:
            ModelRefused: it would fail again; nothing was repeated.
            ModelUnavailable: all attempts failed, or the deadline passed.
            ContextOverflow: the conversation does not fit; compact and call again.
        """
        ...


# The gate


class Authority(enum.Enum):
    """On whose account a call runs."""

    SESSION = "session"
    """The model's calls, and all that runs inside a container."""
    HOST = "host"
    """A direct call of the embedding program, for the named call only."""


@dataclass(frozen=True, slots=True)
class Action:
    """
    A call that was found, decoded and resolved, and not yet decided.

    Attributes:
        args: The decoded struct; what is decided is what runs.
        subject: The text that permission patterns match.
    """

    call: ToolCall
    tool: Tool
    args: msgspec.Struct
    subject: str
    effect: Effect
    target: Resolved | None
    authority: Authority


@dataclass(frozen=True, slots=True)
class Allow:
    """
    Attributes:
        reason: Names the rule, the default or the person that allowed it.
        policy_version: Of the gate that decided.
    """

    reason: str
    policy_version: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    reason: str


@dataclass(frozen=True, slots=True)
class Deny:
    """`reason` is told to the model, and says how the user could allow it."""

    reason: str


Decision: TypeAlias = Allow | Ask | Deny


class Gate(Protocol):
    @property
    def policy_version(self) -> str:
        """Which rules decide: a text that changes when one of them does."""
        ...

    def decide(self, action: Action) -> Decision:
        """Decide one action. Pure: the same action gets the same decision. Raising denies."""
        ...


class BeforeEffect(Protocol):
    async def __call__(self, action: Action, sink: Sink) -> None:
        """Come before an effect that may change any file; nothing of it is recorded yet."""
        ...


class Approver(Protocol):
    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        """
        Settle an `Ask`. Nobody there to ask = Deny, with a reason that says so.

        An approver that raises denies.
        """
        ...


class Hooks(Protocol):
    """
    Callables of the host around an action. They can only make it stricter.

    `before_tool` denies when it raises. `after_tool` comes too late to change anything; that
    it raised is recorded. `Executor.hooks` takes them; no option of a session does yet.
    """

    async def before_tool(self, action: Action) -> Deny | ToolCall | None:
        """None lets it pass; a `ToolCall` replaces it and is decoded and gated again."""
        ...

    async def after_tool(self, action: Action, observation: Observation) -> None: ...


class Redactor(Protocol):
    def redact(self, text: str) -> str:
        """
        Replace secrets. Linear time, idempotent. Applied once, where a value is recorded.

        What a tool shows while it runs is redacted on the thread that the tool runs in.
        """
        ...


class Dispatcher(Protocol):
    """Who runs a prepared action, and when: here and now, a lane, a remote worker."""

    async def dispatch(
        self, action: Action, run: Callable[[], Awaitable[Observation]]
    ) -> Observation: ...


# The record


class Store(Protocol):
    """
    Where sessions are kept. Users may bring their own; `a3s_code.testing.STORE_CHECKS` are
    the promises below as checks that can be run on any store.

    `append`, `prune`, `put_blob` and `drop_blob` hand over in order and never wait; `barrier`
    waits until all that was handed over is durable. Refused at the barrier are a record whose
    sequence is not the next one of its session, and a blob that does not have the digest it
    was put under; from then on nothing more of that session is taken until it is loaded or
    deleted. A store whose medium failed stays failed: it never acknowledges later records.

    A session has one owner: who began it, or loaded it last to write. `owner` is a text that
    is unique to one live session object. What any other owner writes or drops is refused
    (SessionTakenOver). From its first record to `release` an owner is at work; meanwhile
    nobody else can load the session to write, or write it (SessionInUse).

    After `close`, which may be called twice, `append`, `prune`, `put_blob`, `drop_blob`,
    `barrier` and `delete` raise StoreError.

    A store without `durability`, `prune`, `drop_blob` or `head` is taken as well: then bodies
    and blobs stay as long as their session, and there is no anchor. One that also has
    `async bodies(session)`, the stored bytes and hash of every record, exports what it has
    pruned; see `FileSessionStore.bodies`.
    """

    @property
    def durability(self) -> str:
        """
        What a barrier promises: `full`, what it acknowledged survives a power cut; `normal`,
        a crash of the process, while a power cut may take the latest; `none`, nothing
        outlives the process. Recorded with each session.
        """
        ...

    def append(self, session: SessionId, record: Record, owner: str = "") -> None: ...

    def prune(self, session: SessionId, ranges: Sequence[tuple[int, int]], owner: str = "") -> None:
        """
        Drop what records hold; they are of the fold's past, and a `RecordsPruned` that names
        them was appended before this. `load` then gives `Record(sequence, 0, "", Dropped())`
        in the place of each, and the head stays what it was. Fenced as records are.

        Args:
            ranges: First and last sequence of each row of neighbours; what is not there, or
                was dropped already, is passed over.
        """
        ...

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        """
        Return when everything that `owner` appended for `session` is durable.

        Raises:
            StoreError: it cannot be made so, or some of it was refused. Nothing later will
                be acknowledged either.
        """
        ...

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        """
        Give every whole record, oldest first.

        Args:
            owner: Who writes from now on; None to read only.

        Raises:
            SessionNotFound: there is none.
            SessionInUse: another owner is at work.
            StoreError: a record in the middle cannot be read.
        """
        ...

    def release(self, session: SessionId, owner: str = "") -> None:
        """Say that `owner` is not at work, until its next record. Never waits, never fails."""
        ...

    async def sessions(self) -> Sequence[SessionId]: ...

    async def delete(self, session: SessionId) -> None:
        """
        Forget a session with its records, and the blobs that no other session has put;
        durable when it returns. Nothing happens when there is none. The id may begin anew.

        Raises:
            SessionInUse: an owner is at work in it.
            StoreError: it could not be deleted, or the store was closed.
        """
        ...

    def put_blob(self, session: SessionId, sha256: str, data: bytes, owner: str = "") -> None:
        """
        Keep `data` for `session`, under its SHA-256 in lower-case hex; durable at the next
        barrier. It goes with the last session that has put it.
        """
        ...

    def drop_blob(self, session: SessionId, sha256: str, owner: str = "") -> None:
        """
        Let `session` go of a blob; with the last session that has it the blob goes. Nothing
        happens when it has none of this digest. Fenced as records are.
        """
        ...

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None: ...

    async def head(self, session: SessionId) -> tuple[int, str]:
        """
        Give an anchor of the log as it is kept now, after all that was handed over.

        Returns:
            The number of its records, and the hash of the last one in hex: of the chain over
            all of them, so it differs when any of them does.

        Raises:
            SessionNotFound: there is none.
            StoreError: it cannot be read.
        """
        ...

    async def close(self) -> None: ...


class ExitRecords(Protocol):
    """Where commands leave their exit status, so that it outlives whoever waited for it."""

    def name(self, call_id: str) -> str:
        """Give the file for the command of a call."""
        ...

    def read(self, name: str) -> int | None:
        """Give the status that was left; None when none was."""
        ...

    def forget(self, name: str) -> None:
        """Remove it; its call is settled."""
        ...


class Sink(Protocol):
    """The one log, as the loop and the executor see it."""

    @property
    def artifacts(self) -> Mapping[str, ArtifactStored]:
        """What the log says is kept, by URI, oldest first."""
        ...

    @property
    def effects(self) -> Mapping[str, OpenEffect]:
        """The calls whose end the log does not tell, by id, oldest first."""
        ...

    @property
    def approvals(self) -> Mapping[str, Approval]:
        """What somebody was asked about calls that have not ended, by their ids."""
        ...

    def emit(self, event: Event) -> None:
        """Append to the log and show it to who watches. Never waits; the loop's thread only."""
        ...

    def put_blob(self, sha256: str, data: bytes) -> None:
        """
        Keep `data` beside the log; durable at the next barrier. Emit the record that names
        the digest before anything else may run: until then nothing holds the blob.
        """
        ...

    async def barrier(self) -> None:
        """Return when everything emitted so far is durable."""
        ...


# The harness around the loop


class Prepare(Protocol):
    async def __call__(self, conversation: Conversation) -> ModelRequest:
        """Assemble what the model sees this turn. All context passes through here."""
        ...


class Review(Protocol):
    async def __call__(self, conversation: Conversation, reply: Reply) -> Message | None:
        """Say that a text-only answer is the end (None), or what to go on with."""
        ...


class Compact(Protocol):
    async def __call__(self, conversation: Conversation, usage: Usage) -> None:
        """Make room when the window fills; does nothing otherwise."""
        ...


class Inbox(Protocol):
    def take(self) -> Sequence[Message]:
        """Give the messages that arrived for a run while it was busy, oldest first."""
        ...


class ChildSpec(msgspec.Struct, frozen=True):
    """
    Attributes:
        tools: Names the child may see; None = all of its agent's.
        max_steps: Tool rounds at most; None = the agent's own limit.
    """

    agent: str
    description: str
    prompt: str
    tools: tuple[str, ...] | None = None
    max_steps: int | None = None


class Children(Protocol):
    async def start(self, spec: ChildSpec) -> Observation:
        """Run a child to its end with at most the parent's authority."""
        ...


# Snapshots


class LeftOut(msgspec.Struct, frozen=True):
    """
    A file that was not taken, or not put back.

    Attributes:
        path: Below the workspace root; bytes that are no UTF-8 are U+FFFD.
    """

    path: str
    reason: str


class Taken(msgspec.Struct, frozen=True):
    """
    A snapshot of a workspace.

    Attributes:
        id: Of the tree, as git has it: 40 lower-case hex digits. Equal content, equal id.
        files: How many it holds; a link is one.
        read_bytes: What had to be read, because it was new or had changed.
        skipped: What a snapshot should hold, and this one does not.
    """

    id: str
    files: int
    read_bytes: int
    skipped: tuple[LeftOut, ...] = ()


class Restored(msgspec.Struct, frozen=True):
    """
    What going back to a tree did. Paths as in `LeftOut`.

    Attributes:
        before: The tree of what was there before; restoring it undoes this.
        left: What differs from the tree still.
    """

    before: str
    written: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[LeftOut, ...] = ()


class FileState(msgspec.Struct, frozen=True):
    """
    Attributes:
        data: The content; of a link, where it points.
        mode: 0o100644, 0o100755 for a program, 0o120000 for a link; None for that which the
            tree has there, or else the first of these.
    """

    data: bytes
    mode: int | None = None


class Snapshots(Protocol):
    """
    The files of a workspace as they were, as trees of git.

    Taken are regular files (their bytes, and whether they are programs) and links (where they
    point), also those of submodules and repositories inside; not what git ignores, unless the
    user's repository tracks it, not `.git`, and no empty directory. Sockets and pipes are not
    files, and are not named either.

    Every method may raise `SnapshotLost` when a tree that it is given is not there as a
    whole, `ProgramMissing` without git, and `WorkspaceError` with what git said.
    """

    async def tree(self) -> Taken:
        """
        Take the workspace as it is now.

        Raises:
            SnapshotRefused: that would be too many files or bytes, or took too long.
        """
        ...

    async def restore(self, tree: str) -> Restored:
        """
        Make the files of the workspace those of `tree`, as far as that can be undone.

        What is equal is not touched. Something that no snapshot holds (ignored, too large, no
        file, changed meanwhile) is never overwritten or removed: it is left, and named. Mode
        bits other than "is a program" stay. A directory that became empty goes.

        Raises:
            SnapshotRefused: the workspace could not be taken first; nothing was changed.
            SnapshotLost: as above; nothing was changed.
        """
        ...

    async def edited(self, tree: str, files: Mapping[str, FileState | None]) -> str:
        """Give the id of `tree` with these files put there, or taken out (None)."""
        ...

    async def export(self, tree: str, directory: str) -> None:
        """
        Write `tree` into a new or empty directory of the host.

        Raises:
            WorkspaceError: it is not empty, or the system refuses.
        """
        ...

    async def diff(self, before: str, after: str) -> str:
        """
        Give a unified diff as `git diff` has it; binary files are named only.

        Raises:
            SnapshotRefused: it would be too long.
        """
        ...

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Give the paths that differ, as in `LeftOut`, in the order of their bytes."""
        ...

    async def pack(self, trees: Sequence[str]) -> bytes:
        """Give one pack of git that holds these trees whole, to be sent elsewhere."""
        ...

    async def keep(self, tree: str, name: str) -> None:
        """Hold on to `tree` under `name`, whatever is cleaned up, in place of an earlier one."""
        ...

    async def drop(self, name: str) -> None:
        """Let go of what `name` holds, if anything."""
        ...
