"""
The goal of a run: told at its beginning, looked at when it ends.

What the model says of it is a claim. It makes a goal reached only where nothing that was required
has yet to be proven.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from a3s_code.api.awake import Awake
from a3s_code.api.outlet import Outlet
from a3s_code.api.plan_making import asker_of
from a3s_code.api.unfinished import resumed_by
from a3s_code.errors import SessionClosed, StoreError
from a3s_code.harness.planning.goals import (
    NOT_ACHIEVED,
    Achievement,
    ask_achievement,
    ask_goal,
    goal_row,
)
from a3s_code.harness.planning.plan import Goal
from a3s_code.harness.planning.planner import PlanRequest
from a3s_code.kernel.events import GoalAchieved, GoalExtracted, GoalProgress, ToolEnd
from a3s_code.kernel.loop import Answer
from a3s_code.kernel.visible import on_one_line

MAX_CALLS = 40
"""Of a run, those shown to a check that came last."""
MAX_OUTPUT_CHARS = 400

T = TypeVar("T")


class GoalWatch:
    """
    Of one run.

    Args:
        goal: As it was told by the run that this one goes on with; None for none.
        is_proven: Says whether all that was required has passed on the files as they are.
    """

    __slots__ = ("_goal", "_is_proven", "_session", "_sink", "_started_s")

    def __init__(
        self,
        session: Awake,
        sink: Outlet,
        goal: Goal | None,
        is_proven: Callable[[], bool],
    ) -> None:
        self._session, self._sink = session, sink
        self._goal, self._is_proven = goal, is_proven
        self._started_s = session.clock.monotonic()

    async def begin(self, planned: Goal | None, asked: PlanRequest) -> None:
        """
        Tell the goal: that of the plan, or what the model says of the request.

        Raises:
            StoreError, SessionClosed: it could not be recorded.
        """
        if not self._session.behaviour.planning.tracks_goals or self._goal is not None:
            return
        if planned is not None and planned.description:
            self._goal = planned
        else:
            self._goal = await _tried(ask_goal(asked), None)
        if self._goal is not None:
            now_s = self._session.clock.now_ms() // 1000
            self._sink.emit(GoalExtracted(goal=goal_row(self._goal, now_s)))

    async def settle(self, answer: Answer, completed: int, total: int) -> Answer:
        """
        Ask whether the goal was reached, tell of it, and say so in the answer.

        Args:
            completed, total: Steps of the plan; 0 without one.

        Raises:
            StoreError, SessionClosed: it could not be recorded.
        """
        goal = self._goal
        if goal is None or not self._session.behaviour.planning.tracks_goals:
            return answer
        asker = asker_of(self._session, self._sink)
        found = await _tried(ask_achievement(asker, goal, self._done(), answer.text), NOT_ACHIEVED)
        if found.achieved and not self._is_proven():
            found = Achievement(remaining_criteria=("the required verification has not passed",))
        said: str = goal.description
        self._sink.emit(
            GoalProgress(
                goal=said,
                progress=found.progress,
                completed_steps=completed,
                total_steps=total,
            )
        )
        if found.achieved:
            took_ms = round((self._session.clock.monotonic() - self._started_s) * 1000)
            self._sink.emit(GoalAchieved(goal=said, total_steps=total, duration_ms=took_ms))
        meta = {**answer.meta, "goal": "achieved" if found.achieved else "not_achieved"}
        if found.remaining_criteria:
            meta["goal_remaining"] = "\n".join(found.remaining_criteria)
        return replace(answer, meta=meta)

    def _done(self) -> str:
        """Give what calls brought in the run and those it goes on with, steps and children too."""
        log = self._session.log
        runs = resumed_by(log, self._sink.run)
        ended: list[ToolEnd] = []
        for record in log.backwards():
            if record.run in runs and isinstance(record.event, ToolEnd):
                ended.append(record.event)
                if len(ended) == MAX_CALLS:
                    break
        rows = map(_row, reversed(ended))
        return "\n".join(rows)


async def _tried(asked: Awaitable[T], default: T) -> T:
    """Give an answer, or the default when there is none; the run does not fail of it."""
    try:
        return await asked
    except (StoreError, SessionClosed):
        raise
    except Exception:  # noqa: BLE001 - border: a model may be foreign code; no answer is no yes
        return default


def _row(end: ToolEnd) -> str:
    """Tell of a call on one line, so that what it brought tells of no other call."""
    shown = on_one_line(end.output[:MAX_OUTPUT_CHARS])
    return f"- {on_one_line(end.name)}: exit code {end.exit_code}: {shown}"
