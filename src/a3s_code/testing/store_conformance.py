"""
What every session store promises, as checks that you can run on your own.

    import pytest
    from a3s_code.testing import STORE_CHECKS

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store_keeps_the_promises_of_a_store(check):
        await check(MyStore)

A check makes its stores with the factory it is given, each of them empty, closes them, and
raises AssertionError when a promise is broken. Nothing here asks for durability across
processes; a store that promises that needs a test of its own.

Source:
    kernel/ports.py, `Store`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from a3s_code.errors import SessionInUse, SessionNotFound, SessionTakenOver, StoreError
from a3s_code.kernel.events import RunId, SessionId, TextDelta, ToolEnd
from a3s_code.kernel.messages import Attachment, Message, Text, ToolCall, user
from a3s_code.kernel.ports import Store
from a3s_code.kernel.records import HistoryAppended, Record, SessionOpened

StoreFactory: TypeAlias = Callable[[], Store]
StoreCheck: TypeAlias = Callable[[StoreFactory], Awaitable[None]]

ONE, OTHER = SessionId("one"), SessionId("../other session\n'; DROP TABLE sessions; --\0\U0001f980")


@asynccontextmanager
async def _open(factory: StoreFactory) -> AsyncGenerator[Store]:
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


async def _store(store: Store, session: SessionId, records: list[Record]) -> None:
    for record in records:
        store.append(session, record)
    await store.barrier(session)


async def _raises(kind: type[StoreError], awaitable: Awaitable[object], what: str) -> None:
    try:
        await awaitable
    except kind:
        return
    raise AssertionError(f"{what} must raise {kind.__name__}")


async def a_log_is_loaded_as_it_was_appended(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        records = log_of(500)
        await _store(store, ONE, records)

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
    async with _open(factory) as store:
        records = [Record(number, number, RunId(""), event) for number, event in enumerate(events)]
        await _store(store, ONE, records)

        assert list(await store.load(ONE)) == records, "a value was changed"


async def a_load_sees_what_was_appended_before_it(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        records = log_of(20)
        for record in records:
            store.append(ONE, record)

        assert list(await store.load(ONE)) == records, "load did not wait for the appends"


async def a_loaded_log_does_not_change(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        *before, last = log_of(3)
        await _store(store, ONE, before)
        loaded = await store.load(ONE)
        await _store(store, ONE, [last])

        assert list(loaded) == before, "what load returned was changed by an append"


async def a_log_goes_on_after_a_load(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        records = log_of(6)
        await _store(store, ONE, records[:3])
        await store.load(ONE)
        await _store(store, ONE, records[3:])

        assert list(await store.load(ONE)) == records, "the log does not go on where it was"


async def a_barrier_with_nothing_to_wait_for_returns(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        try:
            await store.barrier(ONE)
            await _store(store, ONE, log_of(2))
            await store.barrier(ONE)
            await store.barrier(OTHER)
        except StoreError as error:
            raise AssertionError("a barrier with nothing to wait for must return") from error


async def sessions_do_not_see_each_other(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        mine, others = log_of(5, "mine"), log_of(7, "others'")
        for pair in zip(mine, others, strict=False):
            store.append(ONE, pair[0])
            store.append(OTHER, pair[1])
        await _store(store, OTHER, others[5:])
        await store.barrier(ONE)

        assert list(await store.load(ONE)) == mine, "another session's records were mixed in"
        assert list(await store.load(OTHER)) == others, "a session with an odd id was changed"
        assert sorted(await store.sessions()) == sorted([ONE, OTHER]), "sessions() is wrong"


async def many_sessions_at_once_all_keep_their_order(factory: StoreFactory) -> None:
    async with _open(factory) as store:

        async def write(session: SessionId) -> None:
            for record in log_of(10, session):
                store.append(session, record)
                await store.barrier(session)

        names = [SessionId(f"s{number}") for number in range(50)]
        await asyncio.gather(*map(write, names))
        for name in names:
            assert list(await store.load(name)) == log_of(10, name), f"{name} is not in order"


async def an_unknown_session_is_not_found(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        await _raises(SessionNotFound, store.load(ONE), "loading an unknown session")
        assert list(await store.sessions()) == [], "an empty store lists sessions"
        await _store(store, ONE, log_of(2))
        await _raises(SessionNotFound, store.load(OTHER), "loading an unknown session")


async def a_deleted_session_is_gone_and_may_begin_anew(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        await _store(store, ONE, log_of(5))
        await _store(store, OTHER, log_of(2))
        await store.delete(ONE)

        await _raises(SessionNotFound, store.load(ONE), "loading a deleted session")
        assert list(await store.sessions()) == [OTHER], "delete removed another session, or none"
        await store.delete(ONE)
        await _store(store, ONE, log_of(3, "new"))
        assert list(await store.load(ONE)) == log_of(3, "new"), "the new session is not as written"


async def a_sequence_that_is_taken_is_refused(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        records = log_of(4)
        await _store(store, ONE, records)
        store.append(ONE, log_of(3, "second writer")[2])
        store.append(ONE, log_of(5, "second writer")[4])

        await _raises(StoreError, store.barrier(ONE), "a sequence that is taken")
        await _store(store, OTHER, log_of(2))
        assert list(await store.load(ONE)) == records, "the log holds records of two writers"
        await _store(store, ONE, log_of(5)[4:])
        assert list(await store.load(ONE)) == log_of(5), "who loaded the log may not go on"


async def _write_as(owner: str, store: Store, records: list[Record]) -> None:
    for record in records:
        store.append(ONE, record, owner)
    await store.barrier(ONE, owner)


async def nobody_writes_beside_who_is_at_work(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        records = log_of(6)
        await _write_as("one", store, records[:3])

        await _raises(SessionInUse, store.load(ONE, "two"), "loading what is written now")
        await _raises(SessionInUse, _write_as("two", store, [records[3]]), "writing beside it")
        assert list(await store.load(ONE, None)) == records[:3], "to read is always allowed"
        await _write_as("one", store, [records[3]])
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.load(ONE, "two")
        await _write_as("two", store, records[4:])
        assert list(await store.load(ONE, None)) == records, "the log holds something else"


async def who_was_taken_over_is_refused(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        records = log_of(5)
        await _write_as("one", store, records[:3])
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.load(ONE, "two")

        late = _write_as("one", store, log_of(4, "late")[3:])
        await _raises(SessionTakenOver, late, "a record of an owner that was taken over")
        await _write_as("two", store, records[3:])
        assert list(await store.load(ONE, None)) == records, "the log holds a late record"


async def a_session_at_work_is_not_deleted(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        await _write_as("one", store, log_of(3))

        await _raises(SessionInUse, store.delete(ONE), "deleting a session at work")
        assert list(await store.load(ONE, None)) == log_of(3), "a refused delete deleted"
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.delete(ONE)
        assert list(await store.sessions()) == [], "a released session cannot be deleted"


async def a_gap_is_refused(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        records = log_of(5)
        await _store(store, ONE, records[:2])
        store.append(ONE, records[3])

        await _raises(StoreError, store.barrier(ONE), "a record that leaves a gap")
        assert list(await store.load(ONE)) == records[:2], "the log has a gap"


async def a_blob_belongs_to_the_session_that_put_it(factory: StoreFactory) -> None:
    data = bytes(range(256)) * 1000
    sha256 = hashlib.sha256(data).hexdigest()
    async with _open(factory) as store:
        await _store(store, ONE, log_of(1))
        await _store(store, OTHER, log_of(1))
        store.put_blob(ONE, sha256, data)
        store.put_blob(ONE, sha256, data)
        await store.barrier(ONE)

        assert await store.get_blob(ONE, sha256) == data, "a blob was changed"
        assert await store.get_blob(ONE, "0" * 64) is None, "a blob that nobody put was found"
        assert await store.get_blob(OTHER, sha256) is None, "another session can read the blob"


async def a_blob_goes_with_the_last_session_that_has_it(factory: StoreFactory) -> None:
    data, empty = b"shared", b""
    sha256 = hashlib.sha256(data).hexdigest()
    async with _open(factory) as store:
        for session in (ONE, OTHER):
            await _store(store, session, log_of(1))
            store.put_blob(session, sha256, data)
        store.put_blob(OTHER, hashlib.sha256(empty).hexdigest(), empty)
        await store.delete(ONE)

        assert await store.get_blob(ONE, sha256) is None, "a deleted session still has a blob"
        assert await store.get_blob(OTHER, sha256) == data, "another session lost its blob"
        assert await store.get_blob(OTHER, hashlib.sha256(empty).hexdigest()) == empty
        await store.delete(OTHER)
        assert await store.get_blob(OTHER, sha256) is None, "a deleted session still has a blob"


async def a_blob_that_was_dropped_goes_with_the_last_session(factory: StoreFactory) -> None:
    data, other = b"shared", b"mine"
    sha256, digest_of_other = (hashlib.sha256(each).hexdigest() for each in (data, other))
    async with _open(factory) as store:
        for session in (ONE, OTHER):
            await _store(store, session, log_of(1))
            store.put_blob(session, sha256, data)
        store.put_blob(ONE, digest_of_other, other)
        store.drop_blob(ONE, sha256)
        store.drop_blob(ONE, "0" * 64)

        assert await store.get_blob(ONE, sha256) is None, "a dropped blob is still there"
        assert await store.get_blob(ONE, digest_of_other) == other, "another blob was dropped"
        assert await store.get_blob(OTHER, sha256) == data, "another session lost its blob"
        store.drop_blob(OTHER, sha256)
        await store.barrier(OTHER)
        assert await store.get_blob(OTHER, sha256) is None, "a dropped blob is still there"
        store.put_blob(ONE, sha256, data)
        assert await store.get_blob(ONE, sha256) == data, "what was dropped cannot come back"


async def who_was_taken_over_puts_and_drops_no_blob(factory: StoreFactory) -> None:
    kept, late = (hashlib.sha256(each).hexdigest() for each in (b"kept", b"late"))
    async with _open(factory) as store:
        store.put_blob(ONE, kept, b"kept", "one")
        await _write_as("one", store, log_of(3))
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.load(ONE, "two")
        store.drop_blob(ONE, kept, "one")

        await _raises(SessionTakenOver, store.barrier(ONE, "one"), "a late drop")
        store.put_blob(ONE, late, b"late", "one")
        await _raises(SessionTakenOver, store.barrier(ONE, "one"), "a late blob")
        assert await store.get_blob(ONE, kept) == b"kept", "a stale owner dropped a blob"
        assert await store.get_blob(ONE, late) is None, "a stale owner put a blob"


async def the_head_is_an_anchor_of_the_log(factory: StoreFactory) -> None:
    heads: list[list[tuple[int, str]]] = []
    for text in ("same", "same", "other"):
        async with _open(factory) as store:
            await _raises(SessionNotFound, store.head(ONE), "the head of an unknown session")
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


async def a_blob_with_another_digest_is_refused(factory: StoreFactory) -> None:
    digest_of_good = hashlib.sha256(b"good").hexdigest()
    for wrong in ("0" * 64, digest_of_good, hashlib.sha256(b"poison").hexdigest().upper()):
        async with _open(factory) as store:
            await _store(store, ONE, log_of(1))
            store.put_blob(ONE, wrong, b"poison")
            store.append(ONE, log_of(2)[1])
            store.put_blob(ONE, digest_of_good, b"good")

            await _raises(StoreError, store.barrier(ONE), "a blob with another digest")
            assert await store.get_blob(ONE, wrong) is None, "a refused blob can be read"
            assert await store.get_blob(ONE, digest_of_good) is None, "a blob after it is kept"
            assert list(await store.load(ONE)) == log_of(1), "a record after a refused blob is kept"
            store.put_blob(ONE, digest_of_good, b"good")
            await store.barrier(ONE)
            assert await store.get_blob(ONE, digest_of_good) == b"good", "a blob is missing"


async def a_blob_alone_makes_no_session(factory: StoreFactory) -> None:
    async with _open(factory) as store:
        store.put_blob(ONE, hashlib.sha256(b"data").hexdigest(), b"data")
        await store.barrier(ONE)

        assert list(await store.sessions()) == [], "a session without a record is listed"
        await _raises(SessionNotFound, store.load(ONE), "loading a session without a record")
        await _store(store, ONE, log_of(2))
        assert list(await store.load(ONE)) == log_of(2), "the session cannot begin"


async def a_closed_store_takes_nothing(factory: StoreFactory) -> None:
    store = factory()
    await _store(store, ONE, log_of(2))
    await store.close()
    await store.close()
    blob = hashlib.sha256(b"data").hexdigest()
    for name, call in (
        ("append", lambda: store.append(ONE, log_of(3)[2])),
        ("put_blob", lambda: store.put_blob(ONE, blob, b"data")),
        ("drop_blob", lambda: store.drop_blob(ONE, blob)),
    ):
        try:
            call()
        except StoreError:
            continue
        raise AssertionError(f"{name} on a closed store must raise StoreError")
    await _raises(StoreError, store.barrier(ONE), "a barrier of a closed store")
    await _raises(StoreError, store.delete(ONE), "deleting from a closed store")


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
    a_blob_alone_makes_no_session,
    a_closed_store_takes_nothing,
)
