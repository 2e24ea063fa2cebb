"""
Sessions in the memory of this process.

A barrier returns at once and nothing is ever durable: what is kept is gone when the store
is closed or the process ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record
from a3s_code.persistence.refusal import not_its_digest, not_next


class MemorySessionStore:
    """
    Keeps the records themselves; nothing is encoded or copied.

    Every store has its own sessions. A session is written by one thread at a time.

    Source:
        SPEC 12.1: a memory store per instance.
    """

    __slots__ = ("_blobs", "_logs", "_refused")

    def __init__(self) -> None:
        self._logs: dict[SessionId, list[Record]] | None = {}
        self._blobs: dict[SessionId, dict[str, bytes]] = {}
        self._refused: dict[SessionId, StoreError] = {}

    def append(self, session: SessionId, record: Record) -> None:
        """
        Add the next record. One whose sequence is not the next is refused at the barrier.

        Raises:
            StoreError: the store was closed.
        """
        log = self._open_logs().setdefault(session, [])
        if session in self._refused:
            return
        if record.sequence == len(log):
            log.append(record)
        else:
            self._refused[session] = not_next(session, record.sequence, len(log))

    async def barrier(self, session: SessionId) -> None:
        """
        Return at once.

        Raises:
            StoreError: the store was closed, or something of `session` was refused.
        """
        self._open_logs()
        refused = self._refused.get(session)
        if refused is not None:
            raise StoreError(refused.message, hint=refused.hint)

    async def load(self, session: SessionId) -> Sequence[Record]:
        """
        Give every record, oldest first. The caller may write the next one.

        Raises:
            SessionNotFound: there is none.
            StoreError: the store was closed.
        """
        log = self._open_logs().get(session)
        if not log:
            raise SessionNotFound(
                f"There is no session {session!r} in memory.",
                hint="keep sessions that outlive a process in a FileSessionStore",
            )
        self._refused.pop(session, None)
        return tuple(log)

    async def sessions(self) -> Sequence[SessionId]:
        """List the stored sessions, sorted."""
        return sorted(session for session, log in self._open_logs().items() if log)

    async def delete(self, session: SessionId) -> None:
        """Forget a session and its blobs; nothing happens when there is none."""
        self._open_logs().pop(session, None)
        self._blobs.pop(session, None)
        self._refused.pop(session, None)

    def put_blob(self, session: SessionId, sha256: str, data: bytes) -> None:
        """
        Keep a blob. One that does not have the digest is refused at the barrier.

        Raises:
            StoreError: the store was closed.
        """
        self._open_logs()
        if session in self._refused:
            return
        if hashlib.sha256(data).hexdigest() == sha256:
            self._blobs.setdefault(session, {})[sha256] = data
        else:
            self._refused[session] = not_its_digest(session, sha256)

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        """Give what `session` itself has put under this digest."""
        self._open_logs()
        return self._blobs.get(session, {}).get(sha256)

    async def close(self) -> None:
        """Forget everything. Only a second `close` is accepted afterwards."""
        self._logs = None
        self._blobs.clear()

    def _open_logs(self) -> dict[SessionId, list[Record]]:
        if self._logs is None:
            raise StoreError("The session store was closed.", hint="make a new store")
        return self._logs
