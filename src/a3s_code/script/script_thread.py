"""The thread of one script: it steps when it is told, and never on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

from a3s_code.script.world import Step, World

STACK_BYTES = 4 * 1024 * 1024
"""Of the thread: more than the stack that a script may use in it, on every system."""

Work: TypeAlias = Callable[[], Step]

_starting = threading.Lock()


class ScriptThread:
    """
    Owns a world from its first step to its end.

    What computes cannot be told to stop: it is left behind, and ends at its own limit. A thread
    is a daemon, so that a process which ends does not wait for one.

    Args:
        ended: Called on the thread when it is gone.
    """

    __slots__ = ("_ended", "_inbox", "_loop", "world")

    def __init__(self, world: World, ended: Callable[[], None]) -> None:
        self.world = world
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._inbox: SimpleQueue[tuple[Work, asyncio.Future[Step]] | None] = SimpleQueue()
        with _starting:
            before = threading.stack_size(STACK_BYTES)
            try:
                threading.Thread(target=self._serve, name="a3s-script", daemon=True).start()
            finally:
                threading.stack_size(before)

    async def step(self, work: Work) -> Step:
        """Have the thread take a step. Whoever is cancelled here leaves it behind."""
        future: asyncio.Future[Step] = self._loop.create_future()
        self._inbox.put((work, future))
        return await future

    def leave(self) -> None:
        """Have the thread end after the step that it is in."""
        self._inbox.put(None)

    def _serve(self) -> None:
        try:
            while (job := self._inbox.get()) is not None:
                work, future = job
                self._tell(future, *_taken(work))
        finally:
            self.world.close()
            self._ended()

    def _tell(
        self, future: asyncio.Future[Step], step: Step | None, error: Exception | None
    ) -> None:
        def settle() -> None:
            if future.done():
                return
            if step is not None:
                future.set_result(step)
            elif error is not None:
                future.set_exception(error)

        with contextlib.suppress(RuntimeError):  # the loop was closed; nobody waits
            self._loop.call_soon_threadsafe(settle)


def _taken(work: Work) -> tuple[Step | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who waits
        return None, error
