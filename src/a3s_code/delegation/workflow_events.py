"""
The milestones of a workflow, on a channel of their own.

Best effort: who is slow loses the oldest and can see how many, and whoever tells never waits. The
record of what happened is the log of the session.

Source:
    Document 003, `WorkflowEvent`; SPEC 9.7.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec

if TYPE_CHECKING:  # a workflow is made without an event loop
    import asyncio

CAPACITY = 256
"""Events that a subscriber can be behind."""


class _Tagged(msgspec.Struct, frozen=True, tag_field="type"):
    """A case of `WorkflowEvent`; as JSON its `type` says which."""


class PhaseStart(_Tagged, tag="phase_start", frozen=True):
    """A phase began; `index` counts the phases of the workflow from 0."""

    name: str
    index: int
    step_count: int


class PhaseEnd(_Tagged, tag="phase_end", frozen=True):
    """A phase has ended; steps that an earlier run had completed count as succeeded."""

    name: str
    index: int
    succeeded: int
    failed: int


class WorkflowLog(_Tagged, tag="log", frozen=True):
    """A line of `log`, or a warning of the workflow itself (`level` is `warn`)."""

    level: str
    message: str
    fields: Any = None


class WorkflowBudgetExhausted(_Tagged, tag="budget_exhausted", frozen=True):
    """The budget is spent: steps that begin now are refused, those on their way go on."""

    resource: str
    reason: str


WorkflowEvent: TypeAlias = PhaseStart | PhaseEnd | WorkflowLog | WorkflowBudgetExhausted


class WorkflowFeed:
    """
    What one subscriber has not read yet. Any thread may add, and any one read.

    Attributes:
        missed: How many events it has lost because it was more than 256 behind.
    """

    __slots__ = ("__weakref__", "_closed", "_events", "_lock", "_wakers", "missed")

    def __init__(self) -> None:
        self._events: deque[WorkflowEvent] = deque()
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []
        self._closed = False
        self.missed = 0

    def add(self, event: WorkflowEvent) -> None:
        """Take an event in; the oldest one goes when there is no room."""
        with self._lock:
            if len(self._events) >= CAPACITY:
                self._events.popleft()
                self.missed += 1
            self._events.append(event)
            wakers = self._taken()
        _call(wakers)

    def close(self) -> None:
        """Say that no more will come."""
        with self._lock:
            self._closed = True
            wakers = self._taken()
        _call(wakers)

    def take(self) -> WorkflowEvent | None:
        """Give the next event if there is one."""
        with self._lock:
            return self._events.popleft() if self._events else None

    @property
    def is_over(self) -> bool:
        """Everything was read, and no more will come."""
        return self._closed and not self._events

    def on_more(self, wake: Callable[[], object]) -> bool:
        """Have `wake` called once when there is more or the end; False when there already is."""
        with self._lock:
            if self._events or self._closed:
                return False
            self._wakers.append(wake)
            return True

    def forget(self, wake: Callable[[], object]) -> None:
        """Let `wake` not be called any more."""
        with self._lock:
            if wake in self._wakers:
                self._wakers.remove(wake)

    def _taken(self) -> list[Callable[[], object]]:
        wakers, self._wakers = self._wakers, []
        return wakers


def _call(wakers: list[Callable[[], object]]) -> None:
    for wake in wakers:
        try:
            wake()
        except RuntimeError:  # the loop of this subscriber is closed, and nobody waits there
            continue


class WorkflowChannel:
    """Tells every subscriber that is still there. It ends with the last workflow that has it."""

    __slots__ = ("__weakref__", "_closed", "_feeds", "_lock")

    def __init__(self) -> None:
        self._feeds: weakref.WeakSet[WorkflowFeed] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def send(self, event: WorkflowEvent) -> None:
        """Tell everybody; from any thread, without waiting."""
        for feed in self._all():
            feed.add(event)

    def subscribe(self) -> WorkflowFeed:
        """Give what is told from now on."""
        feed = WorkflowFeed()
        with self._lock:
            self._feeds.add(feed)
            is_over = self._closed
        if is_over:
            feed.close()
        return feed

    def close(self) -> None:
        """Let every subscriber come to an end when it has read what is there."""
        with self._lock:
            self._closed = True
        for feed in self._all():
            feed.close()

    def _all(self) -> list[WorkflowFeed]:
        with self._lock:
            return list(self._feeds)

    def __del__(self) -> None:
        self.close()


class AsyncWorkflowReceiver:
    """
    Reads the milestones of a workflow, those from `subscribe` on: `async for event in receiver`.

    It ends when the block of the workflow has ended, or nobody has the workflow any more. Several
    receivers each get everything.
    """

    __slots__ = ("_feed",)

    def __init__(self, feed: WorkflowFeed) -> None:
        self._feed = feed

    @property
    def feed(self) -> WorkflowFeed:
        """What is not read yet."""
        return self._feed

    @property
    def missed(self) -> int:
        """How many events were lost because this was more than 256 behind."""
        return self._feed.missed

    def try_recv(self) -> WorkflowEvent | None:
        """Give the next event; None when there is none now."""
        return self._feed.take()

    async def recv(self, timeout_s: float | None = None) -> WorkflowEvent | None:
        """
        Wait for the next event.

        Returns:
            None when none came in time, or none will come any more.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                while (event := self._feed.take()) is None and not self._feed.is_over:
                    await self._arrival(loop.create_future())
        except TimeoutError:
            return self._feed.take()
        return event

    async def _arrival(self, arrived: asyncio.Future[None]) -> None:
        loop = arrived.get_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(_resolve, arrived)

        try:
            if self._feed.on_more(wake):
                await arrived
        finally:
            self._feed.forget(wake)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WorkflowEvent:
        event = await self.recv()
        if event is None:
            raise StopAsyncIteration
        return event


class WorkflowReceiver:
    """
    Reads the milestones of a workflow, those from `subscribe` on: `for event in receiver`.

    The blocking twin of `AsyncWorkflowReceiver`: any thread may read.
    """

    __slots__ = ("_feed",)

    def __init__(self, inner: AsyncWorkflowReceiver, door: object = None) -> None:
        del door  # what is told needs no loop
        self._feed = inner.feed

    @property
    def missed(self) -> int:
        """How many events were lost because this was more than 256 behind."""
        return self._feed.missed

    def try_recv(self) -> WorkflowEvent | None:
        """Give the next event; None when there is none now."""
        return self._feed.take()

    def recv(self, timeout_s: float | None = None) -> WorkflowEvent | None:
        """
        Wait for the next event.

        Returns:
            None when none came in time, or none will come any more.
        """
        more = threading.Event()
        try:
            if self._feed.on_more(more.set):
                more.wait(timeout_s)
        finally:
            self._feed.forget(more.set)
        return self._feed.take()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WorkflowEvent:
        while (event := self.recv()) is None:
            if self._feed.is_over:
                raise StopIteration
        return event


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
