"""
The events of one run, on their way to one reader.

The run puts events into a deque on its own loop; the reader, a thread or a coroutine on
any loop, takes what is there without waiting and sleeps only when there is nothing. It is
woken at most once per step of the run's loop, so a burst of deltas costs one hand-over.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Self

from a3s_code.api.event import AgentEvent, project
from a3s_code.api.forked import Process
from a3s_code.errors import A3SError, UsageError
from a3s_code.kernel.events import RunEvent, RunFailed


class Channel:
    """
    One producer on `loop`, one reader anywhere. Unbounded: a slow reader loses nothing.

    Attributes:
        has_failed: The last event said that the run failed.
    """

    __slots__ = ("_done", "_flushing", "_items", "_loop", "_wake", "has_failed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[RunEvent] = deque()
        self._done = False
        self._flushing = False
        self.has_failed = False
        self._wake: Callable[[], object] | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def push(self, event: RunEvent) -> None:
        """Add an event; on the loop's thread only."""
        self._items.append(event)
        self.has_failed = isinstance(event, RunFailed)
        if self._wake is not None and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def finish(self) -> None:
        """Say that nothing more will come; on the loop's thread only."""
        self._done = True
        self._flush()

    def take(self) -> RunEvent | None:
        """Give the next event if there is one."""
        return self._items.popleft() if self._items else None

    @property
    def drained(self) -> bool:
        return self._done and not self._items

    def on_more(self, wake: Callable[[], object]) -> bool:
        """Have `wake` called once when there is more; False when there already is."""
        self._wake = wake
        if self._items or self._done:
            self._wake = None
            return False
        return True

    def _flush(self) -> None:
        self._flushing = False
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()


def open_stream(produce: Callable[[Callable[[RunEvent], None]], Awaitable[object]]) -> EventStream:
    """
    Start `produce` as a task on the running loop, and give its events.

    Args:
        produce: Runs to its end and shows each event to the function it is given. What it
            raises becomes the last event, unless its own last event told it already.
    """
    loop = asyncio.get_running_loop()
    channel = Channel(loop)
    task = loop.create_task(_produce(channel, produce))
    return EventStream(channel, task.cancel)


async def _produce(
    channel: Channel, produce: Callable[[Callable[[RunEvent], None]], Awaitable[object]]
) -> None:
    try:
        await produce(channel.push)
    except Exception as error:  # noqa: BLE001 - the reader is told by an event
        if not channel.has_failed:
            known = isinstance(error, A3SError)
            text = str(error) if known else f"{type(error).__name__}: {error}"
            channel.push(RunFailed(message=text, kind=error.code if known else "run"))
    finally:
        channel.finish()


class EventStream:
    """
    Iterate with `for` or `async for`; it ends after the `end` or `error` event.

    `close()`, the end of a `with` block, or dropping the last reference cancels the run; a
    stream that is still held, and that nobody reads, runs to its end. A failure of the run
    is its `error` event, not an exception.

    Source:
        SPEC 1.10 and 3.1.
    """

    __slots__ = ("_cancel", "_channel", "_closed", "_owner", "_process", "_woken")

    def __init__(self, channel: Channel, cancel: Callable[[], object]) -> None:
        self._channel, self._cancel = channel, cancel
        self._closed = False
        self._owner: object = None
        self._process = Process()
        self._woken = threading.Event()

    def keep(self, owner: object) -> None:
        """Hold what must not go away before the stream does."""
        self._owner = owner

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> AgentEvent:
        while True:
            event = self._channel.take()
            if event is not None:
                return project(event)
            if self._channel.drained:
                raise StopIteration
            self._wait()

    def _wait(self) -> None:
        self._process.check()
        if _running_loop() is self._channel.loop:
            raise UsageError("A blocking read inside the loop.", hint="use 'async for'")
        self._woken.clear()
        try:
            if self._channel.on_more(self._woken.set):
                self._woken.wait()
        except BaseException:
            self.close()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AgentEvent:
        while True:
            event = self._channel.take()
            if event is not None:
                return project(event)
            if self._channel.drained:
                raise StopAsyncIteration
            await self._arrival()

    async def _arrival(self) -> None:
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def wake() -> None:
            if loop is self._channel.loop:
                _resolve(arrived)
            else:
                loop.call_soon_threadsafe(_resolve, arrived)

        try:
            if self._channel.on_more(wake):
                await arrived
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Cancel the run if it has not ended. May be called from any thread, and twice."""
        if self._closed or self._channel.drained or self._channel.loop.is_closed():
            return
        if self._process.is_another:  # the run is the parent's
            return
        self._closed = True
        self._channel.loop.call_soon_threadsafe(self._cancel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
