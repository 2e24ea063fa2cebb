"""What belongs to the process that made it: a forked child has the objects, not the threads."""

from __future__ import annotations

import os

from a3s_code.errors import UsageError


class Process:
    """The process that this was made in."""

    __slots__ = ("_id",)

    def __init__(self) -> None:
        self._id = os.getpid()

    @property
    def is_another(self) -> bool:
        """The caller is in a child that was forked later."""
        return os.getpid() != self._id

    def check(self) -> None:
        """
        Raises:
            UsageError: the caller is in a child, where waiting for the loop would never end.
        """
        if self.is_another:
            raise UsageError(
                "This agent was made before the process was forked.",
                hint="make the agent in the child",
            )
