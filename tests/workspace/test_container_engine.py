"""
What a container engine is told. A script stands for the engine: it notes its arguments and
runs the command here. That a real one does as it is told is not shown by this.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from a3s_code.errors import SandboxUnavailable
from a3s_code.kernel.sandbox_config import SandboxConfig
from a3s_code.kernel.workspace import Command
from a3s_code.workspace import container_engine
from a3s_code.workspace.container_engine import PASS_ENV, ContainerShell, Engine, working_engine
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.shells import Shells

from .conftest import until

STANDS_FOR_ENGINE = """#!{python}
import json, os, sys, time
with open({notes!r}, "a") as notes:
    notes.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
if "absent:1" in sys.argv:
    sys.exit("Error: absent:1: image not known")
if "hangs:1" in sys.argv:
    time.sleep(60)
if sys.argv[1] == "run" and sys.argv[-1] != "true":
    at = sys.argv.index("alpine:latest")
    os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
"""


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both engines on PATH, with nothing else; gives the file with what they were told."""
    programs, notes = tmp_path / "programs", tmp_path / "notes"
    programs.mkdir()
    for name in ("podman", "docker"):
        program = programs / name
        program.write_text(STANDS_FOR_ENGINE.format(python=sys.executable, notes=str(notes)))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return notes


def told(notes: Path) -> list[list[str]]:
    if not notes.exists():
        return []
    return [json.loads(line) for line in notes.read_text().splitlines()]


def test_an_engine_is_taken_only_after_it_ran_the_image(engines: Path, tmp_path: Path) -> None:
    assert working_engine(SandboxConfig(), str(tmp_path / "ws")).kind == "podman"
    ((program, *arguments),) = told(engines)
    assert program == "podman"
    assert arguments[-2:] == ["alpine:latest", "true"]
    assert arguments[arguments.index("--pull") + 1] == "never"


def test_an_image_that_no_engine_runs_is_refused_with_what_each_said(
    engines: Path, tmp_path: Path
) -> None:
    with pytest.raises(SandboxUnavailable, match="image not known") as caught:
        working_engine(SandboxConfig(image="absent:1"), str(tmp_path / "ws"))
    assert "podman pull absent:1" in caught.value.hint
    assert [program for program, *_ in told(engines)] == ["podman", "docker"]


def test_a_container_that_does_not_answer_is_removed(
    engines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_engine, "PROBE_S", 0.5)
    with pytest.raises(SandboxUnavailable, match="podman: no answer in time"):
        working_engine(SandboxConfig(image="hangs:1"), str(tmp_path / "ws"))
    names = [line[line.index("--name") + 1] for line in told(engines) if line[1] == "run"]
    removed = [line[-1] for line in told(engines) if line[1:3] == ["rm", "--force"]]
    assert removed == names


def test_an_image_is_run_once_for_all_sessions_that_have_the_same(
    engines: Path, tmp_path: Path
) -> None:
    shells, root = Shells(), str(tmp_path / "ws")
    (tmp_path / "ws").mkdir()
    shells.check(SandboxConfig(), root)
    shells.open(SandboxConfig(), root, None)
    assert len(told(engines)) == 1
    shells.check(SandboxConfig(memory_mb=1), root)
    assert len(told(engines)) == 2


def test_without_an_engine_a_name_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="podman: not installed; docker") as caught:
        working_engine(SandboxConfig(), str(tmp_path / "ws"))
    assert "tar archive" in caught.value.hint


def test_an_engine_in_the_workspace_is_none(engines: Path, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="not installed"):
        working_engine(SandboxConfig(), str(tmp_path))
    assert told(engines) == []


def test_a_list_of_hosts_is_not_for_containers(engines: Path, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="all hosts or none"):
        working_engine(SandboxConfig(network=["a.test"]), str(tmp_path / "ws"))


def test_a_container_gets_the_workspace_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".git/hooks").mkdir(parents=True)
    (tmp_path / ".mcp.json").touch()
    config = SandboxConfig(memory_mb=256, cpus=0.5, env={"A": "b"})
    command = Command(("bash", "-c", "--", "ls"), extra_env={"C": "d"}, cwd="src")
    argv = Engine("docker", "/usr/bin/docker").run_argv(config, str(tmp_path), "n", command)
    options = list(pairwise(argv))
    volumes = [value for name, value in options if name == "--volume"]
    assert volumes == [
        f"{tmp_path}:/workspace:rw",
        f"{tmp_path}/.mcp.json:/workspace/.mcp.json:ro",
        f"{tmp_path}/.git/hooks:/workspace/.git/hooks:ro",
    ]
    for option in (
        ("--network", "none"),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--memory", "256m"),
        ("--cpus", "0.5"),
        ("--workdir", "/workspace/src"),
        ("--env", "A=b"),
        ("--env", "C=d"),
        ("--user", f"{os.getuid()}:{os.getgid()}"),
    ):
        assert option in options
    assert {"--rm", "--read-only"} <= set(argv)
    assert not any("docker.sock" in part or part == "--privileged" for part in argv)
    assert argv[argv.index("alpine:latest") :][:3] == ("alpine:latest", "sh", "-c")


def shell(root: Path) -> ContainerShell:
    config = SandboxConfig()
    engine = working_engine(config, str(root))
    processes = LocalProcesses(str(root), pass_env=PASS_ENV)
    return ContainerShell(engine, config, str(root), processes)


async def test_a_command_goes_through_the_engine_and_its_status_comes_back(
    engines: Path, tmp_path: Path
) -> None:
    (tmp_path / "ws").mkdir()
    ended = await shell(tmp_path / "ws").run(Command(("bash", "-c", "--", "echo $((6*7)); exit 3")))
    assert (ended.status, ended.output) == (3, b"42\n")
    assert [arguments[1] for arguments in told(engines)] == ["run", "run"]


async def test_a_container_is_removed_when_its_command_is_cut_off(
    engines: Path, tmp_path: Path
) -> None:
    (tmp_path / "ws").mkdir()
    line = Command(("bash", "-c", "--", "sleep 60"), timeout_s=0.3)
    ended = await shell(tmp_path / "ws").run(line)
    assert ended.timed_out
    _, run, remove = told(engines)
    assert remove == ["podman", "rm", "--force", run[run.index("--name") + 1]]


async def test_a_container_is_removed_when_the_call_is_cancelled(
    engines: Path, tmp_path: Path
) -> None:
    (tmp_path / "ws").mkdir()
    line = Command(("bash", "-c", "--", "sleep 60"))
    call = asyncio.ensure_future(shell(tmp_path / "ws").run(line))
    await until(lambda: len(told(engines)) == 2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert told(engines)[-1][1] == "rm"
