"""A check that passed before the change as well is no proof of it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest

from a3s_code import AsyncAgent, Session
from a3s_code.errors import RunCancelled
from a3s_code.testing import calls, says
from api.house import House, come

RUN = {"id": "tests", "command": "sh tests/run.sh"}
OLD = "grep -q . answer\n"
NEW = "grep -qx right answer\n"


def write(path: str, text: str) -> Any:
    return calls("write", file_path=path, content=text)


@pytest.fixture
def project(house: House) -> House:
    house.put("answer", "wrong\n")
    house.put("tests/run.sh", OLD)
    return house


def begin(house: House, *turns: Any, command: dict[str, Any] = RUN, **more: Any) -> Session:
    wanted = {"commands": [command], "red_before_green": True, "max_rounds": 0, **more}
    return house.session(*turns, permissive=True, verification=wanted)


def test_a_new_test_that_fails_without_the_change_proves_it(project: House) -> None:
    turns = [write("tests/run.sh", NEW), write("answer", "right\n"), says("Done.")]
    session = begin(project, *turns)
    assert session.send("put it right").verification_status == "passed"

    (check,) = session.verification_reports()[0]["checks"]
    assert check["base"]["exit_code"] == 1
    assert check["base"]["tree"] != check["ran"]["tree"]
    evidence = session.evidence()
    assert evidence.verdict == "passed"
    assert evidence.checks[0].base is not None
    assert [file.path for file in evidence.files] == ["answer", "tests/run.sh"]


def test_a_test_that_passed_before_as_well_does_not(project: House) -> None:
    session = begin(project, write("answer", "right\n"), says("Done."))
    result = session.send("put it right")
    assert result.verification_status == "needs_review"
    assert "was_green" in {risk["kind"] for risk in result.verification_summary["risks"]}


def test_the_model_is_told_that_its_tests_show_nothing(project: House) -> None:
    turns = [write("answer", "right\n"), says("Done."), write("tests/run.sh", NEW), says("Done.")]
    session = begin(project, *turns, max_rounds=1)
    assert session.send("put it right").verification_status == "passed"
    assert "Add a test that fails without it" in str(project.bodies[2]["messages"][-1])


def test_what_fails_for_want_of_the_place_is_not_red(project: House) -> None:
    (project.root / ".gitignore").write_text("local\n")
    project.put("local", "installed")
    command = {"id": "tests", "command": "test -e local && sh tests/run.sh"}
    turns = [write("tests/run.sh", NEW), write("answer", "right\n"), says("Done.")]
    session = begin(project, *turns, command=command)
    result = session.send("put it right")
    assert result.verification_status == "needs_review"
    texts = [risk["text"] for risk in result.verification_summary["risks"]]
    assert any("What git ignores is not there" in text for text in texts)


def test_nothing_of_it_touches_the_workspace_and_no_copy_is_left(
    project: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    writes = {"id": "tests", "command": "pwd >> places; grep -qx right answer"}
    session = begin(project, write("answer", "right\n"), says("Done."), command=writes)
    session.send("put it right")
    assert project.get("places") == f"{project.root}\n"
    assert not list((tmp_path / "tmp").glob("*/files"))


async def test_a_cancel_while_a_copy_is_checked_leaves_no_copy_and_no_proof(
    project: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    at = tmp_path / "at"
    hangs = {"id": "tests", "command": f"grep -qx right answer || {{ touch {at}; sleep 60; }}"}
    turns = [write("answer", "right\n"), says("Done.")]
    async with AsyncAgent(project.serve(*turns).acl()) as agent:
        wanted = {"commands": [hangs], "red_before_green": True}
        session = agent.session(project.root, permissive=True, verification=wanted)
        running = asyncio.create_task(session.send("put it right"))
        await asyncio.to_thread(come, at.exists)
        assert await session.cancel()
        with pytest.raises(RunCancelled):
            await running
        assert not list((tmp_path / "tmp").glob("*/files"))
        assert [report["status"] for report in session.verification_reports()] == ["needs_review"]


def test_the_files_before_a_command_of_the_model_are_known(project: House) -> None:
    command = "printf 'grep -qx right answer\\n' > tests/run.sh; echo right > answer"
    session = begin(project, calls("bash", command=command), says("Done."))
    assert session.send("put it right").verification_status == "passed"
