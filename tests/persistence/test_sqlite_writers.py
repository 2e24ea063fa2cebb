from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.persistence.sqlite import FileSessionStore
from persistence.logs import OTHER, S, keep, open_files_in, record, records, run


async def test_two_stores_on_one_directory_serve_different_sessions(tmp_path: Path) -> None:
    first, second = FileSessionStore(tmp_path), FileSessionStore(tmp_path)

    async def write(store: FileSessionStore, session: SessionId) -> None:
        for entry in records(100, session):
            await keep(store, [entry], session)

    await asyncio.gather(write(first, S), write(second, OTHER))

    assert await second.load(S) == records(100, S)
    assert await first.load(OTHER) == records(100, OTHER)
    await first.close()
    await second.close()


async def test_of_two_stores_that_write_one_session_the_second_is_refused(tmp_path: Path) -> None:
    first, second = FileSessionStore(tmp_path), FileSessionStore(tmp_path)
    await keep(first, records(5))
    await second.load(S)
    await keep(second, records(7)[5:])

    with pytest.raises(StoreError, match="Record 5 of session 'my-session'") as error:
        await keep(first, [record(5, "stale"), record(6, "stale"), record(7, "stale")])
    assert "resume" in error.value.hint
    await keep(first, records(2), OTHER)
    await keep(second, records(9)[7:])
    assert await second.load(S) == records(9)
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
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sessions.db"]


def test_a_fork_does_not_write_through_its_parents_store(tmp_path: Path) -> None:
    script = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks with threads
from a3s_code.errors import StoreError
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
