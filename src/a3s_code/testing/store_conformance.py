"""
What every session store promises, as checks that you can run on your own.

    import pytest
    from a3s_code.testing import STORE_CHECKS

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store_keeps_the_promises_of_a_store(check):
        await check(MyStore)

The marker-less form above is for pytest-asyncio in its auto mode. Without it, or without
pytest, `asyncio.run(check(MyStore))` runs a check.

A check makes its stores with the factory it is given, each of them empty, closes them, and
raises AssertionError when a promise is broken. What a store keeps outside its process is
looked at by `medium_conformance`.

Source:
    kernel/store.py, `Store`.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from a3s_code.errors import SessionInUse, SessionNotFound, SessionTakenOver, StoreError
from a3s_code.kernel.events import RunId, SessionId, ToolEnd
from a3s_code.kernel.messages import Attachment, Message, Text, ToolCall, user
from a3s_code.kernel.records import HistoryAppended, Record
from a3s_code.testing.blob_checks import (
    a_blob_alone_makes_no_session,
    a_blob_belongs_to_the_session_that_put_it,
    a_blob_goes_with_the_last_session_that_has_it,
    a_blob_that_was_dropped_goes_with_the_last_session,
    a_blob_with_another_digest_is_refused,
    who_was_taken_over_puts_and_drops_no_blob,
)
from a3s_code.testing.pruning_checks import (
    pruning_leaves_the_head_as_it_was,
    the_head_is_an_anchor_of_the_log,
    what_was_pruned_is_dropped_and_the_rest_stays,
    who_was_taken_over_prunes_nothing,
)
from a3s_code.testing.store_bench import (
    ONE,
    OTHER,
    StoreCheck,
    StoreFactory,
    keep,
    log_of,
    open_store,
    raises,
    write_as,
)


async def a_log_is_loaded_as_it_was_appended(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        records = log_of(500)
        await keep(store, ONE, records)

        assert list(await store.load(ONE)) == records, "records differ, or their order does"
        assert list(await store.load(ONE)) == records, "the second load differs from the first"


async def every_kind_of_value_comes_back(factory: StoreFactory) -> None:
    picture = Attachment.png(bytes(range(256)))
    blocks = (picture, Text("a\0\u2028\U0001f980"), ToolCall("c", "f", {"b": 1, "a": [None, 1.5]}))
    events = (
        HistoryAppended(message=Message("assistant", blocks), isolated=True),
        HistoryAppended(message=user("", (picture,))),
        ToolEnd(id="c", name="f", output="x" * 300_000, exit_code=-9, metadata={"n": 2**60}),
    )
    async with open_store(factory) as store:
        records = [Record(number, number, RunId(""), event) for number, event in enumerate(events)]
        await keep(store, ONE, records)

        assert list(await store.load(ONE)) == records, "a value was changed"


async def a_load_sees_what_was_appended_before_it(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        records = log_of(20)
        for record in records:
            store.append(ONE, record)

        assert list(await store.load(ONE)) == records, "load did not wait for the appends"


async def a_loaded_log_does_not_change(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        *before, last = log_of(3)
        await keep(store, ONE, before)
        loaded = await store.load(ONE)
        await keep(store, ONE, [last])

        assert list(loaded) == before, "what load returned was changed by an append"


async def a_log_goes_on_after_a_load(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        records = log_of(6)
        await keep(store, ONE, records[:3])
        await store.load(ONE)
        await keep(store, ONE, records[3:])

        assert list(await store.load(ONE)) == records, "the log does not go on where it was"


async def a_barrier_with_nothing_to_wait_for_returns(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        try:
            await store.barrier(ONE)
            await keep(store, ONE, log_of(2))
            await store.barrier(ONE)
            await store.barrier(OTHER)
        except StoreError as error:
            raise AssertionError("a barrier with nothing to wait for must return") from error


async def sessions_do_not_see_each_other(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        mine, others = log_of(5, "mine"), log_of(7, "others'")
        for pair in zip(mine, others, strict=False):
            store.append(ONE, pair[0])
            store.append(OTHER, pair[1])
        await keep(store, OTHER, others[5:])
        await store.barrier(ONE)

        assert list(await store.load(ONE)) == mine, "another session's records were mixed in"
        assert list(await store.load(OTHER)) == others, "a session with an odd id was changed"
        assert sorted(await store.sessions()) == sorted([ONE, OTHER]), "sessions() is wrong"


async def many_sessions_at_once_all_keep_their_order(factory: StoreFactory) -> None:
    async with open_store(factory) as store:

        async def write(session: SessionId) -> None:
            for record in log_of(10, session):
                store.append(session, record)
                await store.barrier(session)

        names = [SessionId(f"s{number}") for number in range(50)]
        await asyncio.gather(*map(write, names))
        for name in names:
            assert list(await store.load(name)) == log_of(10, name), f"{name} is not in order"


async def an_unknown_session_is_not_found(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        await raises(SessionNotFound, store.load(ONE), "loading an unknown session")
        assert list(await store.sessions()) == [], "an empty store lists sessions"
        await keep(store, ONE, log_of(2))
        await raises(SessionNotFound, store.load(OTHER), "loading an unknown session")


async def a_deleted_session_is_gone_and_may_begin_anew(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        await keep(store, ONE, log_of(5))
        await keep(store, OTHER, log_of(2))
        await store.delete(ONE)

        await raises(SessionNotFound, store.load(ONE), "loading a deleted session")
        assert list(await store.sessions()) == [OTHER], "delete removed another session, or none"
        await store.delete(ONE)
        await keep(store, ONE, log_of(3, "new"))
        assert list(await store.load(ONE)) == log_of(3, "new"), "the new session is not as written"


async def a_sequence_that_is_taken_is_refused(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        records = log_of(4)
        await keep(store, ONE, records)
        store.append(ONE, log_of(3, "second writer")[2])
        store.append(ONE, log_of(5, "second writer")[4])

        await raises(StoreError, store.barrier(ONE), "a sequence that is taken")
        await keep(store, OTHER, log_of(2))
        assert list(await store.load(ONE)) == records, "the log holds records of two writers"
        await keep(store, ONE, log_of(5)[4:])
        assert list(await store.load(ONE)) == log_of(5), "who loaded the log may not go on"


async def nobody_writes_beside_who_is_at_work(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        records = log_of(6)
        await write_as("one", store, records[:3])

        await raises(SessionInUse, store.load(ONE, "two"), "loading what is written now")
        await raises(SessionInUse, write_as("two", store, [records[3]]), "writing beside it")
        assert list(await store.load(ONE, None)) == records[:3], "to read is always allowed"
        await write_as("one", store, [records[3]])
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.load(ONE, "two")
        await write_as("two", store, records[4:])
        assert list(await store.load(ONE, None)) == records, "the log holds something else"


async def who_was_taken_over_is_refused(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        records = log_of(5)
        await write_as("one", store, records[:3])
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.load(ONE, "two")

        late = write_as("one", store, log_of(4, "late")[3:])
        await raises(SessionTakenOver, late, "a record of an owner that was taken over")
        await write_as("two", store, records[3:])
        assert list(await store.load(ONE, None)) == records, "the log holds a late record"


async def a_session_at_work_is_not_deleted(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        await write_as("one", store, log_of(3))

        await raises(SessionInUse, store.delete(ONE), "deleting a session at work")
        assert list(await store.load(ONE, None)) == log_of(3), "a refused delete deleted"
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.delete(ONE)
        assert list(await store.sessions()) == [], "a released session cannot be deleted"


async def a_gap_is_refused(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        records = log_of(5)
        await keep(store, ONE, records[:2])
        store.append(ONE, records[3])

        await raises(StoreError, store.barrier(ONE), "a record that leaves a gap")
        assert list(await store.load(ONE)) == records[:2], "the log has a gap"


async def a_closed_store_takes_nothing(factory: StoreFactory) -> None:
    store = factory()
    await keep(store, ONE, log_of(2))
    await store.close()
    await store.close()
    blob = hashlib.sha256(b"data").hexdigest()
    for name, call in (
        ("append", lambda: store.append(ONE, log_of(3)[2])),
        ("put_blob", lambda: store.put_blob(ONE, blob, b"data")),
        ("prune", lambda: store.prune(ONE, ((1, 1),))),
        ("drop_blob", lambda: store.drop_blob(ONE, blob)),
    ):
        try:
            call()
        except StoreError:
            continue
        raise AssertionError(f"{name} on a closed store must raise StoreError")
    await raises(StoreError, store.barrier(ONE), "a barrier of a closed store")
    await raises(StoreError, store.delete(ONE), "deleting from a closed store")


async def it_says_how_durable_it_is(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        assert store.durability in {"full", "normal", "none"}, "durability says something else"


async def its_directory_is_one_wherever_the_process_goes(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        place: object = getattr(store, "directory", None)
        is_path = isinstance(place, Path)
        assert place is None or is_path, "directory is neither a pathlib.Path nor None"
        assert not is_path or place.is_absolute(), "directory depends on where the process is"


STORE_CHECKS: tuple[StoreCheck, ...] = (
    a_log_is_loaded_as_it_was_appended,
    every_kind_of_value_comes_back,
    a_load_sees_what_was_appended_before_it,
    a_loaded_log_does_not_change,
    a_log_goes_on_after_a_load,
    a_barrier_with_nothing_to_wait_for_returns,
    sessions_do_not_see_each_other,
    many_sessions_at_once_all_keep_their_order,
    an_unknown_session_is_not_found,
    a_deleted_session_is_gone_and_may_begin_anew,
    a_sequence_that_is_taken_is_refused,
    nobody_writes_beside_who_is_at_work,
    who_was_taken_over_is_refused,
    a_session_at_work_is_not_deleted,
    a_gap_is_refused,
    a_blob_belongs_to_the_session_that_put_it,
    a_blob_goes_with_the_last_session_that_has_it,
    a_blob_that_was_dropped_goes_with_the_last_session,
    who_was_taken_over_puts_and_drops_no_blob,
    a_blob_with_another_digest_is_refused,
    the_head_is_an_anchor_of_the_log,
    what_was_pruned_is_dropped_and_the_rest_stays,
    pruning_leaves_the_head_as_it_was,
    who_was_taken_over_prunes_nothing,
    it_says_how_durable_it_is,
    its_directory_is_one_wherever_the_process_goes,
    a_blob_alone_makes_no_session,
    a_closed_store_takes_nothing,
)
