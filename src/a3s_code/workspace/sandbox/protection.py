"""
Places of the workspace that no confined program changes: what later runs programs outside.

Those that exist are mounted read-only, `.git` itself so that it cannot be renamed away.
Those that do not exist get a stand-in to be mounted over; it is taken away with the last command
that needs it, of whatever process: a shared lock on the directory says that there is one, since
without its stand-in a mount is gone. One that a killed process left is known by its time, and
goes with the next command. It is an empty file, since to remove a directory may cost a disk
milliseconds; but an empty directory for `.git`, since git takes an empty file of that name for
damage.

Nothing can be mounted over a link, nor is one followed out of the workspace: what it leads to is
mounted read-only where that is inside, and the link is put back if it was replaced.

Where nothing can be mounted, and for names for which a stand-in would break git, what came
into being is removed when the command has ended, and what was changed is told. What is mounted
over is not looked at again: whoever changed it was not the command.

Source: INVARIANTS 4, and "Lessons to build in".
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from a3s_code.workspace.sandbox.removal import removed

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
_WHERE_THERE = (
    *("agent.acl", "agent.hcl", ".agent", ".gemini", ".windsurf", ".continue", ".roo", ".cline"),
    *(".opencode", "opencode.json", ".cursorrules", ".clinerules", ".aider.conf.yml", "mcp.json"),
    *(".zed", ".fleet", ".devcontainer", ".exrc", ".vimrc", ".nvimrc", ".nvim.lua"),
    *(".dir-locals.el", ".dir-locals-2.el", ".husky", ".githooks", ".pre-commit-config.yaml"),
    *("lefthook.yml", ".lefthook.yml", ".envrc", "mise.toml", ".mise.toml"),
)
"""Read-only where they are; a stand-in for each would cost more than the command."""
_IN_GIT = ("hooks", "config", "config.worktree")
_BARE = ("config", "config.worktree", "hooks")
"""Of a directory that is a repository itself, which it is by its `HEAD`."""
_NO_STAND_IN = ("commondir",)
"""An empty one in `.git` would be an error to git. Nor has a `HEAD` at the top, which makes a
repository of a directory that is none: it is seldom made, and a mount is not for nothing."""

STAMP_NS = 0xA35 * 1_000_000_000 + 0xC0DE
"""The time of a stand-in: within the first hour of 1970."""

_MAX_LOOKED_AT = 4096
"""Entries of one protected directory."""

_LOCK_TRIES, _LOCK_EVERY_S = 20, 0.01
"""Whoever removes stand-ins has the lock for a moment."""


class Protected(msgspec.Struct, frozen=True):
    """
    What is protected in one directory, as absolute paths.

    Attributes:
        roots: Where stand-ins are; empty where there are none.
        pinned: Stay writable, and cannot be renamed away.
        present: Become read-only.
        absent_files, absent_directories: Get a stand-in.
        watched: Are looked at again when the command has ended.
        links: Are put back then, if they were replaced; each with where it leads.
    """

    roots: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    absent_files: tuple[str, ...] = ()
    absent_directories: tuple[str, ...] = ()
    watched: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def absent(self) -> tuple[str, ...]:
        return self.absent_files + self.absent_directories


def protected_in(roots: Iterable[str], home: str, *, mounts: bool = True) -> Protected:
    """
    Look what there is to protect at the top of each directory.

    Args:
        mounts: It can be mounted over; else all of it is looked at again.
    """
    roots = tuple(roots)
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
            files += _of_bare(root) if not _is_there(git) else []
            unmasked += [f"{root}/HEAD"] if not _is_there(git) else []
        files += [f"{root}/{name}" for name in _DIRECTORIES]
        shells = _SHELLS if os.path.realpath(home) == root else ()
        files += [f"{root}/{name}" for name in (*_FILES, *shells)]
        where_there = (f"{root}/{name}" for name in (*_SHELLS, *_WHERE_THERE))
        files += [path for path in where_there if os.path.lexists(path)]
    chosen = dict.fromkeys([*files, *directories])
    links = _links([*chosen, *unmasked])
    if not mounts:
        rest = [path for path in [*chosen, *unmasked] if path not in links]
        return Protected(watched=_watched(rest), links=tuple(links.items()))
    there = [path for path in [*chosen, *unmasked] if path not in links and _is_there(path)]
    present = tuple(dict.fromkeys([*there, *_led_to(links, roots)]))
    known = {*present, *links}
    return Protected(
        roots=roots,
        pinned=tuple(pinned),
        present=present,
        absent_files=tuple(path for path in dict.fromkeys(files) if path not in known),
        absent_directories=tuple(path for path in directories if path not in known),
        watched=_watched(path for path in unmasked if path not in links),
        links=tuple(links.items()),
    )


def _links(paths: Iterable[str]) -> dict[str, str]:
    """Give those that are links, and where each leads."""
    found: dict[str, str] = {}
    for path in paths:
        with suppress(OSError):
            found[path] = os.readlink(path)  # noqa: PTH115 - the text, as it is written
    return found


def _led_to(links: Iterable[str], roots: Iterable[str]) -> Iterator[str]:
    """Give what links lead to inside of the directories."""
    for path in map(os.path.realpath, links):
        if any(path.startswith(f"{root}/") for root in roots) and os.path.exists(path):  # noqa: PTH110
            yield path


def _of_bare(root: str) -> list[str]:
    """Give what steers a directory that is a repository itself."""
    if not _is_there(f"{root}/HEAD"):
        return []
    inside = (f"{root}/{name}" for name in _BARE)
    return [path for path in inside if os.path.lexists(path)]


def _watched(paths: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((path, _look(path)) for path in paths)


class StandIns:
    """Which stand-ins there are, and how many commands need them. Of one set of directories."""

    def __init__(self) -> None:
        self._commands = 0
        self._paths: set[str] = set()
        self._locks: list[int] = []
        self._lock = threading.Lock()

    def put(self, protected: Protected) -> None:
        """
        Make them; one that somebody made meanwhile is left as it is.

        Raises:
            OSError: the workspace cannot be written.
        """
        with self._lock:
            if not self._commands:
                self._locks = [fd for root in protected.roots if (fd := _shared(root)) >= 0]
            self._commands += 1
            self._paths.update(protected.absent)
            try:
                _make(protected)
            except BaseException:
                self._leave()
                raise

    def remove(self) -> None:
        """Take them away when no other command needs them."""
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        self._commands -= 1
        if self._commands:
            return
        if all(_is_alone(fd) for fd in self._locks):
            for path in self._paths:
                _remove_stand_in(path)
        for fd in self._locks:
            os.close(fd)
        self._locks, self._paths = [], set()


def _make(protected: Protected) -> None:
    for path in protected.absent_files:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444))
            os.utime(path, ns=(STAMP_NS, STAMP_NS))
    for path in protected.absent_directories:
        with suppress(FileExistsError):
            Path(path).mkdir(mode=0o555)
            os.utime(path, ns=(STAMP_NS, STAMP_NS))


def _shared(root: str) -> int:
    """Say that stand-ins in a directory are needed; -1 where it cannot be locked."""
    fd = -1
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for _ in range(_LOCK_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            time.sleep(_LOCK_EVERY_S)
    except OSError:  # a file system without locks
        if fd >= 0:
            os.close(fd)
        return -1
    return fd


def _is_alone(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
            removed(path)
    for path, target in protected.links:
        if _links([path]).get(path) != target:
            changed.append(path)
            removed(path)
            with suppress(OSError):
                Path(path).symlink_to(target)
    return changed


def _is_there(path: str) -> bool:
    return os.path.lexists(path) and not _is_stand_in(path)


def _is_stand_in(path: str) -> bool:
    """Whether it is empty, too: its time can be set by anybody."""
    try:
        found = os.lstat(path)
        if found.st_mtime_ns != STAMP_NS:
            return False
        return not os.listdir(path) if stat.S_ISDIR(found.st_mode) else not found.st_size  # noqa: PTH208
    except OSError:
        return False


def _look(path: str) -> str:
    """
    Give what tells whether something changed; empty when there is nothing.

    The time of the last change of an entry is the system's own; no program sets it.
    """
    return "\n".join(_states(path)) if _is_there(path) else ""


def _states(path: str) -> Iterator[str]:
    waiting, seen = [path], 0
    while waiting and seen < _MAX_LOOKED_AT:
        at, seen = waiting.pop(), seen + 1
        try:
            found = os.lstat(at)
            yield f"{at} {found.st_ino} {found.st_size} {found.st_ctime_ns} {found.st_mode}"
            if stat.S_ISDIR(found.st_mode):
                waiting += sorted((f"{at}/{name}" for name in os.listdir(at)), reverse=True)  # noqa: PTH208
        except OSError as error:
            yield f"{at} {error.errno}"


def _remove_stand_in(path: str) -> None:
    if not _is_stand_in(path):
        return
    with suppress(OSError):
        if os.path.isdir(path):  # noqa: PTH112
            os.rmdir(path)  # noqa: PTH106
        else:
            os.unlink(path)  # noqa: PTH108
