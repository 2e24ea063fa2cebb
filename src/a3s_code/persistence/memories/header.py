"""
What a directory of memories is, told by the first bytes of its file.

Nothing is opened as a database for that, so it costs little, and a file that is not ours is left
as it is. The database format of SQLite has the offsets: "SQLite format 3" at 0, the user's
version at 60, the application at 68.
"""

from __future__ import annotations

import os
from pathlib import Path

from a3s_code.errors import StoreError
from a3s_code.persistence.network_mounts import refuse_network

WHAT = "memory store"
DATABASE = "memories.db"

OWN = tuple(f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal"))
"""All that we write in such a directory."""

FORMAT = 1
"""Of the tables; `PRAGMA user_version`."""
APPLICATION = 0x6133736D
"""`PRAGMA application_id` of a file of memories: `a3sm`."""

_HEAD_BYTES = 100
_MAGIC = b"SQLite format 3\0"


def refuse_strange(path: Path) -> bool:
    """
    Say whether there is a file of memories.

    Raises:
        StoreError: there is something else, or one that a later version wrote.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except FileNotFoundError:
        return False
    if not head:
        return True  # one that was just made
    if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC):
        raise StoreError(
            f"The {WHAT} {path} is damaged, or no database.",
            hint="restore the file from a copy, or move it away to begin anew",
        )
    version = int.from_bytes(head[60:64])
    if version not in {0, FORMAT}:
        raise strange_format(path, version)
    return True


def strange_format(path: Path, version: int) -> StoreError:
    """Refuse a file of another format."""
    return StoreError(
        f"The {WHAT} {path} has format {version}; this version knows {FORMAT}.",
        hint="use the version of A3S Code that wrote it, or another directory",
    )


def check_directory(directory: Path) -> None:
    """
    Look whether memories can be kept in `directory`, as far as that is quickly told.

    Raises:
        StoreError: they cannot; says why.
    """
    refuse_network(directory, WHAT)
    try:
        refuse_strange(directory / DATABASE)
    except OSError as error:
        raise _unusable(directory, str(error)) from error
    there = next(each for each in (directory, *directory.parents) if each.exists())
    if not there.is_dir():
        raise _unusable(directory, f"{there} is no directory")
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(directory, f"{there} cannot be written")


def _unusable(directory: Path, why: str) -> StoreError:
    return StoreError(
        f"The {WHAT} {directory} cannot be used: {why}.",
        hint="give a directory that can be read and written",
    )
