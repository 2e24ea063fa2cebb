"""The store of vectors never holds up the loop, however long another thread is at work in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from a3s_code.capabilities.retrieval.in_memory_vectors import InMemoryVectorStore
from a3s_code.kernel.retrieval import VectorEntry

Asks = Callable[[InMemoryVectorStore], Awaitable[object]]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.known(["a"]),
        lambda store: store.count(),
        lambda store: store.search([1.0]),
        lambda store: store.delete(["a"]),
        lambda store: store.clear(),
    ],
    ids=["known", "count", "search", "delete", "clear"],
)
async def test_the_loop_goes_on_while_another_thread_works_in_the_store(ask: Asks) -> None:
    store = InMemoryVectorStore()
    await store.add([VectorEntry(id="a", vector=[1.0], text="a")])
    assert store._lock.acquire(timeout=5)  # as a thread does that adds many
    try:
        asked = asyncio.ensure_future(ask(store))
        done, _ = await asyncio.wait([asked], timeout=0.01)
    finally:
        store._lock.release()

    assert not done
    await asked
