"""Programs that go on until they are closed, and nothing of them after that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from a3s_code.errors import CapabilityMissing, PathRefused, ProgramMissing, WorkspaceError
from a3s_code.kernel.confinement import Confinement, SandboxLimits, SandboxPolicy
from a3s_code.kernel.sandbox_config import SandboxConfig
from a3s_code.kernel.workspace import Command, OpenProgram
from a3s_code.workspace.container_engine import ContainerShell, Engine
from a3s_code.workspace.foreign_shell import ForeignShell
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.sandbox.levels import confine
from needed import needs_bwrap

from .conftest import open_descriptors, until
from .test_processes import PACKAGES, alive, pids_in

ECHO = ("bash", "-c", 'echo $$; while read -r line; do echo "said $line"; done; echo bye >&2')
DEAF = ("bash", "-c", "trap '' TERM; echo $$; sleep 60 & sleep 60")


@pytest.fixture
def processes(tmp_path: Path) -> LocalProcesses:
    return LocalProcesses(tmp_path)


async def line(program: OpenProgram) -> str:
    """Give the next line, which a program of ours writes at once."""
    return (await asyncio.wait_for(program.receive(), 20)).decode().strip()


async def test_what_is_sent_is_answered_until_it_is_closed(processes: LocalProcesses) -> None:
    before = open_descriptors()
    program = await processes.open(Command(ECHO))
    pid = int(await line(program))
    for word in ("one", "two"):
        await program.send(f"{word}\n".encode())
        assert await line(program) == f"said {word}"
    ended = await program.close(grace_s=20)
    assert (ended.status, ended.output, ended.stderr) == (0, b"", b"bye\n")
    assert not alive(pid)
    assert await program.close() == ended
    assert await program.receive() == b""
    with pytest.raises(WorkspaceError, match="does not read any more"):
        await program.send(b"late\n")
    assert open_descriptors() == before


async def test_one_that_does_not_end_by_itself_is_killed_with_all_it_started(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    script = f"setsid sleep 60 & echo $! $$ > {tmp_path}/ids; sleep 60"
    program = await processes.open(Command(("bash", "-c", script)))
    pids = await pids_in(tmp_path / "ids", 2)
    assert (await program.close()).status == 128 + signal.SIGKILL
    assert not any(map(alive, pids))


async def test_nothing_is_read_ahead_of_who_receives(processes: LocalProcesses) -> None:
    program = await processes.open(Command(("yes",)))
    assert (await program.receive()).startswith(b"y\ny\n")
    await asyncio.sleep(0.05)  # long enough for hundreds of megabytes
    assert len(await program.receive()) <= 64 * 1024
    await program.close()


async def test_much_on_standard_error_is_bounded_and_stops_nobody(
    processes: LocalProcesses,
) -> None:
    script = "head -c 3000000 /dev/zero >&2; echo done; read line"
    program = await processes.open(Command(("bash", "-c", script), max_output_bytes=1_000))
    assert await line(program) == "done"
    ended = await program.close()
    assert len(ended.stderr) == 1_000
    assert ended.dropped_bytes == 2_999_000


async def test_one_that_died_is_seen_by_who_receives_and_by_who_sends(
    processes: LocalProcesses,
) -> None:
    program = await processes.open(Command(("bash", "-c", "exit 3")))
    assert await asyncio.wait_for(program.receive(), 20) == b""
    with pytest.raises(WorkspaceError):
        await program.send(b"x" * 10_000_000)
    assert (await program.close()).status == 3


async def test_who_waits_is_let_go_when_it_is_closed(processes: LocalProcesses) -> None:
    program = await processes.open(Command(DEAF))
    await line(program)
    receiving = asyncio.ensure_future(program.receive())
    sending = asyncio.ensure_future(program.send(b"x" * 10_000_000))
    await asyncio.sleep(0.02)
    await program.close()
    assert await receiving == b""
    with pytest.raises(WorkspaceError):
        await sending


async def test_a_cancelled_close_still_ends_it(processes: LocalProcesses) -> None:
    program = await processes.open(Command(DEAF))
    pid = int(await line(program))
    closing = asyncio.ensure_future(program.close(grace_s=0.2))
    await asyncio.sleep(0.02)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not alive(pid)


async def test_its_whole_life_has_a_limit(tmp_path: Path) -> None:
    limits = SandboxLimits(wall_s=0.3, processes=None)
    held = Confinement(policy=SandboxPolicy(level="hygiene", limits=limits))
    for processes, command in (
        (LocalProcesses(tmp_path), Command(("sleep", "60"), timeout_s=0.3)),
        (LocalProcesses(tmp_path, held=held), Command(("sleep", "60"))),
    ):
        program = await processes.open(command)
        assert await asyncio.wait_for(program.receive(), 20) == b""
        assert (await program.close()).timed_out


async def test_what_cannot_be_started_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    before = open_descriptors()
    processes = LocalProcesses(tmp_path)
    with pytest.raises(ProgramMissing):
        await processes.open(Command(("no-such-program",)))
    with pytest.raises(PathRefused):
        await processes.open(Command(("true",), cwd=".."))
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        await LocalProcesses(tmp_path / "none").open(Command(("true",)))
    assert open_descriptors() == before


async def test_no_secret_of_the_host_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    program = await LocalProcesses(tmp_path).open(Command(("env",), extra_env={"OURS": "yes"}))
    said = await line(program)
    assert "OURS=yes" in said
    assert "canary" not in said
    await program.close()


@needs_bwrap
async def test_the_sandbox_holds_it_as_it_holds_a_command(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    held = confine(SandboxPolicy(level="bwrap"), str(root))
    script = f"echo x > {tmp_path}/out; echo y > inside; echo done; read line"
    program = await LocalProcesses(root, held=held).open(Command(("bash", "-c", script)))
    assert await line(program) == "done"
    assert (root / "inside").exists()
    assert not (await program.close()).has_network
    assert not (tmp_path / "out").exists()


async def test_places_of_somebody_else_keep_no_program_open() -> None:
    class Somewhere:
        def exec_command(self, command: str, guest_workspace: str) -> dict[str, object]:
            raise AssertionError

    with pytest.raises(CapabilityMissing, match="to their end"):
        await ForeignShell(Somewhere()).open(Command(("ruff", "server")))
    engine = Engine("podman", "/usr/bin/podman")
    shell = ContainerShell(engine, SandboxConfig(image="x"), "/", LocalProcesses("/"))
    with pytest.raises(CapabilityMissing, match="one command line"):
        await shell.open(Command(("ruff", "server")))


HOUSE = """
import asyncio, os, signal, sys
from a3s_code.kernel.workspace import Command
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.processes import LocalProcesses

async def main():
    script = "setsid sleep 60 & echo $! $$ > ids; exec sleep 60"
    program = await LocalProcesses(".", guard=Guard()).open(Command(("bash", "-c", script)))
    await program.receive()

asyncio.run(main())
"""


async def test_kill_9_of_us_leaves_none(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": PACKAGES}
    house = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOUSE, cwd=tmp_path, env=environment
    )
    pids = await pids_in(tmp_path / "ids", 2)
    house.kill()
    await house.wait()
    await until(lambda: not any(map(alive, pids)))


async def test_the_guard_is_told_when_it_has_ended(tmp_path: Path) -> None:
    guard = Guard()
    program = await LocalProcesses(tmp_path, guard=guard).open(Command(ECHO))
    pid = int(await line(program))
    assert pid in guard._groups
    await program.close()
    assert pid not in guard._groups
    guard.close()
