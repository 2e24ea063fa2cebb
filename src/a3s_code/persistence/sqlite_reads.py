"""The statements that read the tables of `sqlite_tables.py`, and check what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record
from a3s_code.persistence.codec import read_chain

if TYPE_CHECKING:
    from sqlite3 import Connection


def has_log(connection: Connection, session: SessionId) -> bool:
    """Say whether the session has a record."""
    query = "SELECT 1 FROM sessions WHERE id = ? AND next > 0"
    return connection.execute(query, (session,)).fetchone() is not None


def read_log(connection: Connection, session: SessionId) -> list[Record]:
    """
    Read and check a whole log, oldest first; the caller has begun a transaction.

    Raises:
        SessionNotFound: there is none.
        StoreError: a record is missing, changed or unreadable.
    """
    length, last, rows = _stored_log(connection, session)
    return read_chain(session, rows, length, last)


def read_bodies(connection: Connection, session: SessionId) -> list[tuple[bytes, bytes]]:
    """
    Read the body and the hash of every record as they are stored; the log is checked.

    Raises:
        SessionNotFound, StoreError: as `read_log`.
    """
    length, last, rows = _stored_log(connection, session)
    stored = list(rows)
    read_chain(session, stored, length, last)
    return [(body, hashed) for _, body, hashed in stored]


def _stored_log(
    connection: Connection, session: SessionId
) -> tuple[int, bytes, Iterable[tuple[int, bytes, bytes]]]:
    """Give how many records there are, the hash of the last, and the rows: see `read_chain`."""
    # The casts keep damage that changed the kind of a value from becoming a TypeError.
    found = connection.execute(
        "SELECT number, CAST(next AS INTEGER), head FROM sessions WHERE id = ? AND next > 0",
        (session,),
    ).fetchone()
    if found is None:
        raise _not_found(connection, session)
    number, length, last = found
    rows = connection.execute(
        "SELECT sequence, ifnull(CAST(body AS BLOB), x''), ifnull(CAST(hash AS BLOB), x'')"
        " FROM records WHERE session = ? ORDER BY sequence",
        (number,),
    )
    return length, last, rows


def _not_found(connection: Connection, session: SessionId) -> StoreError:
    there = connection.execute(
        "SELECT 1 FROM sessions NOT INDEXED WHERE id = ? AND next > 0", (session,)
    ).fetchone()
    if there is None:
        return _without_records(connection, session)
    return StoreError(
        f"The index of the store does not know session {session!r}, which it holds.",
        hint="restore the store from a copy, or run REINDEX on it",
    )


def _without_records(connection: Connection, session: SessionId) -> StoreError:
    """A row that says so is believed only if it is so."""
    found = connection.execute(
        "SELECT 1 FROM sessions JOIN records ON session = number WHERE id = ? LIMIT 1", (session,)
    ).fetchone()
    if found is None:
        return SessionNotFound(f"There is no session {session!r}.")
    return StoreError(
        f"Session {session!r} has records, and its entry in the store says that it has none.",
        hint="restore the store from a copy",
    )


def read_sessions(connection: Connection) -> list[SessionId]:
    """List the ids of all sessions that have a record, sorted."""
    rows = connection.execute("SELECT id FROM sessions WHERE next > 0 ORDER BY id")
    return [SessionId(row[0]) for row in rows]


def read_head(connection: Connection, session: SessionId) -> tuple[int, str]:
    """
    Give the number of records and the hash of the last one, in hex.

    Raises:
        SessionNotFound: there is none.
    """
    found = connection.execute(
        "SELECT CAST(next AS INTEGER), hex(head) FROM sessions WHERE id = ? AND next > 0",
        (session,),
    ).fetchone()
    if found is None:
        raise _not_found(connection, session)
    return found[0], found[1].lower()


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
