from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from a3s_code.errors import SessionInUse, SessionTakenOver, StoreError
from a3s_code.kernel.events import RunId, SessionId, ToolEnd
from a3s_code.kernel.records import Record
from a3s_code.persistence.sqlite import FileSessionStore
from persistence.logs import OTHER, S, keep, open_files_in, record, records, run


async def test_two_stores_on_one_directory_serve_different_sessions(tmp_path: Path) -> None:
    first, second = FileSessionStore(tmp_path), FileSessionStore(tmp_path)

    async def write(store: FileSessionStore, session: SessionId) -> None:
        for entry in records(100, session):
            await keep(store, [entry], session)

    await asyncio.gather(write(first, S), write(second, OTHER))
    first.release(S)
    second.release(OTHER)
    await first.barrier(S)
    await second.barrier(OTHER)

    assert await second.load(S) == records(100, S)
    assert await first.load(OTHER) == records(100, OTHER)
    await first.close()
    await second.close()


async def write_as(owner: str, store: FileSessionStore, log: list[Record]) -> None:
    for entry in log:
        store.append(S, entry, owner)
    await store.barrier(S, owner)


@pytest.mark.parametrize("shared", [True, False], ids=["one-store", "two-stores"])
async def test_while_somebody_is_at_work_nobody_else_can_write_the_session(
    tmp_path: Path, shared: bool
) -> None:
    first = FileSessionStore(tmp_path)
    second = first if shared else FileSessionStore(tmp_path)
    await write_as("one", first, records(5))

    with pytest.raises(SessionInUse):
        await second.load(S, "two")
    with pytest.raises(SessionInUse):
        await write_as("two", second, records(6)[5:])
    with pytest.raises(SessionInUse):
        await second.delete(S)
    assert await second.load(S, None) == records(5)
    await write_as("one", first, records(7)[5:])
    first.release(S, "one")
    await first.barrier(S, "one")
    assert await second.load(S, "two") == records(7)
    await write_as("two", second, records(9)[7:])
    await first.close()
    await second.close()


@pytest.mark.parametrize("shared", [True, False], ids=["one-store", "two-stores"])
async def test_a_writer_that_was_taken_over_is_refused_whatever_it_writes(
    tmp_path: Path, shared: bool
) -> None:
    first = FileSessionStore(tmp_path)
    second = first if shared else FileSessionStore(tmp_path)
    await write_as("one", first, records(5))
    first.release(S, "one")
    await first.barrier(S, "one")
    await second.load(S, "two")

    with pytest.raises(SessionTakenOver) as error:
        await write_as("one", first, [record(5, "stale")])
    assert "resume" in error.value.hint
    with pytest.raises(SessionTakenOver):
        await write_as("one", first, [record(6, "stale")])
    await write_as("two", second, records(7)[5:])
    await keep(first, records(2), OTHER)
    assert await second.load(S, "two") == records(7)
    await first.close()
    await second.close()


async def test_a_record_that_was_lost_is_never_acknowledged_by_a_later_barrier(
    tmp_path: Path,
) -> None:
    store = FileSessionStore(tmp_path)
    await write_as("one", store, records(3))
    store.release(S, "one")
    await store.load(S, "two")
    store.append(S, record(3, "stale"), "one")
    await store.load(S, "three")
    store.append(S, record(3, "stale"), "one")

    with pytest.raises(SessionTakenOver):
        await store.barrier(S, "one")
    assert await store.load(S, None) == records(3)
    await store.close()


class Sphinx:
    def __str__(self) -> str:
        raise ZeroDivisionError("what am I?")


def unwritable(sequence: int) -> Record:
    event = ToolEnd(id="c", name="f", output="", exit_code=0, metadata={"x": Sphinx()})
    return Record(sequence, 1, RunId("r"), event)


async def test_who_fails_to_take_over_does_not_lift_a_refusal(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    await write_as("one", store, records(1))
    store.append(S, unwritable(1), "one")
    with pytest.raises(SessionInUse):
        await store.load(S, "two")

    with pytest.raises(StoreError, match="cannot be written"):
        await store.barrier(S, "one")
    await store.close()


async def test_a_writer_that_was_refused_can_still_let_go(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    await write_as("one", store, records(1))
    store.append(S, unwritable(1), "one")
    store.release(S, "one")

    assert await store.load(S, "two") == records(1)
    await store.close()


async def test_nobody_else_can_put_a_blob_into_a_session(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    digest = hashlib.sha256(b"data").hexdigest()
    await write_as("one", store, records(1))
    store.put_blob(S, digest, b"data", "two")
    with pytest.raises(SessionInUse):
        await store.barrier(S, "two")
    store.release(S, "one")
    await store.load(S, "three")
    store.put_blob(S, digest, b"data", "one")

    with pytest.raises(SessionTakenOver):
        await store.barrier(S, "one")
    assert await store.get_blob(S, digest) is None
    await store.close()


async def test_a_writer_is_refused_in_a_log_that_was_begun_anew(tmp_path: Path) -> None:
    first, second = FileSessionStore(tmp_path), FileSessionStore(tmp_path)
    await write_as("one", first, records(3))
    first.release(S, "one")
    await first.barrier(S, "one")
    await second.delete(S)
    await write_as("two", second, records(3, "anew "))
    second.release(S, "two")
    await second.barrier(S, "two")

    with pytest.raises(SessionTakenOver):
        await write_as("one", first, [record(3)])
    assert await second.load(S, None) == records(3, "anew ")
    await first.close()
    await second.close()


async def test_a_session_that_begins_under_a_stored_id_is_told_what_it_may_do(
    tmp_path: Path,
) -> None:
    store = FileSessionStore(tmp_path)
    await keep(store, records(5))
    with pytest.raises(StoreError, match="Record 0") as error:
        await keep(store, records(2, "anew"))

    assert "resume it, delete it, or take another id" in error.value.hint
    assert await store.load(S) == records(5)
    await store.close()


async def test_a_session_is_deleted_while_its_last_record_is_being_refused(tmp_path: Path) -> None:
    first, store = FileSessionStore(tmp_path), FileSessionStore(tmp_path)
    await keep(first, records(2))
    await first.close()
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as lock:
        lock.execute("BEGIN IMMEDIATE")
        opened = len(open_files_in(tmp_path))
        store.append(S, record(7))
        async with asyncio.timeout(5):
            while len(open_files_in(tmp_path)) == opened:  # noqa: ASYNC110 - the thread tells nobody
                await asyncio.sleep(0.005)
        deleting = asyncio.create_task(store.delete(S))
        await asyncio.sleep(0)
    await deleting
    await keep(store, records(3, "anew"))

    assert await store.load(S) == records(3, "anew")
    await store.close()


def test_processes_that_start_at_once_share_a_directory(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from a3s_code.kernel.events import SessionId, TextDelta
from a3s_code.kernel.records import Record
from a3s_code.persistence.sqlite import FileSessionStore

async def main():
    store = FileSessionStore(sys.argv[1])
    session = SessionId(sys.argv[2])
    sys.stdin.readline()
    for number in range(100):
        store.append(session, Record(number, 1, "", TextDelta(text=sys.argv[2])))
        await store.barrier(session)
    await store.close()
    print("stored")

asyncio.run(main())
"""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "new"), f"p{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.communicate(timeout=60)[0] for child in children] == ["stored\n"] * 4

    async def lengths() -> list[int]:
        store = FileSessionStore(tmp_path / "new")
        found = [len(await store.load(session)) for session in await store.sessions()]
        await store.close()
        return found

    assert asyncio.run(lengths()) == [100] * 4
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"sessions.db", "sessions.lock"}


def test_a_fork_does_not_write_through_its_parents_store(tmp_path: Path) -> None:
    script = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks with threads
from a3s_code.errors import SessionInUse, SessionTakenOver, StoreError
from a3s_code.kernel.events import SessionId, TextDelta
from a3s_code.kernel.records import Record
from a3s_code.persistence.sqlite import FileSessionStore

async def keep(store, session):
    store.append(session, Record(0, 1, "", TextDelta(text="a")))
    await store.barrier(session)

used, unused = FileSessionStore(sys.argv[1]), FileSessionStore(sys.argv[1])
asyncio.run(keep(used, SessionId("parent")))
if os.fork() == 0:
    try:
        asyncio.run(keep(used, SessionId("child of a used store")))
    except StoreError as error:
        print(error.hint)
    asyncio.run(keep(unused, SessionId("child")))
    print(asyncio.run(unused.sessions()), flush=True)
    os._exit(0)
os.wait()
asyncio.run(used.close())
"""
    shown = run(script, tmp_path)

    assert shown == "make a new store in the child process\n['child', 'parent']\n"
