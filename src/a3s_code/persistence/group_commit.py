"""
One thread that makes the writes of many sessions durable together.

All that is queued when the thread is free becomes one commit. A waiting barrier starts it
at once; without one, writes are gathered for `WRITE_BEHIND_S` first. The thread starts
with the first write and ends after `IDLE_S` without any, so a store that nobody uses holds
no thread and no open file. Writes may come from any thread, and barriers from any number
of event loops.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId

WRITE_BEHIND_S = 0.05
IDLE_S = 10.0
DEADLINE_S = 60.0
"""How long a barrier waits before the medium counts as broken."""


class Key(Protocol):
    """As whom something is written; hashable."""

    @property
    def session(self) -> SessionId: ...


K = TypeVar("K", bound=Key)
W = TypeVar("W")
W_contra = TypeVar("W_contra", contravariant=True)


class Medium(Protocol[K, W_contra]):
    """What writes go to. Used by the writer thread only, from opening to closing."""

    def commit(self, writes: Sequence[tuple[K, W_contra]]) -> Mapping[K, StoreError]:
        """
        Make all of `writes` durable, but for those of writers that are refused.

        Returns:
            Why which writers were refused; nothing of them after that point was written.

        Raises:
            StoreError: nothing of this commit may be taken for durable.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Waiter:
    ticket: int
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Future[None]


class GroupCommit(Generic[K, W]):
    """
    Args:
        open_medium: Called on the writer thread, before its first commit.
        name: Of the thread.
        what: What errors call the store.
    """

    def __init__(
        self, open_medium: Callable[[], Medium[K, W]], name: str, what: str = "session store"
    ) -> None:
        self._open_medium, self._name, self._what = open_medium, name, what
        self._changed = threading.Condition(threading.Lock())
        self._queue: list[tuple[K, W]] = []
        self._last_ticket = 0
        self._settled_ticket = 0
        self._pending: dict[K, int] = {}
        self._waiters: list[_Waiter] = []
        self._refused: dict[K, StoreError] = {}
        self._failure: StoreError | None = None
        self._closed = self._hurry = False
        self._thread: threading.Thread | None = None
        self._thread_goes_on = False
        self._process = 0
        self.commits = 0

    # Any thread

    def add(self, key: K, write: W, *, at_once: bool = False, always: bool = False) -> None:
        """
        Queue one write. It is dropped when the medium or its writer has failed.

        Args:
            at_once: Do not wait for others to go with it.
            always: Queue it also when its writer was refused.

        Raises:
            StoreError: closed, or carried over into another process by a fork.
        """
        self._check_process()
        with self._changed:
            if self._closed:
                raise _closed(self._what)
            if self._failure is not None or (key in self._refused and not always):
                return
            self._last_ticket += 1
            self._queue.append((key, write))
            self._pending[key] = self._last_ticket
            self._hurry = self._hurry or at_once
            if not self._thread_goes_on:
                self._start()
            elif at_once or len(self._queue) == 1:
                self._changed.notify()

    def refuse(self, key: K, error: StoreError) -> None:
        """
        Acknowledge nothing more of a writer, because of `error`.

        Raises:
            StoreError: as `add`.
        """
        self._check_process()
        with self._changed:
            if self._closed:
                raise _closed(self._what)
            self._refused.setdefault(key, error)

    def accept(self, key: K) -> None:
        """Take writes of `key` again; whoever calls this knows what is stored of it."""
        with self._changed:
            self._refused.pop(key, None)

    async def durable(self, key: K) -> None:
        """
        Return when every write of `key` so far is durable.

        Raises:
            StoreError: one of them is not, and never will be.
        """
        if self._closed:
            raise _closed(self._what)
        self._check_process()
        await self._settled(self._pending.get(key, 0))
        error = self._failure or self._refused.get(key)
        if error is not None:
            raise _again(error)

    async def handled(self, session: SessionId | None = None) -> None:
        """Return when every write so far (of one session, or all) is durable or dropped."""
        self._check_process()
        with self._changed:
            chosen = [t for key, t in self._pending.items() if session in (None, key.session)]
        await self._settled(max(chosen, default=0))

    async def _settled(self, ticket: int) -> None:
        with self._changed:
            if ticket <= self._settled_ticket:
                return
            loop = asyncio.get_running_loop()
            waiter = _Waiter(ticket, loop, loop.create_future())
            self._waiters.append(waiter)
            self._changed.notify()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await waiter.woken
        except TimeoutError:
            self._fail(_late())

    async def close(self) -> None:
        """
        Write what is queued and end the thread; further writes raise.

        Raises:
            StoreError: the medium has failed, now or before.
        """
        self._check_process()
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            await _joined(thread)
            if thread.is_alive():
                self._fail(_late())
        if self._failure is not None:
            raise _again(self._failure)

    def end(self) -> None:
        """Write what is queued and end the thread, from any thread, and tell nobody of failures."""
        thread = self._thread
        if thread is None or self._process != os.getpid():
            return
        with self._changed:
            self._closed = True
            self._changed.notify()
        thread.join(DEADLINE_S)

    @property
    def failure(self) -> StoreError | None:
        """Why nothing will be acknowledged any more."""
        return self._failure

    @property
    def has_failed(self) -> bool:
        """Nothing will be acknowledged any more."""
        return self._failure is not None

    def _check_process(self) -> None:
        # Before the lock: the thread that held it may not exist on this side of a fork.
        if self._thread_goes_on and self._process != os.getpid():
            raise StoreError(
                f"This {self._what} was in use when the process forked.",
                hint="make a new store in the child process",
            )

    def _start(self) -> None:
        self._process = os.getpid()
        self._thread_goes_on = True
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _fail(self, error: StoreError) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._queue.clear()
            ready = self._take_waiters(self._last_ticket)
        _wake(ready)

    def _take_waiters(self, ticket: int) -> list[_Waiter]:
        """Settle everything up to `ticket`, under the lock; who waited for it is returned."""
        self._settled_ticket = ticket
        self._pending = {key: last for key, last in self._pending.items() if last > ticket}
        ready = [waiter for waiter in self._waiters if waiter.ticket <= ticket]
        self._waiters = [waiter for waiter in self._waiters if waiter.ticket > ticket]
        return ready

    # The writer thread

    def _run(self) -> None:
        medium: Medium[K, W] | None = None
        try:
            while (batch := self._next_batch()) is not None:
                writes, ticket = batch
                medium = medium or self._open_medium()
                refused = medium.commit(writes)
                self._settle(ticket, refused)
        except StoreError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - border: barriers must not wait for a dead thread
            self._fail(_caused(StoreError(f"The {self._what} broke: {error!r}"), error))
        finally:
            if medium is not None:
                medium.close()

    def _next_batch(self) -> tuple[list[tuple[K, W]], int] | None:
        """Wait for writes; None when there will be none, and the thread has to end."""
        with self._changed:
            while not self._queue:
                if self._closed or self._failure is not None or not self._wait_idle():
                    self._thread_goes_on = False
                    return None
            if not self._waiters and not self._closed and not self._hurry:
                self._changed.wait(WRITE_BEHIND_S)
            writes, self._queue, self._hurry = self._queue, [], False
            return writes, self._last_ticket

    def _wait_idle(self) -> bool:
        return self._changed.wait(IDLE_S) or bool(self._queue)

    def _settle(self, ticket: int, refused: Mapping[K, StoreError]) -> None:
        with self._changed:
            self.commits += 1
            self._refused.update(refused)
            ready = self._take_waiters(ticket)
        _wake(ready)


def _wake(waiters: Sequence[_Waiter]) -> None:
    """Wake the waiters of each loop with one call."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    for waiter in waiters:
        by_loop[waiter.loop].append(waiter.woken)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_finish, futures)
        except RuntimeError:  # the loop was closed, and with it who waited
            continue


def _finish(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _late() -> StoreError:
    return StoreError(
        f"The store did not answer within {DEADLINE_S:.0f} s.",
        hint="check the disk, then resume the session with a new store",
    )


def _closed(what: str) -> StoreError:
    return StoreError(f"The {what} was closed.", hint="make a new store")


def _again(error: StoreError) -> StoreError:
    """Copy an error, so that each raise has a traceback of its own."""
    return _caused(type(error)(error.message, hint=error.hint), error.__cause__)


def _caused(error: StoreError, cause: BaseException | None) -> StoreError:
    error.__cause__ = cause
    return error


async def _joined(thread: threading.Thread) -> None:
    try:
        joining = asyncio.get_running_loop().run_in_executor(None, thread.join, DEADLINE_S)
    except RuntimeError:  # the process is ending, and there are no other threads any more
        thread.join(DEADLINE_S)
    else:
        await joining
