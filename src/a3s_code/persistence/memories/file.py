"""
The database file of a memory store: how it is made, opened and read.

`<dir>/memories.db`; what is in it stands in `tables.py`. A file that a later version wrote, or
that is something else, is told by its first bytes, before SQLite has touched it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.persistence.database import connect, create, explained, set_up
from a3s_code.persistence.memories.earlier import Imported, holds_earlier_memories, read_earlier
from a3s_code.persistence.memories.header import FORMAT, WHAT, refuse_strange, strange_format
from a3s_code.persistence.memories.tables import (
    SCHEMA,
    Keep,
    Write,
    note_import,
    read_import,
    write_all,
)
from a3s_code.persistence.network_mounts import refuse_network

T = TypeVar("T")


class Writer(NamedTuple):
    """What a write is about: `items`, or how often they are recalled."""

    session: SessionId


class MemoryWriter:
    """
    The one connection that writes for a store. What an earlier layout holds is read when the
    file is made.

    Raises:
        StoreError: the file cannot be made or opened, is on a network file system, is damaged,
            or a later version made it.

    Attributes:
        note: What a person should know of how the memories came here; mostly empty.
    """

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        self._path = path
        with explained(path, "written", WHAT), ExitStack() as undo:
            refuse_network(path.parent, WHAT)
            refuse_strange(path)
            create(path)
            self._connection = undo.enter_context(closing(connect(path)))
            set_up(self._connection, synchronous)
            self._connection.execute("BEGIN IMMEDIATE")
            is_new = not _has_tables(self._connection, path)
            if is_new:
                _make_tables(self._connection, path.parent)
            self._connection.execute("COMMIT")
            self.note = _note(self._connection, path, is_new=is_new)
            undo.pop_all()

    def commit(self, writes: Sequence[tuple[Writer, Write]]) -> Mapping[Writer, StoreError]:
        with explained(self._path, "written", WHAT):
            self._connection.execute("BEGIN IMMEDIATE")
            write_all(self._connection, (write for _, write in writes))
            self._connection.execute("COMMIT")
        return {}

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
        StoreError: the file is damaged, cannot be read, is on a network file system, or a
            later version made it.
    """
    with explained(path, "read", WHAT):
        if not refuse_strange(path):
            return None
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            if not _has_tables(connection, path):
                return None
            return question(connection)


class Seen(NamedTuple):
    """
    Attributes:
        is_there: There are memories.
        is_earlier: They are only in the layout of A3S Code 3.
        note: What a person should know of how they came here.
    """

    is_there: bool
    is_earlier: bool = False
    note: str = ""


def look(path: Path) -> Seen:
    """
    Say what is at `path`, and change nothing.

    Raises:
        StoreError: as `read`.
    """
    with explained(path, "read", WHAT):
        refuse_network(path.parent, WHAT)
        if not refuse_strange(path):
            is_earlier = holds_earlier_memories(path.parent)
            return Seen(is_earlier, is_earlier)
    return Seen(
        is_there=True, note=read(path, lambda asked: _note(asked, path, is_new=False)) or ""
    )


def _note(connection: sqlite3.Connection, path: Path, *, is_new: bool) -> str:
    """Say what was read of an earlier layout; later only when something could not be."""
    noted = read_import(connection)
    if noted is None:
        return ""
    imported = msgspec.json.decode(noted, type=Imported)
    return imported.note(path.parent) if is_new or imported.broken else ""


def _make_tables(connection: sqlite3.Connection, directory: Path) -> None:
    for statement in SCHEMA:
        connection.execute(statement)
    if not holds_earlier_memories(directory):
        return
    broken: list[str] = []
    write_all(connection, map(Keep, read_earlier(directory, broken)))
    count = connection.execute("SELECT count(*) FROM items").fetchone()[0]
    noted = msgspec.json.encode(Imported(count, tuple(broken)))
    note_import(connection, noted.decode())


def _has_tables(connection: sqlite3.Connection, path: Path) -> bool:
    """Say no for a file that was just made; a format that we do not know is an error."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version != FORMAT and (version or tables):
        raise strange_format(path, version)
    return version == FORMAT
