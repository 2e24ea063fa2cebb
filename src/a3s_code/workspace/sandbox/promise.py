"""
What a program that was started reads when it is there: it waits until then.

Bubblewrap takes half a millisecond until it asks for its arguments, and what they name can be
put on the disk meanwhile.

All is written at once, and fits or is refused, so a reader never takes a part for the whole when
this process dies: it gets nothing then.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable

_FITS_BYTES, _LARGEST_BYTES = 64 * 1024, 1024 * 1024
"""What a pipe holds without being asked, and what anybody may ask for."""


class Promise:
    """
    Args:
        work: Gives what will be read.
    """

    __slots__ = ("_read_fd", "_work", "_write_fd")

    def __init__(self, work: Callable[[], bytes]) -> None:
        self._work = work
        # our end for reading stays open, so a reader that is gone is no error
        self._read_fd, self._write_fd = os.pipe()

    def handed(self, least: int) -> int:
        """Give a descriptor to read it from, `least` or above; the caller closes it."""
        return fcntl.fcntl(self._read_fd, fcntl.F_DUPFD_CLOEXEC, least)

    def keep(self) -> None:
        """
        Do the work, and let it be read.

        Raises:
            OSError: from the work, or the result is larger than a pipe can be. The promise is
                still open.
        """
        data = self._work()
        if _FITS_BYTES < len(data) <= _LARGEST_BYTES:
            fcntl.fcntl(self._write_fd, fcntl.F_SETPIPE_SZ, len(data))
        os.set_blocking(self._write_fd, False)
        if len(data) > _LARGEST_BYTES or os.write(self._write_fd, data) < len(data):
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        self.break_off()

    def break_off(self) -> None:
        """Give nothing more; a reader sees the end."""
        os.close(self._write_fd)
        os.close(self._read_fd)
