"""The example and the page about planning, as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent
from a3s_code.testing import Rule, Script, ScriptedServer, When, calls, on, says

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/planning.md").read_text(encoding="utf-8")
STEPS = [
    {"id": "s1", "description": "look"},
    {"id": "s2", "description": "count"},
    {"id": "s3", "description": "write", "dependencies": ["s1", "s2"]},
]


def rules() -> tuple[Rule, ...]:
    planned: dict[str, Any] = {"requires_planning": True, "goal": "an overview", "steps": STEPS}
    achieved = {"achieved": True, "progress": 1.0, "remaining_criteria": []}
    return (
        on(When(forced_tool="plan"), calls("*", **planned)),
        on(When(forced_tool="achievement"), calls("*", **achieved)),
    )


def test_the_example_shows_the_list_and_the_goal(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    with ScriptedServer(Script(rules=rules(), default=says("All is well."))) as server:
        (tmp_path / "agent.acl").write_text(server.acl())
        run = subprocess.run(
            [sys.executable, ROOT / "examples/05_planning.py", tmp_path / "ws"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert run.stderr == ""
    said = run.stdout.splitlines()
    assert said[0] == "[ ] look [ ] count [ ] write"
    assert said[1] == "[>] look [>] count [ ] write"
    assert said[-3:] == ["[x] look [x] count [x] write", "reached: an overview", "All is well."]


def test_the_blocks_of_the_page_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = Script(rules=rules(), default=says("All is well."))
    with ScriptedServer(script) as server, Agent(server.acl()) as agent:
        names: dict[str, Any] = {"agent": agent}
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
            exec(compile(block, "planning.md", "exec"), names)
        assert "step_end" in capsys.readouterr().out
        events = [event.event_type for event in names["session"].stream("a release")]
    assert events.count("step_start") == 3
