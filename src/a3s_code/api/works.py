"""
The works of one session: each has an owner, can be stopped, and is waited for.

A work is a task of its own. Those that change the conversation take the session's turn,
one after the other; the others run beside them. Whoever waits for a work may be cancelled
any number of times: the work is then stopped, and only when it has ended does the
cancellation go on, so what comes next never overlaps with what was cut short. Nobody
waits longer than `stop_s` for a work that was told to stop.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from a3s_code.errors import RunCancelled, SessionClosed, UsageError
from a3s_code.kernel.perseverance import stopped

T = TypeVar("T")

STOP_S = 10.0
"""How long a work may take to stop; a command's processes are given 3 s of it."""

_INSIDE: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("a3s_works", default=())
"""Keys of the works, of any session, that the code that runs now is part of."""


def is_inside(key: str) -> bool:
    """Say whether the caller is part of the work `key`; threads of its tools are."""
    return key in _INSIDE.get()


@dataclass(frozen=True, slots=True)
class Stopped:
    """
    Attributes:
        count: Works that were told to stop.
        left: Keys of those that did not stop in time and go on by themselves.
    """

    count: int
    left: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class _Work:
    """`waiter` is what somebody waits for; None when nobody does."""

    task: asyncio.Task[Any]
    waiter: asyncio.Future[Any] | None = None


class Works:
    """
    All of them run on the loop of the first one; a loop that is gone is replaced.

    Args:
        on_idle: Called when the last of them has ended.
        blank: Called with what a work raises, before anybody sees it.

    Attributes:
        stop_s: How long a work may take to stop.
    """

    __slots__ = ("_blank", "_closed", "_holder", "_loop", "_on_idle", "_turn", "_works", "stop_s")

    def __init__(
        self,
        on_idle: Callable[[], None],
        stop_s: float = STOP_S,
        blank: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.stop_s, self._on_idle, self._blank = stop_s, on_idle, blank
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._holder = ""
        self._works: dict[str, _Work] = {}
        self._closed = False

    @property
    def holder(self) -> str:
        """The key of the work whose turn it is; empty when it is nobody's."""
        return self._holder

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that all of them run on; None before the first one, or when it is gone."""
        return None if self._loop is None or self._loop.is_closed() else self._loop

    @property
    def is_closed(self) -> bool:
        """`close` was called."""
        return self._closed

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncGenerator[None]:
        """
        Wait for the session's turn, and have it during the block for the work `key`.

        Raises:
            UsageError: asked from inside the work that has it, which would never end; or
                the one before was stopped and goes on nevertheless.
            SessionClosed: `close` was called, also while this waited.
        """
        self._check_loop()
        if self._holder and is_inside(self._holder):
            raise UsageError(
                "This session is in the middle of a run, and the call came from inside it.",
                hint="use another session, or make the call when the run has ended",
            )
        async with self._turn:
            self._check_open()
            if self._holder:
                raise UsageError(
                    "What was stopped in this session still goes on.",
                    hint="wait until its tool returns, or close the session",
                )
            self._holder = key
            try:
                yield
            finally:
                work = self._works.get(key)
                if work is None or work.task.done():
                    self._holder = ""

    async def run(self, key: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Run what `begin` makes as a task of its own to its end.

        Raises:
            RunCancelled: somebody stopped it by its key.
            SessionClosed: `close` was called.
        """
        work = self._begin(key, begin, (*_INSIDE.get(), key), contextvars.copy_context())
        task = work.task
        waiter = work.waiter = asyncio.shield(task)
        waiting = asyncio.current_task()
        before = waiting.cancelling() if waiting else 0
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiting is None or waiting.cancelling() == before:
                raise RunCancelled(_cancelled(task)) from None
            await stopped(task, self.stop_s)
            raise
        except BaseException as error:
            if self._blank is not None:
                self._blank(error)
            raise

    def launch(
        self,
        key: str,
        begin: Callable[[], Coroutine[Any, Any, object]],
        on_end: Callable[[], None],
        *,
        is_apart: bool = False,
    ) -> None:
        """
        Run what `begin` makes as a task of its own that nobody waits for.

        It is part of no other work, whoever launches it, so it may wait for the turn.

        Args:
            on_end: Called when it has ended, also before its first step.
            is_apart: It has nothing of the context of whoever launches it, such as a budget.

        Raises:
            SessionClosed: `close` was called.
        """
        inside = contextvars.Context() if is_apart else contextvars.copy_context()
        self._begin(key, begin, (key,), inside, on_end)

    def _begin(
        self,
        key: str,
        begin: Callable[[], Coroutine[Any, Any, Any]],
        part_of: tuple[str, ...],
        inside: contextvars.Context,
        on_end: Callable[[], None] | None = None,
    ) -> _Work:
        self._check_loop()
        self._check_open()
        inside.run(_INSIDE.set, part_of)
        work = self._works[key] = _Work(asyncio.create_task(begin(), context=inside))
        if on_end is not None:  # while this is a work still, so that it may write into the log
            work.task.add_done_callback(lambda _: on_end())
        work.task.add_done_callback(lambda _: self._forget(key, work))
        return work

    async def stop(self, chosen: Callable[[str], bool]) -> Stopped:
        """Cancel those whose key is chosen, and wait for them; nobody waits for what is left."""
        if self._works:
            self._check_loop()
        works = {key: work for key, work in self._works.items() if chosen(key)}
        if not works:
            return Stopped(0)
        for work in works.values():
            work.task.cancel()
        await asyncio.wait([work.task for work in works.values()], timeout=self.stop_s)
        left = {key: work for key, work in works.items() if not work.task.done()}
        for work in left.values():
            if work.waiter is not None:
                work.waiter.cancel()
        return Stopped(len(works), tuple(left))

    async def close(self) -> Stopped:
        """Refuse what comes, and stop what runs."""
        self._closed = True
        return await self.stop(lambda _: True)

    def _forget(self, key: str, work: _Work) -> None:
        if not work.task.cancelled():
            work.task.exception()  # seen, also when nobody waits for it any more
        if self._works.get(key) is work:
            del self._works[key]
            self._holder = "" if self._holder == key else self._holder
        if not self._works:
            self._on_idle()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed("The session is closed.", hint="open a new one, or resume this one")

    def _check_loop(self) -> None:
        """
        Make sure that the caller is on the session's loop.

        Raises:
            UsageError: it is on another one.
        """
        running = asyncio.get_running_loop()
        if self._loop is None or self._loop.is_closed():
            self._loop, self._turn = running, asyncio.Lock()
            self._holder = ""
            self._works.clear()
        if self._loop is not running:
            raise UsageError(
                "This session belongs to another event loop.",
                hint="use one AsyncSession on one loop, or the blocking Session from any thread",
            )


def _cancelled(task: asyncio.Task[Any]) -> str:
    ended = "It was cancelled."
    return ended if task.done() else f"{ended[:-1]}, did not stop in time, and was left behind."
