"""What a session store promises of dropped bodies and of anchors; part of `STORE_CHECKS`."""

from __future__ import annotations

from a3s_code.errors import SessionNotFound, SessionTakenOver
from a3s_code.kernel.events import RunId
from a3s_code.kernel.records import Dropped, Ranges, Record, RecordsPruned
from a3s_code.testing.store_bench import (
    ONE,
    OTHER,
    StoreFactory,
    keep,
    log_of,
    open_store,
    raises,
    write_as,
)

RANGES: Ranges = ((1, 2), (4, 4))
GONE = (1, 2, 4)


def pruned_log(text: str = "") -> list[Record]:
    """Give a log whose last record says that the bodies in `RANGES` are given up."""
    event = RecordsPruned(count=len(GONE), ranges=RANGES)
    return [*log_of(6, text), Record(6, 1, RunId(""), event)]


def left_of(log: list[Record]) -> list[Record]:
    """Give what a store has of `pruned_log` afterwards."""
    return [
        Record(record.sequence, 0, RunId(""), Dropped()) if record.sequence in GONE else record
        for record in log
    ]


async def what_was_pruned_is_dropped_and_the_rest_stays(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        await keep(store, ONE, pruned_log())
        await keep(store, OTHER, pruned_log("other"))
        before = await store.load(ONE)
        store.prune(ONE, RANGES)
        store.prune(ONE, ((2, 2), (90, 99)))

        assert list(before) == pruned_log(), "what load returned was changed by prune"
        assert list(await store.load(ONE)) == left_of(pruned_log()), "another log is left"
        assert list(await store.load(OTHER)) == pruned_log("other"), "another session was pruned"
        await keep(store, ONE, [Record(7, 7, RunId("r"), RecordsPruned(count=0))])
        assert len(await store.load(ONE)) == len(pruned_log()) + 1, "the log does not go on"


async def pruning_leaves_the_head_as_it_was(factory: StoreFactory) -> None:
    async with open_store(factory) as pruned, open_store(factory) as whole:
        last = Record(7, 7, RunId("r"), RecordsPruned(count=0))
        for store in (pruned, whole):
            await keep(store, ONE, pruned_log())
        before = await pruned.head(ONE)
        pruned.prune(ONE, RANGES)
        assert await pruned.head(ONE) == before, "pruning changed the head"
        for store in (pruned, whole):
            await keep(store, ONE, [last])
        assert await pruned.head(ONE) == await whole.head(ONE), "the chain broke at a dropped body"


async def who_was_taken_over_prunes_nothing(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        await write_as("one", store, pruned_log())
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.load(ONE, "two")
        store.prune(ONE, RANGES, "one")

        await raises(SessionTakenOver, store.barrier(ONE, "one"), "a late pruning")
        assert list(await store.load(ONE, None)) == pruned_log(), "a stale owner pruned"


async def the_head_is_an_anchor_of_the_log(factory: StoreFactory) -> None:
    heads: list[list[tuple[int, str]]] = []
    for text in ("same", "same", "other"):
        async with open_store(factory) as store:
            await raises(SessionNotFound, store.head(ONE), "the head of an unknown session")
            seen: list[tuple[int, str]] = []
            for record in log_of(4, text):
                store.append(ONE, record)
                seen.append(await store.head(ONE))
            heads.append(seen)

    first, again, other = heads
    assert [count for count, _ in first] == [1, 2, 3, 4], "head counts something else"
    assert len({anchor for _, anchor in first}) == len(first), "a record did not change the head"
    assert first == again, "the same log has two heads"
    assert first[0] == other[0], "the same beginning has two heads"
    assert first[-1] != other[-1], "different logs have one head"
    assert all(bytes.fromhex(anchor) for _, anchor in first), "the head is no hex"
