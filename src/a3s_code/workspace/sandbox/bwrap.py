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

import msgspec

TMP = "/tmp"  # noqa: S108 - a directory of its own inside
_OWN = ("/tmp", "/var/tmp", "/run")  # noqa: S108
_SYSTEM = "/sys/devices/system"

_SHARED_MEMORY = "/dev/shm"  # noqa: S108
WRITABLE = (*_OWN, "/dev")
"""What of a program's own may be written. Nothing in `/proc`: the settings of the system."""


class View(msgspec.Struct, frozen=True):
    """
    Attributes:
        write: Real paths of directories that can be written.
        shown: Real paths of directories that can be read, and not written, wherever they lie.
        read: With an allow-list: all that can be read; None for everything.
        hidden: Real paths that are there and empty.
        pinned: Writable, but not to be renamed.
        sealed: Read-only within what can be written.
        absent_files, absent_directories: Stand-ins, see `protection`.
        shares_network: The machine's own network.
        tmp_bytes: Size of each directory of its own in memory.
        texts: What is seen in the place of files: number of a descriptor, path.
    """

    write: tuple[str, ...]
    shown: tuple[str, ...] = ()
    read: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    sealed: tuple[str, ...] = ()
    absent_files: tuple[str, ...] = ()
    absent_directories: tuple[str, ...] = ()
    shares_network: bool = False
    tmp_bytes: int | None = None
    texts: tuple[tuple[str, str], ...] = ()

    def arguments(self, chdir: str) -> bytes:
        """Give the arguments of bwrap, as `--args` takes them."""
        around = tuple(path for path in self.hidden if self._holds(path))
        within = tuple(path for path in self.hidden if path not in around)
        parts = [
            *namespaces(shares_network=self.shares_network),
            *self._system(),
            *(part for path in around for part in _empty(path)),
            *(part for path in self.shown for part in ("--ro-bind", path, path)),
            *(part for path in self.write for part in ("--bind", path, path)),
            *(part for path in self.pinned for part in ("--bind", path, path)),
            *(part for path in self.sealed for part in ("--ro-bind", path, path)),
            *(part for path in self.absent_files for part in ("--ro-bind", os.devnull, path)),
            *(part for path in self.absent_directories for part in _closed(path)),
            *(part for path in within if self._shows(path) for part in _empty(path)),
            *(part for fd, path in self.texts for part in text_at(fd, path)),
            *("--chdir", chdir),
        ]
        return "\0".join(parts).encode("utf-8", "surrogateescape") + b"\0"

    def _system(self) -> list[str]:
        return [
            *(part for path in self._readable() for part in ("--ro-bind-try", path, path)),
            *devices_and_processes(self.tmp_bytes),
            *own_places(self.tmp_bytes, tuple(path for path in _OWN if _is_directory(path))),
        ]

    def _readable(self) -> Sequence[str]:
        return ("/",) if self.read is None else self.read

    def _holds(self, path: str) -> bool:
        """Whether something that can be written is inside `path`."""
        return any(root.startswith(f"{path}/") for root in (*self.write, *self.shown))

    def _shows(self, path: str) -> bool:
        """Whether `path` would be seen, and not just a place in a directory of its own."""
        is_own = any(path == own or path.startswith(f"{own}/") for own in _OWN)
        inside = (*self.write, *self.shown)
        return not is_own or any(path.startswith(f"{root}/") for root in inside)


def _empty(path: str) -> tuple[str, ...]:
    """
    Put something empty in the place of `path`.

    A directory in memory costs nothing, and a mounted file 0.2 ms: bubblewrap looks at every
    mount then.
    """
    if os.path.isdir(path):  # noqa: PTH112
        return _closed(path)
    return ("--ro-bind", os.devnull, path)


def _closed(path: str) -> tuple[str, ...]:
    return ("--perms", "0555", "--tmpfs", path)


def text_at(fd: str, path: str) -> tuple[str, ...]:
    """Put what a descriptor gives in the place of a file, read-only."""
    return ("--perms", "0444", "--ro-bind-data", fd, path)


def devices_and_processes(size_bytes: int | None) -> list[str]:
    """Give what of `/dev`, `/proc` and `/sys` is seen."""
    parts = [*devices(size_bytes), "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    return [*parts, *_closed("/sys"), "--ro-bind-try", _SYSTEM, _SYSTEM]


def devices(size_bytes: int | None) -> list[str]:
    """Give `/dev`, in which only shared memory takes files, as much as a directory of one's own."""
    return ["--dev", "/dev", *own_places(size_bytes, (_SHARED_MEMORY,)), "--remount-ro", "/dev"]


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
