"""
A database file of ours: how it is made and opened, and what its errors mean.

It is in WAL mode. With `synchronous = FULL` a commit returns when its bytes are on the disk;
with `NORMAL` the system has them, and the disk gets them at a checkpoint. The order on the
disk is kept in both, so the file is whole after any end. While it is open, SQLite keeps two
files of the same name beside it, `-wal` and `-shm`. What we create is for its owner alone,
whatever the umask: directories 0700, files 0600 (SQLite gives its files the mode of the
database).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from a3s_code.errors import StoreError

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


@contextmanager
def explained(path: Path, verb: str, what: str = "session store") -> Generator[None]:
    """Turn errors of SQLite and of the file system into one that says what to do."""
    named = f"The {what} {path} cannot be {verb}"
    try:
        yield
    except sqlite3.Error as error:
        code = int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
        raise _store_error(named, error, _SQLITE_HINTS.get(code, "")) from error
    except UnicodeDecodeError as error:
        raise _store_error(named, error, _SQLITE_HINTS[sqlite3.SQLITE_CORRUPT]) from error
    except OSError as error:
        raise _store_error(named, error, _SYSTEM_HINTS.get(error.errno or 0, "")) from error


def _store_error(what: str, error: Exception, hint: str) -> StoreError:
    return StoreError(f"{what}: {error}.", hint=hint)


def create(path: Path, refuse: Callable[[Path], None] | None = None) -> None:
    """
    Make an empty database file with mode 0600, if there is none.

    Args:
        refuse: Asked before that, whether the directory may have one; raises when not.

    The file gets its name when it is complete and closed: closing a descriptor of a file
    that another connection of this process has open would drop SQLite's locks on it.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    _make_private(path.parent)
    if path.exists():
        return
    if refuse is not None:
        refuse(path.parent)
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


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
    )


def set_up(connection: sqlite3.Connection, synchronous: str) -> None:
    _enter_wal_mode(connection)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the disk's own cache
    connection.execute("PRAGMA secure_delete = ON")  # a deleted session leaves no text behind


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
