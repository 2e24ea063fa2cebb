"""
Reading what a model gave as a plan or as a goal: tolerant of its form, strict about its sense.

The envelope of a pre-analysis or a bare plan, as the arguments of a tool or somewhere in a text;
names in snake_case or camelCase, ids as texts or numbers, unknown keys. What has no steps that can
be told apart from noise is no plan.

Source:
    SPEC 8; DESIGN 6, row "planner output".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from a3s_code.harness.objects.candidates import candidates
from a3s_code.harness.planning.plan import Complexity, Goal, Plan, complexity_of
from a3s_code.kernel.asking import Said
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tasks import Priority, Task

MAX_STEPS = 50
"""A list that is longer is no plan of steps that somebody can follow."""
MAX_TEXT_CHARS = 4_000
"""Of one description."""
PLAN = "plan"
"""Name of the tool that a model gives a plan with, and what such a question is for."""

_NAMES = ("description", "content", "title")
_WAITS = ("dependencies", "depends_on", "dependsOn")
_CRITERIA = ("success_criteria", "successCriteria")
_PLANS = ("execution_plan", "executionPlan", "plan")
_NEEDED = ("requires_planning", "requiresPlanning")
_COMPLEXITIES: dict[str, Complexity] = {
    "simple": "Simple",
    "direct": "Simple",
    "medium": "Medium",
    "iterative": "Medium",
    "complex": "Complex",
    "planned": "Complex",
    "verycomplex": "VeryComplex",
    "parallel": "VeryComplex",
}
_PRIORITIES: dict[str, Priority] = {
    "critical": "high",
    "high": "high",
    "medium": "medium",
    "low": "low",
}


def objects_in(said: Said, tool: str = "") -> Iterator[JsonObject]:
    """
    Give the objects that an answer holds, the likeliest first; what was only thought is none.

    Args:
        tool: The one that was to be called.
    """
    for found in candidates(said, tool).candidates:
        value: object = found.value
        if found.place != "reasoning" and isinstance(value, dict):
            yield cast("JsonObject", value)


def plan_in(said: Said, *, forced: bool) -> Plan | None:
    """
    Find the plan in the answer of a model.

    Args:
        forced: It is wanted, whatever the answer says of whether one is needed.

    Returns:
        One without steps says that none is needed; None: the answer holds no plan.
    """
    for found in objects_in(said, PLAN):
        plan = read_plan(found, forced=forced)
        if plan is not None:
            return plan
    return None


def read_plan(given: Mapping[str, Any], *, forced: bool = True) -> Plan | None:
    """Read an envelope or a bare plan; see `plan_in`."""
    inner = _mapping(_first(given, _PLANS))
    bare = given if inner is None else inner
    goal = read_goal(given) or read_goal(bare)
    steps = _steps(bare.get("steps"))
    needed = _first(given, _NEEDED)
    intent = _id(given.get("intent"))
    if needed is False and (not forced or not steps):
        return None if forced else Plan(goal or Goal(""), intent=intent)
    if not steps:
        return None
    return Plan(
        goal or Goal(""),
        steps,
        _complexity(bare.get("complexity"), len(steps)),
        _texts(_first(bare, ("required_tools", "requiredTools"))),
        intent,
    )


def read_goal(given: Mapping[str, Any]) -> Goal | None:
    """Read a goal that stands under `goal`, as an object or a text; or the object itself."""
    goal: object = given.get("goal", given if "description" in given else None)
    if isinstance(goal, str):
        return Goal(_cut(goal), _texts(_first(given, _CRITERIA))) if goal.strip() else None
    fields = _mapping(goal)
    if fields is None:
        return None
    words = _words(fields)
    return Goal(words, _texts(_first(fields, _CRITERIA))) if words else None


def _steps(given: object) -> tuple[Task, ...]:
    """Give the steps; none when one of them cannot be read."""
    if not isinstance(given, list):
        return ()
    rows = cast("list[object]", given)
    if len(rows) > MAX_STEPS:
        return ()
    taken: set[str] = set()
    steps: list[Task] = []
    for number, row in enumerate(rows, 1):
        step = _step({"description": row} if isinstance(row, str) else row, number, taken)
        if step is None:
            return ()
        taken.add(step.id)
        steps.append(step)
    return tuple(steps)


def _step(given: object, number: int, taken: set[str]) -> Task | None:
    row = _mapping(given)
    words = _words(row) if row is not None else ""
    if row is None or not words:
        return None
    tool = row.get("tool")
    return Task(
        id=_free(_id(row.get("id")) or f"step-{number}", taken),
        content=words,
        priority=_PRIORITIES.get(str(row.get("priority")).lower(), "medium"),
        tool=tool if isinstance(tool, str) and tool.strip() else None,
        dependencies=tuple(dict.fromkeys(_ids(_first(row, _WAITS)))),
        success_criteria="\n".join(_texts(_first(row, _CRITERIA))) or None,
    )


def _free(id_: str, taken: set[str]) -> str:
    """Tell steps apart that were given one id; what waits for it waits for the first."""
    numbered = (f"{id_}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (id_, *numbered) if each not in taken)


def _id(given: object) -> str:
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return str(given).strip()[:100] if isinstance(given, str) or is_number else ""


def _ids(given: object) -> Iterator[str]:
    every = cast("list[object]", given) if isinstance(given, list) else [given]
    return filter(None, map(_id, every))


def _words(row: Mapping[str, Any]) -> str:
    given: Iterable[object] = (row.get(name) for name in _NAMES)
    return next((_cut(each) for each in given if isinstance(each, str) and each.strip()), "")


def _texts(given: object) -> tuple[str, ...]:
    every = cast("list[object]", given) if isinstance(given, list) else [given]
    return tuple(_cut(each) for each in every if isinstance(each, str) and each.strip())


def _cut(text: str) -> str:
    return text.strip()[:MAX_TEXT_CHARS]


def _complexity(given: object, steps: int) -> Complexity:
    named = _COMPLEXITIES.get(given.replace("_", "").lower()) if isinstance(given, str) else None
    return named or complexity_of(steps)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> object:
    return next((row[name] for name in names if name in row), None)


def _mapping(given: object) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else None
