from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.persistence import group_commit
from a3s_code.persistence.sqlite import FileSessionStore
from persistence.logs import OTHER, S, keep, open_files_in, records, run


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def modes_in(directory: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode) for path in directory.rglob("*")}


# What it costs not to use it


def test_making_a_store_imports_no_database_and_touches_no_disk(tmp_path: Path) -> None:
    script = """
import sys
from a3s_code.persistence.sqlite import FileSessionStore
store = FileSessionStore(sys.argv[1])
print(store.dir, sorted({"sqlite3", "asyncio", "tempfile"} & set(sys.modules)))
"""
    assert run(script, tmp_path / "s") == f"{tmp_path / 's'} []\n"
    assert not (tmp_path / "s").exists()


async def test_asking_makes_no_files(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "s")

    with pytest.raises(SessionNotFound):
        await store.load(S)
    assert await store.sessions() == ()
    assert await store.get_blob(S, "0" * 64) is None
    await store.barrier(S)
    await store.close()
    assert not (tmp_path / "s").exists()


async def test_the_directory_is_the_one_meant_when_the_store_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = FileSessionStore("./sessions")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await keep(store, records(1))
    await store.close()

    assert store.dir == "./sessions"
    assert (tmp_path / "sessions/sessions.db").exists()


async def test_a_store_that_nobody_uses_holds_no_thread_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "IDLE_S", 0.05)
    store = FileSessionStore(tmp_path)
    await keep(store, records(1))
    (thread,) = (t for t in threading.enumerate() if t.name == f"a3s-code store {tmp_path}")
    store.release(S)
    await asyncio.to_thread(thread.join, 30)

    assert not thread.is_alive()
    assert names_in(tmp_path) == {"sessions.db", "sessions.lock"}
    assert not open_files_in(tmp_path)
    await keep(store, records(3)[1:])
    assert await store.load(S) == records(3)
    await store.close()


async def test_a_closed_store_leaves_two_files_and_no_open_descriptor(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    await keep(store, records(3))
    await store.close()

    assert names_in(tmp_path) == {"sessions.db", "sessions.lock"}
    assert not open_files_in(tmp_path)


# Privacy


async def test_everything_made_is_for_its_owner_alone_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = FileSessionStore(tmp_path / "a/b/c")
        await keep(store, records(3))
    finally:
        os.umask(before)
    modes = modes_in(tmp_path)
    await store.close()

    assert modes == {
        **dict.fromkeys("abc", oct(stat.S_IFDIR | 0o700)),
        **dict.fromkeys(
            ("sessions.db", "sessions.db-wal", "sessions.db-shm", "sessions.lock"), "0o100600"
        ),
    }


async def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (tmp_path / "s").mkdir()
    (tmp_path / "s/sessions.db").symlink_to(victim)
    store = FileSessionStore(tmp_path / "s")

    with pytest.raises(StoreError, match="link"):
        await keep(store, records(1))
    assert not victim.exists()


async def test_a_deleted_session_leaves_no_text_in_the_file(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    await keep(store, records(200, "a very private text "))
    secret = b"a private blob" * 1000
    store.put_blob(S, hashlib.sha256(secret).hexdigest(), secret)
    await keep(store, records(1), OTHER)
    await store.delete(S)
    await store.close()

    assert b"private" not in (tmp_path / "sessions.db").read_bytes()


# Commits


async def test_sessions_that_wait_together_share_commits(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    sessions = [SessionId(f"s{number}") for number in range(100)]

    async def write(session: SessionId) -> None:
        for entry in records(20, session):
            await keep(store, [entry], session)

    await asyncio.gather(*map(write, sessions))

    assert store.commits <= 2000 / 10
    assert [await store.load(session) for session in sessions] == [
        records(20, session) for session in sessions
    ]
    await store.close()


async def test_without_a_barrier_records_are_written_behind(tmp_path: Path) -> None:
    store, other = FileSessionStore(tmp_path), FileSessionStore(tmp_path)
    for entry in records(1000):
        store.append(S, entry)
    async with asyncio.timeout(30):
        while S not in await other.sessions():  # noqa: ASYNC110 - a look from the side
            await asyncio.sleep(0.01)

    assert store.commits < 100
    await store.close()
    await other.close()


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    for entry in records(50):
        store.append(S, entry)
    await store.close()

    again = FileSessionStore(tmp_path)
    assert await again.load(S) == records(50)
    await again.close()


def test_several_threads_and_loops_share_a_store(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    failures: list[BaseException] = []

    async def write(name: str) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(steps(SessionId(f"{name}-{number}")))

    async def steps(session: SessionId) -> None:
        for entry in records(40):
            await keep(store, [entry], session)

    def thread(name: str) -> None:
        try:
            asyncio.run(write(name))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=thread, args=(f"t{number}",)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)

    async def loaded() -> list[int]:
        lengths = [len(await store.load(session)) for session in await store.sessions()]
        await store.close()
        return lengths

    assert not failures
    assert asyncio.run(loaded()) == [40] * 30


async def test_a_cancelled_barrier_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    for entry in records(10):
        store.append(S, entry)
        waiting = asyncio.create_task(store.barrier(S))
        await asyncio.sleep(0)
        waiting.cancel()
    await store.barrier(S)

    assert await store.load(S) == records(10)
    await store.close()


# What never became a session


async def test_a_blob_whose_session_never_began_is_gone_when_the_store_is_opened_again(
    tmp_path: Path,
) -> None:
    data = b"private" * 1000
    sha256 = hashlib.sha256(data).hexdigest()
    store = FileSessionStore(tmp_path)
    store.put_blob(S, sha256, data)
    await keep(store, records(1), OTHER)
    await store.barrier(S)
    await store.close()
    again = FileSessionStore(tmp_path)
    assert await again.get_blob(S, sha256) == data
    await keep(again, records(1), SessionId("third"))

    assert await again.get_blob(S, sha256) is None
    assert await again.sessions() == sorted([OTHER, "third"])
    await again.close()
    assert b"private" not in (tmp_path / "sessions.db").read_bytes()


async def test_a_session_that_is_about_to_begin_keeps_its_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another store that opens the file, nor our own that opens it again, takes it."""
    monkeypatch.setattr(group_commit, "IDLE_S", 0.05)
    data = b"kept"
    sha256 = hashlib.sha256(data).hexdigest()
    store, other = FileSessionStore(tmp_path), FileSessionStore(tmp_path)
    store.put_blob(S, sha256, data)
    await store.barrier(S)
    await keep(other, records(1), OTHER)
    writers = [t for t in threading.enumerate() if t.name.endswith(str(tmp_path))]
    await asyncio.gather(*(asyncio.to_thread(writer.join, 30) for writer in writers))
    await keep(store, records(1), SessionId("third"))

    assert writers
    assert await store.get_blob(S, sha256) == data
    await keep(store, records(2))
    assert await other.get_blob(S, sha256) == data
    await store.close()
    await other.close()
