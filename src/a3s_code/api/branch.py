"""
A step of a plan that runs beside others: a loop of its own on a branch of the conversation.

It begins with what the run has at that moment, byte for byte, so a provider's cache of it holds;
it has the tools, the system prompt, the gate and the rights of the session. Its conversation is
its own; what it brought is told to that of the session when its wave has ended.
"""

from __future__ import annotations

from dataclasses import replace

from a3s_code.api.account import Account
from a3s_code.api.awake import Awake, request_of, room
from a3s_code.api.context import RunContext
from a3s_code.api.lane import Lane
from a3s_code.api.model_view import ModelView
from a3s_code.api.offered import offer_child
from a3s_code.api.prefixes import Prefixes
from a3s_code.api.receipts import Receipts
from a3s_code.api.step_sink import StepSink
from a3s_code.delegation.inner_calls import InnerCalls
from a3s_code.harness.foreign_model import fitted
from a3s_code.kernel.children import session_of
from a3s_code.kernel.loop import EmptyInbox, Loop, Transcript
from a3s_code.kernel.messages import Conversation
from a3s_code.kernel.ports import ModelRequest, Review, Sink
from a3s_code.kernel.tool import ToolSet


class Branch:
    """
    Made for one step.

    Args:
        id: Of the step in the log; no call of a model has one like it.
        sink: Of the run.
        base: The conversation as it is when the step begins.
        context: Of the run; what is in force in it is in force here.

    Attributes:
        loop: Of the step.
        context: Of the branch.
        transcript: Of the branch.
        sink: What the step tells, and what it has spent.
    """

    __slots__ = (
        "_account",
        "_offered",
        "_selection",
        "_session",
        "_view",
        "context",
        "loop",
        "sink",
        "transcript",
    )

    def __init__(
        self,
        id: str,  # noqa: A002 - its name everywhere else
        session: Awake,
        sink: Sink,
        base: Conversation,
        context: RunContext,
        prompt: str,
        review: Review,
    ) -> None:
        self._session = session
        inside = InnerCalls(session.executor, id)
        ref = session.log.state.model
        self.sink = StepSink(sink, id, session_of(id), inside, ref)
        own = base.until(len(base))
        self.transcript = Transcript(own, self.sink, isolated=True)
        hooks = session.hooks.run(self.sink, prompt)
        model = hooks.model(session.model(ref))
        self._view = ModelView(session.log, is_own=False)
        self.context = RunContext(session.behaviour.context, hooks, self.sink, own)
        self.context.standing = context.standing
        lane = Lane(child=id, named=inside.named)
        prefixes = Prefixes(session.log, session.price, id)
        self._account = Account(Receipts(), prefixes, model, self.sink, lane.name)
        self._selection = session.selection.branch()
        self._offered: ToolSet | None = None
        has_companions = bool(session.behaviour.context.companions)
        self.loop = Loop(
            model=model,
            executor=inside,
            sink=self.sink,
            prepare=self._prepare,
            review=review,
            compact=room(session, self.sink, model, own, self._view, lane),
            inbox=EmptyInbox(),
            limits=replace(session.behaviour.limits, max_execution_ms=None),
            attend=inside.attended(self.context.attend) if has_companions else None,
        )

    async def _prepare(self, conversation: Conversation, turn: int) -> ModelRequest:
        session, behaviour = self._session, self._session.behaviour
        tools = self._selection.of(conversation)
        if tools is not self._offered:
            self._offered = tools
            offer_child(session.log, self.sink, tools, self._selection.latest)
        system = await self.context.system(behaviour.prompt)
        request = request_of(session, system, self._view.of(conversation), tools)
        request = await fitted(self._account.model, request)
        self._account.write(request, self.context.shown(behaviour.prompt_parts), turn)
        return request
