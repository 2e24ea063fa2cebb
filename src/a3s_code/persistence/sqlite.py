"""
Sessions in a directory, as one SQLite file.

    <dir>/sessions.db      every session of the store; store_directory.py has the rest

A record is acknowledged when the commit that holds it is on the disk (or, if that was asked
for, when the system has it), and one commit serves all sessions that wait. Neither sqlite3
nor asyncio is imported, and nothing on the disk is touched, before the store is first used.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from a3s_code.checks import checked_path
from a3s_code.errors import InvalidValue, SessionInUse, SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record
from a3s_code.persistence.codec import encode
from a3s_code.persistence.sqlite_reads import (
    has_log,
    read_blob,
    read_bodies,
    read_head,
    read_log,
    read_sessions,
)
from a3s_code.persistence.sqlite_tables import (
    ClaimSession,
    DropBlob,
    DropSession,
    KeepBlob,
    KeepRecord,
    PruneRecords,
    ReleaseSession,
    Write,
    Writer,
)
from a3s_code.persistence.store_directory import DATABASE, LOCKS, forget_session
from a3s_code.persistence.writer_locks import WriterLocks

if TYPE_CHECKING:
    from sqlite3 import Connection

    from a3s_code.persistence.group_commit import GroupCommit

T = TypeVar("T")

DURABILITIES = ("full", "normal")
LETTING_GO_S = 0.5
_LOOK_AGAIN_S = 0.02


class FileSessionStore:
    """
    Keeps sessions on disk. Crashes and power cuts lose nothing that was acknowledged.

    Several stores, in one process or more, may share a directory. A session has one owner:
    a record of another is refused, and so is what follows it, until the session is loaded
    again. Any other failure (no space, no permission, a lock that is held
    for 10 s) is final for this store object: nothing later is acknowledged, and reading
    still works where the disk allows it.

    Args:
        dir: Made when it is missing, for its owner alone. On a local disk: a network file
            system, where the locks that SQLite needs are not reliable, is refused.

        synchronous: `full`: what a barrier acknowledged survives a power cut. `normal`: a
            commit does not wait for the disk; a crash of the process loses nothing either,
            a power cut or a crash of the system may lose the last commits, those since the
            last checkpoint. Whole commits go, the latest first; the file is never damaged.

    Attributes:
        dir: As it was given.
        durability: `full` or `normal`, as it was asked for.

    Raises:
        InvalidType: `dir` is no path.
        InvalidValue: `dir` is empty, or `synchronous` is something else.

    Source:
        Python SDK 3.1, "Persistence"; DESIGN 4.
    """

    __slots__ = ("_at_work", "_commits", "_durability", "_first_use", "_locks", "_path", "dir")

    def __init__(
        self,
        dir: str | os.PathLike[str],  # noqa: A002 - the documents' name
        synchronous: str = "full",
    ) -> None:
        if synchronous not in DURABILITIES:
            raise InvalidValue(
                f"synchronous is {synchronous!r}.", hint="give 'full' or 'normal', in lower case"
            )
        self.dir, self._durability = checked_path("dir of a FileSessionStore", dir), synchronous
        self._path = Path(self.dir).absolute() / DATABASE  # also after a chdir
        self._first_use = threading.Lock()
        self._commits: GroupCommit[Writer, Write] | None = None
        self._at_work: set[Writer] = set()
        self._locks = WriterLocks(self._path.with_name(LOCKS))

    def __repr__(self) -> str:
        return f"FileSessionStore({self.dir!r})"

    @property
    def durability(self) -> str:
        return self._durability

    @property
    def directory(self) -> Path:
        """Where it is, absolute: as `dir` was when the store was made."""
        return self._path.parent

    @property
    def commits(self) -> int:
        """Transactions so far."""
        return self._commits.commits if self._commits is not None else 0

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        """
        Queue the next record and return at once. From then on `owner` is at work.

        Raises:
            StoreError: the store was closed. All other failures are told by `barrier`.
        """
        try:
            body = encode(record)
        except StoreError as error:
            self._writer.refuse(Writer(session, owner), error)
            return
        writer = Writer(session, owner)
        # The first one shuts others out, so it does not wait for more to go with it.
        begins = writer not in self._at_work
        self._at_work.add(writer)
        self._writer.add(writer, KeepRecord(record.sequence, record.run, body), at_once=begins)

    def prune(self, session: SessionId, ranges: Sequence[tuple[int, int]], owner: str = "") -> None:
        """
        Queue that bodies are dropped. What they held is overwritten; the file does not
        shrink, and what is written later takes the room.

        Raises:
            StoreError: the store was closed. All other failures are told by `barrier`.
        """
        self._writer.add(Writer(session, owner), PruneRecords(tuple(ranges)))

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        """
        Return when everything that `owner` appended for `session` is on the disk.

        Raises:
            SessionInUse, SessionTakenOver: somebody else writes the session now, or has.
            StoreError: it is not, and nothing later will be; or the store was closed.
        """
        await self._writer.durable(Writer(session, owner))

    def release(self, session: SessionId, owner: str = "") -> None:
        """Queue that `owner` is not at work any more."""
        self._at_work.discard(Writer(session, owner))
        if self._commits is not None:
            with suppress(StoreError):  # what is closed has been released
                self._commits.add(
                    Writer(session, owner), ReleaseSession(), at_once=True, always=True
                )

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        """
        Check and read a whole log, oldest first. `owner` may write the next record, and
        nobody else any more; with None, or after a failure, nothing is changed.

        Raises:
            SessionNotFound: there is none.
            SessionInUse: another owner is at work.
            StoreError: a record is missing, changed or of an unknown type; or the file
                cannot be read.
        """
        await self._writer.handled(session)
        if owner is not None and not self._writer.has_failed:
            await self._claim(Writer(session, owner))
        records = await self._read(lambda connection: read_log(connection, session))
        if records is None:
            raise SessionNotFound(f"There is no session {session!r} in {self.dir}.")
        return records

    async def _claim(self, writer: Writer) -> None:
        """Become the owner; one whose run has just ended may still be about to let go."""
        from asyncio import sleep

        if not await self._read(lambda connection: has_log(connection, writer.session)):
            return
        until = time.monotonic() + LETTING_GO_S
        while True:
            self._writer.accept(writer)
            self._writer.add(writer, ClaimSession())
            try:
                await self._writer.durable(writer)
            except SessionInUse:
                if time.monotonic() > until:
                    raise
                await sleep(_LOOK_AGAIN_S)
            else:
                return

    async def sessions(self) -> Sequence[SessionId]:
        """
        List the stored sessions, sorted.

        Raises:
            StoreError: the file cannot be read.
        """
        await self._writer.handled()
        return await self._read(read_sessions) or ()

    async def delete(self, session: SessionId) -> None:
        """
        Delete a session and the blobs that no other has; nothing happens without one.

        With it go its exit records, and its hold on the trees of its workspace. What these
        hold, the contents of files, stays under `<dir>/snapshots` until somebody runs
        `git gc --prune=now` in the directory there, which drops what no other session holds.
        The workspace of a fork stays.

        Raises:
            SessionInUse: somebody is at work in it.
            StoreError: it could not be deleted.
        """
        from asyncio import to_thread

        # What is still on its way must not be refused after we have accepted the session again.
        await self._writer.handled(session)
        self._writer.accept(Writer(session))
        self._writer.add(Writer(session), DropSession())
        await self._writer.durable(Writer(session))
        await to_thread(forget_session, self.directory, session)

    def put_blob(self, session: SessionId, sha256: str, data: bytes, owner: str = "") -> None:
        """
        Queue a blob; each content is stored once per store.

        Raises:
            StoreError: the store was closed. All other failures, such as a digest that does
                not fit, are told by `barrier`.
        """
        self._writer.add(Writer(session, owner), KeepBlob(sha256, data))

    def drop_blob(self, session: SessionId, sha256: str, owner: str = "") -> None:
        """
        Queue that the session lets go of a blob.

        Raises:
            StoreError: the store was closed. All other failures are told by `barrier`.
        """
        self._writer.add(Writer(session, owner), DropBlob(sha256))

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        """
        Give what `session` itself has put under this digest.

        Raises:
            StoreError: it was changed, or the file cannot be read.
        """
        await self._writer.handled(session)
        return await self._read(lambda connection: read_blob(connection, session, sha256))

    async def head(self, session: SessionId) -> tuple[int, str]:
        """
        Give the number of records in the file, and the hash of the last one in hex.

        Raises:
            SessionNotFound: there is none.
            StoreError: the file cannot be read.
        """
        await self._writer.handled(session)
        head = await self._read(lambda connection: read_head(connection, session))
        if head is None:
            raise SessionNotFound(f"There is no session {session!r} in {self.dir}.")
        return head

    async def bodies(self, session: SessionId) -> Sequence[tuple[bytes, bytes]]:
        """
        Give the body and the hash of every record as they are stored, oldest first; a body
        that was pruned is empty. Nothing is changed.

        Raises:
            SessionNotFound: there is none.
            StoreError: as `load`.
        """
        await self._writer.handled(session)
        found = await self._read(lambda connection: read_bodies(connection, session))
        if found is None:
            raise SessionNotFound(f"There is no session {session!r} in {self.dir}.")
        return found

    async def close(self) -> None:
        """
        Write what is queued, and let go of the file.

        Raises:
            StoreError: the file could not be written. That a record or a blob was refused
                is told by the barrier of its session alone.
        """
        try:
            await self._writer.close()
        finally:
            self._locks.close()

    @property
    def _writer(self) -> GroupCommit[Writer, Write]:
        if self._commits is None:
            with self._first_use:
                self._commits = self._commits or self._start()
        return self._commits

    def _start(self) -> GroupCommit[Writer, Write]:
        from a3s_code.persistence.group_commit import GroupCommit
        from a3s_code.persistence.sqlite_file import SqliteWriter

        def open_file() -> SqliteWriter:
            return SqliteWriter(self._path, self._locks, self._durability.upper())

        return GroupCommit(open_file, f"a3s-code store {self.dir}")

    async def _read(self, question: Callable[[Connection], T]) -> T | None:
        """Ask on a thread, over a connection of its own; None when there is no file."""
        from asyncio import to_thread

        from a3s_code.persistence.sqlite_file import read

        return await to_thread(read, self._path, question)
