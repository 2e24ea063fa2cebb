"""A program's way out is there while it runs, and goes with it, however it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_code.errors import ProgramMissing, SandboxUnavailable
from a3s_code.kernel.confinement import SandboxNetwork, SandboxPolicy
from a3s_code.kernel.workspace import Command
from a3s_code.network.passage import Passage
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.sandbox.levels import confine
from needed import needs_bwrap

from .conftest import open_descriptors, until

pytestmark = needs_bwrap

NETWORK = SandboxNetwork(mode="proxy", allow=("a.test",))


def proxied(root: Path) -> LocalProcesses:
    return LocalProcesses(
        root, held=confine(SandboxPolicy(level="bwrap", network=NETWORK), str(root))
    )


def bash(line: str, **more: float) -> Command:
    return Command(("bash", "-c", "--", line), **more)


async def test_it_goes_with_the_program_however_that_ends(tmp_path: Path) -> None:
    processes = proxied(tmp_path)
    await processes.run(bash("true"))
    before = open_descriptors()

    assert (await processes.run(bash("exit 3"))).status == 3
    assert (
        await processes.run(bash("exec 3<>/dev/tcp/127.0.0.1/3128; sleep 60", timeout_s=1))
    ).timed_out
    with pytest.raises(ProgramMissing):
        await processes.run(Command(("no-such-program",)))
    running = asyncio.ensure_future(processes.run(bash("touch begun; sleep 60")))
    await until((tmp_path / "begun").exists)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert open_descriptors() == before
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_each_outcome_is_told_once_with_the_command_that_it_belongs_to(
    tmp_path: Path,
) -> None:
    request = "CONNECT b.test:443 HTTP/1.1\\r\\n\\r\\n"
    ask = f"exec 3<>/dev/tcp/127.0.0.1/3128; printf '{request}' >&3; cat <&3"
    ended = await proxied(tmp_path).run(bash(f"({ask}); ({ask})"))

    why = "b.test:443 may not be reached: it is not on the allow-list."
    assert ended.passages == (Passage("b.test", 443, "refused", why),)
    assert [(each.kind, each.name, each.is_certain) for each in ended.violations] == [
        ("host", "b.test:443", True)
    ]
    assert (await proxied(tmp_path).run(bash("true"))).passages == ()


async def test_variables_of_a_call_reach_the_command_and_not_what_starts_it(tmp_path: Path) -> None:
    command = Command(
        ("bash", "-c", "echo $PYTHONHOME $http_proxy"), extra_env={"PYTHONHOME": "/x"}
    )
    ended = await proxied(tmp_path).run(command)
    assert ended.output == b"/x http://127.0.0.1:3128\n"


@pytest.mark.parametrize("level", ["hygiene", "landlock", "none"])
def test_no_other_level_pretends_to_have_one(tmp_path: Path, level: str) -> None:
    policy = SandboxPolicy(level=level, network=NETWORK)  # type: ignore[arg-type]
    with pytest.raises(SandboxUnavailable, match="bwrap"):
        confine(policy, str(tmp_path))
