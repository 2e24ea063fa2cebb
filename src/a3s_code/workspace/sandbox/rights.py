"""
Whose rights the programs of a workspace get.

Source: DESIGN 5, "As root".
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

NOBODY = 65534

Form: TypeAlias = Literal["user", "dropped", "kept_root"]


class Rights(msgspec.Struct, frozen=True):
    """Whose rights programs have; see `Confinement.form`."""

    form: Form
    uid: int | None = None
    gid: int | None = None


def rights_in(root: str) -> Rights:
    """
    Choose whose rights programs get in a workspace.

    As root those of the workspace's owner, or of nobody where anybody may write in it, if
    they can get there; else root's number has to be kept for programs to write at all.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return Rights("user")
    try:
        found = Path(root).stat()
    except OSError:
        return Rights("kept_root")
    if found.st_uid != 0:
        uid, gid = found.st_uid, found.st_gid
    elif found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        uid, gid = NOBODY, NOBODY
    else:
        return Rights("kept_root")
    return Rights("dropped", uid, gid) if can_enter(root, uid, gid) else Rights("kept_root")


def home_of(uid: int | None) -> tuple[str, ...]:
    """Give the home of a user as the system knows it; empty when it knows none."""
    if uid is None:
        return ()
    import pwd  # no such thing on Windows

    try:
        return (pwd.getpwuid(uid).pw_dir,)
    except KeyError:
        return ()


def can_enter(root: str, uid: int, gid: int) -> bool:
    """Say whether a user gets into a directory, through all that are above it."""
    real = Path(os.path.realpath(root))
    for place in (real, *real.parents):
        found = place.stat()
        if found.st_uid == uid:
            needed = stat.S_IXUSR
        elif found.st_gid == gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return False
    return True
