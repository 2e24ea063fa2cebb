"""
Places of the workspace that no confined program changes: what later runs programs outside.

Those that exist are mounted read-only, `.git` itself so that it cannot be renamed away.
Those that do not exist get a stand-in to be mounted over, which is taken away with the last
command that needs it. One that a killed process left is known by its time, and goes with the
next command. It is an empty file, since to remove a directory may cost a disk milliseconds;
but an empty directory for `.git`, since git takes an empty file of that name for damage.

Where nothing can be mounted, and for names for which a stand-in would break git, what came
into being is removed when the command has ended, and what was changed is told.

Source: INVARIANTS 4, and "Lessons to build in".
"""

from __future__ import annotations

import os
import stat
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

_DIRECTORIES = (".a3s", ".agents", ".claude", ".codex", ".cursor", ".idea", ".vscode")
_FILES = (".gitmodules", ".mcp.json")
_SHELLS = [
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".inputrc",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".logout",
    ".gitconfig",
]
_IN_GIT = ("hooks", "config", "config.worktree")
_NO_STAND_IN = ("commondir",)
"""An empty one in `.git` would be an error to git."""

_STAMP_NS = 0xA35 * 1_000_000_000 + 0xC0DE
"""The time of a stand-in: within the first hour of 1970."""


class Protected(msgspec.Struct, frozen=True):
    """
    What is protected in one directory, as absolute paths.

    Attributes:
        pinned: Stay writable, and cannot be renamed away.
        present: Become read-only.
        absent_files, absent_directories: Get a stand-in.
        watched: Are looked at again when the command has ended.
    """

    pinned: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    absent_files: tuple[str, ...] = ()
    absent_directories: tuple[str, ...] = ()
    watched: tuple[tuple[str, str], ...] = ()

    @property
    def absent(self) -> tuple[str, ...]:
        return self.absent_files + self.absent_directories


def protected_in(roots: Iterable[str], home: str) -> Protected:
    """Look what there is to protect at the top of each directory."""
    pinned: list[str] = []
    files: list[str] = []
    directories: list[str] = []
    unmasked: list[str] = []
    for root in roots:
        git = f"{root}/.git"
        if os.path.isdir(git) and not os.path.islink(git) and _is_there(git):  # noqa: PTH112, PTH114
            pinned.append(git)
            directories.append(f"{git}/hooks")
            files += [f"{git}/{name}" for name in _IN_GIT if name != "hooks"]
            unmasked += [f"{git}/{name}" for name in _NO_STAND_IN]
        else:
            directories.append(git)
        files += [f"{root}/{name}" for name in _DIRECTORIES]
        shells = _SHELLS if os.path.realpath(home) == root else ()
        files += [f"{root}/{name}" for name in (*_FILES, *shells)]
        files += [path for name in _SHELLS if os.path.lexists(path := f"{root}/{name}")]
    chosen = dict.fromkeys([*files, *directories])
    present = tuple(path for path in [*chosen, *unmasked] if _is_there(path))
    return Protected(
        pinned=tuple(pinned),
        present=present,
        absent_files=tuple(path for path in dict.fromkeys(files) if path not in present),
        absent_directories=tuple(path for path in directories if path not in present),
        watched=tuple((path, _look(path)) for path in [*chosen, *unmasked]),
    )


class StandIns:
    """Which stand-ins there are, and how many commands need each."""

    def __init__(self) -> None:
        self._needed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def put(self, protected: Protected) -> None:
        """
        Make them; one that somebody made meanwhile is left as it is.

        Raises:
            OSError: the workspace cannot be written.
        """
        with self._lock:
            for path in protected.absent_files:
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444))
                    os.utime(path, ns=(_STAMP_NS, _STAMP_NS))
            for path in protected.absent_directories:
                with suppress(FileExistsError):
                    Path(path).mkdir(mode=0o555)
                    os.utime(path, ns=(_STAMP_NS, _STAMP_NS))
            self._needed.update(protected.absent)

    def remove(self, protected: Protected) -> None:
        """Take away those that no other command needs."""
        with self._lock:
            self._needed.subtract(protected.absent)
            for path in protected.absent:
                if self._needed[path] <= 0:
                    del self._needed[path]
                    _remove_stand_in(path)


def restored(protected: Protected) -> list[str]:
    """
    Name what was changed although it is protected, and remove what was not there before.

    For when the command has ended and its stand-ins are gone.
    """
    changed: list[str] = []
    for path, before in protected.watched:
        if before == (now := _look(path)):
            continue
        changed.append(path)
        if not before and now:
            _remove(path)
    return changed


def _is_there(path: str) -> bool:
    return os.path.lexists(path) and not _is_stand_in(path)


def _is_stand_in(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return found.st_mtime_ns == _STAMP_NS and (stat.S_ISDIR(found.st_mode) or not found.st_size)


def _look(path: str) -> str:
    """Give what tells whether something changed; empty when there is nothing."""
    if not _is_there(path):
        return ""
    try:
        found = os.lstat(path)
    except OSError:
        return ""
    names = sorted(os.listdir(path)) if stat.S_ISDIR(found.st_mode) else []  # noqa: PTH208
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_mode} {names}"


def _remove_stand_in(path: str) -> None:
    if not _is_stand_in(path):
        return
    with suppress(OSError):
        if os.path.isdir(path):  # noqa: PTH112
            os.rmdir(path)  # noqa: PTH106
        else:
            os.unlink(path)  # noqa: PTH108


def _remove(path: str) -> None:
    import shutil

    with suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)  # noqa: PTH108
