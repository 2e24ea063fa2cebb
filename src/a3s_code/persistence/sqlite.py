"""
Sessions in one SQLite file per directory: `<dir>/sessions.db`.

    records  (session, sequence) -> body (JSON of the record), hash (chain, see codec.py)
    blobs    sha256 -> data;  held: which session refers to which blob

WAL with `synchronous=FULL`. One thread per store does all the work on one connection, in
the order in which it was asked; whatever is waiting goes into one transaction, so many
sessions share a commit. Nothing is opened before the first use.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import Record, SessionId
from a3s_code.persistence import codec

if TYPE_CHECKING:  # loaded by the writer, when there is something to write
    import sqlite3

T = TypeVar("T")

FILE = "sessions.db"
PATIENCE_S = 60.0
"""How long a barrier or a query waits for the disk before it gives up."""
BUSY_MS = 10_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    session TEXT NOT NULL, sequence INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (session, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blobs (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    session TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (session, sha256)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class FileSessionStore:
    """
    Keeps sessions in a directory, readable by its owner only.

    Several stores, also of several processes, may share a directory for different
    sessions. Of two that write the same session the later one fails.

    Attributes:
        dir: The directory as it was given; made when it is first needed.

    Source:
        The Python SDK README, "Persistence"; DESIGN 4.
    """

    def __init__(self, dir: str | os.PathLike[str]) -> None:  # noqa: A002 - the documents' name
        self.dir = dir
        self._writer = _Writer(Path(dir))
        weakref.finalize(self, self._writer.stop)

    def __repr__(self) -> str:
        return f"FileSessionStore({os.fspath(self.dir)!r})"

    @property
    def commits(self) -> int:
        """Transactions that were made durable so far."""
        return self._writer.commits

    def append(self, session: SessionId, record: Record) -> None:
        """Hand over one record. Never waits; what goes wrong is said by the next barrier."""
        self._writer.put(_Append(session, record))

    def put_blob(self, session: SessionId, sha256: str, data: bytes) -> None:
        self._writer.put(_Blob(session, sha256, data))

    async def barrier(self, session: SessionId) -> None:
        """
        Return when everything appended for `session` is durable.

        Raises:
            StoreError: it is not, and nothing later of this session will be.
        """
        await self._writer.ask(lambda tables: tables.check(session))

    async def load(self, session: SessionId) -> Sequence[Record]:
        """
        Give every record, oldest first, its chain verified.

        Raises:
            SessionNotFound: there is no such session.
            StoreError: a record is missing, changed or unreadable; names it.
        """
        return await self._writer.ask(lambda tables: tables.load(session))

    async def sessions(self) -> Sequence[SessionId]:
        return await self._writer.ask(lambda tables: tables.sessions())

    async def delete(self, session: SessionId) -> None:
        await self._writer.ask(lambda tables: tables.delete(session))

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        return await self._writer.ask(lambda tables: tables.blob(session, sha256))

    async def close(self) -> None:
        """Finish what was handed over and close the file; the store refuses later work."""
        await asyncio.to_thread(self._writer.stop)


@dataclass(frozen=True, slots=True)
class _Append:
    session: SessionId
    record: Record


@dataclass(frozen=True, slots=True)
class _Blob:
    session: SessionId
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Question:
    """Asked after everything before it is committed."""

    ask: Callable[[_Tables], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


_Write = _Append | _Blob


class _Writer:
    """The thread and its queue; the only one who touches the connection."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._waiting: deque[_Write | _Question] = deque()
        self._more = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self.commits = 0

    def put(self, item: _Write | _Question) -> bool:
        """Hand over work; False when the store was closed and nothing will come of it."""
        with self._more:
            if self._stopped:
                return False
            self._waiting.append(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="a3s-store", daemon=True)
                self._thread.start()
            self._more.notify()
            return True

    async def ask(self, question: Callable[[_Tables], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        if not self.put(_Question(question, loop, answer)):
            raise StoreError(f"The store in {self._directory} is closed.")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await answer
        except TimeoutError as error:
            raise StoreError(
                f"The store in {self._directory} did not answer within {PATIENCE_S:.0f} s.",
                hint="check the disk",
            ) from error

    def stop(self) -> None:
        """Finish what is waiting, and end. May be called twice, and from any thread."""
        with self._more:
            self._stopped = True
            self._more.notify()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE_S)

    def _work(self) -> None:
        tables: _Tables | _Broken = _open(self._directory)
        while batch := self._next():
            writes = [item for item in batch if not isinstance(item, _Question)]
            if writes and isinstance(tables, _Tables):
                tables = self._commit(tables, writes)
            _answer(tables, [item for item in batch if isinstance(item, _Question)])
        tables.close()

    def _next(self) -> list[_Write | _Question]:
        """Wait for work and take all there is; nothing means the end."""
        with self._more:
            while not self._waiting and not self._stopped:
                self._more.wait()
            batch = list(self._waiting)
            self._waiting.clear()
            return batch

    def _commit(self, tables: _Tables, writes: Sequence[_Write]) -> _Tables | _Broken:
        """
        Make one transaction of `writes`.

        After one that failed nobody knows what the disk holds, so the store stays broken:
        a later fsync that succeeds would prove nothing.
        """
        try:
            tables.write(writes)
        except Exception as error:  # noqa: BLE001 - whatever it is, every barrier must say so
            tables.close()
            return _Broken(self._directory, error)
        self.commits += 1
        return tables


class _Broken:
    """A store that cannot be written; every question is answered with why."""

    def __init__(self, directory: Path, cause: Exception) -> None:
        self._directory, self._cause = directory, cause

    def error(self) -> StoreError:
        return StoreError(
            f"The store in {self._directory} cannot be used: {self._cause}.",
            hint="check that the directory exists, is writable and has space; then start again",
        )

    def close(self) -> None: ...


def _answer(tables: _Tables | _Broken, questions: Sequence[_Question]) -> None:
    """Answer in order, and wake each loop once."""
    answered: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for question in questions:
        try:
            value = tables.error() if isinstance(tables, _Broken) else question.ask(tables)
        except StoreError as error:
            value = error
        except Exception as error:  # noqa: BLE001 - handed to who asked
            value = StoreError(f"The store could not answer: {error}.", hint="check the disk")
        answered.setdefault(question.loop, []).append((question.answer, value))
    for loop, answers in answered.items():
        try:
            loop.call_soon_threadsafe(_deliver, answers)
        except RuntimeError:
            continue  # that loop was closed: nobody waits there any more


def _deliver(answers: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, value in answers:
        if future.done():
            continue
        if isinstance(value, Exception):
            future.set_exception(value)
        else:
            future.set_result(value)


def _open(directory: Path) -> _Tables | _Broken:
    import sqlite3

    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / FILE
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(SCHEMA)
    except (OSError, sqlite3.Error) as error:
        return _Broken(directory, error)
    return _Tables(connection)


class _Tables:
    """What is done on the connection. `_ends` knows where each session's chain goes on."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ends: dict[SessionId, tuple[int, bytes]] = {}
        self._refused: dict[SessionId, StoreError] = {}

    def close(self) -> None:
        self._connection.close()

    def write(self, writes: Sequence[_Write]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for item in writes:
            if isinstance(item, _Append):
                self._append(item.session, item.record)
            else:
                self._hold(item)
        self._connection.execute("COMMIT")

    def _append(self, session: SessionId, record: Record) -> None:
        if session in self._refused:
            return
        expected, previous = self._end(session)
        if record.sequence != expected:
            self._refuse(session, record.sequence, expected)
            return
        body = codec.encode(record)
        hashed = codec.link(previous, body)
        done = self._connection.execute(
            "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)",
            (session, record.sequence, body, hashed),
        )
        if done.rowcount == 0:
            self._refuse(session, record.sequence, expected + 1)
            return
        self._ends[session] = (expected + 1, hashed)

    def _end(self, session: SessionId) -> tuple[int, bytes]:
        if session not in self._ends:
            row = self._connection.execute(
                "SELECT sequence, hash FROM records WHERE session = ? "
                "ORDER BY sequence DESC LIMIT 1",
                (session,),
            ).fetchone()
            self._ends[session] = (row[0] + 1, row[1]) if row else (0, codec.GENESIS)
        return self._ends[session]

    def _refuse(self, session: SessionId, sequence: int, expected: int) -> None:
        self._refused[session] = StoreError(
            f"Record {sequence} of session {session!r} was refused: the log stands at {expected}.",
            hint="another writer has this session; resume it instead of going on",
        )

    def _hold(self, blob: _Blob) -> None:
        execute = self._connection.execute
        execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (blob.sha256, blob.data))
        execute("INSERT OR IGNORE INTO held VALUES (?, ?)", (blob.session, blob.sha256))

    def check(self, session: SessionId) -> None:
        if session in self._refused:
            raise self._refused[session]

    def load(self, session: SessionId) -> tuple[Record, ...]:
        rows = self._connection.execute(
            "SELECT sequence, body, hash FROM records WHERE session = ? ORDER BY sequence",
            (session,),
        ).fetchall()
        if not rows:
            raise SessionNotFound(f"The store has no session {session!r}.")
        self._refused.pop(session, None)
        self._ends.pop(session, None)
        previous = codec.GENESIS
        records: list[Record] = []
        for expected, (sequence, body, hashed) in enumerate(rows):
            previous = codec.link(previous, body)
            if sequence != expected or hashed != previous:
                raise StoreError(
                    f"The log of session {session!r} is damaged at record {expected}.",
                    hint="restore it from a copy; records before it are sound",
                )
            records.append(codec.decode(session, sequence, body))
        return tuple(records)

    def sessions(self) -> tuple[SessionId, ...]:
        rows = self._connection.execute("SELECT DISTINCT session FROM records ORDER BY session")
        return tuple(SessionId(session) for (session,) in rows)

    def delete(self, session: SessionId) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        execute("DELETE FROM records WHERE session = ?", (session,))
        execute("DELETE FROM held WHERE session = ?", (session,))
        execute("DELETE FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM held)")
        execute("COMMIT")
        self._ends.pop(session, None)
        self._refused.pop(session, None)

    def blob(self, session: SessionId, sha256: str) -> bytes | None:
        row = self._connection.execute(
            "SELECT data FROM blobs JOIN held USING (sha256) WHERE session = ? AND sha256 = ?",
            (session, sha256),
        ).fetchone()
        return row[0] if row else None
