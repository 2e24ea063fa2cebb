"""The plan of a model: the whole list each time, read in every usual spelling, or left as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_code.capabilities.tools.update_plan import MAX_TASK_CHARS, MAX_TASKS, update_plan
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.modes import Mode
from a3s_code.kernel.events import TaskUpdated
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.records import EffectIntended
from kernel.bench import Bench, call, files


async def planned(root: Path, **args: Any) -> tuple[str, list[JsonObject] | None]:
    """Give what the model is told, and the list that was shown, if one was."""
    bench = Bench(root)
    (result,) = await bench.execute(call("update_plan", **args))
    shown = bench.all(TaskUpdated)
    assert result.is_error is not bool(shown)
    assert [each.session_id for each in shown] == ["s"] * len(shown)
    return result.content, [*shown[0].tasks] if shown else None


TWO: list[JsonObject] = [
    {"id": "1", "content": "Read it", "status": "completed", "priority": "medium"},
    {"id": "2", "content": "Write it", "status": "in_progress", "priority": "medium"},
]


@pytest.mark.parametrize(
    "args",
    [
        {
            "plan": [
                {"step": "Read it", "status": "completed"},
                {"step": "Write it", "status": "in_progress"},
            ],
            "explanation": "begun",
        },
        {
            "todos": [
                {"content": "Read it", "status": "completed", "activeForm": "Reading it"},
                {"content": " Write it ", "status": "in-progress", "id": 2, "priority": "medium"},
            ]
        },
        {
            "tasks": [
                {"title": "Read it", "status": "done"},
                {"task": "Write it", "status": "DOING"},
            ]
        },
        {
            "steps": '[{"description": "Read it", "status": "finished"}, '
            '{"text": "Write it", "status": "In Progress"}]'
        },
    ],
)
async def test_a_plan_is_read_in_every_usual_spelling(args: JsonObject, tmp_path: Path) -> None:
    told, rows = await planned(tmp_path, **args)

    assert rows == TWO
    assert told == "The plan has 2 steps: 1 completed, 1 in_progress."


async def test_all_that_a_planner_says_of_a_task_is_kept(tmp_path: Path) -> None:
    row = {
        "id": "b",
        "content": "Write it",
        "status": "skipped",
        "priority": "high",
        "tool": "write",
        "dependencies": ["a"],
        "success_criteria": "it is there",
    }
    _, rows = await planned(tmp_path, plan=[{"id": "a", "content": "Read it"}, row])

    assert rows is not None
    assert rows[0]["status"] == "pending"
    assert rows[1] == row


async def test_steps_without_ids_get_those_that_are_free(tmp_path: Path) -> None:
    _, rows = await planned(tmp_path, plan=["first", {"step": "second", "id": 1}, "third"])

    assert rows is not None
    assert [row["id"] for row in rows] == ["2", "1", "3"]


async def test_an_empty_list_empties_the_plan(tmp_path: Path) -> None:
    assert await planned(tmp_path, plan=[]) == ("The plan is empty now.", [])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "needs one list, `plan`"),
        ({"plan": [], "todos": []}, "needs one list"),
        ({"plan": "- do it"}, "a text and no list"),
        ({"plan": "[" * 5000}, "a text and no list"),
        ({"plan": {"step": "x"}}, "no list of steps"),
        ({"plan": [{"status": "pending"}]}, "step 1 has no text"),
        ({"plan": ["ok", {"step": "  "}]}, "step 2 has no text"),
        ({"plan": ["ok", 7]}, "step 2 has no text"),
        ({"plan": [{"step": "x", "status": "maybe"}]}, "'maybe'; use pending, in_progress"),
        ({"plan": [{"step": "x", "status": None}]}, "the status of step 1 is 'None'"),
        ({"plan": [{"step": "x", "priority": 1}]}, "priority of step 1 is '1'; use high"),
        ({"plan": [{"step": "x", "id": [1]}]}, "step 1 has a list"),
        ({"plan": [{"step": "x", "id": "a"}, {"step": "y", "id": "a"}]}, "two steps have the id"),
        ({"plan": [{"step": "x", "dependencies": ["z"]}]}, "depends on 'z'"),
        ({"plan": [{"step": "x", "dependencies": "z"}]}, "no list of ids"),
        ({"plan": ["x" * (MAX_TASK_CHARS + 1)]}, "say it in a sentence"),
        ({"plan": ["x"] * (MAX_TASKS + 1)}, "101 steps, 100 at most"),
        ({"plam": ["x"]}, "plam"),
    ],
)
async def test_what_is_no_plan_leaves_the_plan_as_it_is_and_says_why(
    args: JsonObject, said: str, tmp_path: Path
) -> None:
    told, rows = await planned(tmp_path, **args)

    assert rows is None
    assert said in told


async def test_a_plan_changes_no_file_and_may_be_shown_also_where_nothing_is_changed(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.executor.gate = PolicyGate(None, str(tmp_path), Mode.PLAN)
    (result,) = await bench.execute(call("update_plan", plan=["look"]))

    assert not result.is_error
    assert files(tmp_path) == {}
    assert bench.all(EffectIntended) == []


def test_the_schema_shows_one_spelling() -> None:
    assert set(update_plan.schema["properties"]) == {"plan", "explanation"}
    assert update_plan.schema["required"] == ["plan"]
    assert set(update_plan.schema["properties"]["plan"]["items"]["properties"]) == {
        "step",
        "status",
    }
