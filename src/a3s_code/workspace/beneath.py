"""
Opening a directory beneath another one, through no link at all.

Two ways that do the same: `openat2`, one question to the kernel, and `step_by_step`, which
asks for every name by itself. Both give a descriptor that names a directory and cannot be
led elsewhere by whoever renames things meanwhile; a link on the way is an error. Following
links that stay inside is the work of `paths.py`, on top of either.

Source: openat2(2); INVARIANTS 3.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
"""Flags that open a directory for what is below it, and nothing else."""

OpenDirectory: TypeAlias = Callable[[int, Sequence[str]], int]
"""
Open the directory that `names` lead to from a descriptor; the caller closes it.

`names` holds neither `..` nor `/`. Raises OSError: ENOENT when a name is missing, ENOTDIR or
ELOOP when one is a link or no directory.
"""

_OPENAT2 = 437
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_UNUSABLE = frozenset({errno.ENOSYS, errno.EPERM, errno.EAGAIN, errno.EINTR, errno.E2BIG})


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_HOW = _OpenHow(
    DIRECTORY | getattr(os, "O_CLOEXEC", 0), 0, _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
)
_libc = ctypes.CDLL(None, use_errno=True)


def openat2(root_fd: int, names: Sequence[str]) -> int:
    """Ask the kernel once; step by step where it will not (old kernels, seccomp)."""
    path = os.fsencode("/".join(names)) or b"."
    fd: int = _libc.syscall(_OPENAT2, root_fd, path, ctypes.byref(_HOW), ctypes.sizeof(_HOW))
    if fd >= 0:
        return fd
    code = ctypes.get_errno()
    if code in _UNUSABLE:
        return step_by_step(root_fd, names)
    raise OSError(code, os.strerror(code))


def step_by_step(root_fd: int, names: Sequence[str]) -> int:
    """Open name by name, each from the descriptor of the one before."""
    at = os.dup(root_fd)
    for name in names:
        try:
            below = os.open(name, DIRECTORY, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


_HAS_OPENAT2 = sys.platform == "linux" and os.uname().machine in {"x86_64", "aarch64"}

open_beneath: OpenDirectory = openat2 if _HAS_OPENAT2 else step_by_step
"""The better one of the two on this machine."""
