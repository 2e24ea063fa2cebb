"""A session in a world that fails: a typed error, nothing lost, and it goes on afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest

from a3s_code import FileSessionStore
from a3s_code.kernel.events import RunId, SessionId, TurnStart
from a3s_code.kernel.log import Log
from a3s_code.testing import ScriptedServer
from a3s_code.testing.crash_examine import examine
from a3s_code.testing.crash_store import told
from crash.scenario import COUNTER, SCRIPT
from crash.sizes import some

WORKER = Path(__file__).with_name("fault_worker.py")
PLACES = [str(Path(__file__).parents[1]), *filter(None, sys.path)]


class World:
    """A workspace, a scripted model, and a store in `store` that keeps what `work` did."""

    def __init__(self, directory: Path, store: Path, config: str) -> None:
        self._directory, self._store, self._config = directory, store, config
        (directory / "workspace").mkdir()

    def work(self, *files: str, under: Sequence[str] = ()) -> str:
        """Work in a process of its own; gives `done`, or the code of the error."""
        worker = [sys.executable, str(WORKER), str(self._directory), self._config]
        ended = subprocess.run(
            [*under, *worker, str(self._store), *files],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(PLACES)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    async def is_whole(self) -> bool:
        """Say whether all that was acknowledged is there, and something was."""
        facts = told(self._directory / "tally.jsonl")
        left = await examine(FileSessionStore(self._store), self._store, facts, "crash")
        assert left.faults == ()
        return left.found >= left.acknowledged > 0

    def counted(self) -> list[str]:
        counter = self._directory / "workspace" / COUNTER
        return counter.read_text().splitlines() if counter.exists() else []


@pytest.fixture
def config() -> Iterator[str]:
    with ScriptedServer(SCRIPT) as server:
        yield server.acl()


@pytest.fixture
def world(tmp_path: Path, config: str) -> World:
    return World(tmp_path, tmp_path / "store", config)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs to be root and to mount")
    yield place
    subprocess.run(["umount", place], check=True)


def remount(disk: Path, *options: str) -> None:
    mount = ["mount", "-o", ",".join(("remount", *options)), disk]
    subprocess.run(mount, check=True)


@pytest.mark.parametrize("size_kb", some([8, 64, 96, 160], [64]))
async def test_a_full_disk_ends_a_run_and_loses_nothing(
    size_kb: int, disk: Path, tmp_path: Path, config: str
) -> None:
    remount(disk, f"size={size_kb}k")
    world = World(tmp_path, disk / "store", config)
    assert world.work() == "store"
    assert world.work() == "store", "it is as full as before"
    remount(disk, "size=16m")

    assert world.work() == "done"
    assert await world.is_whole()
    assert len(world.counted()) <= 1


async def test_a_disk_that_became_read_only_is_told_and_works_again(
    disk: Path, tmp_path: Path, config: str
) -> None:
    remount(disk, "size=16m")
    world = World(tmp_path, disk / "store", config)
    remount(disk, "ro")
    assert world.work() == "store"
    assert world.counted() == []
    remount(disk, "rw")
    assert world.work() == "done"
    remount(disk, "ro")
    assert world.work() == "store", "who goes on with a session becomes its owner, on the disk"
    remount(disk, "rw")

    assert await world.is_whole()
    assert world.counted() == ["one"]


@pytest.mark.parametrize(
    ("call", "when"),
    some(
        list(product(["fsync", "fdatasync", "pwrite64"], [1, 5, 25])),
        [("fsync", 1), ("fdatasync", 5), ("pwrite64", 25)],
    ),
)
async def test_an_error_of_the_disk_ends_a_run_and_loses_nothing(
    call: str, when: int, world: World
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    inject = f"inject={call}:error=EIO:when={when}+"
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
    outcome = world.work(under=strace)
    assert outcome in {"store", "done"}
    assert outcome == "store" or when > 1, "the first one is always needed"

    assert world.work() == "done"
    assert await world.is_whole()
    assert len(world.counted()) <= 1


@pytest.mark.parametrize("files", some([4, *range(9, 20)], [4, 13]))
async def test_a_process_without_descriptors_tells_so_and_works_again(
    files: int, world: World
) -> None:
    """Tools tell the model, and the run may end well; what cannot be recorded ends it."""
    outcome = world.work(str(files))
    assert outcome in ({"done", "store", "model.unavailable"} if files > 8 else {"store"})
    assert world.work() == "done"

    assert await world.is_whole()
    assert len(world.counted()) <= 1


@pytest.mark.parametrize("files", some(range(4, 20), [4, 14]))
async def test_a_process_that_never_had_descriptors_tells_so_and_works_again(
    files: int, world: World
) -> None:
    outcome = world.work(str(files), "first")
    late = {"done", "store", "model.unavailable"}
    assert outcome in (late if files > 7 else {"package.unreadable"})
    assert world.work() == "done"

    assert await world.is_whole()
    assert len(world.counted()) <= 1


class BackwardClock:
    """Each look at it is a minute earlier."""

    def __init__(self) -> None:
        self._now_ms = 1_000_000_000

    def now_ms(self) -> int:
        self._now_ms -= 60_000
        return self._now_ms

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        del seconds


async def test_a_clock_that_goes_backwards_changes_no_order(tmp_path: Path) -> None:
    session, clock = SessionId("s"), BackwardClock()
    for _ in range(2):
        store = FileSessionStore(tmp_path)
        known = await store.load(session, "me") if (tmp_path / "sessions.db").exists() else ()
        log = Log(session, clock, store, known, "me")
        for turn in range(1, 11):
            log.append(TurnStart(turn=turn), RunId("r"))
        await log.barrier()
        await store.close()
    found = await FileSessionStore(tmp_path).load(session, None)

    assert [record.sequence for record in found] == list(range(20))
    assert [record.event for record in found] == [TurnStart(turn=n) for n in range(1, 11)] * 2
    assert [record.timestamp_ms for record in found] == sorted(
        (record.timestamp_ms for record in found), reverse=True
    )
