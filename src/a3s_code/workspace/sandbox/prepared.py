"""A program that can be started, with what is left to do once it was, and when it has ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from a3s_code.kernel.confinement import Violation
from a3s_code.workspace.sandbox.blank import Blank
from a3s_code.workspace.sandbox.promise import Promise
from a3s_code.workspace.sandbox.protection import Protected, StandIns, restored
from a3s_code.workspace.sandbox.removal import removed

KEPT_FD = 10
"""The recorder's shell uses the descriptors below."""


class Prepared:
    """
    A program that can be started.

    Attributes:
        argv: What is started.
        environment: For what is started first; what the caller added comes later.
        fds: Descriptors to hand over.
    """

    __slots__ = (
        *("_blanks", "_place", "_promise", "_protected", "_stand_ins"),
        *("argv", "environment", "fds"),
    )

    def __init__(
        self,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        stand_ins: StandIns,
        protected: Protected | None = None,
        place: str = "",
    ) -> None:
        self.argv, self.environment = argv, dict(environment)
        self.fds: list[int] = []
        self._stand_ins, self._protected, self._place = stand_ins, protected, place
        self._promise: Promise | None = None
        self._blanks: list[Blank] = []

    def promised(self, work: Callable[[], bytes]) -> str:
        """Give a descriptor, by its number, that has nothing to read before `finish` was there."""
        self._promise = Promise(work)
        self.fds.append(self._promise.handed(KEPT_FD))
        return str(self.fds[-1])

    @property
    def is_awaited(self) -> bool:
        """Whether what was started waits for `finish`."""
        return self._promise is not None

    def blank(self) -> Blank:
        """Give a descriptor to hand over, from which `filled` says later what is read."""
        blank = Blank(KEPT_FD)
        self.fds.append(blank.fd)
        self._blanks.append(blank)
        return blank

    def protect(self, protected: Protected) -> None:
        """Put stand-ins, which `end` takes away again."""
        self._stand_ins.put(protected)
        self._protected = protected

    def finish(self) -> None:
        """
        Do what the disk has to do with it, while what was started gets ready; blocks.

        Raises:
            OSError: the disk cannot be written. Nothing of the program ran, or will.
        """
        if self._promise is not None:
            self._promise.keep()
            self._promise = None

    def close(self) -> None:
        """Give the descriptors back, when it was started or could not be."""
        while self.fds:
            os.close(self.fds.pop())

    @property
    def has_work(self) -> bool:
        """Whether `end` has anything to do."""
        return bool(self._place) or self._protected is not None or self.is_awaited

    def end(self) -> list[Violation]:
        """Clear up when the program has ended; blocks on the disk. Say what it was not to do."""
        if self._promise is not None:
            self._promise.break_off()
            self._promise = None
        for blank in self._blanks:
            blank.close()
        if self._place:
            removed(self._place)
        if self._protected is None:
            return []
        protected, self._protected = self._protected, None
        self._stand_ins.remove()
        changed = restored(protected)
        return [Violation("path", path, is_certain=True) for path in changed]


def handed(prepared: Prepared, data: bytes) -> str:
    """Put data where the program reads it, and give the number of the descriptor."""
    return prepared.blank().filled(data)
