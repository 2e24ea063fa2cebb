"""
Carrying the sessions of an A3S Code 3 directory over into a store.

The directory is only read. Each session is carried over whole or not at all: what is wrong
with one is said of it alone, and the others go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from a3s_code.api.earlier import (
    EarlierSession,
    read_session,
    session_names,
    unfinished_files,
)
from a3s_code.api.earlier_log import as_records, blobs
from a3s_code.errors import InvalidValue, SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record
from a3s_code.kernel.store import Store

OWNER = "import"


@dataclass(frozen=True, slots=True)
class Carried:
    """
    Attributes:
        left_out: What of it the log has no place for, a phrase each.
    """

    session: str
    messages: int
    runs: int
    artifacts: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """`name` is the session's id, or its file's name where that could not be read."""

    name: str
    why: StoreError


async def carry_over(
    directory: Path, store: Store, session: str | None = None
) -> AsyncIterator[Carried | Refused]:
    """
    Import every session, or the one with the id `session`; say of each how it went.

    A session that an import was cut off in is finished; one that the store has otherwise
    is refused.

    Raises:
        InvalidValue: `directory` is none, or holds no sessions.
        SessionNotFound: it does not hold `session`.
    """
    names = await asyncio.to_thread(_names, directory)
    found = False
    for name in names:
        try:
            earlier = await asyncio.to_thread(read_session, directory, name)
        except StoreError as error:
            if session in (None, name):
                found = True
                yield Refused(name, error)
            continue
        if session in (None, earlier.stored.id):
            found = True
            yield await _kept(earlier, store)
    if session is not None and not found:
        raise SessionNotFound(f"There is no session {session!r} in {directory}.")
    if session is None:
        for file in await asyncio.to_thread(unfinished_files, directory):
            yield Refused(file, _unfinished(directory / file))


def _names(directory: Path) -> list[str]:
    try:
        names = session_names(directory)
    except OSError as error:
        raise InvalidValue(f"{directory} cannot be read: {error.strerror}.") from error
    if not names:
        raise InvalidValue(
            f"{directory} holds no sessions of A3S Code 3.",
            hint="give the directory that its FileSessionStore was made with",
        )
    return names


def _unfinished(file: Path) -> StoreError:
    return StoreError(
        f"{file}: a save that was cut off.",
        hint="the session's own file, where there is one, is what was saved before it",
    )


async def _kept(earlier: EarlierSession, store: Store) -> Carried | Refused:
    id_ = SessionId(earlier.stored.id)
    try:
        await _write(id_, earlier, store)
    except StoreError as error:
        return Refused(id_, error)
    counts = len(earlier.messages), len(earlier.runs), len(earlier.artifacts)
    return Carried(id_, *counts, earlier.left_out)


async def _write(id_: SessionId, earlier: EarlierSession, store: Store) -> None:
    records = as_records(earlier)
    there = await _already(id_, records, store)
    for sha256, data in blobs(earlier).items():
        store.put_blob(id_, sha256, data, OWNER)
    for record in records[there:]:
        store.append(id_, record, OWNER)
    try:
        await store.barrier(id_, OWNER)
    finally:
        store.release(id_, OWNER)


async def _already(id_: SessionId, records: Sequence[Record], store: Store) -> int:
    """
    Count the records that an import has written before it was cut off.

    Raises:
        StoreError: the store has the session, and more of it than that.
    """
    if id_ not in await store.sessions():
        return 0
    stored = await store.load(id_, None)
    if len(stored) >= len(records) or list(stored) != list(records[: len(stored)]):
        raise StoreError(
            f"The store has a session {id_!r} already.",
            hint="import into another store, or delete that session first",
        )
    await store.load(id_, OWNER)
    return len(stored)
