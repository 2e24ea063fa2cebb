"""
Programs that confine others: by an absolute path of the system, never one of the workspace.

`PATH` is not asked, since its directories may be writable by whoever is to be confined.
"""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path

_DIRECTORIES = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@functools.cache
def trusted(name: str) -> str:
    """Find a program that belongs to root, and that nobody else can change; empty for none."""
    for directory in _DIRECTORIES:
        path = os.path.realpath(Path(directory) / name)
        if _is_trusted(path):
            return path
    return ""


def _is_trusted(path: str) -> bool:
    try:
        found, parent = Path(path).stat(), Path(path).parent.stat()
    except OSError:
        return False
    unsafe = any(each.st_uid or each.st_mode & _OTHERS_WRITE for each in (found, parent))
    return stat.S_ISREG(found.st_mode) and os.access(path, os.X_OK) and not unsafe
