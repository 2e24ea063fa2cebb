"""
Words for a run that goes on, and prompts for later.

`Steering` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_code.api.inbox import nobody
from a3s_code.api.result import AgentResult
from a3s_code.checks import check_text
from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tracked import WaitingPrompt

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.api.prompt_queue import QueuedRun
    from a3s_code.api.request import Request
    from a3s_code.kernel.log import Log

T = TypeVar("T")


class Steering(ABC):
    """Gives `AsyncSession` what can be said to it while it is at work, from any thread."""

    __slots__ = ()

    _engine: Engine | None

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raise SessionClosed when it is closed."""

    @abstractmethod
    async def _answer(self, request: Request) -> AgentResult:
        """Run a request, or a command."""

    async def steer(self, text: str) -> str:
        """
        Say something to the active run; its model is shown it with the next request.

        The words are the user's, as a prompt is: hooks of `pre_prompt` are asked about them, and
        they stay in the conversation. When the model has just answered, the run goes on with
        them. They are durable when this returns. The run's stream shows the event `steered`, the
        receipt, when they enter the conversation. A run that is cut short before leaves them to
        the next one, which has them in front of its prompt. A `/` at the beginning means nothing.

        May be called from any thread and on any loop, also by tools and hooks of the run.

        Returns:
            The id that the receipt has.

        Raises:
            InvalidType, InvalidValue: `text` is no text, or there is nothing in it.
            UsageError: no run is active, or it has its answer already; nothing was kept.
            HookBlocked: a hook would not let them in; nothing was kept.
            StoreError: they could not be made durable.
            SessionClosed: the session was closed.
        """
        _check_words(text)
        self._check_open()
        engine = self._engine
        if engine is None:
            raise nobody()
        return await self._there(lambda: engine.steer(text))

    async def queue(self, text: str) -> QueuedRun:
        """
        Have a prompt answered behind what was asked before, in a run of its own.

        Prompts that were queued begin in their order, at once when no run is active. One that
        fails, or is cancelled, does not keep the next from beginning. It is durable when this
        returns: what has not begun when the session is closed, or its process ends, is still
        there when the session goes on, and begins behind its next run. Text that starts with `/`
        is a command.

        May be called from any thread and on any loop, also by tools and hooks of a run.

        Returns:
            What waits for its turn: `await` it, or call its `result()` in a thread.

        Raises:
            InvalidType, InvalidValue: `text` is no text, or there is nothing in it.
            StoreError: it could not be made durable; it waits for its turn all the same.
            SessionClosed: the session was closed.
        """
        _check_words(text)
        self._check_open()

        async def queue() -> QueuedRun:
            return await (await self._awake()).prompts(self._answer).put(text)

        return await self._there(queue)

    def queued_prompts(self) -> list[JsonObject]:
        """
        List the prompts that wait for their turn, oldest first: `id`, `prompt`.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        waiting = log.state.waiting.items() if log else ()
        return [
            {"id": id_, "prompt": each.prompt}
            for id_, each in waiting
            if isinstance(each, WaitingPrompt)
        ]

    async def cancel_queued(self, queued_id: str) -> bool:
        """
        Take back a prompt whose run has not begun; False when there is none of this id.

        Whoever waits for it gets RunCancelled.

        Raises:
            InvalidType: the id is no text.
            SessionClosed: the session was closed.
            StoreError: it could not be made durable.
        """
        check_text("queued_id", queued_id)
        self._check_open()

        async def cancel() -> bool:
            engine = await self._awake()
            is_done = engine.prompts(self._answer).take_back(queued_id)
            await engine.log.barrier()
            return is_done

        return await self._there(cancel)

    async def _there(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run something on the loop of the session, wherever this is called."""
        import asyncio

        loop = self._engine.loop if self._engine is not None else None
        if loop is None or loop is asyncio.get_running_loop():
            return await begin()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(begin(), loop))


def _check_words(text: str) -> None:
    check_text("text", text)
    if not text.strip():
        raise InvalidValue("There is nothing in the text.", hint="say something")
