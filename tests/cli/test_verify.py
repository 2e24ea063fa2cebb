"""`a3s-code verify`, on a store that a session has written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from a3s_code import Agent, FileSessionStore, SessionOptions
from a3s_code.testing import Script, ScriptedServer, says
from cli.command_line import CommandLine


def written(directory: Path) -> Path:
    """Keep one session in a store, and give its directory."""
    with ScriptedServer(Script(says("Hello."))) as server:
        agent = Agent(server.acl())
        options = SessionOptions(session_store=FileSessionStore(directory), session_id="job-1")
        agent.session(directory.parent, options).send("hi")
        agent.close()
    return directory


def test_a_record_that_nobody_touched_is_verified(
    command_line: CommandLine, tmp_path: Path
) -> None:
    done = command_line.run("verify", str(written(tmp_path / "s")))

    assert (done.returncode, done.stderr) == (0, "")
    assert "ok   'job-1'" in done.stdout


def test_a_record_that_was_changed_is_named(command_line: CommandLine, tmp_path: Path) -> None:
    store = written(tmp_path / "s")
    with closing(sqlite3.connect(store / "sessions.db")) as connection, connection:
        changed = "CAST(replace(CAST(body AS TEXT), '{', '{ ') AS BLOB)"
        connection.execute(f"UPDATE records SET body = {changed} WHERE sequence = 1")
    done = command_line.run("verify", str(store))

    assert done.returncode == 1
    assert "record 1 was changed" in done.stdout


def test_verify_says_what_it_needs_and_what_it_cannot_show(
    command_line: CommandLine, tmp_path: Path
) -> None:
    helped = command_line.run("verify", "--help")

    assert helped.returncode == 0
    assert "usage: a3s-code verify" in helped.stdout
    assert "What it cannot show" in helped.stdout
    missing = command_line.run("verify", str(tmp_path / "nowhere"))
    assert missing.returncode == 2
    assert "cannot be verified" in missing.stderr
