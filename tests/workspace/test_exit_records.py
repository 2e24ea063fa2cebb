"""What commands leave behind of their end, and when they leave nothing."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from a3s_code.kernel.workspace import Command
from a3s_code.workspace.exit_records import ExitRecords
from a3s_code.workspace.processes import LocalProcesses

from .conftest import until


@pytest.fixture
def exits(tmp_path: Path) -> ExitRecords:
    return ExitRecords(tmp_path / "store/exits", "job-1")


@pytest.fixture
def processes(tmp_path: Path) -> LocalProcesses:
    (tmp_path / "ws").mkdir()
    return LocalProcesses(tmp_path / "ws")


def ending(status: int, record: str) -> Command:
    return Command(("sh", "-c", f"echo said; exit {status}"), exit_record=record)


def leave(name: str, status: str) -> None:
    """Plant a record."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(status)


async def test_a_command_leaves_its_status_in_a_place_of_its_session(
    exits: ExitRecords, processes: LocalProcesses, tmp_path: Path
) -> None:
    name = exits.name("call-1")
    assert (await processes.run(ending(3, name))).status == 3

    assert exits.read(name) == 3
    assert exits.read(exits.name("call-2")) is None
    others = ExitRecords(tmp_path / "store/exits", "job-2")
    assert others.read(others.name("call-1")) is None
    for place in (tmp_path / "store/exits", Path(name).parent):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    exits.forget(name)
    assert list(Path(name).parent.iterdir()) == []


def test_naming_a_record_touches_nothing(exits: ExitRecords, tmp_path: Path) -> None:
    assert exits.name("call-1") == exits.name("call-1") != exits.name("call-2")
    assert exits.read(exits.name("call-\udcff\0")) is None
    assert list(tmp_path.iterdir()) == []


async def test_a_command_runs_where_no_record_can_be_kept(
    exits: ExitRecords, processes: LocalProcesses, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file, where the directory should be")
    ended = await processes.run(ending(3, exits.name("call-1")))

    assert (ended.status, ended.output) == (3, b"said\n")
    assert exits.read(exits.name("call-1")) is None


async def test_what_was_left_under_the_name_goes_when_the_command_starts(
    exits: ExitRecords, processes: LocalProcesses, tmp_path: Path
) -> None:
    name = exits.name("call-1")
    leave(name, "0")
    slow = Command(("sh", "-c", "echo > begun; sleep 60"), exit_record=name, timeout_s=60.0)
    running = asyncio.ensure_future(processes.run(slow))
    try:
        await until((tmp_path / "ws/begun").exists)
        assert exits.read(name) is None
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert exits.read(name) is None
