"""
Sessions as tables, and the statements that write and read them.

    sessions(number, id, next, head)      `next`: sequence of the next record
                                          `head`: hash of the last one
    records(session, sequence, run, body, hash)
    blobs(sha256, size, data)             each content once
    blob_owners(session, sha256)          who may read it; without any, it goes

`session` is `sessions.number`. Bodies and hashes are those of `persistence/codec.py`.
A session's `next` is read in the transaction that writes, so of two writers, in one
process or in two, the second is refused; a lease would be checked at the same place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record
from a3s_code.persistence.codec import GENESIS, link, read_chain
from a3s_code.persistence.refusal import not_its_digest, not_next

if TYPE_CHECKING:
    from sqlite3 import Connection

FORMAT = 1
"""Of the tables; `PRAGMA user_version`."""

SCHEMA = (
    """CREATE TABLE sessions (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        next INTEGER NOT NULL,
        head BLOB NOT NULL
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


@dataclass(frozen=True, slots=True)
class KeepRecord:
    sequence: int
    run: str
    body: bytes


@dataclass(frozen=True, slots=True)
class KeepBlob:
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class DropSession:
    """The session, its records, and the blobs that nobody else has."""


Write: TypeAlias = KeepRecord | KeepBlob | DropSession


def write_all(
    connection: Connection, writes: Sequence[tuple[SessionId, Write]]
) -> dict[SessionId, StoreError]:
    """
    Write in order, inside the transaction that the caller has begun.

    Returns:
        Why which sessions were refused. What follows of such a session is left out.
    """
    refused: dict[SessionId, StoreError] = {}
    transaction = _Transaction(connection)
    for session, write in writes:
        if isinstance(write, DropSession):
            refused.pop(session, None)
        if session in refused:
            continue
        try:
            transaction.write(session, write)
        except StoreError as error:
            refused[session] = error
        except UnicodeEncodeError as error:
            said = f"An id in session {session!r} is no text: {error.reason}."
            refused[session] = StoreError(said, hint="use ids that UTF-8 can write")
    transaction.flush()
    return refused


@dataclass(slots=True)
class _Head:
    number: int
    next: int
    hash: bytes


class _Transaction:
    """Gathers records, so that all of them are inserted by one statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heads: dict[SessionId, _Head] = {}
        self._rows: list[tuple[int, int, str, bytes, bytes]] = []

    def write(self, session: SessionId, write: Write) -> None:
        match write:
            case KeepRecord():
                self._keep(session, write)
            case KeepBlob(sha256=sha256, data=data):
                self._keep_blob(session, sha256, data)
            case DropSession():
                self._drop(session)

    def flush(self) -> None:
        self._connection.executemany(
            "INSERT INTO records (session, sequence, run, body, hash) VALUES (?, ?, ?, ?, ?)",
            self._rows,
        )
        self._connection.executemany(
            "UPDATE sessions SET next = ?, head = ? WHERE number = ?",
            [(head.next, head.hash, head.number) for head in self._heads.values()],
        )
        self._rows.clear()
        self._heads.clear()

    def _keep(self, session: SessionId, record: KeepRecord) -> None:
        head = self._head(session)
        if record.sequence != head.next:
            raise not_next(session, record.sequence, head.next)
        record.run.encode()  # refuses here what would fail the whole transaction later
        head.hash = link(head.hash, record.body)
        head.next += 1
        self._rows.append((head.number, record.sequence, record.run, record.body, head.hash))

    def _keep_blob(self, session: SessionId, sha256: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != sha256:
            raise not_its_digest(session, sha256)
        self._connection.execute(
            "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (sha256, len(data), data)
        )
        self._connection.execute(
            "INSERT INTO blob_owners VALUES (?, ?) ON CONFLICT DO NOTHING",
            (self._head(session).number, sha256),
        )

    def _drop(self, session: SessionId) -> None:
        number = self._head(session).number
        self.flush()
        execute = self._connection.execute
        execute(
            "DELETE FROM blobs WHERE sha256 IN (SELECT sha256 FROM blob_owners WHERE session = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM blob_owners AS other"
            " WHERE other.sha256 = blobs.sha256 AND other.session <> ?1)",
            (number,),
        )
        execute("DELETE FROM blob_owners WHERE session = ?", (number,))
        execute("DELETE FROM records WHERE session = ?", (number,))
        execute("DELETE FROM sessions WHERE number = ?", (number,))

    def _head(self, session: SessionId) -> _Head:
        head = self._heads.get(session)
        if head is None:
            head = self._heads[session] = self._stored_head(session)
        return head

    def _stored_head(self, session: SessionId) -> _Head:
        execute = self._connection.execute
        row = execute("SELECT number, next, head FROM sessions WHERE id = ?", (session,)).fetchone()
        if row is None:
            cursor = execute("INSERT INTO sessions VALUES (NULL, ?, 0, ?)", (session, GENESIS))
            return _Head(cursor.lastrowid or 0, 0, GENESIS)
        return _Head(*row)


def read_log(connection: Connection, session: SessionId) -> list[Record]:
    """
    Read and check a whole log, oldest first; the caller has begun a transaction.

    Raises:
        SessionNotFound: there is none.
        StoreError: a record is missing, changed or unreadable.
    """
    # The casts keep damage that changed the kind of a value from becoming a TypeError.
    found = connection.execute(
        "SELECT number, CAST(next AS INTEGER), head FROM sessions WHERE id = ? AND next > 0",
        (session,),
    ).fetchone()
    if found is None:
        raise _not_found(connection, session)
    number, length, last = found
    rows = connection.execute(
        "SELECT sequence, ifnull(CAST(body AS BLOB), x''), hash FROM records"
        " WHERE session = ? ORDER BY sequence",
        (number,),
    )
    return read_chain(session, rows, length, last)


def _not_found(connection: Connection, session: SessionId) -> StoreError:
    there = connection.execute(
        "SELECT 1 FROM sessions NOT INDEXED WHERE id = ? AND next > 0", (session,)
    ).fetchone()
    if there is None:
        return SessionNotFound(f"There is no session {session!r}.")
    return StoreError(
        f"The index of the store does not know session {session!r}, which it holds.",
        hint="restore the store from a copy, or run REINDEX on it",
    )


def read_sessions(connection: Connection) -> list[SessionId]:
    """List the ids of all sessions that have a record, sorted."""
    rows = connection.execute("SELECT id FROM sessions WHERE next > 0 ORDER BY id")
    return [SessionId(row[0]) for row in rows]


def read_blob(connection: Connection, session: SessionId, sha256: str) -> bytes | None:
    """
    Give a blob that `session` owns.

    Raises:
        StoreError: it is no longer what was put there.
    """
    row = connection.execute(
        "SELECT ifnull(CAST(data AS BLOB), x'') FROM blobs JOIN blob_owners USING (sha256)"
        " WHERE sha256 = ? AND session = (SELECT number FROM sessions WHERE id = ?)",
        (sha256, session),
    ).fetchone()
    if row is None:
        return None
    data: bytes = row[0]
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StoreError(
            f"Blob {sha256} of session {session!r} was changed after it was written.",
            hint="restore the store from a copy",
        )
    return data
