"""
Command lines in the files of another system, under bubblewrap: nothing of this machine is there
but the workspace, at `/workspace`.

Limits are set before bwrap, and the filter of system calls is given to bwrap itself, since an
image need not have a program that could do either.

Source: SPEC 16.2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from a3s_code.kernel.bash_sandbox import GUEST_WORKSPACE
from a3s_code.kernel.confinement import Confinement
from a3s_code.workspace.process_tree import MARK
from a3s_code.workspace.rootfs import Rootfs
from a3s_code.workspace.sandbox import bwrap
from a3s_code.workspace.sandbox.launcher import Orders
from a3s_code.workspace.sandbox.prepared import KEPT_FD, Prepared, handed
from a3s_code.workspace.sandbox.programs import trusted
from a3s_code.workspace.sandbox.protection import Protected, protected_in
from a3s_code.workspace.sandbox.sandbox import Sandbox, shown_excludes
from a3s_code.workspace.sandbox.way_out import WayOut

_OWN = frozenset({"dev", "proc", "sys", "tmp", "run", GUEST_WORKSPACE.strip("/")})
"""Of the top of an image; a sandbox has its own."""

_CLOSED = ["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "asound"]
_EMPTIED = ["kcore", "keys", "key-users", "kmsg", "timer_list", "sched_debug", "kallsyms"]
_RESOLVER = "/etc/resolv.conf"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BASH = ("bash", "-c", "--")


class ImageSandbox(Sandbox):
    """
    Args:
        held: At the level `bwrap`.
        system: Gives the files of the image; called in a thread, when it is first needed.
        env: What programs get besides `PATH` and `HOME`.
    """

    def __init__(
        self, held: Confinement, root: str, system: Callable[[], Rootfs], env: Mapping[str, str]
    ) -> None:
        super().__init__(held, root)
        self._at, self._system_of, self._env = os.path.realpath(root), system, dict(env)

    @property
    def starts_first(self) -> bool:
        return False  # the image may have to be unpacked before

    def _counts(self) -> bool:
        return False  # the limit would stand before the namespace, and count all of the user

    def _in_view(
        self,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        extra: Mapping[str, str],
        cwd: str,
        way: WayOut | None,
    ) -> Prepared:
        image = self._system_of()
        protected = protected_in(self._write, self._home)
        self.stand_ins.put(protected)
        prepared = Prepared((), environment, self.stand_ins, protected)
        try:
            inside = {MARK: environment[MARK], **self._variables(way), **extra}
            texts = shown_excludes(prepared, self._write, protected)
            view = self._arguments(image, protected, self._inside(cwd), inside, texts)
            command = _in_shell_of(image, argv)
            if way is not None:
                prepared.fds.append(way.handed(KEPT_FD))
                command = way.argv(command, prepared.fds[-1], image.python)
            prepared.argv = (
                *self._dropped(),
                *self._launched(prepared, self._limits_alone(), {}),
                *(trusted("bwrap"), "--args", handed(prepared, view)),
                *("--seccomp", handed(prepared, self._calls()), "--"),
                *command,
            )
        except BaseException:
            prepared.close()
            prepared.end()
            raise
        return prepared

    def _variables(self, way: WayOut | None) -> dict[str, str]:
        proxy = way.environment if way is not None else {}
        return {"PATH": _PATH, "HOME": bwrap.TMP, "TMPDIR": bwrap.TMP, **proxy, **self._env}

    def _limits_alone(self) -> Orders:
        orders = self._orders(None)
        return Orders(orders.calls, orders.limits)

    def _inside(self, path: str) -> str:
        """Give where a path of the workspace is inside."""
        return GUEST_WORKSPACE + path.removeprefix(self._at)

    def _arguments(
        self,
        image: Rootfs,
        protected: Protected,
        chdir: str,
        environment: Mapping[str, str],
        texts: tuple[tuple[str, str], ...],
    ) -> bytes:
        shares_network = self.held.policy.network.mode == "full"
        parts = [
            *bwrap.namespaces(shares_network=shares_network),
            *_system(image, has_resolver=shares_network),
            *bwrap.devices(self.held.policy.limits.tmp_bytes),
            *bwrap.own_places(self.held.policy.limits.tmp_bytes, (bwrap.TMP, "/run")),
            *("--bind", self._at, GUEST_WORKSPACE),
            *self._mounted("--bind", ((path, path) for path in self._pinned(protected))),
            *self._mounted("--ro-bind", ((path, path) for path in protected.present)),
            *self._mounted("--ro-bind", ((os.devnull, each) for each in protected.absent_files)),
            *self._emptied(protected.absent_directories),
            *self._emptied(filter(os.path.isdir, self.held.own)),
            *(part for fd, path in texts for part in bwrap.text_at(fd, self._inside(path))),
            *("--remount-ro", "/", "--chdir", chdir, "--clearenv"),
            *(part for row in environment.items() for part in ("--setenv", *row)),
        ]
        return "\0".join(parts).encode("utf-8", "surrogateescape") + b"\0"

    def _pinned(self, protected: Protected) -> Iterable[str]:
        return (*protected.pinned, *self._above_own())

    def _emptied(self, paths: Iterable[str]) -> list[str]:
        inside = map(self._inside, paths)
        return [part for path in inside for part in ("--perms", "0555", "--tmpfs", path)]

    def _mounted(self, how: str, places: Iterable[tuple[str, str]]) -> list[str]:
        return [part for out, path in places for part in (how, out, self._inside(path))]


def _system(image: Rootfs, *, has_resolver: bool) -> list[str]:
    """Put the top of the image onto an empty root, on which everything else has a place."""
    parts: list[str] = []
    for entry in sorted(Path(image.path).iterdir()):
        if entry.name in _OWN:
            continue
        if entry.is_symlink():
            parts += ["--symlink", str(entry.readlink()), f"/{entry.name}"]
        elif entry.is_dir() or entry.is_file():
            parts += ["--ro-bind", str(entry), f"/{entry.name}"]
    resolver = Path(image.path + _RESOLVER)
    if has_resolver and resolver.is_file() and not resolver.is_symlink():
        parts += ["--ro-bind-try", _RESOLVER, _RESOLVER]
    return [*parts, *_processes()]


def _processes() -> list[str]:
    """Give `/proc` and `/sys` without what is the machine's; no other rule guards it."""
    parts = ["--proc", "/proc"]
    for name in _CLOSED:
        parts += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    for name in _EMPTIED:
        if os.path.exists(f"/proc/{name}"):  # noqa: PTH110
            parts += ["--ro-bind", os.devnull, f"/proc/{name}"]
    return [*parts, "--perms", "0555", "--tmpfs", "/sys"]


def _in_shell_of(image: Rootfs, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Run a line for bash in the shell that the image has."""
    if argv[:-1] != _BASH:
        return argv
    if image.shell.endswith("bash"):
        return (image.shell, *argv[1:])
    line = argv[-1]
    return (image.shell, "-c", f" {line}" if line.startswith(("-", "+")) else line)
