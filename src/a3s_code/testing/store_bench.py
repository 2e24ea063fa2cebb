"""What the checks of stores share: records to keep, and how a check makes its stores."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from a3s_code.errors import StoreError
from a3s_code.kernel.events import RunId, SessionId, TextDelta
from a3s_code.kernel.records import Record, SessionOpened
from a3s_code.kernel.store import Store

StoreFactory: TypeAlias = Callable[[], Store]
StoreCheck: TypeAlias = Callable[[StoreFactory], Awaitable[None]]

ONE, OTHER = SessionId("one"), SessionId("../other session\n'; DROP TABLE sessions; --\0\U0001f980")


@asynccontextmanager
async def open_store(factory: StoreFactory) -> AsyncGenerator[Store]:
    """Make a store and close it in the end."""
    store = factory()
    try:
        yield store
    finally:
        await store.close()


def log_of(length: int, text: str = "") -> list[Record]:
    """Give the records of a short session: its opening, then deltas of one run."""
    opened = SessionOpened(session_id="one", workspace="/w", model="p/m", created_at_ms=1)
    events = [opened, *(TextDelta(text=f"{text}{number}") for number in range(1, length))]
    return [
        Record(number, 1_000 + number, RunId("run-1"), event)
        for number, event in enumerate(events[:length])
    ]


async def keep(store: Store, session: SessionId, records: list[Record]) -> None:
    """Append, and return when all of it is durable."""
    for record in records:
        store.append(session, record)
    await store.barrier(session)


async def raises(kind: type[StoreError], awaitable: Awaitable[object], what: str) -> None:
    """Say what must raise when it does not."""
    try:
        await awaitable
    except kind:
        return
    raise AssertionError(f"{what} must raise {kind.__name__}")


async def write_as(owner: str, store: Store, records: list[Record]) -> None:
    """Keep records of session `ONE` as one of its owners."""
    for record in records:
        store.append(ONE, record, owner)
    await store.barrier(ONE, owner)
