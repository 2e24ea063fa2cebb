"""
Command lines in a container of podman or docker.

UNVERIFIED: no engine runs where this was made. What an engine is told, and that one is used
only after it ran the very image, was tested with a program that stands for one. So no level
is ever chosen to be this one; only an image's name asks for it.

Source: SPEC 16.2; INVARIANTS, level 5.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from a3s_code.errors import A3SError, CapabilityMissing, SandboxUnavailable
from a3s_code.kernel.bash_sandbox import GUEST_WORKSPACE
from a3s_code.kernel.sandbox_config import SandboxConfig
from a3s_code.kernel.workspace import Command, Exit, OpenProgram, Processes
from a3s_code.workspace.location import shown
from a3s_code.workspace.sandbox.protection import protected_in

ENGINES = ("podman", "docker")
"""In the order in which they are tried."""

PASS_ENV = ("CONTAINERS_CONF", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST", "XDG_RUNTIME_DIR")
"""What the program of an engine needs of the host's environment; containers never get it."""

_PROBE_ENV = ("HOME", "PATH", *PASS_ENV)
PROBE_S = 20.0
REMOVE_S = 10.0
MAX_PROCESSES = 1024
_MAX_SAID_CHARS = 300


@dataclass(frozen=True, slots=True)
class Engine:
    """
    Attributes:
        kind: `podman` or `docker`.
        path: Of its program, absolute.
    """

    kind: str
    path: str

    def run_argv(
        self, config: SandboxConfig, root: str, name: str, command: Command
    ) -> tuple[str, ...]:
        """
        Give the command that runs another in a container of its own, which goes when it ends.

        The image is not fetched. Nothing but the workspace is mounted, and never the socket
        of the engine.
        """
        env = {**config.env, **command.extra_env}
        directory = "/".join(filter(None, (GUEST_WORKSPACE, command.cwd.strip("/"))))
        return (
            *self._confined(config, name),
            *("--volume", f"{root}:{GUEST_WORKSPACE}:rw"),
            *(part for path in _sealed(root) for part in ("--volume", path)),
            *("--workdir", directory),
            *(part for row in env.items() for part in ("--env", "=".join(row))),
            config.image,
            *_in_its_shell(command.argv),
        )

    def probe_argv(self, config: SandboxConfig, name: str) -> tuple[str, ...]:
        """Give the command that shows whether the engine runs this image, as commands will."""
        return (*self._confined(config, name), config.image, "true")

    def remove_argv(self, name: str) -> tuple[str, ...]:
        """Give the command that ends a container and takes it away."""
        return (self.path, "rm", "--force", name)

    def _confined(self, config: SandboxConfig, name: str) -> tuple[str, ...]:
        owner = ("--userns", "keep-id") if self.kind == "podman" and os.geteuid() else _user()
        return (
            *(self.path, "run", "--rm", "--interactive", "--init", "--pull", "never"),
            *("--name", name, "--hostname", "sandbox"),
            *("--network", "bridge" if config.network_mode == "full" else "none"),
            *("--read-only", "--tmpfs", "/tmp:rw,exec"),  # noqa: S108 - inside
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--pids-limit", str(MAX_PROCESSES)),
            *("--memory", f"{config.memory_mb}m", "--cpus", f"{config.cpus:g}"),
            *owner,
        )


def working_engine(config: SandboxConfig, root: str) -> Engine:
    """
    Find the engine that runs the image of a configuration, by running it. Blocks.

    Raises:
        SandboxUnavailable: none does; says what each said, and what to do.
    """
    if config.network_mode == "proxy":
        raise SandboxUnavailable(
            "A container reaches all hosts or none, and network is a list.",
            hint="set network to True or False, or give image a directory",
        )
    said: list[str] = []
    for kind in ENGINES:
        engine = Engine(kind, _found(kind, root))
        wrong = _tried(engine, config) if engine.path else "not installed"
        if not wrong:
            return engine
        said.append(f"{kind}: {wrong}")
    raise SandboxUnavailable(
        f"No container engine here runs the image {config.image!r} ({'; '.join(said)}).",
        hint=f"fetch it first (podman pull {config.image}), give image a directory or a tar "
        "archive with the files of a system, or use sandbox='auto' for this machine's own",
    )


def _tried(engine: Engine, config: SandboxConfig) -> str:
    """Run the image once; say what was wrong, or nothing when it ran."""
    name = _new_name()
    try:
        ended = _run(engine.probe_argv(config, name), PROBE_S)
    except subprocess.TimeoutExpired:
        with suppress(OSError, subprocess.TimeoutExpired):
            _run(engine.remove_argv(name), REMOVE_S)
        return "no answer in time"
    except OSError as error:
        return str(error)
    if not ended.returncode:
        return ""
    lines = ended.stderr.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    return last[:_MAX_SAID_CHARS] or f"exit status {ended.returncode}"


def _run(argv: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run an engine; a session is made without an event loop, so `Processes` cannot."""
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
        env={name: os.environ[name] for name in _PROBE_ENV if name in os.environ},
    )


class ContainerShell:
    """
    `Processes`, each in a container of its own.

    Args:
        processes: Start the engine's program: on this machine, with `PASS_ENV`.
    """

    __slots__ = ("_config", "_engine", "_processes", "_root")

    def __init__(
        self, engine: Engine, config: SandboxConfig, root: str, processes: Processes
    ) -> None:
        self._engine, self._config = engine, config
        self._root, self._processes = root, processes

    async def run(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> Exit:
        """
        Run to the end. The container is removed when the command is cut off.

        Raises:
            ProgramMissing: the engine is not there any more.
        """
        name = _new_name()
        started = Command(
            self._engine.run_argv(self._config, self._root, name, command),
            timeout_s=command.timeout_s,
            max_output_bytes=command.max_output_bytes,
            stdin=command.stdin,
            separate_stderr=command.separate_stderr,
            exit_record=command.exit_record,
        )
        has_ended = False
        try:
            ended = await self._processes.run(started, on_output)
            has_ended = not ended.timed_out
            return ended
        finally:
            if not has_ended:
                await asyncio.shield(self._remove(name))

    async def open(self, command: Command) -> OpenProgram:
        """
        Raises:
            CapabilityMissing: always; a container is there for one command line.
        """
        raise CapabilityMissing(
            f"{shown(command.argv[0]) if command.argv else 'A program'} cannot be kept open in a"
            " container, which is there for one command line.",
            hint="run it on this machine instead",
        )

    async def _remove(self, name: str) -> None:
        removal = Command(self._engine.remove_argv(name), timeout_s=REMOVE_S)
        with suppress(A3SError):  # it is gone, or the engine is
            await self._processes.run(removal)


def _found(name: str, root: str) -> str:
    """Find a program on the host's own PATH, not in the workspace; empty for none."""
    entries = filter(os.path.isabs, os.environ.get("PATH", os.defpath).split(os.pathsep))
    real = f"{os.path.realpath(root)}/"
    outside = [entry for entry in entries if not f"{os.path.realpath(entry)}/".startswith(real)]
    return shutil.which(name, path=os.pathsep.join(outside)) or ""


def _new_name() -> str:
    return f"a3s-code-{os.urandom(8).hex()}"


def _user() -> tuple[str, str]:
    return ("--user", f"{os.getuid()}:{os.getgid()}")


def _sealed(root: str) -> list[str]:
    """Mount read-only what later runs programs outside, where it exists."""
    present = protected_in((root,), os.path.expanduser("~")).present  # noqa: PTH111
    return [f"{path}:{GUEST_WORKSPACE}{path.removeprefix(root)}:ro" for path in present]


def _in_its_shell(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Run a line for bash in the image's own shell where it has no bash."""
    if argv[:3] != ("bash", "-c", "--"):
        return argv
    chosen = 'command -v bash >/dev/null && exec bash -c -- "$1"; exec sh -c -- "$1"'
    return ("sh", "-c", chosen, "sh", *argv[3:])
