"""`a3s-code runs`, as somebody calls it who wants the id of a run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from a3s_code import Agent, FileSessionStore
from a3s_code.cli.main import main
from a3s_code.testing import Scripted, says


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of two sessions with a run each."""
    directory = tmp_path / "sessions"
    with Agent.create('default_model = "scripted/model"') as agent:
        for name in ("first", "second"):
            session = agent.session(
                tmp_path,
                session_id=name,
                session_store=FileSessionStore(directory),
                llm_client=Scripted(says("Done.")),
            )
            session.send(f"Do the {name}\nthing\x1b[2J")
    return directory


def test_the_id_that_is_listed_is_the_one_to_export(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--store", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert ["Do the first thing" in line for line in lines] == [True, False]
    assert ["completed" in line for line in lines] == [True, True]
    assert "\x1b" not in "".join(lines)
    run = lines[0].split()[2]
    assert main(["export", run, "--store", str(store), "-o", str(tmp_path / "run.a3s")]) == 0


def test_a_damaged_session_is_named_and_the_others_are_listed(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(store / "sessions.db")) as database, database:
        damaged = database.execute(
            "UPDATE records SET body = x'00' WHERE session = 1 AND sequence = 2"
        )
        assert damaged.rowcount == 1

    assert main(["runs", "--store", str(store)]) == 1
    shown = capsys.readouterr()
    assert "a3s-code: first: " in shown.err
    assert "Do the second thing" in shown.out


def test_a_directory_without_sessions_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--store", str(tmp_path)]) == 0
    assert "keeps no session" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

    assert main(["runs", "--store", str(tmp_path / "absent")]) == 2
    assert "name the store with --store" in capsys.readouterr().err
