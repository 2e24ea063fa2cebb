"""
One background event loop, callable from any thread.

Blocking callers work the same in a plain script, a notebook with a running loop and a
web worker. About 65 us per call. A child process that was forked has the object and not
the thread: there, every call is refused and closing does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from a3s_code.api.forked import Process
from a3s_code.errors import SessionClosed, UsageError

T = TypeVar("T")

CLEANUP_S = 5.0
"""How long Ctrl-C waits for a cancelled call to end."""


class _Work(Generic[T]):
    """One coroutine on its way. `start` and `cancel` run on the loop, in that order."""

    __slots__ = ("_coroutine", "_task", "_told", "finished")

    def __init__(
        self, coroutine: Coroutine[Any, Any, T], told: Callable[[], object] | None = None
    ) -> None:
        self.finished = threading.Event()
        self._coroutine, self._told = coroutine, told
        self._task: asyncio.Task[T] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._coroutine)
        self._task.add_done_callback(self._done)

    def _done(self, _: asyncio.Task[T] | None = None) -> None:
        self.finished.set()
        if self._told is not None:
            self._told()

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def give_up(self) -> None:
        """Let go of who waits: the loop is gone, and nothing will come any more."""
        if self._task is None:
            self._coroutine.close()
        self._done()

    def result(self) -> T:
        self.finished.wait()
        if self._task is None or not self._task.done() or self._task.cancelled():
            raise _closed()
        return self._task.result()


class Portal:
    """Owns the loop and its thread; both end with `close`, or with the process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = Process()
        self._stopping = False
        self._works: set[_Work[Any]] = set()
        self._thread = threading.Thread(target=self._serve, name="a3s", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        """Run the loop. `SystemExit` in foreign code reaches who called it, and ends no loop."""
        while not self._stopping:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                continue

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine to its end and give its result.

        On Ctrl-C it is cancelled, given `CLEANUP_S` to clean up, and the interrupt goes on.

        Raises:
            UsageError: called from inside the loop, where blocking would never end, or in
                a process that was forked after the portal was made.
            SessionClosed: the agent was closed, before or while this ran.
        """
        if self.is_foreign:
            coroutine.close()
            self._process.check()
        if self.is_here:
            coroutine.close()
            raise UsageError("A blocking call from inside the loop.", hint="await the Async API")
        work = _Work(coroutine)
        self._works.add(work)
        try:  # submission included: an interrupt may arrive before it returns
            self._submit(work)
            return work.result()
        except BaseException:
            if not work.finished.is_set() and self.is_open:
                self._loop.call_soon_threadsafe(work.cancel)
                work.finished.wait(CLEANUP_S)
            raise
        finally:
            self._works.discard(work)

    async def join(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine to its end for a caller on another loop.

        When the caller is cancelled so is the coroutine, which has `CLEANUP_S` to clean up.

        Raises:
            UsageError, SessionClosed: as `call`.
        """
        if self.is_foreign:
            coroutine.close()
            self._process.check()
        own, over = asyncio.get_running_loop(), asyncio.Event()

        def told() -> None:
            with contextlib.suppress(RuntimeError):  # the caller's loop has ended
                own.call_soon_threadsafe(over.set)

        work = _Work(coroutine, told)
        self._works.add(work)
        try:
            self._submit(work)
            await over.wait()
        except asyncio.CancelledError:
            if self.is_open:
                self._loop.call_soon_threadsafe(work.cancel)
                await _ended(over)
            raise
        finally:
            self._works.discard(work)
        return work.result()

    def _submit(self, work: _Work[Any]) -> None:
        try:
            if self._stopping:
                raise RuntimeError  # noqa: TRY301 - the same as a loop that is closed already
            self._loop.call_soon_threadsafe(work.start)
        except RuntimeError:
            work.give_up()

    def invoke(self, function: Callable[[], T]) -> T:
        """Run a plain function on the loop's thread and give its result."""

        async def run() -> T:
            return function()

        return self.call(run())

    @property
    def is_stopping(self) -> bool:
        """`close` was called."""
        return self._stopping

    @property
    def is_open(self) -> bool:
        return not self._loop.is_closed()

    @property
    def is_foreign(self) -> bool:
        """The caller is in a child process; the loop and its thread are the parent's."""
        return self._process.is_another

    @property
    def is_here(self) -> bool:
        """The caller is on the loop's own thread."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """
        Cancel what runs, stop the loop and let go of every caller; does nothing twice.

        Threads that foreign functions still use are left to end by themselves. On the
        loop's own thread the loop only stops, since a thread cannot wait for itself.
        """
        if self._stopping or self.is_foreign:
            return
        if not self.is_here:
            with contextlib.suppress(SessionClosed):
                self.call(_cancel_all())
        self._stopping = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self.is_here:
            return
        self._thread.join()
        self._loop.close()
        for work in list(self._works):
            work.give_up()


async def _cancel_all() -> None:
    """End every task but this one, and the generators and threads that they leave."""
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=CLEANUP_S)
    await loop.shutdown_asyncgens()


async def _ended(over: asyncio.Event) -> None:
    """Wait for an end that was asked for, also when this is cancelled once more; not for ever."""
    loop = asyncio.get_running_loop()
    until = loop.time() + CLEANUP_S
    while not over.is_set() and (left_s := until - loop.time()) > 0:
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(over.wait(), left_s)


def _closed() -> SessionClosed:
    return SessionClosed("The agent was closed.", hint="make a new one")
