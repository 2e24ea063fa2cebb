"""The example and the page about workflows, as they stand."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent
from a3s_code.testing import Fault, Script, ScriptedServer, When, breaks, on, says
from api.house import come

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/workflows.md").read_text(encoding="utf-8")


def test_the_example_splits_the_work_and_looks_at_each_part(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    rules = (
        on(When(last_user="Name three parts"), says("the loop\nthe gate\nthe log")),
        on(When(last_user="Look at the gate"), says("It decides.")),
    )
    with ScriptedServer(Script(rules=rules, default=says("It is there."))) as server:
        (tmp_path / "agent.acl").write_text(server.acl())
        run = subprocess.run(
            [sys.executable, ROOT / "examples/06_workflow.py", tmp_path / "ws"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    said = ["It is there.", "It decides.", "It is there.", "tokens: 60"]
    assert run.stdout.splitlines() == said


def is_recorded(place: Path) -> bool:
    """Say whether a step of the second phase is on the disk."""
    with closing(sqlite3.connect(place / ".a3s-sessions/sessions.db")) as db:
        (rows,) = db.execute(
            "SELECT count(*) FROM records JOIN sessions ON session = number"
            " WHERE id = '.workflow/wf-overview-0/1:look'"
            " AND CAST(body AS TEXT) LIKE '%workflow_step_completed%'"
        ).fetchone()
    return rows > 0


def test_the_example_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    rules = (
        on(When(last_user="Name three parts"), says("the loop\nthe gate")),
        on(When(last_user="Look at the loop"), says("It goes round.")),
        on(
            When(last_user="Look at the gate"),
            breaks(Fault.HANG, says("never")),
            says("It decides."),
        ),
    )
    command = [sys.executable, str(ROOT / "examples/06_workflow.py")]
    with ScriptedServer(Script(rules=rules)) as server:
        (tmp_path / "agent.acl").write_text(server.acl())
        first = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        come(lambda: len(server.requests) == 3 and is_recorded(tmp_path))
        first.send_signal(signal.SIGINT)
        _, notes = first.communicate(timeout=60)
        again = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        asked = len(server.requests)

    assert (first.returncode, notes.splitlines()[-1]) == (
        1,
        "stopped; start it again, and it goes on",
    )
    assert again.stdout.splitlines()[:2] == ["It goes round.", "It decides."]
    assert asked == 4


def test_the_blocks_of_the_page_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workspace").mkdir()
    script = Script(default=says("first\nsecond"))
    with ScriptedServer(script) as server, Agent(server.acl()) as agent:
        names: dict[str, Any] = {"agent": agent}
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
            exec(compile(block, "workflows.md", "exec"), names)
    assert [each.task_id for each in names["results"]] == ["impl-0", "impl-1"]
    assert [each.task_id for each in names["both"]] == ["judge", "judge"]
    assert len(names["rounds"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "15"
    assert said[1].startswith("WorkflowLog(level='info', message='hello'")
    assert said[2] == "hello"


def test_the_block_of_the_readme_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (block,) = [each for each in blocks if "session.workflow()" in each]
    with ScriptedServer(Script(default=says("a part"))) as server, Agent(server.acl()) as agent:
        exec(compile(block, "README.md", "exec"), {"session": agent.session(tmp_path)})
    assert capsys.readouterr().out == "a part\na part\n"
