"""The session that children live in, as they see it: who is asked, who runs them, who pays."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from a3s_code.kernel.budget import Budget
from a3s_code.kernel.context import Origin
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.loop import Limits
from a3s_code.kernel.messages import Conversation, Message
from a3s_code.kernel.ports import Askers, Attend, Compact, Inbox, Model, ModelRequest, Review, Sink
from a3s_code.kernel.tool import ToolSet

if TYPE_CHECKING:  # few children have a copy of the workspace
    from a3s_code.delegation.isolation import Ground

T = TypeVar("T")


class Requests(Protocol):
    """What the model of a child is shown."""

    async def __call__(self, conversation: Conversation, turn: int) -> ModelRequest:
        """Assemble one request, and write its receipt; as `Prepare`."""
        ...

    @property
    def attend(self) -> Attend | None:
        """Gives what is shown behind the results of a turn; None = nothing is."""
        ...

    @property
    def compact(self) -> Compact:
        """Makes room in its conversation."""
        ...

    @property
    def inbox(self) -> Inbox:
        """Gives what reaches it while it goes on."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """
    Who asks a model, inside a session.

    Attributes:
        id: Of the child.
        model: Who is asked.
        tools: All that it may be shown.
        selects: It is shown those of them that it needs; otherwise all, which were named for it.
        sink: Of the child.
        named: Gives the id that a call of its model has in the session.
        form: How it is to answer; empty for what the session says of answers.
    """

    id: str
    model: Model
    role: str
    role_origin: Origin | None
    prompt: str
    tools: ToolSet
    selects: bool
    conversation: Conversation
    sink: Sink
    named: Callable[[str], str]
    form: str = ""


class Home(Protocol):
    """The session that children live in."""

    @property
    def session_id(self) -> str: ...
    @property
    def executor(self) -> Executor: ...
    @property
    def ground(self) -> Ground | None:
        """The workspace that its children can have copies of; None where they cannot."""
        ...

    def within(self, executor: Executor, ground: Ground) -> Home:
        """Give the session as the children of a child see it, which works somewhere else."""
        ...

    @property
    def limits(self) -> Limits: ...
    @property
    def visible(self) -> ToolSet:
        """All that the model of the session may be shown."""
        ...

    def model(self, ref: str) -> Model:
        """
        Open a model by its `provider/model`; empty = the one that the session has now.

        Raises:
            UnknownModel: there is none.
        """
        ...

    def askers(self, ref: str) -> Askers:
        """Give where the calls of a child ask the model `ref`, beside its conversation."""
        ...

    async def run(self, id: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:  # noqa: A002 - its name everywhere else
        """
        Run a child that is waited for.

        Raises:
            RunCancelled: somebody ended it by its id.
        """
        ...

    def launch(self, id: str, begin: Callable[[], Coroutine[Any, Any, object]]) -> None:  # noqa: A002 - as above
        """Have a child that has begun go on by itself; the session ends it with itself."""
        ...

    async def admit(self, role: str, prompt: str, sink: Sink, form: str = "") -> None:
        """
        Ask whether a prompt may enter the conversation of a child; `form` as of `Asking`.

        Raises:
            HookBlocked: a hook says no, or failed.
        """
        ...

    def budgeted(self, child: str, budget: Budget | None) -> AbstractContextManager[object]:
        """Have what runs in the block pay as this child does, from its own budget if it has one."""
        ...

    def around_child(self) -> AbstractContextManager[object]:
        """Have what runs in the block pay as what started the child does."""
        ...

    async def timed(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Do the work of a child within the time of its budget.

        Raises:
            BudgetExhausted: it took longer, and was stopped.
        """
        ...

    def hooked(self, model: Model, sink: Sink, prompt: str) -> Model:
        """Give a model that the hooks of the session are asked and told of."""
        ...

    def requests(self, child: Asking) -> Requests:
        """Give what assembles the requests of a child."""
        ...

    def review(self) -> Review: ...

    def shown(self, message: Message) -> Message:
        """Give what may be kept of a message."""
        ...
