"""
A bound on how many processes a program has, where the kernel keeps none for it.

The kernel counts the processes of a user. Those of root are never bounded, and those of a user
who also has others cannot be bounded apart. So they are counted from outside, when as many
processes as the bound were begun on this machine since; a program over it is ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from a3s_code.kernel.confinement import Violation
from a3s_code.workspace.process_tree import ProcessTree, last_id

_EVERY_S = 0.05


class TooMany(Exception):
    """
    More processes than allowed are alive.

    Attributes:
        violation: What is told.
    """

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.violation = Violation("limit", f"processes: {most}", is_certain=True)


async def within(ended: Coroutine[None, None, None], tree: ProcessTree, most: int | None) -> None:
    """
    Wait for `ended`, for as long as a program keeps within its bound.

    Raises:
        TooMany: it did not, and `ended` was cancelled.
    """
    if most is None:
        await ended
        return
    waiting = asyncio.ensure_future(ended)
    watching = asyncio.ensure_future(_exceeded(tree, most))
    try:
        await asyncio.wait((waiting, watching), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            waiting.result()
            return
        watching.result()
        raise TooMany(most)
    finally:
        waiting.cancel()
        watching.cancel()
        await asyncio.gather(waiting, watching, return_exceptions=True)


async def _exceeded(tree: ProcessTree, most: int) -> None:
    """Return when there are more than `most`."""
    while True:
        await asyncio.sleep(_EVERY_S)
        if last_id() - tree.leader <= most and last_id() >= tree.leader:
            continue
        if len(await asyncio.to_thread(tree.strays)) > most:
            return
