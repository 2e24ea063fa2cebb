"""
The database file of a store: how it is made and opened.

`<dir>/sessions.db` is in WAL mode; `database.py` has how such a file is made, and what its
errors mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TypeVar

from a3s_code.errors import StoreError
from a3s_code.persistence.database import connect, create, explained, set_up
from a3s_code.persistence.earlier import refuse_earlier_sessions
from a3s_code.persistence.network_mounts import refuse_network
from a3s_code.persistence.sqlite_tables import (
    FORMAT,
    SCHEMA,
    ReleaseSession,
    Write,
    Writer,
    sweep,
    write_all,
)
from a3s_code.persistence.writer_locks import WriterLocks

T = TypeVar("T")


class SqliteWriter:
    """
    The one connection that writes for a store. `locks` outlive it.

    Args:
        synchronous: `FULL` or `NORMAL`.

    Raises:
        StoreError: the file cannot be made or opened, is on a network file system, or a
            later version made it; or the directory holds sessions of an earlier version.
    """

    def __init__(self, path: Path, locks: WriterLocks, synchronous: str = "FULL") -> None:
        self._path, self._locks = path, locks
        with explained(path, "written"), ExitStack() as undo:
            refuse_network(path.parent)
            create(path, refuse_earlier_sessions)
            self._connection = undo.enter_context(closing(connect(path)))
            set_up(self._connection, synchronous)
            self._connection.execute("BEGIN IMMEDIATE")
            _make_tables(self._connection, path)
            sweep(self._connection, locks)
            self._connection.execute("COMMIT")
            undo.pop_all()

    def commit(self, writes: Sequence[tuple[Writer, Write]]) -> Mapping[Writer, StoreError]:
        connection = self._connection
        if all(isinstance(write, ReleaseSession) for _, write in writes):
            for writer, _ in writes:
                self._locks.drop(*writer)
            return {}
        try:
            with explained(self._path, "written"):
                connection.execute("BEGIN IMMEDIATE")
                refused = write_all(connection, self._locks, writes)
                connection.execute("COMMIT")
        except StoreError:
            self._locks.close()  # nothing is written here any more; others may go on
            raise
        return refused

    def close(self) -> None:
        # A transaction that failed is rolled back by this.
        with suppress(sqlite3.Error):
            self._connection.close()


def read(path: Path, question: Callable[[sqlite3.Connection], T]) -> T | None:
    """
    Ask in one transaction, so that all that is seen was there at one moment.

    Returns:
        The answer, or None when nothing was ever stored at `path`; nothing is made there.

    Raises:
        StoreError: the file is damaged, cannot be read, or is on a network file system,
            where reading needs locks as well; or there is none, and the directory holds
            sessions of an earlier version.
    """
    with explained(path, "read"):
        try:
            path.stat()
        except FileNotFoundError:
            refuse_earlier_sessions(path.parent)
            return None
        refuse_network(path.parent)
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            if not _has_tables(connection, path):
                return None
            return question(connection)


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    if not _has_tables(connection, path):
        for statement in SCHEMA:
            connection.execute(statement)


def _has_tables(connection: sqlite3.Connection, path: Path) -> bool:
    """Say no for a file that was just made; a format that we do not know is an error."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version != FORMAT and (version or tables):
        raise StoreError(
            f"The session store {path} has format {version}; this version knows {FORMAT}.",
            hint="use the version of A3S Code that wrote it, or another directory",
        )
    return version == FORMAT
