"""Files that no tree holds: who hides one does not hide what becomes of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, Session
from a3s_code.cli.main import main
from a3s_code.testing import calls, says
from a3s_code.workspace import snapshots
from a3s_code.workspace.snapshot_take import SnapshotLimits
from api.house import House

TEST = {"id": "tests", "command": "grep -qx right answer"}
DONE = says("Done, all tests pass.")


def write(text: str, path: str = "answer") -> Any:
    return calls("write", file_path=path, content=text)


def bash(command: str) -> Any:
    return calls("bash", command=command)


def begin(house: House, *turns: Any, **options: Any) -> Session:
    wanted = {"commands": [TEST], "max_rounds": 0}
    return house.session(*turns, permissive=True, **{"verification": wanted, **options})


def statuses(session: Session) -> tuple[str, str]:
    return session.evidence().verdict, session.verification_summary()["status"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have trees leave out files of more than 10 bytes."""
    monkeypatch.setattr(snapshots, "SnapshotLimits", lambda: SnapshotLimits(max_file_bytes=10))


@pytest.mark.usefixtures("small")
def test_a_large_file_that_is_changed_after_its_check_makes_it_stale(house: House) -> None:
    session = begin(house, bash("echo right > answer; seq 9 > large"), DONE)
    assert session.send("do it").verification_status == "passed"
    assert statuses(session) == ("passed", "passed")

    house.put("large", "9\n8\n7\n6\n5\n4\n3\n2\n1\n")
    assert statuses(session) == ("needs_review", "needs_review")
    house.put("large", "1\n2\n3\n4\n5\n6\n7\n8\n9\n")
    assert statuses(session) == ("passed", "passed")
    (house.root / "large").unlink()
    assert statuses(session) == ("needs_review", "needs_review")


@pytest.mark.usefixtures("small")
def test_a_large_file_that_a_check_leaves_behind_is_a_by_product(house: House) -> None:
    dumps = {"id": "t", "command": "seq 9 > dump"}
    session = begin(house, write("right\n"), DONE, verification={"commands": [dumps]})
    assert session.send("do it").verification_status == "passed"
    assert statuses(session) == ("passed", "passed")


@pytest.mark.usefixtures("small")
def test_a_large_file_that_a_check_rewrites_is_no_by_product(house: House) -> None:
    house.put("large", "x" * 20)
    rewrites = {"id": "t", "command": "date +%N%N%N >> large"}
    session = begin(house, write("right\n"), DONE, verification={"commands": [rewrites]})
    result = session.send("do it")
    assert result.verification_status == "needs_review"
    assert "large" in result.verification_summary_text


@pytest.mark.usefixtures("small")
def test_a_command_that_only_changes_a_large_file_is_checked(house: House) -> None:
    house.put("answer", "right\n")
    house.put("large", "x" * 20)
    turns = [
        bash("touch answer"),
        DONE,
        bash("echo more >> large"),
        DONE,
        bash("touch large"),
        DONE,
    ]
    session = begin(house, *turns)
    counts = []
    for prompt in ("one", "two", "three"):
        session.send(prompt)
        counts.append(len(session.verification_reports()))
    assert counts == [1, 2, 2]


@pytest.mark.usefixtures("small")
def test_a_large_file_is_the_same_where_the_workspace_was_moved(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "sessions"
    house.put("large", "x" * 20)
    session = begin(house, write("right\n"), DONE, session_store=FileSessionStore(store))
    session.send("do it")
    run = session.runs()[0]["id"]
    session.close()
    moved = shutil.copytree(house.root, tmp_path / "moved")
    look = ["evidence", run, "--store", str(store), "--workspace", str(moved)]

    assert main(look) == 0
    (moved / "large").write_text("y" * 20)
    assert main(look) == 1
    assert "uncovered large" in capsys.readouterr().out


def test_what_a_tool_writes_where_git_ignores_it_is_checked(house: House) -> None:
    house.put(".gitignore", "answer\n")
    session = begin(house, write("wrong\n"), DONE)
    assert session.send("do it").verification_status == "needs_review"
    assert session.verification_reports()[0]["status"] == "failed"


def test_what_a_tool_wrote_where_git_ignores_it_can_become_stale(house: House) -> None:
    house.put(".gitignore", "answer\n")
    session = begin(house, write("right\n"), DONE)
    assert session.send("do it").verification_status == "passed"
    session.write_file("answer", "wrong\n")
    assert statuses(session) == ("needs_review", "needs_review")
    house.put("answer", "right\n")
    assert statuses(session) == ("passed", "passed")


@pytest.mark.parametrize("rules", [".git/info/exclude", ".gitignore"])
def test_a_file_that_was_hidden_is_held_to_what_it_was(house: House, rules: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=house.root, check=True)
    house.put("answer", "right\n")
    hides = bash(f"echo answer >> {rules}; touch more")
    session = begin(house, hides, DONE, bash("echo wrong > answer"), DONE)
    assert session.send("one").verification_status == "passed"
    assert session.send("two").verification_status == "needs_review"
    assert statuses(session) == ("failed", "failed")
