"""What docs/steering.md and docs/delegation.md show of work beside a run runs as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from a3s_code import PermissionPolicy
from a3s_code.testing import Fault, When, breaks, calls, on, says
from api.house import House, come
from delegation.errands import errand

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_a_run_is_steered_as_the_page_shows_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    session = house.session(calls("ls"), says("renamed"), says("seen"), default=says("bumped"))
    for block in blocks("steering.md"):
        exec(compile(block, "steering.md", "exec"), {"session": session})

    shown = capsys.readouterr().out
    assert "Leave the changelog alone." in shown
    assert [run["prompt"] for run in session.runs()][1:] == ["Now bump the version."]


def test_what_goes_on_in_the_background_is_ended_as_the_page_shows_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    session = house.session(
        calls("errand", background=True),
        says("started"),
        rules=(on(When(system="HELPER-ROLE"), breaks(Fault.HANG, says("never"))),),
        tools=[errand],
        permission_policy=PermissionPolicy(default_decision="allow"),
    )
    session.send("go")
    (block,) = (each for each in blocks("delegation.md") if "cancel_subagent_task" in each)
    exec(compile(block, "delegation.md", "exec"), {"session": session})

    assert capsys.readouterr().out == "call_1.1 helper an errand\n"
    come(lambda: not session.pending_subagent_tasks())
