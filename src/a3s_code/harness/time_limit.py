"""The time that a run, or a run inside a call, may take as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from a3s_code.errors import LimitReached

T = TypeVar("T")


async def within_limit(
    limit_ms: float | None,
    who: str,
    work: Coroutine[Any, Any, T],
    late: Callable[[], LimitReached] | None = None,
) -> T:
    """
    Do what takes no longer than a limit; None = as long as it takes.

    Args:
        who: Begins the sentence that says that it took longer.
        late: Gives the error instead, where the limit is another than `max_execution_time_ms`.

    Raises:
        LimitReached: it took longer, and was stopped; its cause is a `TimeoutError`.
    """
    scope = asyncio.timeout(limit_ms / 1000 if limit_ms else None)
    try:
        async with scope:
            return await work
    except TimeoutError as error:
        if not scope.expired():
            raise
        if late is not None:
            raise late() from error
        raise LimitReached(
            f"{who} took longer than max_execution_time_ms ({limit_ms} ms).",
            hint="raise max_execution_time_ms, or ask for less at once",
        ) from error
