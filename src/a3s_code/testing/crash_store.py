"""
A store that counts the points at which a process can die, and dies at one of them.

    tally = CrashTally(path, kill_at=12)
    store = CrashingStore(FileSessionStore(directory), tally)

What the store acknowledged is told to a file outside of the process, a line for each fact;
a line that was written survives a kill.
"""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from a3s_code.kernel.events import SessionId
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.records import Record
from a3s_code.kernel.store import Store


class _Told(msgspec.Struct, frozen=True):
    """A line of the tally."""


class Began(_Told, tag="began", frozen=True):
    """A process took up the work; what the one before it had not acknowledged may be gone."""


class Reached(_Told, tag="reached", frozen=True):
    """
    Attributes:
        point: From 1, in each process anew.
    """

    point: int
    name: str


class HandedRecord(_Told, tag="record", frozen=True):
    session: str
    sequence: int
    digest: str


class HandedBlob(_Told, tag="blob", frozen=True):
    session: str
    sha256: str


class Acknowledged(_Told, tag="acknowledged", frozen=True):
    """
    A barrier returned.

    Attributes:
        handed: How many records and blobs of the session it covers, of this process.
    """

    session: str
    handed: int


class Deleted(_Told, tag="deleted", frozen=True):
    """The session is about to be deleted, and nothing of it is owed any more."""

    session: str


class Pruned(_Told, tag="pruned", frozen=True):
    """Bodies are about to be dropped; from now on a record of these may be an empty one."""

    session: str
    ranges: tuple[tuple[int, int], ...]


class LetGo(_Told, tag="let_go", frozen=True):
    """The session is about to let go of a blob, which is not owed any more."""

    session: str
    sha256: str


class InDoubt(_Told, tag="in_doubt", frozen=True):
    """What a session says of effects whose outcome is not known, when it goes on."""

    call_ids: tuple[str, ...]


class Differs(_Told, tag="differs", frozen=True):
    """A session was compared with the fold of what is stored of it; empty = it is the same."""

    session: str
    fields: tuple[str, ...]


Told: TypeAlias = (
    Began
    | Reached
    | HandedRecord
    | HandedBlob
    | Acknowledged
    | Deleted
    | Pruned
    | LetGo
    | InDoubt
    | Differs
)

_decoder = msgspec.json.Decoder[Told](Told)


class CrashTally:
    """
    Numbers the points of one process, tells them, and kills it at one of them.

    Args:
        path: The file that is told; made when missing, never read here.
        kill_at: A point from 1; 0 = none. The kill is SIGKILL: nothing is flushed, and
            nothing of the process runs any more.
        name: With it `kill_at` counts the points of this name alone.
    """

    __slots__ = ("_descriptor", "_kill_at", "_name", "_named", "_point")

    def __init__(self, path: Path, kill_at: int = 0, name: str = "") -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self._kill_at, self._name = kill_at, name
        self._point = self._named = 0
        self.tell(Began())

    def tell(self, fact: Told) -> None:
        os.write(self._descriptor, msgspec.json.encode(fact) + b"\n")

    def reach(self, name: str) -> None:
        """Number one more point, and die if it is the one."""
        self._point += 1
        self._named += name == self._name
        self.tell(Reached(self._point, name))
        if self._kill_at and self._kill_at == (self._named if self._name else self._point):
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self) -> None:
        os.close(self._descriptor)


def told(path: Path) -> Iterator[Told]:
    """
    Read what was told to `path`, oldest first; nothing if there is no such file.

    Raises:
        msgspec.DecodeError: it holds something else.
    """
    if path.exists():
        yield from map(_decoder.decode, path.read_bytes().splitlines())


def digest_of(record: Record) -> str:
    """
    Give the SHA-256 of a record, whatever form a store keeps it in.

    Objects that have no form in JSON count as their text, as stores keep them.
    """
    plain = msgspec.to_builtins(record, str_keys=True, enc_hook=str)
    return hashlib.sha256(canonical(plain)).hexdigest()


class CrashingStore:
    """
    Any store, with a numbered point wherever what is durable may change.

    Points are: after `append`, `prune`, `put_blob`, `drop_blob`, `release`, `load` and `head`;
    before and after `barrier`, `delete` and `close`. See `kernel.store.Store`.
    """

    def __init__(self, store: Store, tally: CrashTally) -> None:
        self._store, self._tally = store, tally
        self._handed: dict[SessionId, int] = {}

    @property
    def durability(self) -> str:
        return self._store.durability

    @property
    def directory(self) -> Path | None:
        return getattr(self._store, "directory", None)

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        self._store.append(session, record, owner)
        self._hand(session, HandedRecord(session, record.sequence, digest_of(record)))
        self._tally.reach(f"after append of {type(record.event).__name__}")

    def prune(self, session: SessionId, ranges: Sequence[tuple[int, int]], owner: str = "") -> None:
        self._tally.tell(Pruned(session, tuple(ranges)))
        self._store.prune(session, ranges, owner)
        self._tally.reach("after prune")

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        handed = self._handed.get(session, 0)
        self._tally.reach("before barrier")
        await self._store.barrier(session, owner)
        self._tally.tell(Acknowledged(session, handed))
        self._tally.reach("after barrier")

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        records = await self._store.load(session, owner)
        self._tally.reach("after load")
        return records

    async def look(self, session: SessionId) -> Sequence[Record]:
        """Load to read only, which is no point."""
        return await self._store.load(session, None)

    def release(self, session: SessionId, owner: str = "") -> None:
        self._store.release(session, owner)
        self._tally.reach("after release")

    async def sessions(self) -> Sequence[SessionId]:
        return await self._store.sessions()

    async def delete(self, session: SessionId) -> None:
        self._tally.tell(Deleted(session))
        self._tally.reach("before delete")
        await self._store.delete(session)
        self._tally.reach("after delete")

    def put_blob(self, session: SessionId, sha256: str, data: bytes, owner: str = "") -> None:
        self._store.put_blob(session, sha256, data, owner)
        self._hand(session, HandedBlob(session, sha256))
        self._tally.reach("after put_blob")

    def drop_blob(self, session: SessionId, sha256: str, owner: str = "") -> None:
        self._tally.tell(LetGo(session, sha256))
        self._store.drop_blob(session, sha256, owner)
        self._tally.reach("after drop_blob")

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        return await self._store.get_blob(session, sha256)

    async def head(self, session: SessionId) -> tuple[int, str]:
        head = await self._store.head(session)
        self._tally.reach("after head")
        return head

    async def close(self) -> None:
        self._tally.reach("before close")
        await self._store.close()
        self._tally.reach("after close")

    def _hand(self, session: SessionId, fact: HandedRecord | HandedBlob) -> None:
        self._handed[session] = self._handed.get(session, 0) + 1
        self._tally.tell(fact)
