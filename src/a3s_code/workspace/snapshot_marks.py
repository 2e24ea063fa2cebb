"""
Marks: what stands in a tree for a file that it does not hold.

Trees leave out very large files, and what git ignores. A mark tells how large such a file is and
what is in it, so that two trees differ when it does. Of files past the limits, which would take too
long to read, it tells what the system says of them: such a mark differs as well when a file was
only written anew, or moved.

Source: DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from a3s_code.errors import InvalidValue, WorkspaceError
from a3s_code.kernel.snapshots import FileState
from a3s_code.workspace.beneath import open_beneath
from a3s_code.workspace.snapshot_files import FILE, LINK, PROGRAM, check_path

MAX_READ_BYTES = 256 * 1024 * 1024
"""Of one file whose content a mark tells."""
MAX_READ_FILES = 2_000
MAX_READ_ALL_BYTES = 1024 * 1024 * 1024
"""Of more than these, files or bytes of such files together, none is read."""

_CHUNK_BYTES = 1024 * 1024
_SETTLED_NS = 2_000_000_000
"""So long after its last change what the system says of a file tells of the next one."""
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY

_NO_NAMES = frozenset({"", ".", ".."})
_UNFIT = frozenset({".git", ".gitmodules"})
_Facts = tuple[int, int, int, int, int]


class Marks:
    """Makes marks, and reads no file again that the system says nobody has changed."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Facts, str]] = {}

    async def of(
        self, root: Callable[[], int], paths: Collection[str], never: Collection[str]
    ) -> dict[str, FileState]:
        """
        Mark those of `paths` at which there is a file or a link.

        Args:
            root: Opens the directory that they are relative to.
            never: Paths that are not looked at, nor what is below them.
        """
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._all, root, paths, frozenset(never), stop)
        finally:
            stop.set()

    def _all(
        self,
        root: Callable[[], int],
        paths: Collection[str],
        never: Collection[str],
        stop: threading.Event,
    ) -> dict[str, FileState]:
        top = root()
        below = tuple(f"{path}/" for path in never)
        inside = [it for it in sorted(paths) if _NO_NAMES.isdisjoint(it.split("/"))]
        wanted = [it for it in inside if it not in never and not it.startswith(below)]
        marks: dict[str, FileState] = {}
        try:
            reads = len(wanted) <= MAX_READ_FILES and _are_few_bytes(top, wanted)
            for path in wanted:
                if stop.is_set():
                    break
                mark = self._one(top, path, stop, reads=reads)
                if mark is not None:
                    marks[_fit(path)] = mark
        finally:
            os.close(top)
        return marks

    def _one(self, top: int, path: str, stop: threading.Event, *, reads: bool) -> FileState | None:
        *folders, name = path.split("/")
        try:
            at = open_beneath(top, folders)
        except (OSError, WorkspaceError, ValueError):
            return None
        try:
            facts = os.lstat(name, dir_fd=at)
            if stat.S_ISLNK(facts.st_mode):
                return FileState(os.readlink(os.fsencode(name), dir_fd=at), LINK)
            if not stat.S_ISREG(facts.st_mode):
                return None
            told = self._told(at, name, path, facts, stop, reads=reads)
            mode = PROGRAM if facts.st_mode & stat.S_IXUSR else FILE
            return FileState(f"size {facts.st_size}\n{told}\n".encode(), mode)
        except (OSError, ValueError):
            return None
        finally:
            os.close(at)

    def _told(
        self,
        at: int,
        name: str,
        path: str,
        facts: os.stat_result,
        stop: threading.Event,
        *,
        reads: bool,
    ) -> str:
        own = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_dev)
        known = self._known.get(path)
        if known is not None and known[0] == own:
            return known[1]
        told = f"file {own[0]} {own[2]} {own[3]}"
        if reads and facts.st_size <= MAX_READ_BYTES:
            with suppress(OSError):  # not readable: what the system says of it has to do
                told = f"sha256 {_digest(at, name, stop)}"
        is_settled = time.time_ns() - facts.st_ctime_ns > _SETTLED_NS
        if is_settled and not stop.is_set():
            self._known[path] = own, told
        return told


def _are_few_bytes(top: int, paths: Iterable[str]) -> bool:
    sizes = (_size(top, path) for path in paths)
    return sum(size for size in sizes if size <= MAX_READ_BYTES) <= MAX_READ_ALL_BYTES


def _size(top: int, path: str) -> int:
    try:
        return os.stat(path, dir_fd=top, follow_symlinks=False).st_size
    except (OSError, ValueError):
        return 0


def _digest(at: int, name: str, stop: threading.Event) -> str:
    found = hashlib.sha256()
    fd = os.open(name, _FLAGS, dir_fd=at)
    try:
        while not stop.is_set() and (piece := os.read(fd, _CHUNK_BYTES)):
            found.update(piece)
    finally:
        os.close(fd)
    return found.hexdigest()


def _fit(path: str) -> str:
    """Give a path that a tree can hold."""
    with suppress(InvalidValue):
        check_path(path)
        if not path.lower().endswith(".gitmodules"):
            return path
    return "/".join(f"%{name}" if name.lower() in _UNFIT else name for name in path.split("/"))
