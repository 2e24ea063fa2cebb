"""
What a session store that outlives its process promises of what it leaves behind.

    class MyMedium:
        def open(self): ...       # a store on the same place each time
        def tear(self): ...
        def outdate(self): ...

    @pytest.mark.parametrize("check", MEDIUM_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store_keeps_its_promises_to_the_next_process(check):
        await check(MyMedium())

For pytest-asyncio in its auto mode; without it, `asyncio.run(check(MyMedium()))`. Each check
needs a medium of its own, empty. A store in memory has none; all others have what is asked
here. Stores of `kernel/store.py`, `Store`; `STORE_CHECKS` are the promises of every store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeAlias

from a3s_code.errors import SessionInUse, SessionTakenOver, StoreError
from a3s_code.kernel.store import Store
from a3s_code.testing.pruning_checks import RANGES, left_of, pruned_log
from a3s_code.testing.store_bench import (
    ONE,
    OTHER,
    keep,
    log_of,
    open_store,
    raises,
    write_as,
)


class Medium(Protocol):
    """Where a store keeps sessions, as a test can reach it from the side."""

    def open(self) -> Store:
        """Make a store on the same place each time, as several processes would."""
        ...

    def tear(self) -> None:
        """
        Leave what a crash in the middle of the last write would: its end is missing.

        Stores that are open belong to the process that crashed; what they do later is seen
        by nobody. Where a write cannot be torn, the last one is missing.
        """
        ...

    def outdate(self) -> None:
        """Mark what is stored as of a later format than this version knows. No store is open."""
        ...


MediumCheck: TypeAlias = Callable[[Medium], Awaitable[None]]


async def the_next_store_has_what_was_stored(medium: Medium) -> None:
    data = b"kept"
    sha256 = hashlib.sha256(data).hexdigest()
    async with open_store(medium.open) as store:
        await keep(store, ONE, log_of(5))
        store.put_blob(ONE, sha256, data)
        for record in log_of(3, "written when it closes"):
            store.append(OTHER, record)
        head = await store.head(ONE)
    async with open_store(medium.open) as store:
        assert sorted(await store.sessions()) == sorted([ONE, OTHER]), "a session was not kept"
        assert list(await store.load(ONE)) == log_of(5), "a log was not kept"
        assert list(await store.load(OTHER)) == log_of(3, "written when it closes"), "close lost it"
        assert await store.get_blob(ONE, sha256) == data, "a blob was not kept"
        assert await store.head(ONE) == head, "the same log has another head"
        await keep(store, ONE, log_of(7)[5:])


async def the_next_store_has_nothing_of_what_was_pruned(medium: Medium) -> None:
    async with open_store(medium.open) as store:
        await keep(store, ONE, pruned_log())
        store.prune(ONE, RANGES)
        head = await store.head(ONE)
    async with open_store(medium.open) as store:
        assert list(await store.load(ONE)) == left_of(pruned_log()), "another log is left"
        assert await store.head(ONE) == head, "pruning changed the head"


async def a_torn_tail_leaves_the_records_before_it(medium: Medium) -> None:
    whole = log_of(40)
    async with open_store(medium.open) as store:
        for record in whole:
            await keep(store, ONE, [record])
        medium.tear()
        async with open_store(medium.open) as after:
            left = list(await after.load(ONE))
            assert 0 < len(left) < len(whole), "what a crash tore is there, or nothing else is"
            assert left == whole[: len(left)], "what is left is no beginning of the log"
            assert (await after.head(ONE))[0] == len(left), "the head is of another log"
            await keep(after, ONE, whole[len(left) :])
            assert list(await after.load(ONE)) == whole, "the log does not go on after a crash"


async def a_store_beside_is_kept_out_and_then_takes_over(medium: Medium) -> None:
    async with open_store(medium.open) as first, open_store(medium.open) as second:
        records = log_of(7)
        await write_as("one", first, records[:3])

        await raises(SessionInUse, second.load(ONE, "two"), "loading what another store writes")
        await raises(SessionInUse, write_as("two", second, [records[3]]), "writing beside it")
        await raises(SessionInUse, second.delete(ONE), "deleting what another store writes")
        await _let_go(first)
        await second.load(ONE, "two")
        await raises(SessionTakenOver, write_as("one", first, [records[3]]), "a late record")
        first.prune(ONE, ((1, 2),), "one")
        await raises(SessionTakenOver, first.barrier(ONE, "one"), "a late pruning")
        await write_as("two", second, records[3:])
        assert list(await first.load(ONE, None)) == records, "the log holds something else"


async def _let_go(store: Store) -> None:
    store.release(ONE, "one")
    await store.barrier(ONE, "one")


async def a_later_format_is_refused(medium: Medium) -> None:
    async with open_store(medium.open) as store:
        await keep(store, ONE, log_of(3))
    medium.outdate()
    store = medium.open()
    await raises(StoreError, store.load(ONE, None), "reading what a later version wrote")
    await raises(StoreError, keep(store, OTHER, log_of(1)), "writing beside it")
    with suppress(StoreError):  # a store that could not write may say so again
        await store.close()


async def a_blob_that_never_got_a_session_does_not_stay(medium: Medium) -> None:
    sha256 = hashlib.sha256(b"orphan").hexdigest()
    async with open_store(medium.open) as store:
        store.put_blob(ONE, sha256, b"orphan")
        await store.barrier(ONE)
    async with open_store(medium.open) as store:
        await keep(store, OTHER, log_of(2))
        assert await store.get_blob(ONE, sha256) is None, "a blob without a session was kept"


MEDIUM_CHECKS: tuple[MediumCheck, ...] = (
    the_next_store_has_what_was_stored,
    the_next_store_has_nothing_of_what_was_pruned,
    a_torn_tail_leaves_the_records_before_it,
    a_store_beside_is_kept_out_and_then_takes_over,
    a_later_format_is_refused,
    a_blob_that_never_got_a_session_does_not_stay,
)
