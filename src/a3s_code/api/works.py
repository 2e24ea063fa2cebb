"""
The tasks of one session: each has an owner, can be stopped, and is waited for.

Whoever waits may be cancelled any number of times: the work is then stopped, and only
when it has ended does the cancellation go on. So what comes next never overlaps with
what was cut short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from a3s_code.errors import RunCancelled, UsageError

T = TypeVar("T")


class Works:
    """All of them run on the loop of the first one."""

    __slots__ = ("_loop", "_tasks")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def check_loop(self) -> None:
        """
        Make sure that the caller is on the session's loop.

        Raises:
            UsageError: it is on another one.
        """
        running = asyncio.get_running_loop()
        if self._loop is None or self._loop.is_closed():
            self._loop = running
        if self._loop is not running:
            raise UsageError(
                "This session belongs to another event loop.",
                hint="use one AsyncSession on one loop, or the blocking Session from any thread",
            )

    async def run(self, key: str, work: Coroutine[Any, Any, T]) -> T:
        """
        Run `work` as a task of its own to its end.

        Raises:
            RunCancelled: somebody stopped it by its key.
        """
        task = asyncio.create_task(work)
        self._tasks[key] = task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if task.cancelled() and not (waiting and waiting.cancelling()):
                raise RunCancelled("It was cancelled.", run_id=key) from None
            await _end(task)
            raise
        finally:
            del self._tasks[key]

    async def stop(self, chosen: Callable[[str], bool]) -> bool:
        """Cancel those whose key is chosen and wait for them; True when there were any."""
        tasks = [task for key, task in self._tasks.items() if chosen(key)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        return bool(tasks)


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancel `task` and stay until it has ended, however often this is cancelled itself."""
    task.cancel()
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
