"""
What a request is after, and whether it was reached; asked of the session's model.

Source:
    SPEC 8 (goals): a check that fails is a goal that was not reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from a3s_code.harness.context import marked
from a3s_code.harness.planning.plan import Goal
from a3s_code.harness.planning.planner import GOAL, GOAL_SCHEMA, PlanRequest, shown
from a3s_code.harness.planning.reading import objects_in, read_goal
from a3s_code.harness.prompt import text
from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.asking import Asker, Question
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import Context, ContextText, JsonObject, Message, Text

MAX_SHOWN_CHARS = 16_000
"""Of the final answer in a check."""

MAX_UNACHIEVED = 0.99
"""Progress of a goal that was not reached, whatever is said of it."""

_GOAL = AnswerForm(name=GOAL, description="Say what the request is after.", schema=GOAL_SCHEMA)
_CHECK = AnswerForm(
    name="achievement",
    description="Say whether the goal has been reached.",
    schema={
        "type": "object",
        "properties": {
            "achieved": {"type": "boolean"},
            "progress": {"type": "number", "minimum": 0, "maximum": 1},
            "remaining_criteria": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["achieved", "progress", "remaining_criteria"],
    },
)


class Achievement(msgspec.Struct, frozen=True):
    """
    Attributes:
        achieved: True only when nothing remains.
        progress: 0 to 1.
    """

    achieved: bool = False
    progress: float = 0.0
    remaining_criteria: tuple[str, ...] = ()


NOT_ACHIEVED = Achievement()


async def ask_goal(request: PlanRequest) -> Goal | None:
    """
    Ask what a request is after; None when the answer does not say it.

    Raises:
        HookBlocked, ModelError, StoreError: as `Asker.ask`.
    """
    said = await request.asker.ask(
        Question(purpose=GOAL, system=text("goal"), messages=(shown(request),), form=_GOAL)
    )
    goals = (read_goal(found) for found in objects_in(said, GOAL))
    return next((goal for goal in goals if goal is not None), None)


async def ask_achievement(asker: Asker, goal: Goal, done: str, answer: str) -> Achievement:
    """
    Ask whether a goal was reached; what cannot be read is no yes.

    Args:
        done: What was done, and what it brought.

    Raises:
        HookBlocked, ModelError, StoreError: as `Asker.ask`.
    """
    said = await asker.ask(
        Question(
            purpose=GOAL,
            system=text("achievement"),
            messages=(_case(goal, done, answer),),
            form=_CHECK,
        )
    )
    for found in objects_in(said, _CHECK.name):
        if "achieved" in found:
            return read_achievement(found)
    return NOT_ACHIEVED


def read_achievement(given: Mapping[str, Any]) -> Achievement:
    """Read an answer; achieved is what says so with `true`, and names nothing that remains."""
    left: object = given.get("remaining_criteria", given.get("remainingCriteria"))
    every = cast("list[object]", left) if isinstance(left, list) else [left]
    remaining = tuple(each.strip() for each in every if isinstance(each, str) and each.strip())
    achieved = given.get("achieved") is True and not remaining
    told = min(_share(given.get("progress")), MAX_UNACHIEVED)
    return Achievement(achieved, 1.0 if achieved else told, remaining)


def _share(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return 0.0
    return min(1.0, max(0.0, given))  # in this order NaN, which has no order, is 0


def _case(goal: Goal, done: str, answer: str) -> Message:
    criteria = [f"- {each}" for each in goal.success_criteria]
    asked = "\n".join(
        [f"Goal: {goal.description}", *(["Criteria:", *criteria] if criteria else [])]
    )
    items = (
        _shown("run://calls", f"What was done:\n{done or 'Nothing was called.'}"),
        _shown("run://answer", f"The final answer:\n{answer[:MAX_SHOWN_CHARS]}"),
    )
    return Message("user", (Context(items), Text(asked)))


def _shown(source: str, content: str) -> ContextText:
    """Mark what the run said and did, which must not speak of the goal in the user's place."""
    return marked(ContextItem(source=source, content=content, trust="external"))


def goal_row(goal: Goal, created_at: int) -> JsonObject:
    """
    Give a goal as `goal_extracted` has it.

    Args:
        created_at: Unix time in seconds.
    """
    return {
        "description": goal.description,
        "success_criteria": list(goal.success_criteria),
        "progress": 0.0,
        "achieved": False,
        "created_at": created_at,
        "achieved_at": None,
    }
