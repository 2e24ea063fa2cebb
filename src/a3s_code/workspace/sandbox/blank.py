"""A descriptor that is handed over empty, and says later what is read from it."""

from __future__ import annotations

import fcntl
import os


class Blank:
    """
    Args:
        least: The lowest number that it may have for whom it is handed to.

    Attributes:
        fd: For whom it is handed to; the caller closes it.
    """

    __slots__ = ("_own", "fd")

    def __init__(self, least: int) -> None:
        self._own = os.memfd_create("a3s-code")
        try:
            self.fd = fcntl.fcntl(self._own, fcntl.F_DUPFD_CLOEXEC, least)
        except OSError:
            self.close()
            raise

    def filled(self, data: bytes) -> str:
        """Say what is read from it, and give its number; nobody may have read from it before."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._own, view) :]
        os.lseek(self._own, 0, os.SEEK_SET)
        self.close()
        return str(self.fd)

    def close(self) -> None:
        """Give back our end; may be called twice."""
        own, self._own = self._own, -1
        if own >= 0:
            os.close(own)
