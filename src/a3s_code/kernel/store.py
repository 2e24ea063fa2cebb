"""Where sessions are kept: the port that every store meets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from a3s_code.errors import InvalidValue
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record


def session_digest(session: str) -> str:
    """Give the name of a session in file names: 32 hex digits of the SHA-256 of its id."""
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:32]


WORKFLOWS = ".workflow/"
"""Begins the ids of logs that belong to workflows: they are in a store, and are no sessions."""


def only_sessions(ids: Iterable[SessionId]) -> list[SessionId]:
    """Give the ids of sessions, without those of the logs of workflows."""
    return [id_ for id_ in ids if not id_.startswith(WORKFLOWS)]


def check_session_id(session: str | None) -> None:
    """
    Raises:
        InvalidValue: it is the id of a log of a workflow.
    """
    if session is not None and session.startswith(WORKFLOWS):
        raise InvalidValue(
            f"A session id cannot begin with {WORKFLOWS!r}.", hint="choose another session_id"
        )


class Store(Protocol):
    """
    Where sessions are kept. Users may bring their own; `a3s_code.testing.STORE_CHECKS` are
    the promises below as checks that can be run on any store.

    `append`, `prune`, `put_blob` and `drop_blob` hand over in order and never wait; `barrier`
    waits until all that was handed over is durable. Refused at the barrier are a record whose
    sequence is not the next one of its session, and a blob that does not have the digest it
    was put under; from then on nothing more of that session is taken until it is loaded or
    deleted. A store whose medium failed stays failed: it never acknowledges later records.

    A session has one owner: who began it, or loaded it last to write. `owner` is a text that
    is unique to one live session object. What any other owner writes or drops is refused
    (SessionTakenOver). From its first record to `release` an owner is at work; meanwhile
    nobody else can load the session to write, or write it (SessionInUse).

    After `close`, which may be called twice, `append`, `prune`, `put_blob`, `drop_blob`,
    `barrier` and `delete` raise StoreError.

    A store without `durability`, `directory`, `prune`, `drop_blob` or `head` is taken as well:
    then bodies and blobs stay as long as their session, and there is no anchor. One that also has
    `async bodies(session)`, the stored bytes and hash of every record, exports what it has
    pruned; see `FileSessionStore.bodies`.
    """

    @property
    def durability(self) -> str:
        """
        What a barrier promises: `full`, what it acknowledged survives a power cut; `normal`,
        a crash of the process, while a power cut may take the latest; `none`, nothing
        outlives the process. Recorded with each session.
        """
        ...

    @property
    def directory(self) -> Path | None:
        """
        A directory of the store's own on the local disk, absolute, for what belongs to its
        sessions and is no record: exit statuses of commands, and trees of the workspace. None
        when it has none; then no command leaves a status, and no tree outlives the agent.
        """
        ...

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        """Take the next record of a session; the first one begins it. Told by `barrier`."""
        ...

    def prune(self, session: SessionId, ranges: Sequence[tuple[int, int]], owner: str = "") -> None:
        """
        Drop what records hold; they are of the fold's past, and a `RecordsPruned` that names
        them was appended before this. `load` then gives `Record(sequence, 0, "", Dropped())`
        in the place of each, and the head stays what it was. Fenced as records are.

        Args:
            ranges: First and last sequence of each row of neighbours; what is not there, or
                was dropped already, is passed over.
        """
        ...

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        """
        Return when everything that `owner` appended for `session` is durable.

        Raises:
            StoreError: it cannot be made so, or some of it was refused. Nothing later will
                be acknowledged either.
        """
        ...

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        """
        Give every whole record, oldest first.

        Args:
            owner: Who writes from now on; None to read only.

        Raises:
            SessionNotFound: there is none.
            SessionInUse: another owner is at work.
            StoreError: a record in the middle cannot be read.
        """
        ...

    def release(self, session: SessionId, owner: str = "") -> None:
        """Say that `owner` is not at work, until its next record. Never waits, never fails."""
        ...

    async def sessions(self) -> Sequence[SessionId]:
        """
        Name the sessions that have a record, sorted.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    async def delete(self, session: SessionId) -> None:
        """
        Forget a session with its records, and the blobs that no other session has put;
        durable when it returns. Nothing happens when there is none. The id may begin anew.

        Raises:
            SessionInUse: an owner is at work in it.
            StoreError: it could not be deleted, or the store was closed.
        """
        ...

    def put_blob(self, session: SessionId, sha256: str, data: bytes, owner: str = "") -> None:
        """
        Keep `data` for `session`, under its SHA-256 in lower-case hex; durable at the next
        barrier. It goes with the last session that has put it.
        """
        ...

    def drop_blob(self, session: SessionId, sha256: str, owner: str = "") -> None:
        """
        Let `session` go of a blob; with the last session that has it the blob goes. Nothing
        happens when it has none of this digest. Fenced as records are.
        """
        ...

    async def get_blob(self, session: SessionId, sha256: str) -> bytes | None:
        """
        Give what `session` itself has put under this digest; None when it has not.

        Raises:
            StoreError: it cannot be read, or is not what was put.
        """
        ...

    async def head(self, session: SessionId) -> tuple[int, str]:
        """
        Give an anchor of the log as it is kept now, after all that was handed over.

        Returns:
            The number of its records, and the hash of the last one in hex: of the chain over
            all of them, so it differs when any of them does.

        Raises:
            SessionNotFound: there is none.
            StoreError: it cannot be read.
        """
        ...

    async def close(self) -> None:
        """Make durable what was handed over, and let go of everything."""
        ...
