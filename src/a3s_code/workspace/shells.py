"""
Where the command lines of sessions run when that is not this machine's own system: in the files
of an image, in a container, or in a sandbox of somebody else.

Source: SPEC 16.2.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from functools import partial
from pathlib import Path

from a3s_code.errors import SandboxUnavailable
from a3s_code.kernel.bash_sandbox import Elsewhere
from a3s_code.kernel.confinement import (
    Confinement,
    SandboxLimits,
    SandboxNetwork,
    SandboxPolicy,
)
from a3s_code.kernel.sandbox_config import MIB, SandboxConfig
from a3s_code.kernel.workspace import Processes
from a3s_code.workspace.container_engine import (
    PASS_ENV,
    ContainerShell,
    Engine,
    working_engine,
)
from a3s_code.workspace.foreign_shell import ForeignShell
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.rootfs import Rootfs, check_archive, unpack
from a3s_code.workspace.sandbox.grounds import of_system, own_places
from a3s_code.workspace.sandbox.image import ImageSandbox
from a3s_code.workspace.sandbox.levels import confine


class Shells:
    """The shells of one agent's sessions. What was unpacked for them goes with `close`."""

    __slots__ = ("_engines", "_lock", "_unpacked")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: list[tuple[SandboxConfig, str, Engine]] = []
        self._unpacked: dict[str, Rootfs] = {}

    def check(self, elsewhere: Elsewhere, root: str, own: tuple[str, ...] = ()) -> None:
        """
        See that command lines can run there. Blocks while an engine runs an image, which it
        does once for each configuration: `2 * (PROBE_S + REMOVE_S)` seconds at most.

        Args:
            own: Directories of the harness itself, which programs are kept from.

        Raises:
            InvalidValue: the image is not the files of a system.
            SandboxUnavailable: nothing here runs it; says what to do.
        """
        if not isinstance(elsewhere, SandboxConfig):
            return
        if not elsewhere.is_path:
            _check_for_engine(root, own)
            self._engine(elsewhere, root)
            return
        _held(elsewhere, root, own)
        if not Path(elsewhere.path).is_dir():
            check_archive(elsewhere.path)
            return
        _check_python(Rootfs.at(elsewhere.path), elsewhere)

    def open(
        self, elsewhere: Elsewhere, root: str, guard: Guard | None, own: tuple[str, ...] = ()
    ) -> Processes:
        """
        Give what runs command lines there; quick behind a `check` of the same.

        Raises:
            InvalidValue, SandboxUnavailable: as `check`.
        """
        if not isinstance(elsewhere, SandboxConfig):
            return ForeignShell(elsewhere)
        if not elsewhere.is_path:
            _check_for_engine(root, own)
            engine = self._engine(elsewhere, root)
            outside = LocalProcesses(root, pass_env=PASS_ENV, guard=guard)
            return ContainerShell(engine, elsewhere, root, outside)
        held = _held(elsewhere, root, own)
        sandbox = ImageSandbox(held, root, partial(self._system, elsewhere), elsewhere.env)
        return LocalProcesses(root, guard=guard, held=held, sandbox=sandbox)

    def close(self) -> None:
        """Remove what was unpacked; blocks on the disk."""
        with self._lock:
            for rootfs in self._unpacked.values():
                _remove(rootfs.path)
            self._unpacked.clear()

    def _engine(self, config: SandboxConfig, root: str) -> Engine:
        """Give the engine that runs an image; the image is run when it is asked for first."""
        for known, place, engine in self._engines:
            if (known, place) == (config, root):
                return engine
        engine = working_engine(config, root)
        self._engines.append((config, root, engine))
        return engine

    def _system(self, config: SandboxConfig) -> Rootfs:
        """Give the files of an image, unpacked the first time they are asked for; blocks."""
        if Path(config.path).is_dir():
            return Rootfs.at(config.path)
        with self._lock:
            if config.path not in self._unpacked:
                self._unpacked[config.path] = _unpacked(config.path)
            rootfs = self._unpacked[config.path]
        _check_python(rootfs, config)
        return rootfs


def _unpacked(archive: str) -> Rootfs:
    into = tempfile.mkdtemp(prefix="a3s-code-image-")
    try:
        Path(into).chmod(0o711)  # programs may have the rights of another user
        system = f"{into}/system"
        Path(system).mkdir(mode=0o755)
        return unpack(archive, system)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def _remove(system: str) -> None:
    shutil.rmtree(os.path.dirname(system), ignore_errors=True)  # noqa: PTH120


def _check_for_engine(root: str, own: tuple[str, ...]) -> None:
    """See that a container does not get more of this machine than a workspace."""
    root = os.path.realpath(root)
    places = own_places(root, (), own)
    problem = f"the store of the session is in the workspace, at {places[0]}." if places else ""
    if problem := of_system(root) or problem:
        raise SandboxUnavailable(f"A container would hold nothing: {problem}")


def _held(config: SandboxConfig, root: str, own: tuple[str, ...]) -> Confinement:
    network = SandboxNetwork(mode=config.network_mode, allow=config.hosts)
    limits = SandboxLimits(memory_bytes=config.memory_mb * MIB)
    return confine(SandboxPolicy(level="bwrap", network=network, limits=limits), root, own)


def _check_python(rootfs: Rootfs, config: SandboxConfig) -> None:
    if config.network_mode == "proxy" and not rootfs.python:
        raise SandboxUnavailable(
            f"The image {config.image!r} has no python3, by which a list of hosts is reached.",
            hint="set network to True or False, or add python3 to the image",
        )
