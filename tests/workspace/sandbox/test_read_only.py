"""A program that only looks at a workspace reads all of it and leaves it as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from a3s_code.errors import SandboxUnavailable
from a3s_code.kernel.confinement import Level, SandboxLimits, SandboxPolicy
from a3s_code.kernel.workspace import Command
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.sandbox.levels import confine

TRY = "cat a.txt; echo x > new; echo y > a.txt; mkdir d; rm a.txt; ls -A"


@pytest.mark.parametrize("level", ["bwrap", "landlock"])
async def test_it_reads_and_writes_nothing_there(level: Level, tmp_path: Path) -> None:
    policy = SandboxPolicy(level=level, limits=SandboxLimits(processes=None))
    try:
        held = confine(policy, str(tmp_path))
    except SandboxUnavailable as error:
        pytest.skip(f"needs {level}: {error.message}")
    (tmp_path / "a.txt").write_text("inside\n")
    processes = LocalProcesses(tmp_path, held=replace(held, read_only=True))
    ended = await processes.run(Command(("bash", "-c", TRY), separate_stderr=True))
    assert ended.output == b"inside\na.txt\n"
    assert (tmp_path / "a.txt").read_text() == "inside\n"

    free = await LocalProcesses(tmp_path, held=held).run(Command(("bash", "-c", "echo x > new")))
    assert free.status == 0
    assert (tmp_path / "new").exists()


async def test_a_store_in_the_workspace_stays_hidden(tmp_path: Path) -> None:
    own = tmp_path / "sessions"
    own.mkdir()
    (own / "log.db").write_text("secret")
    try:
        held = confine(SandboxPolicy(level="bwrap"), str(tmp_path), own=(str(own),))
    except SandboxUnavailable as error:
        pytest.skip(f"needs bwrap: {error.message}")
    processes = LocalProcesses(tmp_path, held=replace(held, read_only=True))
    ended = await processes.run(Command(("bash", "-c", "ls -A . sessions; cat sessions/log.db")))
    assert b"sessions" in ended.output
    assert b"secret" not in ended.output
