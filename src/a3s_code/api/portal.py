"""
One background event loop, callable from any thread.

Blocking callers work the same in a plain script, a notebook with a running loop and a
web worker. About 65 us per call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from a3s_code.errors import UsageError

T = TypeVar("T")

CLEANUP_S = 5.0
"""How long Ctrl-C waits for a cancelled call to end."""


class _Work(Generic[T]):
    """One coroutine on its way. `start` and `cancel` run on the loop, in that order."""

    __slots__ = ("_coroutine", "_task", "finished")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self.finished = threading.Event()
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._coroutine)
        self._task.add_done_callback(self._done)

    def _done(self, _: asyncio.Task[T]) -> None:
        self.finished.set()

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def result(self) -> T:
        self.finished.wait()
        assert self._task is not None
        return self._task.result()


class Portal:
    """Owns the loop and its thread; both end with `close`, or with the process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="a3s", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine to its end and give its result.

        On Ctrl-C it is cancelled, given `CLEANUP_S` to clean up, and the interrupt goes on.

        Raises:
            UsageError: called from inside the loop, where blocking would never end.
        """
        if self.is_here:
            coroutine.close()
            raise UsageError("A blocking call from inside the loop.", hint="await the Async API")
        work = _Work(coroutine)
        try:  # submission included: an interrupt may arrive before it returns
            self._loop.call_soon_threadsafe(work.start)
            return work.result()
        except BaseException:
            if not work.finished.is_set():
                self._loop.call_soon_threadsafe(work.cancel)
                work.finished.wait(CLEANUP_S)
            raise

    def invoke(self, function: Callable[[], T]) -> T:
        """Run a plain function on the loop's thread and give its result."""

        async def run() -> T:
            return function()

        return self.call(run())

    @property
    def is_open(self) -> bool:
        return not self._loop.is_closed()

    @property
    def is_here(self) -> bool:
        """The caller is on the loop's own thread."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """
        Stop the loop after what is already scheduled; does nothing the second time.

        On the loop's own thread it only stops, since a thread cannot wait for itself.
        """
        if not self.is_open:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self.is_here:
            return
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
