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
from a3s_code.kernel.records import Record, emptied
from a3s_code.persistence.codec import GENESIS, encode, link
from a3s_code.persistence.refusal import in_use, not_its_digest, not_next, taken_over


class MemorySessionStore:
    """
    Keeps the records themselves; nothing is encoded or copied.

    Every store has its own sessions. A session is written by one thread at a time.

    Source:
        SPEC 12.1: a memory store per instance.
    """

    __slots__ = ("_at_work", "_blobs", "_heads", "_logs", "_owners", "_refused")

    def __init__(self) -> None:
        self._logs: dict[SessionId, list[Record]] | None = {}
        self._blobs: dict[SessionId, dict[str, bytes]] = {}
        self._owners: dict[SessionId, str] = {}
        self._at_work: dict[SessionId, str] = {}
        self._refused: dict[SessionId, dict[str, StoreError]] = {}
        self._heads: dict[SessionId, tuple[int, bytes]] = {}

    @property
    def durability(self) -> str:
        """Nothing outlives the process: `none`."""
        return "none"

    @property
    def directory(self) -> None:
        """Nothing is on the disk."""
        return

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        """
        Add the next record. What `Store` says is refused, is refused at the barrier.

        Raises:
            StoreError: the store was closed.
        """
        log = self._open_logs().setdefault(session, [])
        if not self._begins_work(session, owner):
            return
        if record.sequence != len(log):
            self._refuse(session, owner, not_next(session, record.sequence, len(log)))
            return
        self._owners[session] = owner
        log.append(record)

    def _begins_work(self, session: SessionId, owner: str) -> bool:
        """Keep others out from now on; say no when it is `owner` who is kept out."""
        if owner in self._refused.get(session, ()):
            return False
        if self._at_work.get(session, owner) != owner:
            self._refuse(session, owner, in_use(session))
            return False
        if self._open_logs().get(session) and self._owners[session] != owner:
            self._refuse(session, owner, taken_over(session))
            return False
        self._at_work[session] = owner
        return True

    def _refuse(self, session: SessionId, owner: str, error: StoreError) -> None:
        self._refused.setdefault(session, {})[owner] = error
        self.release(session, owner)

    def prune(self, session: SessionId, ranges: Sequence[tuple[int, int]], owner: str = "") -> None:
        """
        Drop bodies; the head stays what it was.

        Raises:
            StoreError: the store was closed.
        """
        log = self._open_logs().get(session, [])
        if not self._begins_work(session, owner):
            return
        try:
            self._anchor(session, log)
        except StoreError:  # a record without JSON form; without a body it would have no hash
            return
        for first, last in ranges:
            log[first : last + 1] = [emptied(each.sequence) for each in log[first : last + 1]]

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        """
        Return at once.

        Raises:
            StoreError: the store was closed, or something that `owner` wrote was refused.
        """
        self._open_logs()
        refused = self._refused.get(session, {}).get(owner)
        if refused is not None:
            raise type(refused)(refused.message, hint=refused.hint)

    def release(self, session: SessionId, owner: str = "") -> None:
        """Let others go on with the session; blobs of one that has no record are dropped."""
        if self._at_work.get(session) != owner:
            return
        del self._at_work[session]
        if self._logs is not None and not self._logs.get(session):
            self._blobs.pop(session, None)

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        """
        Give every record, oldest first. `owner` may write the next one; None writes none.

        Raises:
            SessionNotFound: there is none.
            SessionInUse: another owner is at work.
            StoreError: the store was closed.
        """
        log = self._open_logs().get(session)
        if not log:
            raise SessionNotFound(
                f"There is no session {session!r} in memory.",
                hint="keep sessions that outlive a process in a FileSessionStore",
            )
        if owner is not None:
            if self._at_work.get(session, owner) != owner:
                raise in_use(session)
            self._owners[session] = owner
            self._refused.pop(session, None)
            self.release(session, owner)
        return tuple(log)

    async def sessions(self) -> Sequence[SessionId]:
        """List the stored sessions, sorted."""
        return sorted(session for session, log in self._open_logs().items() if log)

    async def delete(self, session: SessionId) -> None:
        """
        Forget a session and its blobs; nothing happens when there is none.

        Raises:
            SessionInUse: somebody is at work in it.
            StoreError: the store was closed.
        """
        self._open_logs()
        if self._at_work.get(session, ""):
            raise in_use(session)
        self.release(session)
        self._open_logs().pop(session, None)
        self._owners.pop(session, None)
        self._blobs.pop(session, None)
        self._heads.pop(session, None)
        self._refused.pop(session, None)

    def put_blob(self, session: SessionId, sha256: str, data: bytes, owner: str = "") -> None:
        """
        Keep a blob. One that does not have the digest is refused at the barrier.

        Raises:
            StoreError: the store was closed.
        """
        self._open_logs()
        if hashlib.sha256(data).hexdigest() != sha256:
            self._refuse(session, owner, not_its_digest(session, sha256))
        elif self._begins_work(session, owner):
            self._blobs.setdefault(session, {})[sha256] = data

    def drop_blob(self, session: SessionId, sha256: str, owner: str = "") -> None:
        """
        Forget a blob of the session.

        Raises:
            StoreError: the store was closed.
        """
        self._open_logs()
        if self._begins_work(session, owner):
            self._blobs.get(session, {}).pop(sha256, None)

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        """Give what `session` itself has put under this digest."""
        self._open_logs()
        return self._blobs.get(session, {}).get(sha256)

    async def head(self, session: SessionId) -> tuple[int, str]:
        """
        Give the number of records, and the hash of the last one in hex, as a store on disk
        would have it. Only records since the last time are encoded.

        Raises:
            SessionNotFound: there is none.
            StoreError: the store was closed, or a record cannot be encoded.
        """
        log = await self.load(session, None)
        return len(log), self._anchor(session, log).hex()

    def _anchor(self, session: SessionId, log: Sequence[Record]) -> bytes:
        count, head = self._heads.get(session, (0, GENESIS))
        for record in log[count:]:
            head = link(head, encode(record))
        self._heads[session] = len(log), head
        return head

    async def close(self) -> None:
        """Forget everything. Only a second `close` is accepted afterwards."""
        self._logs = None
        self._blobs.clear()
        self._heads.clear()

    def _open_logs(self) -> dict[SessionId, list[Record]]:
        if self._logs is None:
            raise StoreError("The session store was closed.", hint="make a new store")
        return self._logs
