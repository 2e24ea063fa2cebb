"""
Git waits for ever for a pipe that stands where it reads a file, such as `.gitignore`.

Any command may leave one, anywhere in the workspace, and to look for it each time would cost
as much as git does. So we look when git is slow, and stop when it is done.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import stat
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from a3s_code.errors import SnapshotRefused
from a3s_code.workspace.location import readable, shown
from a3s_code.workspace.tree_walk import MAX_DEPTH

T = TypeVar("T")

PATIENCE_S = 1.0
"""For git, before we look."""

_READ_BY_GIT = frozenset({".gitignore", ".gitattributes", ".gitmodules"})
_REPOSITORY = ".git"


async def watched(top: str, work: Coroutine[None, None, T]) -> T:
    """
    Wait for git on the files below `top`.

    Raises:
        SnapshotRefused: git is slow, and a pipe stands where it reads; names it.
    """
    stop = threading.Event()

    async def look() -> None:
        await asyncio.sleep(PATIENCE_S)
        pipe = await asyncio.to_thread(find_pipe, top, stop)
        if pipe:
            raise SnapshotRefused(
                f"The snapshot was given up: git waits for {shown(readable(pipe))}, "
                "which is a pipe and no file.",
                hint="remove it",
            )

    try:
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(look())
            done = await work
            looking.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        stop.set()
    return done


def find_pipe(top: str, stop: threading.Event) -> str:
    """Give the path, relative to `top`, of a pipe that git would read; empty for none."""
    for directory, below, files in os.walk(top):
        if stop.is_set():
            break
        is_repository = posixpath.basename(directory) == _REPOSITORY
        if is_repository or directory.count("/") - top.count("/") >= MAX_DEPTH:
            below.clear()
        for name in files if is_repository else _READ_BY_GIT.intersection(files):
            if _is_pipe(Path(directory) / name):
                return posixpath.relpath(f"{directory}/{name}", top)
    return ""


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False
