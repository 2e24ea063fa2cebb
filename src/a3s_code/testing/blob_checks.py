"""What a session store promises of blobs; part of `STORE_CHECKS`."""

from __future__ import annotations

import hashlib

from a3s_code.errors import SessionNotFound, SessionTakenOver, StoreError
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


async def a_blob_belongs_to_the_session_that_put_it(factory: StoreFactory) -> None:
    data = bytes(range(256)) * 1000
    sha256 = hashlib.sha256(data).hexdigest()
    async with open_store(factory) as store:
        await keep(store, ONE, log_of(1))
        await keep(store, OTHER, log_of(1))
        store.put_blob(ONE, sha256, data)
        store.put_blob(ONE, sha256, data)
        await store.barrier(ONE)

        assert await store.get_blob(ONE, sha256) == data, "a blob was changed"
        assert await store.get_blob(ONE, "0" * 64) is None, "a blob that nobody put was found"
        assert await store.get_blob(OTHER, sha256) is None, "another session can read the blob"


async def a_blob_goes_with_the_last_session_that_has_it(factory: StoreFactory) -> None:
    data, empty = b"shared", b""
    sha256 = hashlib.sha256(data).hexdigest()
    async with open_store(factory) as store:
        for session in (ONE, OTHER):
            await keep(store, session, log_of(1))
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
    async with open_store(factory) as store:
        for session in (ONE, OTHER):
            await keep(store, session, log_of(1))
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
    async with open_store(factory) as store:
        store.put_blob(ONE, kept, b"kept", "one")
        await write_as("one", store, log_of(3))
        store.release(ONE, "one")
        await store.barrier(ONE, "one")
        await store.load(ONE, "two")
        store.drop_blob(ONE, kept, "one")

        await raises(SessionTakenOver, store.barrier(ONE, "one"), "a late drop")
        store.put_blob(ONE, late, b"late", "one")
        await raises(SessionTakenOver, store.barrier(ONE, "one"), "a late blob")
        assert await store.get_blob(ONE, kept) == b"kept", "a stale owner dropped a blob"
        assert await store.get_blob(ONE, late) is None, "a stale owner put a blob"


async def a_blob_with_another_digest_is_refused(factory: StoreFactory) -> None:
    digest_of_good = hashlib.sha256(b"good").hexdigest()
    for wrong in ("0" * 64, digest_of_good, hashlib.sha256(b"poison").hexdigest().upper()):
        async with open_store(factory) as store:
            await keep(store, ONE, log_of(1))
            store.put_blob(ONE, wrong, b"poison")
            store.append(ONE, log_of(2)[1])
            store.put_blob(ONE, digest_of_good, b"good")

            await raises(StoreError, store.barrier(ONE), "a blob with another digest")
            assert await store.get_blob(ONE, wrong) is None, "a refused blob can be read"
            assert await store.get_blob(ONE, digest_of_good) is None, "a blob after it is kept"
            assert list(await store.load(ONE)) == log_of(1), "a record after a refused blob is kept"
            store.put_blob(ONE, digest_of_good, b"good")
            await store.barrier(ONE)
            assert await store.get_blob(ONE, digest_of_good) == b"good", "a blob is missing"


async def a_blob_alone_makes_no_session(factory: StoreFactory) -> None:
    async with open_store(factory) as store:
        store.put_blob(ONE, hashlib.sha256(b"data").hexdigest(), b"data")
        await store.barrier(ONE)

        assert list(await store.sessions()) == [], "a session without a record is listed"
        await raises(SessionNotFound, store.load(ONE), "loading a session without a record")
        await keep(store, ONE, log_of(2))
        assert list(await store.load(ONE)) == log_of(2), "the session cannot begin"
