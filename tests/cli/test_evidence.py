"""`a3s-code evidence`, as somebody calls it who does not believe what a model says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from a3s_code import Agent, FileSessionStore
from a3s_code.cli.main import main
from a3s_code.persistence.verify import main as verify
from a3s_code.testing import Scripted, calls, says

CHECK = {"id": "tests", "command": "grep -qx right answer"}


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws/answer").write_text("wrong\n")
    return tmp_path / "ws"


def played(ws: Path, *turns: object, **options: object) -> str:
    with Agent.create('default_model = "scripted/model"') as agent:
        session = agent.session(
            ws,
            session_store=FileSessionStore(ws.parent / "sessions"),
            llm_client=Scripted(*turns),
            permissive=True,
            **options,
        )
        session.send("Put it right\x1b[2J")
        return session.runs()[0]["id"]


@pytest.fixture
def run(ws: Path) -> str:
    turns = calls("write", file_path="answer", content="right\n"), says("Done.")
    return played(ws, *turns, verification={"commands": [CHECK]})


def look(run: str, ws: Path, *more: str) -> int:
    return main(["evidence", run, "--store", str(ws.parent / "sessions"), *more])


def test_it_is_verified_as_long_as_the_files_are_those_that_were_checked(
    run: str, ws: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look(run, ws) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("PASSED")
    assert "changed   1 file\n" in shown
    assert "changed answer  sha256:" in shown
    assert "`grep -qx right answer` status 0" in shown
    assert "\x1b" not in shown

    (ws / "answer").write_text("Right\n")
    assert look(run, ws) == 1
    assert "stale: required, tests: The files are others now" in capsys.readouterr().out
    (ws / "answer").write_text("right\n")
    assert look(run, ws) == 0


def test_it_can_be_checked_against_the_log(
    run: str, ws: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look(run, ws, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["verdict"], said["run_id"]) == ("a3s.evidence.v1", "passed", run)
    store, head = str(ws.parent / "sessions"), said["log"]["sha256"]
    assert verify([store, "--session", said["session_id"], "--head", head]) == 0
    assert look(run, ws, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["log"] == said["log"]  # only read


def test_its_json_holds_nothing_that_a_terminal_obeys(
    ws: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = {"id": "t", "command": "true", "description": "\x9b2J\u202edessap"}
    turns = calls("write", file_path="answer", content="right\n"), says("Done.")
    run = played(ws, *turns, verification={"commands": [test]})
    assert look(run, ws, "--json") == 0
    shown = capsys.readouterr().out
    assert shown.rstrip("\n").isprintable()
    assert json.loads(shown)["checks"][0]["description"] == test["description"]


def test_a_run_that_only_claims_success_is_not_verified(
    ws: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = calls("write", file_path="answer", content="x"), says("All tests pass.")
    assert look(played(ws, *turns), ws) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("NEEDS_REVIEW")
    assert "Files were changed, and nothing was checked." in shown


def test_a_workspace_that_is_gone_proves_nothing(
    run: str, ws: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = ws.with_name("elsewhere")
    shutil.move(ws, moved)
    assert look(run, ws) == 1
    assert f"There is no directory {ws}" in capsys.readouterr().out
    assert look(run, ws, "--workspace", str(moved)) == 0
    (moved / "new").touch()
    assert look(run, ws, "--workspace", str(moved)) == 1


def test_without_git_nothing_is_verified(
    run: str, ws: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(ws))
    assert look(run, ws) == 1
    assert "git" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "store", "status", "said"),
    [
        ("run-nobody", "sessions", 2, "There is no run 'run-nobody'"),
        ("run-nobody", "nowhere", 2, "is no directory"),
    ],
)
def test_what_is_not_there_is_said(
    ws: Path, run: str, store: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    played(ws, says("Hello."))
    assert main(["evidence", run, "--store", str(ws.parent / store)]) == status
    assert said in capsys.readouterr().err
