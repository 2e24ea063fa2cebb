"""Programs end with the process that started them, however that one dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from a3s_code.kernel.workspace import Command
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.processes import LocalProcesses

HARNESS = """
import asyncio, sys
from a3s_code.kernel.workspace import Command
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.processes import LocalProcesses

async def main():
    processes = LocalProcesses(".", guard=Guard())
    commands = [Command(("sh", "-c", code)) for code in sys.argv[1:]]
    await asyncio.gather(*map(processes.run, commands))

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in "ZX"


def pids(directory: Path, count: int) -> list[int]:
    """Wait until `count` programs have written their ids into files `*.pid`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        texts = [path.read_text() for path in directory.glob("*.pid")]
        if len(texts) == count and all(text.endswith("\n") for text in texts):
            return [int(text) for text in texts]
        time.sleep(0.01)
    pytest.fail(f"not {count} programs were started")


def gone(found: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(map(alive, found)):
            return True
        time.sleep(0.01)
    return False


def harness(directory: Path, *programs: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HARNESS, *programs], cwd=directory)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_killed_harness_takes_its_programs_along(tmp_path: Path, number: signal.Signals) -> None:
    running = harness(
        tmp_path,
        "echo $$ > a.pid; exec sleep 600",
        "sleep 600 & echo $! > b.pid; wait",
        "env -i sh -c 'echo $$ > c.pid; exec sleep 600'",
        "setsid sh -c 'echo $$ > d.pid; exec sleep 600'; sleep 600",
        "trap '' HUP INT TERM; echo $$ > e.pid; while :; do sleep 1; done",
    )
    found = pids(tmp_path, 5)
    assert all(map(alive, found))
    running.send_signal(number)
    running.wait(20)

    assert gone(found)


def test_a_program_that_has_ended_is_not_watched_any_more(tmp_path: Path) -> None:
    guard = Guard()
    processes = LocalProcesses(tmp_path, guard=guard)
    asyncio.run(processes.run(Command(("true",))))
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        guard.watch(bystander.pid)
        guard.release(bystander.pid)
        guard.close()
        time.sleep(0.3)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_closing_ends_the_shell_and_nothing_else() -> None:
    guard = Guard()
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        guard.watch(bystander.pid)
        shells = children()
        guard.close()
        guard.close()
        time.sleep(0.3)
        assert bystander.poll() is None
        assert children() == shells - 1
    finally:
        bystander.kill()
        bystander.wait()


def children() -> int:
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_a_guard_that_was_killed_is_replaced_and_told_everything(tmp_path: Path) -> None:
    program = """
import os, signal, subprocess, sys, time
from a3s_code.workspace.guard import Guard
guard = Guard()
one, two = (subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2))
guard.watch(one.pid)
shell = [int(p) for p in open(f"/proc/self/task/{os.getpid()}/children").read().split()
         if int(p) not in (one.pid, two.pid)]
os.kill(shell[0], signal.SIGKILL)
time.sleep(0.2)
guard.watch(two.pid)
print(one.pid, two.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    found = [int(pid) for pid in done.stdout.split()]

    assert len(found) == 2
    assert gone(found)


def test_a_forked_child_leaves_the_programs_of_its_parent_alone() -> None:
    guard = Guard()
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        guard.watch(bystander.pid)
        program = os.fork()
        if program == 0:
            own = subprocess.Popen(["sleep", "600"], start_new_session=True)
            guard.watch(own.pid)
            guard.close()
            own.kill()
            os._exit(0)
        assert os.waitpid(program, 0)[1] == 0
        time.sleep(0.3)
        assert bystander.poll() is None
    finally:
        guard.close()
        bystander.kill()
        bystander.wait()


async def test_many_programs_at_once_share_one_shell(tmp_path: Path) -> None:
    guard = Guard()
    processes = LocalProcesses(tmp_path, guard=guard)
    before = children()
    exits = await asyncio.gather(*(processes.run(Command(("true",))) for _ in range(50)))

    assert all(ended.status == 0 for ended in exits)
    assert children() == before + 1
    guard.close()
