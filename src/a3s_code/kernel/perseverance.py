"""
Waiting for what cannot be stopped, such as a thread, or must not be, such as tidying up.

Whoever is told to stop may be told so more than once: a run that is cancelled tells its children,
and so does each call that waits for one of them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def to_its_end(work: asyncio.Future[T], limit_s: float | None = None) -> T:
    """
    Give what `work` gives; it is never cancelled, however often this is.

    Args:
        limit_s: How long a cancelled caller waits at most; None = for as long as it takes.

    Raises:
        CancelledError: the caller was told to stop, and `work` has ended since; or the time is
            over, and it goes on by itself.
    """
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await _waited(work, limit_s)
        if work.done() and not work.cancelled():
            work.exception()  # somebody asked for the end; its failure is no news
        raise


async def stopped(work: asyncio.Future[T], limit_s: float) -> None:
    """Cancel `work` and stay until it has ended, however often this is cancelled; not for ever."""
    work.cancel()
    await _waited(work, limit_s)
    if work.done() and not work.cancelled():
        work.exception()  # seen, since nobody asks for it any more


async def _waited(work: asyncio.Future[T], limit_s: float | None) -> None:
    loop = asyncio.get_running_loop()
    until = None if limit_s is None else loop.time() + limit_s
    while not work.done():
        left_s = None if until is None else until - loop.time()
        if left_s is not None and left_s <= 0:
            return
        with suppress(asyncio.CancelledError):
            await asyncio.wait({work}, timeout=left_s)
