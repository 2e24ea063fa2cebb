"""The names in a directory that many calls ask for, one after the other."""

from __future__ import annotations

import os
import time

SETTLED_NS = 2_000_000_000
"""Who changed a directory later than this ago may change it again within one tick of its clock."""
MAX_KEPT_CHARS = 64 * 1024


class DirectoryNames:
    """
    Remembers the names of the directory that was asked for last, for as long as it is as it was.

    May be used from any thread.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[tuple[int, int, int], str] | None = None

    def of(self, fd: int) -> list[str]:
        """Give the names in an open directory, in no order. Blocking work, for a thread."""
        facts = os.fstat(fd)  # before it is read: what changes meanwhile is seen the next time
        state = facts.st_dev, facts.st_ino, facts.st_mtime_ns
        kept = self._kept
        if kept is not None and kept[0] == state:
            return kept[1].split("\0")
        names = os.listdir(fd)
        joined = "\0".join(names)  # a fraction of the memory of that list
        is_settled = time.time_ns() - facts.st_mtime_ns > SETTLED_NS
        self._kept = (state, joined) if is_settled and 0 < len(joined) <= MAX_KEPT_CHARS else None
        return names
