"""
Who is at work in which session of a directory: one lock a session.

The lock of session number `n` is byte `n` of `sessions.lock`. The system lets go of it when
the process ends in whatever way, so a session never stays locked behind a crash, and nobody
has to guess whether an owner still lives. A fork that does not exec shares the locks that its
parent has not let go of.
The file is open only while a lock is held.

Linux, on local file systems. Elsewhere only the owners of one store object exclude each
other at once; the others are told by their first record that they are not the owner.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from a3s_code.kernel.events import SessionId

_SET_LOCK: int | None = getattr(fcntl, "F_OFD_SETLK", None)
_FLOCK = "hhqqi"
_BUSY = {errno.EAGAIN, errno.EACCES}


class _Held(NamedTuple):
    number: int
    owner: str


class WriterLocks:
    """The locks of one store object. Used by one thread at a time."""

    __slots__ = ("_fd", "_held", "_path", "_process")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._process = 0
        self._held: dict[SessionId, _Held] = {}

    def take(self, session: SessionId, number: int, owner: str) -> bool:
        """
        Say whether `owner` may write the session, and keep others out until it is dropped.

        Raises:
            OSError: the file cannot be opened, or the file system has no locks.
        """
        held = self._held.get(session)
        if held is not None:
            return held.owner == owner
        if _SET_LOCK is not None and not self._locked(_SET_LOCK, number):
            return False
        self._held[session] = _Held(number, owner)
        return True

    def drop(self, session: SessionId, owner: str) -> None:
        """Let others write the session, if `owner` has it."""
        held = self._held.get(session)
        if held is None or held.owner != owner:
            return
        del self._held[session]
        self._unlock(held.number)
        if not self._held:
            self.close()

    def close(self) -> None:
        """Let go of all."""
        for held in self._held.values():
            self._unlock(held.number)
        self._held.clear()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _locked(self, command: int, number: int) -> bool:
        if self._fd < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, 0o600)
            self._process = os.getpid()
        try:
            self._set(command, fcntl.F_WRLCK, number)
        except OSError as error:
            if not self._held:
                self.close()
            if error.errno in _BUSY:
                return False
            raise
        return True

    def _unlock(self, number: int) -> None:
        """Closing is not enough: a program that is just being started has the file open too."""
        # A fork may close its side; the lock stays its parent's.
        if _SET_LOCK is not None and self._fd >= 0 and self._process == os.getpid():
            with suppress(OSError):  # letting go cannot fail but for a file that is gone
                self._set(_SET_LOCK, fcntl.F_UNLCK, number)

    def _set(self, command: int, kind: int, number: int) -> None:
        fcntl.fcntl(self._fd, command, struct.pack(_FLOCK, kind, os.SEEK_SET, number, 1, 0))
