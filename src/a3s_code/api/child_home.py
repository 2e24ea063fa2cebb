"""A session, as the child runs in it see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from a3s_code.api.model_view import ModelView
from a3s_code.api.offered import offer_child
from a3s_code.api.run import deadline
from a3s_code.harness.completion import Completion
from a3s_code.harness.context import gather, render
from a3s_code.harness.prompt import SystemPromptSlots, system_prompt
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.loop import Limits
from a3s_code.kernel.messages import Conversation, Message
from a3s_code.kernel.ports import Model, ModelRequest, Prepare, Review, Sink
from a3s_code.kernel.tool import ToolSet

if TYPE_CHECKING:
    from a3s_code.api.engine import Engine


@dataclass(frozen=True, slots=True)
class SessionHome:
    """
    Attributes:
        slots: Of the session; a child has a role of its own, and the rest of them.
    """

    engine: Engine
    slots: SystemPromptSlots

    @property
    def session_id(self) -> str:
        return str(self.engine.log.session)

    @property
    def executor(self) -> Executor:
        return self.engine.executor

    @property
    def limits(self) -> Limits:
        return self.engine.behaviour.limits

    @property
    def visible(self) -> ToolSet:
        return self.engine.visible

    def model(self, ref: str) -> Model:
        return self.engine.model(ref or self.engine.log.state.model)

    def hooked(self, model: Model, sink: Sink, prompt: str) -> Model:
        return self.engine.hooks.run(sink, prompt).model(model)

    def prepare(self, role: str, tools: ToolSet, child: str, sink: Sink) -> Prepare:
        prompt = system_prompt(replace(self.slots, role=role))
        return _Requests(self.engine, prompt, tools, partial(offer_child, child=child, sink=sink))

    def review(self) -> Review:
        continuations = self.engine.behaviour.continuations
        return Completion(continuations > 0, continuations)

    def shown(self, message: Message) -> Message:
        screen = self.engine.log.screen
        return screen.message(message) if screen is not None else message


class _Requests:
    """Assembles the requests of one child."""

    __slots__ = ("_engine", "_offer", "_prompt", "_system", "_tools", "_view")

    def __init__(self, engine: Engine, prompt: str, tools: ToolSet, offer: partial[None]) -> None:
        self._engine, self._prompt, self._tools, self._offer = engine, prompt, tools, offer
        self._system: str | None = None
        self._view = ModelView(engine.log, is_own=False)

    async def __call__(self, conversation: Conversation) -> ModelRequest:
        """Give what the child's model sees; the context is gathered once, in its first turn."""
        engine = self._engine
        if self._system is None:
            self._system = render(self._prompt, await gather(engine.behaviour.sources))
            self._offer(engine.log, tools=self._tools)
        return ModelRequest(
            system=self._system,
            conversation=self._view.of(conversation),
            tools=self._tools,
            session_id=str(engine.log.session),
            temperature=engine.behaviour.temperature,
            thinking_budget=engine.behaviour.thinking_budget,
            deadline=deadline(engine),
        )
