"""Ending a task, and waiting until it has ended."""

from __future__ import annotations

import asyncio
from typing import Any


async def stop(task: asyncio.Task[Any], limit_s: float) -> None:
    """
    Cancel a task and stay until it has ended, however often this is cancelled itself.

    Args:
        limit_s: How long this stays at most; a task that goes on then is left behind.
    """
    task.cancel()
    loop = asyncio.get_running_loop()
    until = loop.time() + limit_s
    while not task.done() and (left_s := until - loop.time()) > 0:
        try:
            await asyncio.wait([task], timeout=left_s)
        except asyncio.CancelledError:
            continue
