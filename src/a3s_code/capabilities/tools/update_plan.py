"""
The `update_plan` tool: the list of tasks that the model keeps for itself and shows to the user.

Each call gives the whole list. It changes no file and no right; it is an event, survives a
compaction, and is there again when the session is resumed.

Source:
    DESIGN 5 (allowed by default); A3S Code docs, "Tasks" (SPEC 8). Which spellings are read is
    ours: those of the plan and todo tools that models were trained with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, cast, get_args

import msgspec

from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tasks import Priority, Task, TaskStatus
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, schema_of, tool

MAX_TASKS = 100
MAX_TASK_CHARS = 1_000
"""Of each text of a task."""
MAX_QUOTED_CHARS = 200

_STATUSES: Mapping[str, TaskStatus] = {
    **{status: status for status in get_args(TaskStatus)},
    **dict.fromkeys(("todo", "open", "not_started", "planned"), "pending"),
    **dict.fromkeys(("doing", "active", "started", "current", "inprogress"), "in_progress"),
    **dict.fromkeys(("done", "complete", "finished"), "completed"),
    **dict.fromkeys(("canceled",), "cancelled"),
}
_PRIORITIES: Mapping[str, Priority] = {
    **{priority: priority for priority in get_args(Priority)},
    **dict.fromkeys(("normal",), "medium"),
}
_CONTENT = ("step", "content", "task", "title", "description", "text")
"""What models call the text of a task, the usual name first."""
_LISTS = ("plan", "todos", "tasks", "steps")

_ROW: JsonObject = {
    "properties": {
        "step": {"type": "string"},
        "status": {"enum": [*get_args(TaskStatus)]},
    },
    "required": ["step", "status"],
}


class UpdatePlanArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model is shown."""

    plan: Annotated[
        list[Annotated[dict[str, Any], msgspec.Meta(extra_json_schema=_ROW)]],
        msgspec.Meta(
            max_length=MAX_TASKS, description="All steps in order, best with one in_progress."
        ),
    ]
    explanation: Annotated[str | None, msgspec.Meta(description="Why it changed.")] = None


class GivenPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is taken of it: any one of the lists."""

    plan: Any = None
    todos: Any = None
    tasks: Any = None
    steps: Any = None
    explanation: str | None = None


class _Unfit(Exception):
    """A list that is none; says what is wrong with it, and where."""


@tool(GivenPlan, effect=Effect.READ, subject=lambda _: "")
async def _update_plan(args: GivenPlan, context: ToolContext) -> Observation:
    """
    Show the user the list of steps of your work and how far it is: for work of several steps.
    Give the whole list each time, and call it again when a step begins or ends.
    """
    if context.tasks is None:
        return failure("No plan can be kept here.", "unsupported")
    try:
        tasks = tuple(_tasks(_rows(args)))
        _check(tasks)
    except _Unfit as wrong:
        return failure(f"The plan was left as it is: {wrong}.", "invalid_argument")
    context.tasks.show(tasks)
    return _told(tasks, args.explanation)


update_plan = replace(_update_plan, name="update_plan", schema=schema_of(UpdatePlanArgs))


def _told(tasks: Sequence[Task], explanation: str | None) -> Observation:
    counts = Counter(task.status for task in tasks)
    facts: JsonObject = {"total": len(tasks), **counts}
    if explanation:
        facts["explanation"] = explanation
    if not tasks:
        return Observation("The plan is empty now.", metadata=facts)
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    return Observation(f"The plan has {len(tasks)} steps: {said}.", metadata=facts)


# Reading


def _rows(args: GivenPlan) -> Sequence[object]:
    given = {name: getattr(args, name) for name in _LISTS if getattr(args, name) is not None}
    if len(given) != 1:
        raise _Unfit("it needs one list, `plan`, with a row for each step")
    ((name, rows),) = given.items()
    if isinstance(rows, str):
        rows = _parsed(rows, name)
    if not isinstance(rows, list):
        raise _Unfit(f"`{name}` is no list of steps")
    if len(cast("list[object]", rows)) > MAX_TASKS:
        raise _Unfit(f"`{name}` has {len(cast('list[object]', rows))} steps, {MAX_TASKS} at most")
    return cast("list[object]", rows)


def _parsed(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _Unfit(f"`{name}` is a text and no list of steps") from None


def _tasks(rows: Sequence[object]) -> Iterator[Task]:
    """Read each row; those without an id get the next number that is free."""
    taken = {str(row["id"]) for row in map(_fields, rows) if row.get("id") is not None}
    free = (str(number) for number in range(1, 2 * MAX_TASKS + 1) if str(number) not in taken)
    for at, row in enumerate(rows, 1):
        yield _task(_fields(row), f"step {at}", free)


def _fields(row: object) -> JsonObject:
    return cast("JsonObject", row) if isinstance(row, dict) else {"step": row}


def _task(row: JsonObject, place: str, free: Iterator[str]) -> Task:
    content = next((row[name] for name in _CONTENT if row.get(name) is not None), None)
    if not isinstance(content, str) or not content.strip():
        raise _Unfit(f'{place} has no text; write {{"step": "...", "status": "pending"}}')
    needs: object = row.get("dependencies") or list[object]()
    if not isinstance(needs, list):
        raise _Unfit(f"the dependencies of {place} are no list of ids")
    return Task(
        id=_short(row["id"], place) if row.get("id") is not None else next(free),
        content=_short(content.strip(), place),
        status=_one_of(_STATUSES, row.get("status", "pending"), "status", place),
        priority=_one_of(_PRIORITIES, row.get("priority") or "medium", "priority", place),
        tool=_optional(row.get("tool"), place),
        dependencies=tuple(_short(each, place) for each in cast("list[object]", needs)),
        success_criteria=_optional(row.get("success_criteria"), place),
    )


def _optional(given: object, place: str) -> str | None:
    return _short(given, place) if given else None


def _short(given: object, place: str) -> str:
    if not isinstance(given, str | int):
        raise _Unfit(f"{place} has a {type(given).__name__} where a text should be")
    if len(str(given)) > MAX_TASK_CHARS:
        raise _Unfit(f"{place} is longer than {MAX_TASK_CHARS} characters; say it in a sentence")
    return str(given)


def _one_of(known: Mapping[str, Any], given: object, what: str, place: str) -> Any:  # noqa: ANN401 - one of the literals
    name = str(given).strip().lower().replace("-", "_").replace(" ", "_")
    if name not in known:
        names = ", ".join(dict.fromkeys(known.values()))
        raise _Unfit(f"the {what} of {place} is {str(given)[:MAX_QUOTED_CHARS]!r}; use {names}")
    return known[name]


def _check(tasks: Sequence[Task]) -> None:
    ids = Counter(task.id for task in tasks)
    twice = [id_ for id_, count in ids.items() if count > 1]
    if twice:
        raise _Unfit(f"two steps have the id {twice[0]!r}")
    for at, task in enumerate(tasks, 1):
        strange = next((need for need in task.dependencies if need not in ids), None)
        if strange is not None:
            raise _Unfit(f"step {at} depends on {strange!r}, which is the id of no step")
