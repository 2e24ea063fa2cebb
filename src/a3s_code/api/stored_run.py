"""A run in a store, read without waking its session."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from a3s_code.api.run_record import Span, span_of
from a3s_code.api.stores import bodies_of, decoded
from a3s_code.errors import InvalidValue, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.fold import fold
from a3s_code.kernel.records import Record, emptied
from a3s_code.kernel.state import SessionState
from a3s_code.kernel.store import Store, only_sessions

Bodies = Sequence[tuple[bytes, bytes]]
"""Of records, each with its hash; empty where it was dropped."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run, the log up to its end, and the fold of that."""

    session: SessionId
    run: str
    bodies: Bodies
    records: Sequence[Record]
    span: Span
    state: SessionState


async def find_run(store: Store, run: str, session: str | None = None) -> StoredRun:
    """
    Read the log of a stored session up to the end of a run; the session is only read.

    Args:
        session: Whose run it is; every session of the store is searched without it.

    Raises:
        InvalidValue: the store has no such run.
        SessionNotFound: the store has no such session.
        StoreError: the session is damaged, or cannot be read.
    """
    damaged: list[str] = []
    names = [SessionId(session)] if session is not None else only_sessions(await store.sessions())
    for name in names:
        try:
            bodies = await bodies_of(store, name)
        except StoreError:
            if session is not None:
                raise
            damaged.append(name)
            continue
        found = await asyncio.to_thread(_read, name, bodies, run)
        if found is not None:
            return found
    passed = f" Not read, because damaged: {', '.join(damaged)}." if damaged else ""
    where = f"session {session!r}" if session is not None else "the store"
    raise InvalidValue(
        f"There is no run {run!r} in {where}.{passed}",
        hint="see session.runs(), or `a3s-code runs`, for those there are",
    )


def _read(session: SessionId, bodies: Bodies, run: str) -> StoredRun | None:
    records = [
        decoded(body) if body else emptied(sequence) for sequence, (body, _) in enumerate(bodies)
    ]
    span = span_of(records, run)
    if span is None:
        return None
    records = records[: span.stop]
    return StoredRun(session, run, bodies[: span.stop], records, span, fold(records))
