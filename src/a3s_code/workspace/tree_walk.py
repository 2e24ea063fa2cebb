"""
Walking a directory tree by descriptors.

A directory is opened from the descriptor of its parent and never through a link, so a tree
that is rearranged during the walk cannot lead outside of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from a3s_code.workspace.ignore import FILES, SKIPPED, Ignores

MAX_DEPTH = 100
"""Directories inside each other; each costs a descriptor while its children are read."""

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_SPECIAL = frozenset({SKIPPED, *FILES})


@dataclass(slots=True)
class TreeWalk:
    """
    A walk over the files that no rule ignores, in the order of their names.

    Attributes:
        max_depth: Names in the longest path below the start that is of interest.
        stopped: Set it from another thread to end the walk early.
    """

    max_depth: int = MAX_DEPTH
    stopped: bool = False

    def files(
        self, fd: int, path: str, ignores: Ignores, depth: int = 1
    ) -> Iterator[tuple[str, list[str]]]:
        """
        Give directories, with `/`, and the names of their files, from the one open at `fd` on.

        Args:
            path: Of that directory, with `/`; what is given begins with it.
        """
        files, directories, special = _rows(fd)
        if special:
            ignores = ignores.entering(fd, len(path), special)
        if ignores.layers:
            files = [n for n in files if not ignores.ignored(path + n, is_directory=False)]
        if files:
            files.sort()
            yield path, files
        if depth >= self.max_depth:
            return
        directories.sort()
        for name in directories:
            below = f"{path}{name}/"
            if self.stopped:
                return
            if not ignores.layers or not ignores.ignored(below[:-1], is_directory=True):
                yield from self._below(fd, name, below, ignores, depth)

    def _below(
        self, fd: int, name: str, path: str, ignores: Ignores, depth: int
    ) -> Iterator[tuple[str, list[str]]]:
        try:
            inner = os.open(name, _FLAGS, dir_fd=fd)
        except OSError:  # gone, turned into a link, or not readable
            return
        try:
            yield from self.files(inner, path, ignores, depth + 1)
        finally:
            os.close(inner)


def _rows(fd: int) -> tuple[list[str], list[str], set[str]]:
    """Give the names of files and of directories, and those that ask for special care."""
    files: list[str] = []
    directories: list[str] = []
    special: set[str] = set()
    with os.scandir(fd) as rows:
        for row in rows:
            name = row.name
            if name in _SPECIAL:
                special.add(name)
            if name == SKIPPED:
                continue
            if row.is_file(follow_symlinks=False):
                files.append(name)
            elif row.is_dir(follow_symlinks=False):
                directories.append(name)
    return files, directories, special
