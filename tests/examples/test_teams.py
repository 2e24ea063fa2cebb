"""The example and the pages about teams and automatic delegation, as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_code import Agent, Team
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import Rule, Script, ScriptedServer, When, on, says

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def rules() -> tuple[Rule, ...]:
    return (
        on(When(last_user="Take the goal"), says('{"tasks": ["do one", "do two"]}')),
        on(When(last_user="Judge whether"), says("APPROVED: it is there")),
    )


def test_the_example_shows_what_came_of_each_task(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    with ScriptedServer(Script(rules=rules(), default=says("done"))) as server:
        (tmp_path / "agent.acl").write_text(server.acl())
        run = subprocess.run(
            [sys.executable, ROOT / "examples/agent_teams.py", tmp_path / "ws"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout.splitlines() == [
        "[done] task-1 do one (no file changed)",
        "[done] task-2 do two (no file changed)",
        "2 done, 0 rounds",
    ]


def test_the_blocks_of_the_page_about_teams_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs, evidence, board = blocks("teams.md")
    with ScriptedServer(Script(rules=rules(), default=says("work done"))) as server:
        names: JsonObject = {"agent": Agent(server.acl())}
        exec(runs, names)
        exec(evidence, names)
        names["agent"].close()
    said = capsys.readouterr().out
    assert "Done: 2 tasks, 0 rounds" in said
    assert "task-1 do one work done APPROVED: it is there" in said
    assert "run-" in said

    team = Team("t")
    team.add_member("worker-1", "worker")
    names = {"team": team}
    exec(board, names)
    assert names["rejected"] == 1
    assert capsys.readouterr().out == "Focus on the refresh token flow\n"


def test_the_block_of_the_page_about_automatic_delegation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("auto-delegation.md")
    with ScriptedServer(Script(default=says("FOUND"))) as server:
        names: JsonObject = {"agent": Agent(server.acl())}
        exec(block, names)
        names["agent"].close()
    assert len(server.requests) == 3, "two agents and the answer"
