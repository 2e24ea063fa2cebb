"""
Messages between the members of a team, each with a box of its own.

Source:
    A3S Code README of the 0.9 crate, "Agent Teams"; SPEC 9.8.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from a3s_code.checks import check_positive

if TYPE_CHECKING:  # a team that is only set up needs no event loop
    import asyncio

BUFFER = 128
"""Messages that wait in one box, unless it is told otherwise."""


class TeamMessage(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        sender: The member that it is from; `from` in its JSON.
        task_id: The task that it is about; None for none.
        timestamp: Unix seconds.
    """

    sender: str = msgspec.field(name="from")
    to: str
    content: str
    task_id: str | None = None
    timestamp: int = msgspec.field(default_factory=lambda: int(time.time()))


class TeamReceiver:
    """
    The box of one member. It is read from any thread, or from a coroutine.

    Args:
        buffer: Messages that wait at most.

    Raises:
        InvalidValue: `buffer` is not above 0.
    """

    __slots__ = ("_buffer", "_closed", "_messages", "_news", "_waiting")

    def __init__(self, buffer: int = BUFFER) -> None:
        check_positive("channel_buffer", buffer)
        self._buffer = buffer
        self._messages: deque[TeamMessage] = deque()
        self._news = threading.Condition()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._closed = False

    def put(self, message: TeamMessage) -> bool:
        """Leave a message; False when the box is full or closed, and it was not left."""
        with self._news:
            if self._closed or len(self._messages) >= self._buffer:
                return False
            self._messages.append(message)
            self._tell()
        return True

    def close(self) -> None:
        """Take no more messages; what waits can still be read."""
        with self._news:
            self._closed = True
            self._tell()

    def try_recv(self) -> TeamMessage | None:
        """Give the next message, or None when there is none now."""
        with self._news:
            return self._messages.popleft() if self._messages else None

    def recv(self, timeout_s: float | None = None) -> TeamMessage | None:
        """
        Wait for the next message, and block until then.

        Args:
            timeout_s: Seconds after which nobody waits any more; None = for as long as it takes.

        Returns:
            None when none came in time, or the member is not in the team any more.
        """
        with self._news:
            self._news.wait_for(lambda: self._messages or self._closed, timeout_s)
            return self._messages.popleft() if self._messages else None

    def __iter__(self) -> Iterator[TeamMessage]:
        """Give messages as they come, until the member is removed."""
        while (message := self.recv()) is not None:
            yield message

    async def next(self) -> TeamMessage | None:
        """Wait for the next message in a coroutine; None when none will come."""
        import asyncio

        while True:
            with self._news:
                if self._messages:
                    return self._messages.popleft()
                if self._closed:
                    return None
                waiter = asyncio.get_running_loop(), asyncio.Event()
                self._waiting.append(waiter)
            try:
                await waiter[1].wait()
            finally:
                with self._news:
                    if waiter in self._waiting:
                        self._waiting.remove(waiter)

    async def __aiter__(self) -> AsyncIterator[TeamMessage]:
        """Give messages as they come, until the member is removed."""
        while (message := await self.next()) is not None:
            yield message

    def _tell(self) -> None:
        self._news.notify_all()
        for loop, event in self._waiting:
            with suppress(RuntimeError):  # its loop was closed, and nobody waits there
                loop.call_soon_threadsafe(event.set)
        self._waiting.clear()
