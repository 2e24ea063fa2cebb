"""
Removing what a program left, however deep it is and whatever rights it took from itself.

A tree may be deeper than a path can be long, than Python may recurse and than descriptors may
be open, so what is below a directory is moved up before the directory goes. No link is followed.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import suppress


def removed(path: str) -> bool:
    """Remove what is there, file or tree. Say whether it is gone; blocks on the disk."""
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            _empty(path)
            os.rmdir(path)  # noqa: PTH106
        else:
            os.unlink(path)  # noqa: PTH108
    return not os.path.lexists(path)


def _empty(path: str) -> None:
    top = _opened(path)
    prefix = os.urandom(8).hex()
    new_names = (f"{prefix}{number}" for number in itertools.count())
    try:
        while names := os.listdir(top):  # noqa: PTH208 - of a descriptor
            for name in names:
                _remove(name, top, new_names)
    finally:
        os.close(top)


def _remove(name: str, top: int, new_names: Iterator[str]) -> None:
    """Remove an entry of `top`; directories that it holds become entries of `top`."""
    if _is_unlinked(name, top):
        return
    directory = _opened(name, top)
    try:
        for child in os.listdir(directory):  # noqa: PTH208
            if not _is_unlinked(child, directory):
                os.close(_opened(child, directory))  # one that is moved has to be writable
                os.rename(child, next(new_names), src_dir_fd=directory, dst_dir_fd=top)
    finally:
        os.close(directory)
    os.rmdir(name, dir_fd=top)


def _is_unlinked(name: str, directory: int) -> bool:
    try:
        os.unlink(name, dir_fd=directory)
    except (IsADirectoryError, PermissionError):  # the second on systems other than Linux
        return False
    return True


def _opened(name: str, within: int | None = None) -> int:
    """Open a directory, after giving its owner all rights to it."""
    flags = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    if not hasattr(os, "O_PATH"):
        return os.open(name, os.O_RDONLY | flags, dir_fd=within)
    place = os.open(name, os.O_PATH | flags, dir_fd=within)
    try:
        same = f"/proc/self/fd/{place}"
        os.chmod(same, stat.S_IRWXU)  # noqa: PTH101
        return os.open(same, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(place)
