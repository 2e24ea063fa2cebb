"""
A bound on how many processes a program has, where the kernel keeps none for it.

The kernel counts the processes of a user. Those of root are never bounded, and those of a user
who also has others cannot be bounded apart. So they are counted from outside, when as many
processes as the bound were begun on this machine since; a program over it is ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

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


@asynccontextmanager
async def watch(tree: ProcessTree, most: int | None) -> AsyncGenerator[None]:
    """
    Wait for what is inside, for as long as a program keeps within its bound.

    Raises:
        TooMany: it did not; what is inside was cancelled.
    """
    if most is None:
        yield
        return
    waiting = asyncio.current_task()
    assert waiting is not None
    watching = asyncio.ensure_future(_exceeded(tree, most))
    exceeded = False

    def stop(done: asyncio.Task[None]) -> None:
        nonlocal exceeded
        if not done.cancelled() and done.exception() is None:
            exceeded = True
            waiting.cancel()

    watching.add_done_callback(stop)
    try:
        yield
    except asyncio.CancelledError:
        if exceeded and waiting.uncancel() == 0:
            raise TooMany(most) from None
        raise
    finally:
        watching.remove_done_callback(stop)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([watching])


async def _exceeded(tree: ProcessTree, most: int) -> None:
    """Return when there are more than `most`."""
    while True:
        await asyncio.sleep(_EVERY_S)
        if last_id() - tree.leader <= most and last_id() >= tree.leader:
            continue
        if len(await asyncio.to_thread(tree.strays)) > most:
            return
