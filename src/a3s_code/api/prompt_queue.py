"""
Prompts that wait for their turn: each becomes a run of its own, one after the other.

They wait in the log, so those of an ended process are still there when the session goes on; they
begin behind its next run.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, Protocol

from a3s_code.api.outlet import Outlet
from a3s_code.api.request import Request
from a3s_code.api.result import AgentResult
from a3s_code.capabilities.commands import parse as parse_command
from a3s_code.errors import RunCancelled, SessionClosed, UsageError
from a3s_code.harness.budgets.meter import on_its_own
from a3s_code.kernel.border import described
from a3s_code.kernel.log import Log
from a3s_code.kernel.records import PromptLeft, PromptQueued
from a3s_code.kernel.tracked import WaitingPrompt

_WORK = "prompts"
TAKEN_BACK = "It was taken back before its run began."
CLOSED = "The session was closed before its run began; what was asked is still in its log."


class Place(Protocol):
    """What the queue uses of the session."""

    @property
    def log(self) -> Log: ...
    @property
    def new_id(self) -> Callable[[str], str]: ...
    @property
    def is_closing(self) -> bool: ...
    def outlet(self) -> Outlet: ...
    def launch(
        self,
        key: str,
        begin: Callable[[], Coroutine[Any, Any, object]],
        on_end: Callable[[], None],
    ) -> None: ...


class QueuedRun:
    """
    A prompt that waits for its turn, and then its run. Made by `Session.queue`.

    `await queued` gives its result in a coroutine, on any loop; `queued.result()` in a thread.

    Attributes:
        id: As in `queued_prompts`.
        prompt: What is asked.
    """

    __slots__ = ("_future", "_loop_thread", "id", "prompt")

    def __init__(self, id: str, prompt: str, loop_thread: int) -> None:  # noqa: A002 - its public name
        self.id, self.prompt = id, prompt
        self._loop_thread = loop_thread
        self._future: Future[AgentResult] = Future()

    @property
    def is_done(self) -> bool:
        """Its run has ended, or will never begin."""
        return self._future.done()

    def result(self, timeout_s: float | None = None) -> AgentResult:
        """
        Wait for the end of its run, and give its answer.

        Raises:
            TimeoutError: it has not ended after `timeout_s`; it goes on.
            SessionClosed: the session was closed before it began.
            RunCancelled: it was stopped, or taken back by `cancel_queued`.
            A3SError: as `send` raises.
            UsageError: called on the thread of the loop that runs it, which would never end.
        """
        if not self.is_done and threading.get_ident() == self._loop_thread:
            raise UsageError("A blocking wait inside the loop.", hint="use 'await' instead")
        try:
            return self._future.result(timeout_s)
        except TimeoutError:
            if self.is_done:  # the run itself raised it
                raise
            raise TimeoutError(
                f"{self.id} has not ended after {timeout_s:g} s; it goes on."
            ) from None

    def __repr__(self) -> str:
        return f"QueuedRun({self.id!r}, {'done' if self.is_done else 'waiting'})"

    def __await__(self) -> Generator[None, None, AgentResult]:
        ended = asyncio.wrap_future(self._future)
        ended.add_done_callback(_seen)  # also when nobody waits for it any more
        return asyncio.shield(ended).__await__()

    def succeed(self, result: AgentResult) -> None:
        """Say that its run has ended well; what comes later changes nothing."""
        if not self._future.done():
            self._future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Say that there is no answer; what comes later changes nothing."""
        if not self._future.done():
            self._future.set_exception(error)


def _seen(ended: asyncio.Future[AgentResult]) -> None:
    if not ended.cancelled():
        ended.exception()


class PromptQueue:
    """
    Of one session.

    Args:
        answer: Runs a request as `send` does.
    """

    __slots__ = ("_answer", "_handles", "_is_at_work", "_session")

    def __init__(self, session: Place, answer: Callable[[Request], Awaitable[AgentResult]]) -> None:
        self._session, self._answer = session, answer
        self._handles: dict[str, QueuedRun] = {}
        self._is_at_work = False

    async def put(self, prompt: str) -> QueuedRun:
        """
        Take in a prompt; durable when this returns.

        Raises:
            SessionClosed: the session is closed.
            StoreError: it could not be made durable; it waits for its turn all the same.
        """
        handle = QueuedRun(self._session.new_id("queued"), prompt, threading.get_ident())
        sink = self._session.outlet()
        sink.emit(PromptQueued(id=handle.id, prompt=prompt))
        self._handles[handle.id] = handle
        self.wake()
        await sink.barrier()
        return handle

    def take_back(self, id_: str) -> bool:
        """Have a prompt wait no more; False when it does not wait."""
        if not isinstance(self._session.log.state.waiting.get(id_), WaitingPrompt):
            return False
        self._leave(id_, "cancelled")
        handle = self._handles.pop(id_, None)
        if handle is not None:
            handle.fail(RunCancelled(TAKEN_BACK))
        return True

    def wake(self) -> None:
        """Begin with what waits, unless that is being done."""
        if not self._is_at_work and self._next() is not None and not self._session.is_closing:
            self._is_at_work = True
            self._session.launch(_WORK, self._drain, self._stopped)

    def _next(self) -> QueuedRun | None:
        """Give what waits longest; of one of an ended process only what was recorded is there."""
        for id_, waiting in self._session.log.state.waiting.items():
            if isinstance(waiting, WaitingPrompt):
                known = self._handles.get(id_)
                return known or QueuedRun(id_, waiting.prompt, threading.get_ident())
        return None

    async def _drain(self) -> None:
        with on_its_own():  # whoever queued the first of them, such as a step with a budget
            while (queued := self._next()) is not None:
                await self._run(queued)

    async def _run(self, queued: QueuedRun) -> None:
        """Run one; what goes wrong is told to whoever waits for it, and the next one begins."""
        if parse_command(queued.prompt) is not None:
            self._leave(queued.id, "a command begins")
        try:
            queued.succeed(await self._answer(Request(queued.prompt, queued=queued.id)))
        except (asyncio.CancelledError, SessionClosed):
            if queued.id not in self._session.log.state.waiting:
                queued.fail(RunCancelled("The session was closed while this ran."))
            raise
        except Exception as error:  # noqa: BLE001 - a model may be foreign code; its caller is told
            queued.fail(error)
            if queued.id in self._session.log.state.waiting:
                self._leave(queued.id, described(error))
        self._handles.pop(queued.id, None)

    def _stopped(self) -> None:
        """Tell all that wait still, when this ended because the session did."""
        self._is_at_work = False
        for handle in self._handles.values():
            handle.fail(SessionClosed(CLOSED))
        self._handles.clear()

    def _leave(self, id_: str, why: str) -> None:
        self._session.outlet().emit(PromptLeft(id=id_, why=why))
