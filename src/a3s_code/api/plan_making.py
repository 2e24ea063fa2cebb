"""
The beginning of a planned run: the question whether it needs a plan, and which.

Whatever goes wrong here costs the run its plan and nothing else: the request is then answered as
one step, by the model and in the conversation that it would have had anyway.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from a3s_code.api.awake import Awake
from a3s_code.api.outlet import Outlet
from a3s_code.api.plan_left import FALLBACK
from a3s_code.api.request import Request
from a3s_code.errors import SessionClosed, StoreError
from a3s_code.harness.hooks.event_names import POST_PLANNING, PRE_PLANNING
from a3s_code.harness.planning.plan import Goal, Plan
from a3s_code.harness.planning.planner import HostPlanner, LlmPlanner, Planner, PlanRequest
from a3s_code.harness.planning.step_notes import line
from a3s_code.kernel.asking import Asker
from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.events import PlanningEnd, PlanningStart
from a3s_code.kernel.messages import Message
from a3s_code.kernel.records import RunStatusChanged
from a3s_code.kernel.tasks import Task

NO_PLAN = "the planner's answer holds no plan"
MAX_PLANNING_S = 600.0
"""For any planner, which may be foreign code."""


@dataclass(frozen=True, slots=True)
class Made:
    """
    Attributes:
        plan: Without steps when none is needed.
        is_fallback: There is none; its one step is the request.
    """

    plan: Plan
    is_fallback: bool = False


def planner_of(session: Awake) -> Planner:
    """Give the planner of a session."""
    given = session.behaviour.planning.planner
    return LlmPlanner() if given is None else HostPlanner.of(given)


def plan_request(
    session: Awake, sink: Outlet, request: Request, history: tuple[Message, ...]
) -> PlanRequest:
    """
    Give what a planner is told.

    Args:
        history: The conversation before the request.
    """
    planning = session.behaviour.planning
    return PlanRequest(
        prompt=request.prompt,
        attachments=request.attachments,
        history=history,
        tools=tuple(tool.name for tool in session.selection.tools),
        forced=planning.mode == "enabled",
        asker=asker_of(session, sink),
    )


def asker_of(session: Awake, sink: Outlet) -> Asker:
    """Give what asks the session's model beside the conversation of a run."""
    askers = session.executor.askers
    assert askers is not None, "a session that is awake can be asked"  # furnished with it
    return askers.inside(sink)


async def make_plan(session: Awake, sink: Outlet, asked: PlanRequest) -> Made:
    """
    Have a request planned, and tell of it.

    Raises:
        StoreError, SessionClosed: what was asked could not be recorded.
    """
    sink.emit(RunStatusChanged(status="planning"))
    sink.emit(PlanningStart(prompt=asked.prompt))
    mode = session.behaviour.planning.mode
    await session.hooks.tell(PRE_PLANNING, {"prompt": asked.prompt, "mode": mode}, sink)
    plan, fault = await _asked(planner_of(session), asked)
    made = Made(plan) if plan is not None else Made(_whole(asked.prompt), is_fallback=True)
    written = made.plan.written_form()
    if made.is_fallback:
        written[FALLBACK] = fault
    sink.emit(PlanningEnd(plan=written, estimated_steps=len(made.plan.steps)))
    await session.hooks.tell(POST_PLANNING, {"prompt": asked.prompt, "plan": written}, sink)
    sink.emit(RunStatusChanged(status="executing"))
    return made


async def _asked(planner: Planner, asked: PlanRequest) -> tuple[Plan | None, str]:
    """Give the plan, or why there is none."""
    scope = asyncio.timeout(MAX_PLANNING_S)
    try:
        async with scope:
            plan = await answer_of(planner.plan(asked))
    except (StoreError, SessionClosed):
        raise
    except TimeoutError as error:
        late = f"the planner did not answer within {MAX_PLANNING_S:g} s"
        return None, late if scope.expired() else described(error)
    except Exception as error:  # noqa: BLE001 - border: a planner may be foreign code; the run goes on without
        return None, described(error)
    if plan is None or (asked.forced and not plan.steps):
        return None, NO_PLAN
    if len({step.id for step in plan.steps}) != len(plan.steps):
        return None, "two steps of the plan have one id"
    return plan, ""


def _whole(prompt: str) -> Plan:
    """Give the plan that is no plan: the request as one step."""
    return Plan(Goal(""), (Task(id="step-1", content=line(prompt)),))
