"""Records to store, and ways to read a store from the side."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from a3s_code.kernel.events import RunId, SessionId, ToolEnd
from a3s_code.kernel.records import Record
from a3s_code.persistence.sqlite import FileSessionStore

S = SessionId("my-session")
OTHER = SessionId("other")


def record(sequence: int, text: str = "") -> Record:
    event = ToolEnd(id=f"c{sequence}", name="bash", output=f"{text}{sequence}", exit_code=0)
    return Record(sequence, 1_000 + sequence, RunId("run-1"), event)


def records(length: int, text: str = "") -> list[Record]:
    return [record(sequence, text) for sequence in range(length)]


async def keep(store: FileSessionStore, log: list[Record], session: SessionId = S) -> None:
    for entry in log:
        store.append(session, entry)
    await store.barrier(session)


def change(directory: Path, statement: str, *values: object) -> int:
    """Change the closed store in `directory` behind our back; gives the number of rows."""
    with closing(sqlite3.connect(directory / "sessions.db")) as connection, connection:
        return connection.execute(statement, values).rowcount


def open_files_in(directory: Path) -> list[Path]:
    """List what this process holds open there, a file once for each descriptor."""
    files = (path.resolve() for path in Path("/proc/self/fd").iterdir())
    return [path for path in files if path.is_relative_to(directory)]


def run(script: str, *args: str | Path) -> str:
    """Run a Python script in a process of its own and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout
