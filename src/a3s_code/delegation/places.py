"""
How many children of a session run at once.

Children of one depth share their places, whoever started them, and whoever comes first goes first.
A child that waits for children of its own keeps its place, so those have others: no level waits
for itself.

Source:
    SPEC 2.1, `max_parallel_tasks`.
"""

from __future__ import annotations

import asyncio


class Places:
    """
    Args:
        most: Children that run at once at each depth.
    """

    __slots__ = ("_loop", "_places", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: dict[int, asyncio.Semaphore] = {}

    def at(self, depth: int) -> asyncio.Semaphore:
        """Give what a child at this depth holds while it runs, as an async context manager."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a session outlives a loop that was closed
            self._loop = loop
            self._places.clear()
        return self._places.setdefault(depth, asyncio.Semaphore(self.most))
