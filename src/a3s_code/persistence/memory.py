"""Sessions in process: gone with it, and with the store."""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.errors import SessionNotFound
from a3s_code.kernel.events import Record, SessionId


class MemorySessionStore:
    """Keeps records as they are; nothing is encoded, and a barrier has nothing to wait for."""

    def __init__(self) -> None:
        self._records: dict[SessionId, list[Record]] = {}
        self._blobs: dict[SessionId, dict[str, bytes]] = {}

    def append(self, session: SessionId, record: Record) -> None:
        self._records.setdefault(session, []).append(record)

    async def barrier(self, session: SessionId) -> None: ...

    async def load(self, session: SessionId) -> Sequence[Record]:
        """
        Give every record, oldest first.

        Raises:
            SessionNotFound: there is no such session.
        """
        if session not in self._records:
            raise SessionNotFound(f"There is no session {session!r} in memory.")
        return tuple(self._records[session])

    async def sessions(self) -> Sequence[SessionId]:
        return tuple(sorted(self._records))

    async def delete(self, session: SessionId) -> None:
        self._records.pop(session, None)
        self._blobs.pop(session, None)

    def put_blob(self, session: SessionId, sha256: str, data: bytes) -> None:
        self._blobs.setdefault(session, {})[sha256] = data

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        return self._blobs.get(session, {}).get(sha256)

    async def close(self) -> None: ...
