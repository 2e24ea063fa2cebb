from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from a3s_code.errors import PathRefused, UsageError, WorkspaceError
from a3s_code.kernel.workspace import Entry
from a3s_code.workspace.local import (
    IN_PLACE_BYTES,
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    LocalFiles,
)
from unprivileged import as_somebody_without_privileges

from .conftest import Place


async def read(place: Place, path: str, limit: int | None = None) -> bytes:
    location = place.files.resolve(path)
    try:
        return await place.files.read(location, limit=limit)
    finally:
        location.close()


async def write(place: Place, path: str, data: bytes) -> None:
    location = place.files.resolve(path)
    try:
        await place.files.write(location, data)
    finally:
        location.close()


async def entries(place: Place, path: str) -> list[Entry]:
    location = place.files.resolve(path)
    try:
        return await place.files.list(location)
    finally:
        location.close()


def leftovers(place: Place) -> list[str]:
    return [p.name for p in place.ws.rglob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}")]


async def test_a_file_is_read_whole_or_up_to_a_limit(place: Place) -> None:
    for size in (0, 1, IN_PLACE_BYTES, IN_PLACE_BYTES + 1, 3_000_000):
        data = os.urandom(size)
        (place.ws / "data").write_bytes(data)
        assert await read(place, "data") == data
        assert await read(place, "data", 1_000) == data[:1_000]
        assert await read(place, "data", size + 1) == data
        assert await read(place, "data", 0) == b""


async def test_a_sparse_file_costs_what_is_asked_of_it(place: Place) -> None:
    os.truncate(os.open(place.ws / "sparse", os.O_CREAT | os.O_WRONLY), 10 * 2**30)
    assert await read(place, "sparse", 2_000_000) == bytes(2_000_000)


async def test_reading_what_is_no_file_fails_as_the_port_says(place: Place) -> None:
    os.mkfifo(place.ws / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(place.ws)
        try:
            listener.bind("sock")
        finally:
            os.chdir(here)
        for name in ("fifo", "sock"):
            with pytest.raises(PathRefused, match=f"{name} is no regular file"):
                await asyncio.wait_for(read(place, name), 5)
            with pytest.raises(PathRefused, match=f"{name} is no regular file"):
                await asyncio.wait_for(write(place, name, b"x"), 5)
    with pytest.raises(IsADirectoryError):
        await read(place, "src")
    with pytest.raises(FileNotFoundError) as missing:
        await read(place, "src/nothing")
    assert missing.value.filename == "src/nothing"
    with pytest.raises(FileNotFoundError):
        await read(place, "no/such/place")


async def test_a_written_file_is_there_with_its_parents(place: Place) -> None:
    await write(place, "new/deep/file.txt", b"text\n")
    assert (place.ws / "new/deep/file.txt").read_bytes() == b"text\n"
    await write(place, "new/deep/file.txt", b"")
    assert (place.ws / "new/deep/file.txt").read_bytes() == b""
    assert not leftovers(place)


async def test_a_new_file_gets_the_usual_mode_and_an_old_one_keeps_its_own(place: Place) -> None:
    old_mask = os.umask(0o027)
    try:
        await write(place, "new.txt", b"x")
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((place.ws / "new.txt").stat().st_mode) == 0o640
    for mode, kept in ((0o755, 0o755), (0o600, 0o600), (0o4755, 0o755), (0o2711, 0o711)):
        (place.ws / "tool").write_bytes(b"old")
        (place.ws / "tool").chmod(mode)
        await write(place, "tool", b"new")
        assert stat.S_IMODE((place.ws / "tool").stat().st_mode) == kept


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
async def test_a_file_keeps_its_owner(place: Place) -> None:
    os.chown(place.ws / "README.md", 1234, 4321)
    await write(place, "README.md", b"new")
    facts = (place.ws / "README.md").stat()
    assert (facts.st_uid, facts.st_gid) == (1234, 4321)


async def test_an_outside_file_does_not_change_through_its_hard_link(place: Place) -> None:
    os.link(place.out / "secret.txt", place.ws / "hard")
    await write(place, "hard", b"changed")
    assert (place.ws / "hard").read_bytes() == b"changed"
    assert (place.out / "secret.txt").read_bytes() == b"OUTSIDE-SECRET\n"


async def test_a_link_inside_stays_and_its_target_is_written(place: Place) -> None:
    (place.ws / "in.py").symlink_to("src/a.py")
    await write(place, "in.py", b"new")
    assert (place.ws / "in.py").is_symlink()
    assert (place.ws / "src/a.py").read_bytes() == b"new"


async def test_a_directory_is_not_overwritten(place: Place) -> None:
    with pytest.raises(IsADirectoryError):
        await write(place, "src", b"x")
    location = place.files.resolve("later")
    (place.ws / "later").mkdir()
    with pytest.raises(IsADirectoryError):
        await place.files.write(location, b"x")
    location.close()
    assert not leftovers(place)


async def test_what_an_earlier_call_of_the_turn_made_is_found(place: Place) -> None:
    first, second, third = (place.files.resolve(p) for p in ("n/a.txt", "n/a.txt", "n"))
    await place.files.write(first, b"one")
    assert await place.files.read(second) == b"one"
    (found,) = await place.files.list(third)
    assert (found.name, found.kind, found.size) == ("a.txt", "file", 3)
    for location in (first, second, third):
        location.close()


async def test_a_link_that_was_planted_after_the_check_is_not_followed(place: Place) -> None:
    file, below, listed = (place.files.resolve(p) for p in ("late", "dir/secret.txt", "dir"))
    (place.ws / "late").symlink_to("../out/secret.txt")
    (place.ws / "dir").symlink_to("../out")
    for location in (file, below):
        with pytest.raises(PathRefused):
            await place.files.read(location)
        with pytest.raises(PathRefused):
            await place.files.write(location, b"x")
    with pytest.raises(PathRefused):
        await place.files.list(listed)
    for location in (file, below, listed):
        location.close()


async def test_a_directory_that_was_removed_after_the_check_is_said(place: Place) -> None:
    location = place.files.resolve("src/a.py")
    (place.ws / "src/a.py").unlink()
    (place.ws / "src").rmdir()
    (place.ws / "src").mkdir()
    for work in (place.files.read(location), place.files.write(location, b"x")):
        with pytest.raises(WorkspaceError, match="removed after the path was checked"):
            await work
    location.close()


async def test_planted_temporary_names_are_not_followed(place: Place) -> None:
    for name in (".f.txt.tmp", "f.txt.tmp", "f.txt~", ".a3s-.tmp"):
        (place.ws / name).symlink_to("../out/secret.txt")
    await write(place, "f.txt", b"x")
    assert (place.ws / "f.txt").read_bytes() == b"x"


async def test_a_read_only_file_is_left_alone(place: Place) -> None:
    (place.ws / "README.md").chmod(0o444)
    await asyncio.to_thread(int)  # the standard library may be out of reach later
    with as_somebody_without_privileges(place.ws), pytest.raises(PathRefused, match="read-only"):
        await write(place, "README.md", b"x")


async def test_a_directory_is_listed_by_name_with_kinds_sizes_and_targets(place: Place) -> None:
    os.mkfifo(place.ws / "fifo")
    (place.ws / "lnk").symlink_to("../out/secret.txt")
    (place.ws / os.fsdecode(b"caf\xe9")).touch()
    listed = await entries(place, ".")
    changed = (place.ws / "README.md").stat().st_ctime_ns
    assert [entry.changed_ns for entry in listed if entry.kind != "file"] == [0, 0, 0]
    assert listed[0].changed_ns == changed
    assert [msgspec.structs.replace(entry, changed_ns=0) for entry in listed] == [
        Entry("README.md", "file", 7),
        Entry("caf\ufffd", "file", 0),
        Entry("fifo", "other"),
        Entry("lnk", "link", target="../out/secret.txt"),
        Entry("src", "dir"),
    ]


async def test_a_listing_of_some_names_has_those_with_their_kinds(place: Place) -> None:
    whole = [(each.name, each.kind) for each in await entries(place, ".")]
    location = place.files.resolve(".")
    every = await place.files.list(location, among=lambda _: True)
    one = await place.files.list(location, among=lambda name: name == whole[0][0])
    location.close()
    assert [(each.name, each.kind) for each in every] == whole
    assert [(each.name, each.kind) for each in one] == whole[:1]


async def test_listing_what_is_no_directory_fails_as_the_port_says(place: Place) -> None:
    with pytest.raises(NotADirectoryError):
        await entries(place, "README.md")
    with pytest.raises(FileNotFoundError):
        await entries(place, "nothing")


async def test_a_cancelled_write_is_over_when_the_cancellation_arrives(place: Place) -> None:
    location = place.files.resolve("big")
    task = asyncio.ensure_future(place.files.write(location, b"x" * 30_000_000))
    await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    location.close()
    assert not leftovers(place)
    assert not (place.ws / "big").exists() or (place.ws / "big").stat().st_size == 30_000_000


async def test_writing_to_a_full_disk_is_a_typed_error_and_keeps_the_old_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(WorkspaceError, match="No space left"):
        await write(place, "README.md", b"new")
    assert (place.ws / "README.md").read_bytes() == b"inside\n"
    assert not leftovers(place)


async def test_a_location_of_another_workspace_is_refused(place: Place) -> None:
    class Foreign:
        path = spelled = "README.md"

        def close(self) -> None: ...

    with pytest.raises(UsageError, match="another workspace"):
        await place.files.read(Foreign())


WRITER = """
import asyncio, sys
from a3s_code.workspace.local import LocalFiles
async def main():
    files = LocalFiles(sys.argv[1])
    print("go", flush=True)
    while True:
        for letter in (b"a", b"b"):
            location = files.resolve("data")
            await files.write(location, letter * 400_000)
            location.close()
asyncio.run(main())
"""


def test_a_killed_write_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"a" * 400_000)
    (tmp_path / "data").chmod(0o640)
    for round_number in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(0.003 * round_number)
            writer.kill()
        data = (tmp_path / "data").read_bytes()
        assert len(data) == 400_000
        assert len(set(data)) == 1
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o640
    others = [p.name for p in tmp_path.iterdir() if p.name != "data"]
    assert all(n.startswith(TEMPORARY_PREFIX) and n.endswith(TEMPORARY_SUFFIX) for n in others)


def test_a_workspace_may_be_made_before_its_directory(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "later")
    with pytest.raises(WorkspaceError):
        files.resolve("x")
    (tmp_path / "later").mkdir()
    files.resolve("x").close()
