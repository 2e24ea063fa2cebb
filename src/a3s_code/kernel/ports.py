"""
The Protocols that the package plugs into: the doors of the house.

One method where one will do. Implementations do not inherit from these; they are checked
where they are wired together, in `api/assembly.py`, and by the conformance suites in
`a3s_code.testing`.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.asking import Asker
from a3s_code.kernel.children import Children
from a3s_code.kernel.events import ReasoningDelta, TextDelta, ToolInputDelta
from a3s_code.kernel.measure import Measure
from a3s_code.kernel.messages import (
    ContextText,
    Conversation,
    JsonObject,
    Message,
    ToolCall,
    ToolResult,
    Usage,
)
from a3s_code.kernel.records import ArtifactStored, Event
from a3s_code.kernel.state import Approval, OpenEffect
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolSet
from a3s_code.kernel.workspace import Resolved

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
        form: How it has to answer; None = as it likes. With one, `tools` is empty. A model that
            does not know of it answers in text.
    """

    system: str
    conversation: Conversation
    tools: ToolSet
    session_id: str
    temperature: float | None = None
    thinking_budget: int | None = None
    max_output_tokens: int | None = None
    deadline: float | None = None
    form: AnswerForm | None = None


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


@runtime_checkable
class Measured(Protocol):
    """A model that can say what it will send; a `Model` need not. See `measured.measure_of`."""

    def measure(self, request: ModelRequest) -> Measure:
        """Say what the body of a request is made of, to the byte, without making it."""
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
        root: Where it would take place, as an absolute path: the workspace, or the copy of it
            that a child works in. Empty where nobody said so.
    """

    call: ToolCall
    tool: Tool
    args: msgspec.Struct
    subject: str
    effect: Effect
    target: Resolved | None
    authority: Authority
    root: str = ""


@dataclass(frozen=True, slots=True)
class Allow:
    """
    Attributes:
        reason: Names the rule, the default or the person that allowed it.
        policy_version: Of the gate that decided.
        rule: What decided: a rule as it was written, or a name with a `=` or a blank in it,
            such as `default_decision=ask` or `host authority`, which no rule can be.
            Empty when no gate decided.
        part: The command or the path that it was decided on; empty for the call as a whole.
        remember: Of an approver: rules that allow such calls from now on in the session, such
            as `("bash(make test)",)`; a rule that is wrong makes the answer a no.
    """

    reason: str
    policy_version: str = ""
    rule: str = ""
    part: str = ""
    remember: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """
    Attributes:
        rule, part: As in `Allow`.
        explicit: Only an answer says yes; no lane, timeout or inheritance does.
    """

    reason: str
    rule: str = ""
    part: str = ""
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Deny:
    """
    `reason` is told to the model, and says how the user could allow it; `rule` and `part` as
    in `Allow`.
    """

    reason: str
    rule: str = ""
    part: str = ""


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
    What the host has hooked around actions. It can only make them stricter.

    What comes before something denies when it raises. What comes after it is too late to
    change anything; that it raised is recorded. `sink` is the log of the run, for the
    record of what each hook decided.
    """

    async def before_tool(self, action: Action, sink: Sink) -> Deny | ToolCall | None:
        """None lets it pass; a `ToolCall` replaces it and is decoded, hooked and gated again."""
        ...

    async def before_ask(self, action: Action, ask: Ask, sink: Sink) -> Deny | None:
        """Come before somebody is asked about an action; None has the question put."""
        ...

    async def after_ask(self, action: Action, answer: Allow | Deny, sink: Sink) -> None:
        """Learn how the question was settled."""
        ...

    async def after_tool(
        self, action: Action, observation: Observation, seconds: float, sink: Sink
    ) -> None:
        """Learn how a call ended that ran for `seconds`."""
        ...

    async def after_refusal(self, call: ToolCall, observation: Observation, sink: Sink) -> None:
        """Learn that a call did not run, and what its caller was told instead."""
        ...


class HookExecutor(Protocol):
    """
    Who decides what hooks say of an event of a session: a `HookEngine`, or what wraps or
    replaces one.

    Source:
        A3S Code README, "Extension points"; SPEC 7.
    """

    async def fire(self, event: JsonObject) -> JsonObject | None:
        """
        Answer an event, `{"event_type", "payload"}`, as the handler of a hook does.

        What it answers, raises or is late with counts as for the hook of one handler. It may
        also be a plain function; that one runs in a thread.
        """
        ...


class Redacting(Protocol):
    """One text that comes in pieces, which together give what `Redactor.redact` gives of it."""

    def feed(self, piece: str) -> str:
        """Take a piece, and give what may be shown now; it may be nothing yet."""
        ...

    def close(self) -> str:
        """Give what is left; nothing comes after it."""
        ...


class Redactor(Protocol):
    def redact(self, text: str) -> str:
        """
        Replace secrets. Linear time, idempotent. Applied once, where a value is recorded.

        Never raises: what cannot be redacted is withheld. May be called from any thread.
        """
        ...

    def stream(self) -> Redacting:
        """
        Begin with a text that comes in pieces.

        What a tool shows while it runs is redacted on the thread that the tool runs in.
        """
        ...


@dataclass(frozen=True, slots=True)
class Advice:
    """
    What is said beside an output; it decides nothing.

    Attributes:
        note: For the model, on a line of its own after the output.
        facts: For the caller, under `injection` in the metadata; plain JSON.
    """

    note: str
    facts: JsonObject


@runtime_checkable
class SecurityProvider(Protocol):
    """
    What the option `security_provider` takes: any object with this method.

    Where it has them, these are called too, none of them async: `register_hooks(engine)` when a
    session is made, with a `HookEngine` whose hooks that session asks; `taint_input(text)` with
    each prompt; `wipe()` and then `teardown()` when the last session of an agent that has the
    provider is closed. One that raises, or gives no text, withholds the text. It is called from
    any thread.
    """

    def sanitize_output(self, text: str) -> str:
        """Give `text` without what must not be shown; what it gave before stays as it is."""
        ...


class Guard(Protocol):
    """The stage of the security provider: behind the confirmation, before the call runs."""

    def restored(self, tool: Tool, args: JsonObject) -> JsonObject:
        """
        Give arguments with the secrets in the places of their placeholders, as far as `tool`
        writes them into a file of the workspace.

        Raises:
            InvalidValue: nobody knows any more what a placeholder stood for.
        """
        ...

    def inspect(self, action: Action) -> Ask | Deny | None:
        """Say why a call must not run as it is; None when it may."""
        ...

    def brought(self, call: ToolCall, text: str) -> None:
        """
        Hear what a call brought that went well, before it is redacted: what looks like a
        placeholder there means itself, unless the call only repeats what it was given.
        """
        ...

    def advise(self, tool: str, text: str) -> Advice | None:
        """Say that what a tool brought reads like orders to the model; None when it does not."""
        ...


class Dispatcher(Protocol):
    """Who runs a prepared action, and when: here and now, a lane, a remote worker."""

    async def dispatch(
        self, action: Action, run: Callable[[], Awaitable[Observation]]
    ) -> Observation: ...


# The record


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
    def call_ids(self) -> Container[str]:
        """The ids of all calls that a model has made in the session."""
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
    async def __call__(self, conversation: Conversation, turn: int) -> ModelRequest:
        """Assemble what the model sees this turn. All context passes through here."""
        ...


class Attend(Protocol):
    async def __call__(
        self, calls: Sequence[ToolCall], results: Sequence[ToolResult]
    ) -> tuple[ContextText, ...]:
        """Give what is shown behind the results of a turn; `results` are in the calls' order."""
        ...


class Review(Protocol):
    async def __call__(self, conversation: Conversation, reply: Reply) -> Message | None:
        """Say that a text-only answer is the end (None), or what to go on with."""
        ...


class Compact(Protocol):
    async def __call__(self, conversation: Conversation, *, overflowed: bool = False) -> bool:
        """
        Make room when the window fills; say whether the conversation is shorter now.

        Asked before every request.

        Args:
            overflowed: The provider has refused the request, which is too large for it.
        """
        ...


class Arriving(Protocol):
    def __call__(self, message: Message, brings: tuple[str, ...] = ()) -> None:
        """Take a message into a conversation; `brings` as in `HistoryAppended`."""
        ...


class Inbox(Protocol):
    def deliver(self, add: Arriving, turn: int) -> None:
        """
        Add what arrived for a run while it was busy, oldest first.

        Args:
            turn: Whose request comes next.
        """
        ...


class Household(Protocol):
    """Where child runs of a session are started."""

    def inside(self, new_id: Callable[[], str], sink: Sink) -> Children:
        """
        Give what a call starts its children with.

        Args:
            new_id: Gives the id of each child: one inside the call, and no other call's.
            sink: Of the call.
        """
        ...


class CallBudget(Protocol):
    async def admit(self, call: ToolCall) -> Observation | None:
        """Take a call up, or say what its caller is told instead; nobody else is asked then."""
        ...


class Askers(Protocol):
    """Where calls of a session ask its model beside the conversation."""

    def inside(self, sink: Sink) -> Asker:
        """Give what a call asks with; `sink` is that of the call."""
        ...


# Snapshots
