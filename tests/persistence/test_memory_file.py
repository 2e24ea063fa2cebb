"""Memories on the disk: what survives, what is refused, and what others see."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from a3s_code.errors import InvalidType, InvalidValue, StoreError
from a3s_code.kernel.memory import MemoryItem, remembered
from a3s_code.persistence import network_mounts
from a3s_code.persistence.memories import tables
from a3s_code.persistence.memories.file_store import FileMemoryStore
from a3s_code.persistence.memories.header import APPLICATION, DATABASE

WRITER = """
import asyncio, sys
from a3s_code.kernel.memory import MemoryItem
from a3s_code.persistence.memories.file_store import FileMemoryStore

async def main():
    store, prefix = FileMemoryStore(sys.argv[1]), sys.argv[2]
    for number in range(10_000):
        await store.store(MemoryItem(id=f"{prefix}{number}", content="word", timestamp_ns=number))
        if number % 10 == 9:
            await store.flush()
            print(number, flush=True)

asyncio.run(main())
"""


def ids(items: Sequence[MemoryItem]) -> list[str]:
    return [item.id for item in items]


def contents(items: Sequence[MemoryItem]) -> list[str]:
    return [item.content for item in items]


def names(directory: Path) -> list[str]:
    return [file.name for file in directory.iterdir()]


async def keep(store: FileMemoryStore, *texts: str) -> None:
    for text in texts:
        await store.store(remembered(text))
    await store.flush()


class closed:  # noqa: N801 - reads as contextlib's
    def __init__(self, store: FileMemoryStore) -> None:
        self.store = store

    async def __aenter__(self) -> FileMemoryStore:
        return self.store

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()


async def test_what_was_flushed_is_there_after_kill_9(tmp_path: Path) -> None:
    acknowledged = await asyncio.to_thread(_killed, tmp_path)

    async with closed(FileMemoryStore(tmp_path)) as store:
        found = set(ids(await store.search("word", 20_000)))

    assert {f"a{number}" for number in range(acknowledged + 1)} <= found
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _killed(directory: Path) -> int:
    """Kill a process in the middle of its writes; give what it was told last is durable."""
    arguments = [sys.executable, "-c", WRITER, str(directory), "a"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        return max(map(int, [*said, *process.stdout.read().split()]))


async def test_two_processes_work_in_one_directory(tmp_path: Path) -> None:
    await asyncio.to_thread(_both_written, tmp_path)

    async with closed(FileMemoryStore(tmp_path)) as store:
        assert await store.count() == 400
        assert len(await store.search("word", 1_000)) == 400


def _both_written(directory: Path) -> None:
    arguments = [sys.executable, "-c", WRITER.replace("10_000", "200"), str(directory)]
    with (
        subprocess.Popen([*arguments, "a"], stdout=subprocess.DEVNULL) as one,
        subprocess.Popen([*arguments, "b"], stdout=subprocess.DEVNULL) as other,
    ):
        assert (one.wait(60), other.wait(60)) == (0, 0)


async def test_another_store_sees_what_was_written_changed_and_deleted(tmp_path: Path) -> None:
    async with closed(FileMemoryStore(tmp_path)) as one, closed(FileMemoryStore(tmp_path)) as two:
        await keep(one, "first")
        assert contents(await two.search("first", 5)) == ["first"]

        changed = (await two.get_recent(1))[0]
        await two.store(MemoryItem(id=changed.id, content="second", timestamp_ns=1))
        await two.flush()
        assert await one.search("first", 5) == []
        assert contents(await one.search("second", 5)) == ["second"]

        assert await one.delete(changed.id)
        assert await two.search("second", 5) == []
        await keep(two, "third")
        assert await one.clear() == 1
        assert await two.search("third", 5) == []
        assert await two.count() == 0


async def test_more_deletions_than_are_kept_are_seen_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_GONE", 3)
    async with closed(FileMemoryStore(tmp_path)) as one, closed(FileMemoryStore(tmp_path)) as two:
        await keep(one, *(f"word {n}" for n in range(8)))
        assert len(await two.search("word", 9)) == 8

        for item in await one.get_recent(6):
            await one.delete(item.id)

        assert len(await two.search("word", 9)) == 2
        assert len(await one.search("word", 9)) == 2


async def test_nothing_is_made_before_something_is_stored(tmp_path: Path) -> None:
    async with closed(FileMemoryStore(tmp_path / "memory")) as store:
        assert await store.search("word", 5) == ()
        assert await store.count() == 0
        assert await store.clear() == 0
        assert not (tmp_path / "memory").exists()


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with closed(FileMemoryStore(tmp_path / "a/b")) as store:
            await keep(store, "text")
            files = list((tmp_path / "a/b").glob("*"))
            modes = {file.stat().st_mode & 0o777 for file in files}
    finally:
        os.umask(before)

    assert len(files) == 3
    assert modes == {0o600}
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700


async def test_the_words_are_in_fts5_as_well(tmp_path: Path) -> None:
    async with closed(FileMemoryStore(tmp_path)) as store:
        await keep(store, "fixed the authentication", "wrote the documentation")
        gone = (await store.search("documentation", 1))[0]
        await store.delete(gone.id)

    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        asked = "SELECT items.content FROM words JOIN items ON number = words.rowid WHERE words = ?"
        assert connection.execute(asked, ("auth*",)).fetchall() == [("fixed the authentication",)]
        assert connection.execute(asked, ("documentation",)).fetchall() == []
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)


# What is refused


async def refuses(store: FileMemoryStore, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        store.check()
    with pytest.raises(StoreError, match=said):
        await store.search("word", 1)
    with pytest.raises(StoreError, match=said):
        await keep(store, "text")


async def test_a_newer_format_is_refused_and_left_untouched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("CREATE TABLE others (a)")
        connection.execute("PRAGMA user_version = 2")
    before = (tmp_path / DATABASE).read_bytes()

    await refuses(FileMemoryStore(tmp_path), "has format 2; this version knows 1")

    assert (tmp_path / DATABASE).read_bytes() == before
    assert names(tmp_path) == [DATABASE]


@pytest.mark.parametrize(
    "content", [b"no database" * 20, b"SQLite", b"SQLite format 3\0" + b"\xff" * 200]
)
async def test_a_damaged_file_is_refused_and_left_untouched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DATABASE).write_bytes(content)

    for _ in range(2):
        store = FileMemoryStore(tmp_path)
        with pytest.raises(StoreError, match="memory store"):
            await store.search("word", 1)
        with pytest.raises(StoreError, match="memory store"):
            await keep(store, "text")
        await store.close()  # nothing was taken that could be lost

    assert (tmp_path / DATABASE).read_bytes() == content


async def test_a_file_that_was_damaged_in_the_middle_is_no_empty_answer(tmp_path: Path) -> None:
    async with closed(FileMemoryStore(tmp_path)) as store:
        await keep(store, *(f"word {n} {'x' * 500}" for n in range(200)))
    with (tmp_path / DATABASE).open("r+b") as opened:
        opened.seek(4096 * 10)
        opened.write(b"\xa5" * 4096 * 20)

    with pytest.raises(StoreError, match="memory store"):
        await FileMemoryStore(tmp_path).search("word", 500)


async def test_a_directory_on_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 2 0:1 / / rw - nfs4 files:/ rw\n")
    monkeypatch.setattr(network_mounts, "MOUNTINFO", mounts)

    await refuses(FileMemoryStore(tmp_path / "memory"), "network file system")

    assert not (tmp_path / "memory").exists()


async def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("a file")

    await refuses(FileMemoryStore(tmp_path / "memory"), "memory store")


async def test_a_failure_is_final_and_told_by_every_call(tmp_path: Path) -> None:
    store = FileMemoryStore(tmp_path)
    await keep(store, "before")
    await store._commits.close()  # type: ignore[union-attr] # the thread ends, and with it its connection
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("DROP TABLE items")
    again = FileMemoryStore(tmp_path)

    with pytest.raises(StoreError):
        await keep(again, "lost")
    for _ in range(2):
        with pytest.raises(StoreError, match="no such table"):
            await again.store(remembered("more"))
    with pytest.raises(StoreError):
        again.check()
    with pytest.raises(StoreError):
        await again.close()


def test_bad_arguments_are_refused_at_once() -> None:
    with pytest.raises(InvalidValue):
        FileMemoryStore("")
    with pytest.raises(InvalidType):
        FileMemoryStore(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="synchronous"):
        FileMemoryStore("m", "sometimes")
    assert FileMemoryStore("./memory").dir == "./memory"
    assert FileMemoryStore(Path("m")).dir == Path("m")


def test_what_is_queued_is_written_when_a_process_ends_without_closing(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from a3s_code import FileMemoryStore\n"
        "from a3s_code.kernel.memory import remembered\n"
        "store = FileMemoryStore(sys.argv[1])\n"
        "asyncio.run(store.store(remembered('the last word')))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)

    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert connection.execute("SELECT content FROM items").fetchall() == [("the last word",)]


def test_making_a_store_loads_no_database() -> None:
    code = (
        "import sys\nfrom a3s_code import FileMemoryStore\nFileMemoryStore('m').check()\n"
        "assert not {'sqlite3', 'asyncio'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# What A3S Code 3 left


def write_earlier(directory: Path, count: int) -> None:
    items = directory / "items"
    items.mkdir(parents=True)
    rows = []
    for number in range(count):
        item = {
            "id": f"0000-{number}",
            "content": f"Success: fix bug {number}",
            "timestamp": f"2026-01-0{number + 1}T10:00:00.123456789Z",
            "importance": 0.8,
            "tags": ["success", "pattern"],
            "memory_type": "procedural",
            "metadata": {"k": "v"},
            "access_count": number,
            "last_accessed": None if number else "2026-02-01T00:00:00+02:00",
        }
        (items / f"0000-{number}.json").write_text(json.dumps(item))
        rows.append({"id": item["id"], "content": item["content"].lower()})
    (directory / "index.json").write_text(json.dumps(rows))


def tree(directory: Path) -> dict[str, bytes]:
    files = (file for file in directory.rglob("*") if file.is_file())
    return {str(file): file.read_bytes() for file in files if not file.name.startswith(DATABASE)}


async def test_memories_of_an_earlier_version_are_read_once(tmp_path: Path) -> None:
    write_earlier(tmp_path, 3)
    before = tree(tmp_path)

    async with closed(FileMemoryStore(tmp_path)) as store:
        assert await store.count() == 3
        (first,) = await store.search("bug 0", 1)
        assert first.id == "0000-0"
        assert first.timestamp == "2026-01-01T10:00:00.123456789Z"
        assert first.row()["last_accessed"] == "2026-01-31T22:00:00.000000000Z"
        assert (first.memory_type, first.tags) == ("procedural", ("success", "pattern"))
        assert (first.metadata, first.access_count) == ({"k": "v"}, 0)
        assert first.provenance.stored_by == "earlier"
        assert "3 memories were read" in store.notes[0]
        assert "stays as it is" in store.notes[0]
        await store.delete("0000-1")
    assert tree(tmp_path) == before

    async with closed(FileMemoryStore(tmp_path)) as again:
        assert await again.count() == 2
        assert again.notes == ()


async def test_broken_files_are_named_and_nothing_else_is_lost(tmp_path: Path) -> None:
    write_earlier(tmp_path, 2)
    (tmp_path / "items/cut.json").write_text('{"id": "c", "cont')
    (tmp_path / "items/empty.json").write_text("")
    (tmp_path / "items/late.json").write_text('{"id": "l", "content": "x", "timestamp": "soon"}')
    (tmp_path / "items/bytes.json").write_bytes(b'{"id": "\xff"}')
    (tmp_path / "items/deep.json").write_text("[" * 100_000)
    (tmp_path / "items/link.json").symlink_to("/etc/passwd")
    (tmp_path / "index.json").write_text("no JSON at all")
    before = tree(tmp_path)

    async with closed(FileMemoryStore(tmp_path)) as store:
        await keep(store, "new")
        assert await store.count() == 3
        (note,) = store.notes
    async with closed(FileMemoryStore(tmp_path)) as again:
        assert await again.count() == 3
        assert again.notes == (note,)

    for name in ("cut", "empty", "late", "bytes", "deep", "link"):
        assert f"items/{name}.json" in note
    assert "6 files were left out" in note
    assert tree(tmp_path) == before


async def test_a_directory_with_an_index_alone_is_empty(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("[]")

    async with closed(FileMemoryStore(tmp_path)) as store:
        assert await store.search("word", 5) == []
