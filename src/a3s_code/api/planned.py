"""
A run that works through a plan.

A wave of one step goes on in the conversation of the run. Steps of a larger one each have a loop
of their own on a branch of it, at the same time, and what they brought enters the conversation
together when all have ended, in the order of the plan. The words of the user stand in front of all
that as they were written; what the harness says of the plan is context beside them.

Source:
    A3S Code docs, "Architecture: Planning & Parallel Execution"; SPEC 8; DESIGN 6, rows "planning"
    and "planner output".
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from a3s_code.api.awake import Awake
from a3s_code.api.branch import Branch
from a3s_code.api.context import RunContext
from a3s_code.api.goal_watch import GoalWatch
from a3s_code.api.offered import offer
from a3s_code.api.outlet import Outlet
from a3s_code.api.plan_left import CLOSING, PlanLeft
from a3s_code.api.plan_making import Made, make_plan, plan_request
from a3s_code.api.plan_need import is_looked_at, is_styled_by_plan
from a3s_code.api.request import Request
from a3s_code.api.step_sink import OwnStepSink
from a3s_code.api.task_board import TaskBoard
from a3s_code.errors import A3SError, SessionClosed, StoreError
from a3s_code.harness.planning.plan import ExecutionPlan, Plan
from a3s_code.harness.planning.step_notes import (
    BUDGET,
    Brought,
    closing_note,
    failure_in,
    line,
    results,
    step_note,
    step_source,
)
from a3s_code.kernel.border import described
from a3s_code.kernel.children import session_of
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.loop import WITHHELD, Answer, Loop, Transcript
from a3s_code.kernel.messages import Context, Message
from a3s_code.kernel.ports import Review
from a3s_code.kernel.tasks import Task
from a3s_code.kernel.together import run_together


class Answering(Protocol):
    async def __call__(self, *, is_last: bool) -> Answer:
        """Answer; `is_last` where what is said is the answer of the run."""
        ...


class NextLoop(Protocol):
    def __call__(self, *, is_last: bool) -> Loop:
        """Give another loop; `is_last` as above."""
        ...


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What a plan is worked through on: the run.

    Attributes:
        before: Messages of the conversation before the request.
        style: Gives the run its style, from what an analysis says that the request is about.
        plain: Answers as a run without a plan does; goes on where a run before was cut off.
        loop: Gives the loop of the run that is at work.
        next_loop: Puts another one in its place, which counts on from there.
        review: Gives the review of one step beside others.
        is_proven: Says whether all that was required has passed on the files as they are.
    """

    session: Awake
    sink: Outlet
    request: Request
    transcript: Transcript
    context: RunContext
    before: tuple[Message, ...]
    style: Callable[[str], Awaitable[None]]
    plain: Answering
    loop: Callable[[], Loop]
    next_loop: NextLoop
    review: Callable[[], Review]
    is_proven: Callable[[], bool]


async def answer_planned(ground: Ground, left: PlanLeft | None = None) -> Answer:
    """
    Answer a request by a plan, where it needs one.

    Args:
        left: What the run that this one goes on with had of a plan.

    Raises:
        RunError, ModelError, StoreError: as `Loop.run`. What goes wrong within a step of a plan
            is what came of the step.
    """
    session, sink = ground.session, ground.sink
    goal = left.goal if left is not None else None
    watch = GoalWatch(session, sink, goal, ground.is_proven)
    asked = plan_request(session, sink, ground.request, ground.before)
    made: Made | None = None
    if left.was_planning if left is not None else is_looked_at(session, ground.request):
        made = await make_plan(session, sink, asked)
        if is_styled_by_plan(session, ground.request):
            await ground.style(made.plan.intent)
    elif left is not None and left.plan is not None:
        made = Made(left.plan, left.is_fallback)
    await watch.begin(made.plan.goal if made is not None else None, asked)
    if made is None or not made.plan.steps:
        return await watch.settle(await ground.plain(is_last=True), 0, 0)
    planned = PlannedRun(ground, made.plan, left or PlanLeft())
    answer = await (planned.as_one() if made.is_fallback else planned.conduct())
    board = planned.board
    return await watch.settle(answer, board.plan.completed_count, board.total)


class PlannedRun:
    """
    Made for one run, and used once.

    Attributes:
        board: Where its steps are, and who is told.
    """

    __slots__ = ("_aside_calls", "_ground", "_left", "board")

    def __init__(self, ground: Ground, plan: Plan, left: PlanLeft) -> None:
        self._ground, self._left = ground, left
        self._aside_calls = 0
        self.board = TaskBoard(
            ExecutionPlan(plan.steps),
            plan.goal.description or line(ground.request.prompt),
            str(ground.session.log.session),
            ground.sink,
        )

    async def as_one(self) -> Answer:
        """Answer the request itself as the one step there is; what goes wrong ends the run."""
        task = self.board.plan.tasks[0]
        self.board.start([task])
        try:
            answer = await self._ground.plain(is_last=True)
        except asyncio.CancelledError:
            self._cancel()
            raise
        except Exception as error:
            self.board.settle(task, _said(error))
            raise
        self.board.end(task, "completed")
        return answer

    async def conduct(self) -> Answer:
        """Work through the waves, and give the answer."""
        board = self.board
        try:
            answer = await self._go_on()
            while wave := board.plan.get_ready_steps():
                answer = await self._wave(wave)
                board.progressed()
            board.fail_rest()
            if answer is None or not board.is_whole:
                answer = await self._close()
        except asyncio.CancelledError:
            self._cancel()
            raise
        return replace(answer, tool_calls=answer.tool_calls + self._aside_calls)

    def _cancel(self) -> None:
        with contextlib.suppress(A3SError):  # the session may be closed
            self.board.cancel_rest()

    # What a run before has left

    async def _go_on(self) -> Answer | None:
        """Take up where the run before was cut off; give the answer of what is done so."""
        board, left = self.board, self._left
        for step_id, status in left.ended.items():
            board.plan.mark_status(step_id, status)
        board.tell()
        numbered = list(enumerate(board.plan.tasks, 1))
        unheard = [
            self._recalled(task, number)
            for number, task in numbered
            if task.id in left.ended and str(number) not in left.known
        ]
        if unheard:
            self._add(results(unheard))
        for number, task in numbered:
            if task.id not in left.ended and left.is_open(number):
                board.start([task])
                self._keep_list_apart(self._ground.loop())
                answer = await self._own(task, self._ground.plain)
                board.progressed()
                return answer
        return None

    def _recalled(self, task: Task, number: int) -> Brought:
        said, is_lost = self._left.answer(number), self._left.ended[task.id] == "failed"
        failure = (failure_in(said) or "it was cut off") if is_lost else ""
        return Brought(task, said, failure, self._source(task))

    # Waves

    async def _wave(self, wave: Sequence[Task]) -> Answer | None:
        """Run a wave; give the answer of its one step, when that is all of it and succeeded."""
        self.board.start(wave)
        if len(wave) == 1:
            self._add(self._step_note(wave[0]))
            return await self._own(wave[0], self._run_next)
        await self._beside(wave)
        return None

    async def _run_next(self, *, is_last: bool) -> Answer:
        loop = self._ground.next_loop(is_last=is_last)
        self._keep_list_apart(loop)
        return await loop.run(self._ground.transcript)

    def _keep_list_apart(self, loop: Loop) -> None:
        """The list of the session is the plan, whatever list the model keeps of its own."""
        sink = self._ground.sink
        loop.sink = OwnStepSink(sink, session_of(str(sink.run)))

    async def _own(self, task: Task, run: Answering) -> Answer | None:
        """Do a step in the conversation of the run; None when it failed."""
        ground = self._ground
        try:
            answer = await run(is_last=self.board.plan.is_last(task.id))
        except (StoreError, SessionClosed):
            raise
        except Exception as error:  # noqa: BLE001 - border: a model may be foreign code; others go on
            _cut(ground.loop(), ground.transcript, "an error")
            self.board.settle(task, _said(error))
            return None
        failure = _failure(answer, ground.loop())
        self.board.settle(task, failure)
        return None if failure else answer

    async def _beside(self, wave: Sequence[Task]) -> None:
        """Do steps at the same time, each on a branch, and tell the conversation of them."""
        ground, session = self._ground, self._ground.session
        conversation = ground.transcript.conversation
        await ground.context.system(session.behaviour.prompt)
        tools = session.selection.of(conversation, is_own=ground.request.history is None)
        offer(session.log, ground.sink, tools, session.selection.latest)
        places = asyncio.Semaphore(session.behaviour.max_parallel_tasks)

        async def one(branch: Branch, task: Task) -> Brought:
            async with places:
                return await self._branch(branch, task)

        parted = [(self._parted(task), task) for task in wave]
        brought = await run_together(one(branch, task) for branch, task in parted)
        self._add(results(brought))

    def _parted(self, task: Task) -> Branch:
        ground = self._ground
        return Branch(
            f"{ground.sink.run}.{self.board.plan.number(task.id)}",
            ground.session,
            ground.sink,
            ground.transcript.conversation,
            ground.context,
            ground.request.prompt,
            ground.review(),
        )

    async def _branch(self, branch: Branch, task: Task) -> Brought:
        """Do one step beside the others; what goes wrong inside is what it brought."""
        loop, transcript = branch.loop, branch.transcript
        text = ""
        try:
            _note(self._step_note(task), branch.context, transcript)
            answer = await loop.run(transcript)
            text, failure = answer.text, _failure(answer, loop)
        except (StoreError, SessionClosed):
            raise
        except asyncio.CancelledError:
            with contextlib.suppress(A3SError):  # the session may be closed
                _cut(loop, transcript, "the end of its run")
            raise
        except Exception as error:  # noqa: BLE001 - border: a model may be foreign code; others go on
            _cut(loop, transcript, "an error")
            failure = _said(error)
        self._aside_calls += loop.tool_calls
        self.board.settle(task, failure)
        return Brought(task, text, failure, self._source(task))

    async def _close(self) -> Answer:
        """Have the request answered from what the steps brought."""
        if self._left.is_closing:
            return await self._ground.plain(is_last=True)
        source = f"plan://{self._ground.sink.run}/{CLOSING}"
        note = closing_note(source, self.board.plan.tasks, self.board.failures)
        self._add(note)
        return await self._run_next(is_last=True)

    # What the model is told

    def _source(self, task: Task) -> str:
        return step_source(self._ground.sink.run, self.board.plan.number(task.id))

    def _step_note(self, task: Task) -> list[ContextItem]:
        plan = self.board.plan
        earlier = self._left.attempt(plan.number(task.id))
        return step_note(self._source(task), plan.tasks, task, earlier)

    def _add(self, items: Sequence[ContextItem]) -> None:
        _note(items, self._ground.context, self._ground.transcript)


def _note(items: Sequence[ContextItem], context: RunContext, transcript: Transcript) -> None:
    """Let notes of the plan into a conversation, as context beside the words of the user."""
    shown = context.note("plan", items, BUDGET)
    if shown:
        transcript.add(Message("user", (Context(shown),)))


def _failure(answer: Answer, loop: Loop) -> str:
    """Give why a step failed whose loop came to its end; empty when it did not."""
    if loop.stop in WITHHELD:
        return "the model withheld its answer"
    return failure_in(answer.text)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, A3SError) else described(error)


def _cut(loop: Loop, transcript: Transcript, why: str) -> None:
    """End a step in its middle; what it was saying is no part of what the run says later."""
    loop.leave(transcript, why)
    loop.spoken.clear()
