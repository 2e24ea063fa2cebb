"""The end of several things: one that fails does not keep the others open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable


async def close_all(*stages: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """
    Close everything: one stage after the other, what is in a stage at the same time.

    Raises:
        Exception: the first failure, when all have ended; the others are its notes.
    """
    from asyncio import gather  # a session is made without asyncio; DESIGN 7

    failed: list[BaseException] = []
    for stage in stages:
        ended = await gather(*(close() for close in stage), return_exceptions=True)
        failed += [each for each in ended if each is not None]
    for other in failed[1:]:
        failed[0].add_note(f"And then: {type(other).__name__}: {other}")
    if failed:
        raise failed[0]
