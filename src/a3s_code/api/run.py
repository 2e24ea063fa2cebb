"""
One run of a session, from the record of its prompt to the record of how it ended.

A run is over when the record of its answer is durable. Until then a failure or a
cancellation may still come, and nobody is shown the end; what comes later changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from a3s_code.api.account import Account
from a3s_code.api.awake import Awake, request_of, room
from a3s_code.api.context import RunContext
from a3s_code.api.cost_log import costs_of_run
from a3s_code.api.inbox import RunInbox
from a3s_code.api.lane import Lane
from a3s_code.api.model_view import ModelView
from a3s_code.api.offered import offer
from a3s_code.api.outlet import Outlet
from a3s_code.api.plan_need import is_concerned, is_styled_by_plan
from a3s_code.api.request import Request
from a3s_code.api.run_paths import files_of_run
from a3s_code.api.styles import take_style
from a3s_code.api.unfinished import close_calls, results, spent
from a3s_code.errors import A3SError, LimitReached, StoreError
from a3s_code.harness.completion import GO_ON, Completion
from a3s_code.harness.foreign_model import fitted
from a3s_code.harness.intent.guidance import Guidance
from a3s_code.harness.time_limit import within_limit
from a3s_code.kernel.context import ContextQuery
from a3s_code.kernel.events import (
    AgentEnd,
    AgentStart,
    CapabilityWasMissing,
    PersistenceFailed,
    RunFailed,
    RunId,
)
from a3s_code.kernel.loop import Answer, Loop, Transcript
from a3s_code.kernel.messages import Context, Conversation, Message, user
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Model, ModelRequest, Review
from a3s_code.kernel.records import HistorySupplied, RunStarted, RunStatusChanged
from a3s_code.kernel.state import Verified

if TYPE_CHECKING:  # most runs have no plan, and no checks that are required
    from a3s_code.api.evidence_required import RequiredChecks
    from a3s_code.api.plan_left import PlanLeft
    from a3s_code.api.planned import Ground

CANCELLED = "run.cancelled"
"""The kind of a failure that somebody asked for."""
LIMIT = "a limit of the session"
"""What cuts an answer short that takes too long."""


class Run:
    """
    Made when it is its turn, and used once.

    Args:
        announced: Settings without effect that the caller is to be told of.
        resumed: The run that this one goes on with, instead of beginning with a prompt.

    Attributes:
        inbox: What reaches it while it goes on.
    """

    __slots__ = (
        "_account",
        "_announced",
        "_before",
        "_context",
        "_conversation",
        "_hooks",
        "_left",
        "_loop",
        "_request",
        "_required",
        "_resumed",
        "_room",
        "_session",
        "_sink",
        "_transcript",
        "_view",
        "inbox",
    )

    def __init__(
        self,
        session: Awake,
        sink: Outlet,
        request: Request,
        announced: tuple[str, ...] = (),
        resumed: RunId | None = None,
    ) -> None:
        self._session, self._sink, self._request = session, sink, request
        self._announced, self._resumed = announced, resumed
        given = request.history
        own = (
            session.log.state.conversation
            if given is None
            else session.supplied.conversation(given)
        )
        self._conversation, self._before = own, len(own)
        self._view = ModelView(session.log, is_own=given is None)
        self._transcript = Transcript(own, sink, isolated=given is not None)
        behaviour = session.behaviour
        self._hooks = session.hooks.run(sink, request.prompt)
        self._context = RunContext(behaviour.context, self._hooks, sink, own)
        model = self._hooks.model(session.model(session.log.state.model))
        lane = Lane(None if given is None else sink.run)
        self._account = Account(session.receipts, session.prefixes, model, sink, lane.name)
        self._room = room(session, sink, model, own, self._view, lane)
        self._required = self._checks()
        self._left: PlanLeft | None = None
        self.inbox = RunInbox(session.log, sink, self._context, is_own=given is None)
        self._loop = self._new_loop(model, self._review(is_last=True))

    def _checks(self) -> RequiredChecks | None:
        if self._session.behaviour.verification is None:
            return None
        from a3s_code.api.evidence_required import required_checks

        return required_checks(self._session, self._sink, self._context, self._completion())

    def _new_loop(self, model: Model, review: Review) -> Loop:
        behaviour = self._session.behaviour
        return Loop(
            model=model,
            executor=self._session.executor,
            sink=self._sink,
            prepare=self._prepare,
            review=review,
            compact=self._make_room,
            inbox=self.inbox,
            limits=behaviour.limits,
            attend=self._context.attend if behaviour.context.companions else None,
        )

    def _next_loop(self, *, is_last: bool) -> Loop:
        """Go on with another loop, which counts on from the one before."""
        before, review = self._loop, self._review(is_last=is_last)
        self._loop = self._new_loop(before.model, review)
        self._loop.usage, self._loop.tool_calls = before.usage, before.tool_calls
        self._loop.turns = before.turns
        return self._loop

    def _review(self, *, is_last: bool) -> Review:
        """Give what decides whether an answer is one; the last of a run has to be proved too."""
        if is_last and self._required is not None:
            return self._required.review
        return self._completion()

    def _completion(self) -> Completion:
        continuations = self._session.behaviour.continuations
        return Completion(continuations > 0, continuations)

    async def conduct(self) -> Answer:
        """
        Raises:
            RunError, ModelError, StoreError: as `Loop.run`; the session goes on.
        """
        try:
            self._begin()
            answer = await self._as_far_as_it_came()
            usage = answer.usage + self._sink.spent
            answer = msgspec.structs.replace(answer, usage=usage)
            await self._hooks.respond(answer)
            answer = await self._verified(answer)
            if self._session.lessons is not None:
                prompt = self._request.prompt
                await self._session.lessons.learn(self._session.log, self._sink, prompt, answer)
            end = _end(answer)
            self._sink.record(end)
            await self._sink.barrier()
        except BaseException as error:
            self._settle(error)
            await self._fail(error)
            raise
        await self._complete(end, answer)
        return self._priced(answer)

    async def _verified(self, answer: Answer) -> Answer:
        log = self._session.log
        reports = log.state.verifications
        own = self._own_reports() if reports else []
        summary = await self._session.evidence.summary(reports, self._sink, own)
        if self._required is not None:
            summary = self._required.finish(summary)
        return msgspec.structs.replace(answer, verification_summary=summary.as_json())

    def _own_reports(self) -> list[Verified]:
        from a3s_code.harness.verification.evidence import reach_of

        log = self._session.log
        return reach_of(log.state, log.at, self._sink.run).reports(log.state)

    def _priced(self, answer: Answer) -> Answer:
        log = self._session.log
        rows = costs_of_run(log, self._session.price, self._sink.run)
        return msgspec.structs.replace(
            answer,
            text=log.shown(answer.text),
            cost_usd=sum(row.cost_usd for row in rows),
            is_cost_known=all(row.is_priced for row in rows),
            run_id=self._sink.run,
            files_changed=files_of_run(log, self._sink.run),
        )

    @property
    def said(self) -> str:
        """What the model said last in this run, also of an answer that was cut short."""
        if self._loop.spoken:
            return self._session.log.shown("".join(self._loop.spoken))
        messages = self._conversation.messages[self._before :]
        whole = [message.text for message in messages if message.role == "assistant"]
        return whole[-1] if whole else ""

    # Begin

    def _begin(self) -> None:
        prompt, history = self._request.prompt, self._request.history
        if self._resumed is not None:
            self._go_on(self._resumed)
            return
        if history is None:
            close_calls(self._session.log)
        self._sink.emit(RunStarted(prompt=prompt, queued=self._request.queued))
        self._sink.emit(AgentStart(prompt=prompt))
        if self._announced:
            self._sink.emit(CapabilityWasMissing(names=self._announced))
        if history is not None:
            self._sink.emit(self._supplied(history))

    async def _admit(self) -> None:
        """Let the prompt into the conversation when no hook has anything against it."""
        system = self._session.behaviour.prompt
        await self._session.hooks.start(self._sink, system, self._session.log.state.model)
        if self._resumed is None:
            request = self._request
            await self._hooks.admit(system, self._before)
            if not is_styled_by_plan(self._session, request):
                guidance = await self._style()
                if guidance is not None:
                    self._context.ask_also(guidance)
            found = await self._context.gather(request.prompt, str(self._session.log.session))
            self.inbox.deliver(self._transcript.add, 0)
            self._before = len(self._conversation)
            self._transcript.add(user(request.prompt, request.attachments, found))

    async def _style(self, intent: str = "") -> Guidance | None:
        session = self._session
        return await take_style(session.log, session.behaviour, self._hooks, self._sink, intent)

    async def _style_by_plan(self, intent: str) -> None:
        """Give the run the style that its plan says; the words of the user stand already."""
        guidance = await self._style(intent)
        if guidance is not None:
            items = await guidance.query(ContextQuery(query=self._request.prompt))
            shown = self._context.enter(guidance.name, items)
            self._transcript.add(Message("user", (Context(shown),)))

    def _go_on(self, resumed: RunId) -> None:
        """Take over what the run before has used; the model is asked once more where it stopped."""
        self._loop.usage, self._loop.tool_calls = spent(self._session.log, resumed)
        self._sink.emit(RunStarted(prompt=self._request.prompt, resumes=resumed))
        self._sink.emit(AgentStart(prompt=self._request.prompt))
        if self._announced:
            self._sink.emit(CapabilityWasMissing(names=self._announced))
        from a3s_code.api.plan_left import plan_left

        self._left = plan_left(self._session.log, resumed)
        if self._left is not None and not self._left.waits_for_model:
            return
        last = self._conversation.last
        if last is not None and last.role == "assistant" and not last.calls:
            self._transcript.add(user(GO_ON))

    async def _answer(self) -> Answer:
        answer = await self._answered()
        while self.inbox.has_words:  # they came while the answer was made
            loop, before = self._next_loop(is_last=True), answer.tool_calls
            beside = before - loop.tool_calls
            answer = await loop.run(self._transcript)
            answer = msgspec.structs.replace(answer, tool_calls=answer.tool_calls + beside)
        self.inbox.close()
        return answer

    async def _answered(self) -> Answer:
        await self._admit()
        if self._required is not None:
            await self._required.begin()
        is_new = self._resumed is None
        if is_new and self._session.behaviour.delegating.is_auto:
            await self._delegate()
        if self._left is None and not (is_new and is_concerned(self._session, self._request)):
            return await self._plain(is_last=True)
        from a3s_code.api.planned import answer_planned

        return await answer_planned(self._ground(), self._left)

    async def _delegate(self) -> None:
        """Have agents look at the request before the model does, where it is handed on to some."""
        from a3s_code.api.auto_delegation import delegate

        await delegate(self._session, self._sink, self._request, self._context, self._transcript)

    def _ground(self) -> Ground:
        from a3s_code.api.planned import Ground

        return Ground(
            session=self._session,
            sink=self._sink,
            request=self._request,
            transcript=self._transcript,
            context=self._context,
            before=self._conversation.messages[: self._before],
            style=self._style_by_plan,
            plain=self._plain,
            loop=lambda: self._loop,
            next_loop=self._next_loop,
            review=lambda: self._review(is_last=False),
            is_proven=lambda: self._required is None or self._required.is_settled,
        )

    async def _plain(self, *, is_last: bool) -> Answer:
        """Answer without a plan, or go on where the run before was cut off."""
        self._loop.review = self._review(is_last=is_last)
        last = self._conversation.last
        known = results(self._session.log, last) if self._resumed is not None else None
        if known is not None:
            return await self._loop.go_on(self._transcript, known)
        return await self._loop.run(self._transcript)

    def _supplied(self, history: Sequence[Message]) -> HistorySupplied:
        sha256 = ""
        if self._session.log.is_stored:
            sha256 = hashlib.sha256(canonical(history)).hexdigest()
        return HistorySupplied(messages=len(history), sha256=sha256)

    # On the way

    async def _as_far_as_it_came(self) -> Answer:
        """A run whose answer was sent back for its checks ends with it when a limit ends it."""
        try:
            return await self._within_limit()
        except LimitReached:
            text = self._required.review.answer if self._required is not None else None
            if text is None:
                raise
        loop = self._loop
        loop.leave(self._transcript, LIMIT)
        return Answer(text, loop.usage, loop.tool_calls, loop.turns, {})

    async def _within_limit(self) -> Answer:
        limit_ms = self._session.behaviour.limits.max_execution_ms
        return await self._session.budgets.timed(
            lambda: within_limit(limit_ms, "The run", self._answer())
        )

    async def _make_room(self, conversation: Conversation, *, overflowed: bool = False) -> bool:
        before = len(conversation)
        made = await self._room(conversation, overflowed=overflowed)
        self._before = max(self._before - (before - len(conversation)), 0)
        return made

    async def _prepare(self, conversation: Conversation, turn: int) -> ModelRequest:
        """Give what the model sees, and write the receipt of it."""
        session, behaviour = self._session, self._session.behaviour
        selection = session.selection
        tools = selection.of(conversation, is_own=self._request.history is None)
        offer(session.log, self._sink, tools, selection.latest)
        system = await self._context.system(behaviour.prompt)
        request = request_of(session, system, self._view.of(conversation), tools)
        request = await fitted(self._account.model, request)
        self._account.write(request, self._context.shown(behaviour.prompt_parts), turn)
        return request

    # End

    async def _complete(self, end: AgentEnd, answer: Answer) -> None:
        """Record the files and the status that follow `end`, which is durable; then show it."""
        # It is too late for a cancellation, and the next barrier tells of a store that failed.
        with contextlib.suppress(StoreError, asyncio.CancelledError):
            await self._session.checkpoints.after_run(self._sink)
        self._sink.emit(RunStatusChanged(status="completed", result_text=end.text))
        with contextlib.suppress(StoreError, asyncio.CancelledError):
            await self._hooks.succeed(answer)
            await self._sink.barrier()
        self._sink.show()

    def _settle(self, error: BaseException) -> None:
        """Leave a conversation that can go on, with what was said before the run was cut."""
        self._loop.leave(self._transcript, _interruption(error))

    async def _fail(self, error: BaseException) -> None:
        """Record that there is no answer; what cannot be recorded is shown."""
        failure = failure_of(error)
        if isinstance(error, StoreError):
            session = str(self._session.log.session)
            lost = PersistenceFailed(session_id=session, operation="append", error=failure.message)
            self._sink.emit(lost)
        self._sink.emit(failure)
        self._sink.emit(RunStatusChanged(status=status_of(failure), error=failure.message))
        if isinstance(error, StoreError):
            return
        try:
            if not isinstance(error, asyncio.CancelledError):  # who stops a run does not wait
                await self._hooks.fail(error, failure.message, failure.kind)
                await self._session.checkpoints.after_run(self._sink)
        finally:
            await asyncio.shield(self._sink.barrier())


def failure_of(error: BaseException) -> RunFailed:
    """Give the event that tells of `error`."""
    if isinstance(error, asyncio.CancelledError):
        return RunFailed(message="The run was cancelled.", kind=CANCELLED)
    if isinstance(error, A3SError):
        return RunFailed(message=str(error), kind=error.code)
    return RunFailed(message=f"{type(error).__name__}: {error}", kind="run.failed")


def status_of(failure: RunFailed) -> str:
    return "cancelled" if failure.kind == CANCELLED else "failed"


def _end(answer: Answer) -> AgentEnd:
    return AgentEnd(
        text=answer.text,
        usage=answer.usage,
        verification_summary=answer.verification_summary,
        meta=dict(answer.meta),
    )


def _interruption(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "the user"
    return LIMIT if isinstance(error, LimitReached) else ""
