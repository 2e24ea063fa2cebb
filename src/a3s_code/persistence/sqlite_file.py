"""
The database file of a store: how it is made and opened, and what its errors mean.

`<dir>/sessions.db` is in WAL mode. With `synchronous = FULL` a commit returns when its bytes
are on the disk; with `NORMAL` the system has them, and the disk gets them at a checkpoint.
The order on the disk is kept in both, so the file is whole after any end. While it is open,
SQLite keeps `sessions.db-wal` and `sessions.db-shm` beside it. What we create is for its
owner alone, whatever the umask: directories 0700, files 0600 (SQLite gives its files the
mode of the database).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from a3s_code.errors import StoreError
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

BUSY_TIMEOUT_S = 10.0
"""How long we wait for another process that writes."""

_RETRY_S = 0.01

_FREE_SPACE = "free space on the disk, then resume the session"
_NO_DIRECTORY = "give a directory, not a file"

_SQLITE_HINTS = {
    sqlite3.SQLITE_BUSY: "another process kept it locked; end that, or use another directory",
    sqlite3.SQLITE_READONLY: "make the directory and its files writable",
    sqlite3.SQLITE_IOERR: "check the disk and its free space, then resume the session",
    sqlite3.SQLITE_CORRUPT: "restore the file from a copy, or move it away to begin anew",
    sqlite3.SQLITE_FULL: _FREE_SPACE,
    sqlite3.SQLITE_CANTOPEN: "make the directory and its files readable and writable",
    sqlite3.SQLITE_NOTADB: "this is another kind of file; move it away, or use another directory",
}
_SYSTEM_HINTS = {
    errno.EACCES: "make the directory writable",
    errno.EEXIST: _NO_DIRECTORY,
    errno.ENOTDIR: _NO_DIRECTORY,
    errno.ENOSPC: _FREE_SPACE,
    errno.EROFS: "use a directory on a file system that can be written",
    errno.ELOOP: "the file is a link; put the store where it leads",
}


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
            _create(path)
            self._connection = undo.enter_context(closing(_connect(path)))
            _set_up(self._connection, synchronous)
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
        with closing(_connect(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            if not _has_tables(connection, path):
                return None
            return question(connection)


@contextmanager
def explained(path: Path, verb: str) -> Generator[None]:
    """Turn errors of SQLite and of the file system into one that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
        raise _store_error(path, verb, error, _SQLITE_HINTS.get(code, "")) from error
    except UnicodeDecodeError as error:
        raise _store_error(path, verb, error, _SQLITE_HINTS[sqlite3.SQLITE_CORRUPT]) from error
    except OSError as error:
        raise _store_error(path, verb, error, _SYSTEM_HINTS.get(error.errno or 0, "")) from error


def _store_error(path: Path, verb: str, error: Exception, hint: str) -> StoreError:
    return StoreError(f"The session store {path} cannot be {verb}: {error}.", hint=hint)


def _create(path: Path) -> None:
    """
    Make an empty database file with mode 0600, if there is none.

    The file gets its name when it is complete and closed: closing a descriptor of a file
    that another connection of this process has open would drop SQLite's locks on it.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    _make_private(path.parent)
    if path.exists():
        return
    refuse_earlier_sessions(path.parent)
    descriptor, new = tempfile.mkstemp(prefix=f"{path.name}.new-", dir=path.parent)
    os.close(descriptor)
    try:
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        Path(new).unlink()


def _make_private(directory: Path) -> None:
    """Make `directory` and what is missing above it, and have the names on the disk."""
    try:
        directory.mkdir(0o700)
    except FileNotFoundError:
        _make_private(directory.parent)
        directory.mkdir(0o700, exist_ok=True)
    except FileExistsError:
        if not directory.is_dir():
            raise
        return
    parent = os.open(directory.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
    )


def _set_up(connection: sqlite3.Connection, synchronous: str) -> None:
    _enter_wal_mode(connection)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the disk's own cache
    connection.execute("PRAGMA secure_delete = ON")  # a deleted session leaves no text behind


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    if not _has_tables(connection, path):
        for statement in SCHEMA:
            connection.execute(statement)


def _enter_wal_mode(connection: sqlite3.Connection) -> None:
    """Wait for others ourselves: SQLite does not while it changes the mode of a file."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
        else:
            return


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
