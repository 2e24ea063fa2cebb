"""
Directories of copies that have ended, kept to become copies again.

To write tens of thousands of files takes seconds, and on some file systems much longer when as
many were just removed. To look at them takes a tenth of a second. So a few directories are kept
until their owner closes; what the next copy does not have, or not just so, goes first.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from a3s_code.workspace.local import TEMPORARY_PREFIX, TEMPORARY_SUFFIX

MAX_SPARES = 2
MIN_FILES = 1_000
"""With fewer a new directory is as quick."""


class Spare(NamedTuple):
    """
    Attributes:
        outer: What holds the directory, and its lock.
        lock: An open file that holds the lock.
    """

    outer: Path
    lock: int


class Spares:
    """Of one workspace. May be used from any thread."""

    __slots__ = ("_is_closed", "_kept", "_lock")

    def __init__(self) -> None:
        self._kept: list[Spare] = []
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """No more are kept."""
        return self._is_closed or len(self._kept) >= MAX_SPARES

    def take(self) -> Spare | None:
        """Give one that is there, to whoever asks first."""
        with self._lock:
            return self._kept.pop() if self._kept else None

    def keep(self, spare: Spare) -> bool:
        """Keep one for later; False when it is not kept, and its owner has to remove it."""
        with self._lock:
            if self.is_full:
                return False
            self._kept.append(spare)
            return True

    def close(self) -> None:
        """Remove all of them, and keep no more. Blocks on the disk."""
        self._is_closed = True
        while (spare := self.take()) is not None:
            remove(spare.outer)
            os.close(spare.lock)


def remove(outer: Path) -> None:
    """Remove a directory, also when something in it may not be entered."""
    shutil.rmtree(outer, ignore_errors=True)  # leaves a link alone, and so is that to be left
    if outer.is_symlink() or not outer.exists():
        return
    for directory, _, _ in os.walk(outer):
        with suppress(OSError):
            Path(directory).chmod(0o700)
    shutil.rmtree(outer, ignore_errors=True)


def clean(root: Path, wanted: Collection[str]) -> None:
    """
    Remove what is not among `wanted`, and each file that is not as one newly made would be.

    That is one with other permissions, another owner, or a second name, by which whoever had the
    directory before could still write to it.

    Args:
        wanted: Paths of files and links below `root`.
    """
    directories = {""}
    for path in wanted:
        while (path := path.rpartition("/")[0]) and path not in directories:
            directories.add(path)
    _Cleaning(root, wanted, directories, _mask(root)).run("")


def _mask(root: Path) -> int:
    """Give the permissions that nothing made now gets; to ask the system would change them."""
    path = root / f"{TEMPORARY_PREFIX}mask{TEMPORARY_SUFFIX}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777)
    try:
        return 0o777 & ~os.fstat(fd).st_mode
    finally:
        os.close(fd)
        path.unlink()


class _Cleaning(NamedTuple):
    root: Path
    wanted: Collection[str]
    directories: set[str]
    mask: int

    def run(self, below: str) -> None:
        for entry, path in self._entries(below):
            if entry.is_dir(follow_symlinks=False):
                self._directory(entry, path)
            elif path not in self.wanted or not self._is_new(entry):
                os.unlink(entry.path)  # noqa: PTH108 - thousands of them

    def _entries(self, below: str) -> Iterator[tuple[os.DirEntry[str], str]]:
        with os.scandir(self.root / below) as entries:
            found = list(entries)
        return ((entry, f"{below}/{entry.name}" if below else entry.name) for entry in found)

    def _directory(self, entry: os.DirEntry[str], path: str) -> None:
        if path not in self.directories:
            remove(Path(entry.path))
            return
        wanted = 0o777 & ~self.mask
        if stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode) != wanted:
            Path(entry.path).chmod(wanted)
        self.run(path)

    def _is_new(self, entry: os.DirEntry[str]) -> bool:
        facts = entry.stat(follow_symlinks=False)
        if facts.st_nlink != 1 or facts.st_uid != os.geteuid():
            return False
        if stat.S_ISLNK(facts.st_mode):
            return True
        likely = (0o666 & ~self.mask, 0o777 & ~self.mask)
        return stat.S_ISREG(facts.st_mode) and stat.S_IMODE(facts.st_mode) in likely
