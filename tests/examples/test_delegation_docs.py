"""What docs/delegation.md shows of hooks, events and conflicts comes about as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3s_code import PermissionPolicy
from a3s_code.testing import When, calls, on, says
from api.house import House

PAGE = Path(__file__).parents[2] / "docs/delegation.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def block_with(text: str) -> str:
    (block,) = (block for block in BLOCKS if text in block)
    return block


TASK = {"description": "look", "prompt": "CHILD"}
CHILD = on(When(last_user="CHILD"), says("It is here."))


def test_the_hook_keeps_an_agent_from_work_by_whatever_name_and_tool(house: House) -> None:
    session = house.session(
        calls("task", agent="review", **TASK)
        + calls("task", agent="code-review", **TASK)
        + calls("parallel_task", tasks=[{"agent": "Code_Reviewer", **TASK}])
        + calls("batch", invocations=[{"tool": "task", "args": {"agent": "reviewer", **TASK}}])
        + calls("task", agent="explore", **TASK),
        says("done"),
        rules=(CHILD,),
    )
    exec(compile(block_with("no_review"), PAGE.name, "exec"), {"session": session})
    session.send("go")

    assert [task["agent"] for task in session.subagent_tasks()] == ["explore"]


def test_the_stream_is_watched_as_the_page_shows_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    session = house.session(calls("task", agent="explore", **TASK), says("done"), rules=(CHILD,))
    exec(compile(block_with("subagent_progress"), PAGE.name, "exec"), {"session": session})

    first, progress, last = capsys.readouterr().out.splitlines()
    assert (first, last) == ("call_1.1 explore: look", "call_1.1 done")
    assert progress.startswith("call_1.1 turn_completed {'turn': 1")


def test_conflicts_of_a_child_in_a_worktree_are_told_as_the_page_shows_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.put("a.txt", "one\n")
    elsewhere = f"echo two > {house.root}/a.txt"
    session = house.session(
        calls("bash", command=elsewhere),
        calls("write", file_path="a.txt", content="three\n"),
        says("renamed"),
        permission_policy=PermissionPolicy(allow=["*"]),
    )
    exec(compile(block_with('"isolation": "worktree"'), PAGE.name, "exec"), {"session": session})

    conflict, see = capsys.readouterr().out.splitlines()
    assert conflict == "a.txt both sides changed the same lines"
    assert see.startswith("git --git-dir=")
    assert house.get("a.txt") == "two\n"
