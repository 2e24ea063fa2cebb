"""
Sessions as tables, and the statements that write them; `sqlite_reads.py` has those that read.

    sessions(number, id, next, head, owner)
                                          `next`: sequence of the next record
                                          `head`: hash of the last one
                                          `owner`: who may write it; a fencing token
    records(session, sequence, run, body, hash)
                                          `body` is empty after the record was pruned
    blobs(sha256, size, data)             each content once
    blob_owners(session, sha256)          who may read it; without any, it goes

`session` is `sessions.number`. Bodies and hashes are those of `persistence/codec.py`.
A session's `next` and `owner` are read in the transaction that writes, so of two writers,
in one process or in two, the one that did not load the session last is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Ranges
from a3s_code.persistence.codec import GENESIS, link
from a3s_code.persistence.refusal import in_use, not_its_digest, not_next, taken_over
from a3s_code.persistence.writer_locks import WriterLocks

if TYPE_CHECKING:
    from sqlite3 import Connection

FORMAT = 1
"""Of the tables; `PRAGMA user_version`."""

SCHEMA = (
    """CREATE TABLE sessions (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        next INTEGER NOT NULL,
        head BLOB NOT NULL,
        owner TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE records (
        session INTEGER NOT NULL REFERENCES sessions (number),
        sequence INTEGER NOT NULL,
        run TEXT NOT NULL,
        body BLOB NOT NULL,
        hash BLOB NOT NULL,
        UNIQUE (session, sequence)
    ) STRICT""",
    """CREATE TABLE blobs (
        sha256 TEXT NOT NULL PRIMARY KEY,
        size INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE blob_owners (
        session INTEGER NOT NULL REFERENCES sessions (number),
        sha256 TEXT NOT NULL REFERENCES blobs (sha256),
        PRIMARY KEY (session, sha256)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX blob_owners_by_blob ON blob_owners (sha256)",
    f"PRAGMA user_version = {FORMAT}",
)


_SWEEPER = "(a session without records)"
"""As whom `sweep` looks whether somebody is at work."""

_HEAD = "SELECT number, next, head, owner FROM sessions WHERE id = ?"


class Writer(NamedTuple):
    """A session, and as whom it is written."""

    session: SessionId
    owner: str = ""


@dataclass(frozen=True, slots=True)
class KeepRecord:
    sequence: int
    run: str
    body: bytes


@dataclass(frozen=True, slots=True)
class PruneRecords:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class KeepBlob:
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class DropBlob:
    sha256: str


@dataclass(frozen=True, slots=True)
class DropSession:
    """The session, its records, and the blobs that nobody else has."""


@dataclass(frozen=True, slots=True)
class ClaimSession:
    """The writer is the owner from now on."""


@dataclass(frozen=True, slots=True)
class ReleaseSession:
    """The owner is not at work."""


Write: TypeAlias = (
    KeepRecord | PruneRecords | KeepBlob | DropBlob | DropSession | ClaimSession | ReleaseSession
)


def write_all(
    connection: Connection, locks: WriterLocks, writes: Sequence[tuple[Writer, Write]]
) -> dict[Writer, StoreError]:
    """
    Write in order, inside the transaction that the caller has begun.

    Returns:
        Why which writers were refused. What follows of such a writer is left out.
    """
    refused: dict[Writer, StoreError] = {}
    transaction = _Transaction(connection, locks)
    for writer, write in writes:
        if isinstance(write, DropSession | ClaimSession):
            refused.pop(writer, None)
        if writer in refused:
            continue
        try:
            transaction.write(writer, write)
        except StoreError as error:
            refused[writer] = error
        except UnicodeEncodeError as error:
            said = f"An id in session {writer.session!r} is no text: {error.reason}."
            refused[writer] = StoreError(said, hint="use ids that UTF-8 can write")
        if writer in refused:
            locks.drop(*writer)
    transaction.flush()
    return refused


@dataclass(slots=True)
class _Head:
    number: int
    next: int
    hash: bytes
    owner: str


class _Transaction:
    """Gathers records, so that all of them are inserted by one statement."""

    def __init__(self, connection: Connection, locks: WriterLocks) -> None:
        self._connection, self._locks = connection, locks
        self._heads: dict[SessionId, _Head] = {}
        self._rows: list[tuple[int, int, str, bytes, bytes]] = []

    def write(self, writer: Writer, write: Write) -> None:
        match write:
            case KeepRecord():
                self._keep(writer, write)
            case PruneRecords(ranges=ranges):
                self._prune(writer, ranges)
            case KeepBlob(sha256=sha256, data=data):
                self._keep_blob(writer, sha256, data)
            case DropBlob(sha256=sha256):
                self._drop_blob(writer, sha256)
            case DropSession():
                self._drop(writer)
            case ClaimSession():
                self._claim(writer)
            case ReleaseSession():
                self._locks.drop(*writer)

    def flush(self) -> None:
        self._connection.executemany(
            "INSERT INTO records (session, sequence, run, body, hash) VALUES (?, ?, ?, ?, ?)",
            self._rows,
        )
        self._connection.executemany(
            "UPDATE sessions SET next = ?, head = ?, owner = ? WHERE number = ?",
            [(head.next, head.hash, head.owner, head.number) for head in self._heads.values()],
        )
        self._rows.clear()
        self._heads.clear()

    def _keep(self, writer: Writer, record: KeepRecord) -> None:
        head = self._at_work(writer)
        record.run.encode()  # refuses here what would fail the whole transaction later
        writer.owner.encode()
        if head.next == 0:
            head.owner = writer.owner
        if head.owner != writer.owner:
            raise taken_over(writer.session)
        if record.sequence != head.next:
            raise not_next(writer.session, record.sequence, head.next)
        head.hash = link(head.hash, record.body)
        head.next += 1
        self._rows.append((head.number, record.sequence, record.run, record.body, head.hash))

    def _prune(self, writer: Writer, ranges: Ranges) -> None:
        number = self._fenced(writer).number
        self.flush()
        self._connection.executemany(
            "UPDATE records SET body = x'' WHERE session = ? AND sequence BETWEEN ? AND ?",
            [(number, first, last) for first, last in ranges],
        )

    def _keep_blob(self, writer: Writer, sha256: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != sha256:
            raise not_its_digest(writer.session, sha256)
        head = self._fenced(writer)
        self._connection.execute(
            "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (sha256, len(data), data)
        )
        self._connection.execute(
            "INSERT INTO blob_owners VALUES (?, ?) ON CONFLICT DO NOTHING",
            (head.number, sha256),
        )

    def _drop_blob(self, writer: Writer, sha256: str) -> None:
        execute = self._connection.execute
        execute(
            "DELETE FROM blob_owners WHERE session = ? AND sha256 = ?",
            (self._fenced(writer).number, sha256),
        )
        execute(
            "DELETE FROM blobs WHERE sha256 = ?1"
            " AND NOT EXISTS (SELECT 1 FROM blob_owners WHERE sha256 = ?1)",
            (sha256,),
        )

    def _fenced(self, writer: Writer) -> _Head:
        """Keep others out, and refuse who is not the owner."""
        head = self._at_work(writer)
        if head.next and head.owner != writer.owner:
            raise taken_over(writer.session)
        return head

    def _claim(self, writer: Writer) -> None:
        writer.owner.encode()
        self._at_work(writer).owner = writer.owner
        self._locks.drop(*writer)

    def _at_work(self, writer: Writer) -> _Head:
        """Keep others out, and give what the session is now."""
        head = self._head(writer.session)
        if not self._locks.take(writer.session, head.number, writer.owner):
            raise in_use(writer.session)
        return head

    def _drop(self, writer: Writer) -> None:
        number = self._at_work(writer).number
        self._locks.drop(*writer)
        self.flush()
        _delete(self._connection, number)

    def _head(self, session: SessionId) -> _Head:
        head = self._heads.get(session)
        if head is None:
            head = self._heads[session] = self._stored_head(session)
        return head

    def _stored_head(self, session: SessionId) -> _Head:
        execute = self._connection.execute
        row = execute(_HEAD, (session,)).fetchone()
        if row is None:
            cursor = execute("INSERT INTO sessions VALUES (NULL, ?, 0, ?, '')", (session, GENESIS))
            return _Head(cursor.lastrowid or 0, 0, GENESIS, "")
        return _Head(*row)


def _delete(connection: Connection, number: int) -> None:
    execute = connection.execute
    execute(
        "DELETE FROM blobs WHERE sha256 IN (SELECT sha256 FROM blob_owners WHERE session = ?1)"
        " AND NOT EXISTS (SELECT 1 FROM blob_owners AS other"
        " WHERE other.sha256 = blobs.sha256 AND other.session <> ?1)",
        (number,),
    )
    execute("DELETE FROM blob_owners WHERE session = ?", (number,))
    execute("DELETE FROM records WHERE session = ?", (number,))
    execute("DELETE FROM sessions WHERE number = ?", (number,))


def sweep(connection: Connection, locks: WriterLocks) -> None:
    """
    Delete sessions that never got a record, with their blobs, inside the caller's transaction.
    A crash leaves such ones; those that somebody is about to begin stay.
    """
    found = connection.execute("SELECT number, id FROM sessions WHERE next = 0").fetchall()
    for number, session in found:
        if locks.take(session, number, _SWEEPER):
            _delete(connection, number)
            locks.drop(session, _SWEEPER)
