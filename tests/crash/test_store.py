"""What is left of a store after kills, a cut WAL, a damaged id and failing disks."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.records import Record
from a3s_code.persistence.sqlite import FileSessionStore
from crash.crash_writer import BARRIER_EVERY, SESSION, record
from crash.sizes import KILLS

WRITER = Path(__file__).with_name("crash_writer.py")
COMMITS = 20


def writer(*args: object) -> list[str]:
    return [sys.executable, str(WRITER), *map(str, args)]


def run(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return done.stdout


def acknowledged(output: str) -> int:
    """Give the highest number of records that was told."""
    return max((int(line) for line in output.splitlines() if line.isdecimal()), default=0)


async def stored(directory: Path) -> Sequence[Record]:
    store = FileSessionStore(directory)
    try:
        return await store.load(SESSION)
    except SessionNotFound:
        return ()
    finally:
        await store.close()


def is_a_prefix(found: Sequence[Record]) -> bool:
    return list(found) == [record(sequence) for sequence in range(len(found))]


def the_wal_of_a_killed_writer(directory: Path) -> bytes:
    """Store some commits, and leave them in the WAL as a kill does."""
    length = COMMITS * BARRIER_EVERY
    command = writer("write", directory, length)
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    while int(child.stdout.readline()) < length:
        pass
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    (directory / "sessions.db-shm").unlink()
    return (directory / "sessions.db-wal").read_bytes()


@pytest.mark.parametrize("mode", ["kill", "normal"])
async def test_nothing_that_was_acknowledged_is_lost_to_a_kill(mode: str, tmp_path: Path) -> None:
    output = run(*writer(mode, tmp_path / "s", KILLS, 7))
    found = await stored(tmp_path / "s")

    print(f"{KILLS} kills: {acknowledged(output)} acknowledged, {len(found)} found")  # noqa: T201
    assert acknowledged(output) >= KILLS * BARRIER_EVERY
    assert len(found) >= acknowledged(output)
    assert is_a_prefix(found)


async def test_a_log_goes_on_after_a_cut_wal(tmp_path: Path) -> None:
    wal = the_wal_of_a_killed_writer(tmp_path)
    (tmp_path / "sessions.db-wal").write_bytes(wal[: len(wal) * 2 // 3] + bytes(4096))
    store = FileSessionStore(tmp_path)
    length = len(await store.load(SESSION))
    store.append(SESSION, record(length))
    await store.barrier(SESSION)

    assert 0 < length < COMMITS * BARRIER_EVERY
    assert is_a_prefix(await store.load(SESSION))
    await store.close()


async def test_an_id_that_was_damaged_does_not_make_a_session_look_absent(tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path)
    for sequence in range(3):
        store.append(SESSION, record(sequence))
    await store.close()
    whole = (tmp_path / "sessions.db").read_bytes()
    places = [found.start() for found in re.finditer(SESSION.encode(), whole)]
    assert len(places) == 2  # in the table and in its index
    outcomes: set[str] = set()
    for at in places:
        (tmp_path / "sessions.db").write_bytes(whole[:at] + b"x" + whole[at + 1 :])
        store = FileSessionStore(tmp_path)
        try:
            outcomes.add(f"{len(await store.load(SESSION))} records")
        except StoreError as error:
            outcomes.add(error.code)

    assert outcomes == {"3 records", "store"}


async def test_a_disk_that_is_full_refuses_for_good_and_keeps_what_it_took(tmp_path: Path) -> None:
    limit_bytes = 300_000
    output = run(*writer("full", tmp_path, limit_bytes))
    found = await stored(tmp_path)

    assert output.endswith("\nrefused\n")
    assert 30 < acknowledged(output) <= len(found)
    assert is_a_prefix(found)


@pytest.mark.parametrize("call", ["fdatasync", "fsync", "pwrite64"])
async def test_after_a_failed_write_to_the_disk_nothing_is_acknowledged(
    call: str, tmp_path: Path
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    for when in (6, 40, 90):
        directory = tmp_path / str(when)
        inject = f"inject={call}:error=EIO:when={when}"
        traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
        output = run(*traced, *writer("full", directory, 400_000))
        found = await stored(directory)

        assert output.endswith("refused\n")
        assert acknowledged(output) <= len(found)
        assert is_a_prefix(found)
