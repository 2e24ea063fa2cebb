"""
A program and all that it started, to be killed as one.

The process group takes care of nearly everything. What left it (`setsid`, a double fork) is
found by a mark in its environment, which descendants inherit, or by its parents as long as
they live. A program that left, forked twice and cleared its environment is not found; only
a process namespace holds that, which is the sandbox's work.

Every process is signalled through a descriptor of it, so an id that was given to somebody
else meanwhile is never hit.

Source: INVARIANTS 17. Linux; elsewhere the process group alone is killed.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import msgspec

MARK = "A3S_CODE_TREE"
"""Environment variable that holds the marks, one for each harness around the program."""

FEW = 64
"""Ids that are looked at one by one; with more of them, or none known, all of `/proc` is."""

_ROUNDS = 20
_GONE_S = 2.0
_LOOKS, _LOOK_S = 5, 0.002
"""For an environment; each wait is twice the one before."""
_STAT_FIELDS = 20
_PIECE_BYTES, _PIECES = 64 * 1024, 40


class ProcessTree(msgspec.Struct, frozen=True):
    """
    Attributes:
        leader: Id of the program, which leads a session and a process group of its own.
        mark: What this tree's processes carry in `MARK`.
    """

    leader: int
    mark: bytes

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the group. The leader must not have been reaped: its id would be free."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.leader, number)

    def kill(self) -> None:
        """
        Kill all of it, and wait until it is dead. Blocks, for about two seconds at most.

        The leader itself is left for its parent to reap.
        """
        strays = self.strays()  # found while their parents live
        self.signal_group(signal.SIGKILL)
        deadline = time.monotonic() + _GONE_S
        for _ in range(_ROUNDS):
            if not strays or time.monotonic() > deadline:
                return
            _kill_all(strays, deadline)
            strays = self.strays()

    def strays(self) -> dict[int, bytes]:
        """Give the living descendants that may have left the group, with their start times."""
        families = {pid: _family(pid) for pid in started_since(self.leader)}
        known = {pid: family for pid, family in families.items() if family is not None}
        found = {pid for pid, family in known.items() if family.session == self.leader}
        found |= self._marked(pid for pid in known if pid not in found)
        found.add(self.leader)
        while more := {p for p, f in known.items() if f.parent in found and p not in found}:
            found |= more
        found.discard(self.leader)
        return {pid: known[pid].started for pid in found}

    def _marked(self, pids: Iterable[int]) -> set[int]:
        """Give those with the mark; a process has no environment while it begins a program."""
        blank, marked = [*pids], set[int]()
        for look in range(_LOOKS):
            if look:
                time.sleep(_LOOK_S * 2**look)
            seen = {pid: _contents(f"/proc/{pid}/environ") for pid in blank}
            marked |= {pid for pid, environ in seen.items() if self.mark in environ}
            blank = [pid for pid, environ in seen.items() if not environ]
            if not blank:
                break
        return marked


class _Family(NamedTuple):
    """Attributes: `started` is in clock ticks since boot; with the id it names one process."""

    parent: int
    session: int
    started: bytes


def started_since(first: int) -> Iterable[int]:
    """Give ids among which are those of all processes that were started after `first`."""
    last = last_id()
    if first <= last <= first + FEW:
        return range(first + 1, last + 1)
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - a `Path` for each process costs too much
    except OSError:
        return ()
    return [int(name) for name in names if name.isdigit()]


def last_id() -> int:
    """Give the id that the kernel handed out last; -1 when it does not say."""
    try:
        return int(_contents("/proc/loadavg").split()[4])
    except (IndexError, ValueError):
        return -1


def _family(pid: int) -> _Family | None:
    """Read where a process comes from; None when it is dead."""
    fields = _contents(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < _STAT_FIELDS or fields[0] in (b"Z", b"X"):
        return None
    return _Family(int(fields[1]), int(fields[3]), fields[19])


def _kill_all(strays: dict[int, bytes], deadline: float) -> None:
    """Kill them, wait until they are dead, and reap those that became our children."""
    watched: dict[int, int] = {}
    try:
        for pid, started in strays.items():
            with suppress(OSError):
                watched[pid] = os.pidfd_open(pid)
                family = _family(pid)
                if family and family.started == started:
                    signal.pidfd_send_signal(watched[pid], signal.SIGKILL)
        for pid, fd in watched.items():
            select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
    finally:
        for fd in watched.values():
            os.close(fd)


def _contents(path: str) -> bytes:
    """Read a file of /proc; empty when it cannot be."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        pieces = [os.read(fd, _PIECE_BYTES)]
        while len(pieces[-1]) == _PIECE_BYTES and len(pieces) < _PIECES:
            pieces.append(os.read(fd, _PIECE_BYTES))
        return b"".join(pieces)
    except OSError:
        return b""
    finally:
        os.close(fd)
