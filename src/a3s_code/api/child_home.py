"""A session, as the child runs in it see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from a3s_code.api.account import Account
from a3s_code.api.asides import Asides
from a3s_code.api.awake import request_of, room
from a3s_code.api.context import RunContext
from a3s_code.api.context_sources import sources_in
from a3s_code.api.inbox import ChildInbox
from a3s_code.api.lane import Lane
from a3s_code.api.model_view import ModelView
from a3s_code.api.offered import offer_child
from a3s_code.api.prefixes import Prefixes
from a3s_code.api.receipts import Receipts
from a3s_code.harness.completion import Completion
from a3s_code.harness.context import ContextSources
from a3s_code.harness.foreign_model import fitted
from a3s_code.harness.prompt import SystemPromptSlots, prompt_parts, redacted, system_prompt
from a3s_code.harness.selector import Disclosure
from a3s_code.kernel.budget import Budget
from a3s_code.kernel.context import Origin
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.loop import Limits
from a3s_code.kernel.messages import Conversation, Message
from a3s_code.kernel.ports import (
    Askers,
    Attend,
    Compact,
    Inbox,
    Model,
    ModelRequest,
    Review,
    Sink,
)
from a3s_code.kernel.tool import ToolSet

if TYPE_CHECKING:
    from a3s_code.api.engine import Engine
    from a3s_code.delegation.home import Asking, Requests
    from a3s_code.delegation.isolation import Ground
    from a3s_code.harness.budgets.scope import Scope

T = TypeVar("T")
_ALL_NAMED = Disclosure()
"""Of tools that were named for a child: nothing is chosen among them."""
_FORM = Origin("task://output_schema")
"""How a child is told to answer whose answer must satisfy a schema."""


@dataclass(frozen=True, slots=True)
class SessionHome:
    """
    Attributes:
        slots: Of the session; a child has a role of its own, and the rest of them.
        own: Of a child that works in a copy of the workspace; None for that of the session.
        own_ground: That copy.
    """

    engine: Engine
    slots: SystemPromptSlots
    own: Executor | None = None
    own_ground: Ground | None = None

    @property
    def session_id(self) -> str:
        return str(self.engine.log.session)

    @property
    def executor(self) -> Executor:
        return self.own or self.engine.executor

    @property
    def ground(self) -> Ground | None:
        return self.own_ground or (self.engine.ground() if self.engine.ground is not None else None)

    def within(self, executor: Executor, ground: Ground) -> SessionHome:
        return dataclasses.replace(self, own=executor, own_ground=ground)

    @property
    def limits(self) -> Limits:
        return self.engine.behaviour.limits

    @property
    def visible(self) -> ToolSet:
        return self.engine.visible

    def askers(self, ref: str) -> Askers:
        return Asides(self.engine, ref)

    def model(self, ref: str) -> Model:
        return self.engine.model(ref or self.engine.log.state.model)

    async def run(self, id: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:  # noqa: A002 - the port
        return await self.engine.child_works.run(id, begin)

    def launch(self, id: str, begin: Callable[[], Coroutine[Any, Any, object]]) -> None:  # noqa: A002 - the port
        self.engine.child_works.launch(id, begin)

    async def admit(self, role: str, prompt: str, sink: Sink, form: str = "") -> None:
        system = system_prompt(self._slots(role, form))
        await self.engine.hooks.run(sink, prompt).admit(system, 0)

    def budgeted(self, child: str, budget: Budget | None) -> AbstractContextManager[Scope | None]:
        return self.engine.budgets.child(child, budget)

    def around_child(self) -> AbstractContextManager[Scope | None]:
        return self.engine.budgets.around_child()

    async def timed(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await self.engine.budgets.timed(begin)

    def hooked(self, model: Model, sink: Sink, prompt: str) -> Model:
        return self.engine.hooks.run(sink, prompt).model(model)

    def requests(self, child: Asking) -> Requests:
        sources = sources_in(self.engine.behaviour.context, self.own and self.own.space)
        return _Requests(self.engine, self._slots(child.role, child.form), child, sources)

    def _slots(self, role: str, form: str) -> SystemPromptSlots:
        style = form or self.slots.response_style
        own = replace(self.slots, role=role, response_style=style)
        return redacted(own, self.executor.redactor)

    def review(self) -> Review:
        continuations = self.engine.behaviour.continuations
        return Completion(continuations > 0, continuations)

    def shown(self, message: Message) -> Message:
        screen = self.engine.log.screen
        return screen.message(message) if screen is not None else message


class _Requests:
    """
    Assembles the requests of one child.

    What is in force for a run of the session is in force for a child, and what companions have for
    its calls stands behind their results; what providers have for the words of the user does not
    enter.
    """

    __slots__ = (
        "_account",
        "_child",
        "_context",
        "_engine",
        "_offered",
        "_parts",
        "_prompt",
        "_selection",
        "_tools",
        "_view",
        "attend",
        "compact",
        "inbox",
    )

    def __init__(
        self, engine: Engine, slots: SystemPromptSlots, child: Asking, context: ContextSources
    ) -> None:
        self._engine, self._child = engine, child
        self._prompt = system_prompt(slots)
        form = _FORM if child.form else None
        self._parts = prompt_parts(slots, child.role_origin, form)
        self._view = ModelView(engine.log, is_own=False)
        lane = Lane(child=child.id, named=child.named)
        prefixes = Prefixes(engine.log, engine.price, child.id)
        self._account = Account(Receipts(), prefixes, child.model, child.sink, lane.name)
        own = engine.selection.of_others(child.tools.tools) if child.selects else None
        self._selection = own
        self._tools = child.tools if own is not None else engine.selection.whole(child.tools)
        self._offered: ToolSet | None = None
        sources = dataclasses.replace(context, providers=())
        hooks = engine.hooks.run(child.sink, child.prompt)
        self._context = RunContext(sources, hooks, child.sink, child.conversation)
        self.inbox: Inbox = ChildInbox(engine.log, self._context, child.id)
        self.attend: Attend | None = self._context.attend if sources.companions else None
        made = child.sink, child.model, child.conversation, self._view
        self.compact: Compact = room(engine, *made, lane)

    async def __call__(self, conversation: Conversation, turn: int) -> ModelRequest:
        engine, child = self._engine, self._child
        selection = self._selection
        tools = self._tools if selection is None else selection.of(conversation)
        if tools is not self._offered:
            self._offered = tools
            latest = _ALL_NAMED if selection is None else selection.latest
            offer_child(engine.log, child.sink, tools, latest)
        system = await self._context.system(self._prompt)
        request = request_of(engine, system, self._view.of(conversation), tools)
        request = await fitted(child.model, request)
        self._account.write(request, self._context.shown(self._parts), turn)
        return request
