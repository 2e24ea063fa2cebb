"""The database behind a store, without the thread that writes to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.persistence.codec import encode
from a3s_code.persistence.sqlite_file import SqliteWriter, read
from a3s_code.persistence.sqlite_reads import read_log, read_sessions
from a3s_code.persistence.sqlite_tables import (
    DropSession,
    KeepRecord,
    Write,
    Writer,
)
from a3s_code.persistence.writer_locks import WriterLocks
from persistence.logs import OTHER, S, record

FIRST, SECOND = (KeepRecord(number, "r", encode(record(number))) for number in range(2))
GAP = KeepRecord(5, "r", encode(record(5)))


def commit(path: Path, *writes: tuple[SessionId, Write]) -> set[SessionId]:
    """Commit once; the sessions that were refused."""
    locks = WriterLocks(path.with_name("sessions.lock"))
    with closing(locks), closing(SqliteWriter(path, locks)) as writer:
        refused = writer.commit([(Writer(session), write) for session, write in writes])
    return {writer.session for writer in refused}


def lengths(path: Path) -> dict[SessionId, int]:
    def question(connection: sqlite3.Connection) -> dict[SessionId, int]:
        sessions = read_sessions(connection)
        return {session: len(read_log(connection, session)) for session in sessions}

    return read(path, question) or {}


def test_a_session_that_was_dropped_begins_again_in_the_same_commit(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    refused = commit(path, (S, FIRST), (S, GAP), (S, DropSession()), (S, FIRST), (S, SECOND))

    assert refused == set()
    assert lengths(path) == {S: 2}


def test_nothing_of_a_session_is_written_after_what_was_refused(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    refused = commit(path, (S, FIRST), (S, GAP), (OTHER, FIRST), (S, SECOND), (OTHER, SECOND))

    assert refused == {S}
    assert lengths(path) == {S: 1, OTHER: 2}


def test_who_reads_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    commit(path, (S, FIRST))

    with pytest.raises(StoreError, match="readonly"):
        read(path, lambda connection: connection.execute("DELETE FROM records").rowcount)
    assert lengths(path) == {S: 1}


def test_a_log_that_is_not_there_is_not_found_in_a_store_that_is(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    commit(path, (S, FIRST))

    with pytest.raises(SessionNotFound, match="'other'"):
        read(path, lambda connection: read_log(connection, OTHER))
