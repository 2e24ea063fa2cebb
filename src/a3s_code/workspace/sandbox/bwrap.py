"""
The view that a program has under bubblewrap: the system read-only, what is private empty.

Namespaces of users, processes, network, IPC, host name and control groups are its own; it has
no capability and can get none, and it dies with whoever started it.

Arguments that name files are handed over in a descriptor, so nobody sees them in a list of
processes, and there may be as many as it takes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise

import msgspec

TMP = "/tmp"  # noqa: S108 - a directory of its own inside
_OWN = ("/tmp", "/var/tmp", "/run")  # noqa: S108
_SYSTEM = ("/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/kernel/mm")
_CLOSED = ["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "asound"]
_EMPTIED = ["kcore", "keys", "key-users", "kmsg", "timer_list", "sched_debug", "kallsyms"]
WRITABLE = ("/tmp", "/var/tmp", "/run", "/dev")  # noqa: S108
"""What of a program's own may be written, besides `/proc/self`."""


class View(msgspec.Struct, frozen=True):
    """
    Attributes:
        write: Real paths of directories that can be written.
        read: With an allow-list: all that can be read; None for everything.
        hidden: Real paths that are there and empty.
        pinned: Writable, but not to be renamed.
        sealed: Read-only within what can be written.
        absent_files, absent_directories: Stand-ins, see `protection`.
        shares_network: The machine's own network.
        tmp_bytes: Size of each directory of its own in memory.
        binds: More places, such as the directory of a proxy's socket: outside, inside.
    """

    write: tuple[str, ...]
    read: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    sealed: tuple[str, ...] = ()
    absent_files: tuple[str, ...] = ()
    absent_directories: tuple[str, ...] = ()
    shares_network: bool = False
    tmp_bytes: int | None = None
    binds: tuple[tuple[str, str], ...] = ()

    def arguments(self, chdir: str) -> bytes:
        """Give the arguments of bwrap, as `--args` takes them."""
        around = tuple(path for path in self.hidden if self._holds(path))
        within = tuple(path for path in self.hidden if path not in around)
        parts = [
            *namespaces(shares_network=self.shares_network),
            *self._system(),
            *_masks(around),
            *(part for path in self.write for part in ("--bind", path, path)),
            *_masks(within),
            *(part for path in self.pinned for part in ("--bind", path, path)),
            *(part for path in self.sealed for part in ("--ro-bind", path, path)),
            *(part for path in self.absent_files for part in ("--ro-bind", os.devnull, path)),
            *(p for path in self.absent_directories for p in ("--ro-bind", path, path)),
            *(part for out, into in self.binds for part in ("--ro-bind", out, into)),
            *(part for path in ("/sys", *_directories(self.hidden)) for part in _sealed(path)),
            *("--chdir", chdir),
        ]
        return "\0".join(parts).encode("utf-8", "surrogateescape") + b"\0"

    def _system(self) -> list[str]:
        return [
            *(part for path in self._readable() for part in ("--ro-bind-try", path, path)),
            *devices_and_processes(),
            *own_places(self.tmp_bytes, tuple(path for path in _OWN if _is_directory(path))),
        ]

    def _readable(self) -> Sequence[str]:
        return ("/",) if self.read is None else self.read

    def _holds(self, path: str) -> bool:
        """Whether something that can be written is inside `path`."""
        return any(root.startswith(f"{path}/") for root in self.write)


def _masks(hidden: Sequence[str]) -> list[str]:
    """Put something empty in the place of each; a directory of memory, or the null device."""
    parts: list[str] = []
    for path in hidden:
        if path not in _OWN and not path.startswith(tuple(f"{own}/" for own in _OWN)):
            is_directory = os.path.isdir(path)  # noqa: PTH112
            parts += ["--tmpfs", path] if is_directory else ["--ro-bind", os.devnull, path]
    return parts


def _directories(hidden: Sequence[str]) -> list[str]:
    """Give those of which `_masks` makes directories of memory."""
    masks = _masks(hidden)
    return [path for kind, path in pairwise(masks) if kind == "--tmpfs"]


def _sealed(path: str) -> tuple[str, str]:
    return ("--remount-ro", path)


def devices_and_processes() -> list[str]:
    """Give what of `/dev`, `/proc` and `/sys` is seen."""
    parts = ["--dev", "/dev", "--proc", "/proc"]
    for name in _CLOSED:
        parts += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    for name in _EMPTIED:
        if os.path.exists(f"/proc/{name}"):  # noqa: PTH110
            parts += ["--ro-bind", os.devnull, f"/proc/{name}"]
    parts += ["--tmpfs", "/sys"]
    for path in _SYSTEM:
        parts += ["--ro-bind-try", path, path]
    return [*parts, "--remount-ro", "/sys"]


def own_places(size_bytes: int | None, paths: Sequence[str]) -> list[str]:
    """Give directories in memory of the program's own."""
    size = ("--size", str(size_bytes)) if size_bytes else ()
    return [part for path in paths for part in (*size, "--perms", "1777", "--tmpfs", path)]


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114


def namespaces(*, shares_network: bool) -> list[str]:
    return [
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        *(() if shares_network else ("--unshare-net",)),
        "--disable-userns",
        *("--hostname", "sandbox"),
        "--die-with-parent",
        "--new-session",
        *("--cap-drop", "ALL"),
    ]
