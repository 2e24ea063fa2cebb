"""
Whoever a host program lets answer, as an approver: an object or a function, sync or async.

Which of them it is, is told once, when the session is created. What is not async runs in a
thread of its own, so a confirmer that waits for a person never holds the loop up; a thread
that does not come back in time is left behind, and what it says then counts for nothing.

Source:
    SPEC 6.2; DESIGN 8 ("callbacks may be sync or async, decided once at registration").
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from a3s_code.harness.confirm import Confirmer, Verdict
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny


def approver_of(given: Approver | Confirmer) -> Approver:
    """Make an approver of an object with `approve`, or of a function."""
    ask: Any = getattr(given, "approve", given)
    return _Asynchronous(ask) if is_async(ask) else _Threaded(ask)


def is_async(function: object) -> bool:
    """Say whether a call of `function` gives something to wait for."""
    while isinstance(function, functools.partial):
        function = function.func
    call = getattr(function, "__call__", None)  # noqa: B004 - an object whose call is async
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


@dataclass(frozen=True, slots=True)
class _Asynchronous:
    ask: Callable[[Action, Ask], Awaitable[Verdict]]

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        return _decision(await self.ask(action, ask))


@dataclass(frozen=True, slots=True)
class _Threaded:
    ask: Confirmer

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        said = await in_thread(lambda: self.ask(action, ask))
        return _decision(await said if inspect.isawaitable(said) else said)


def _decision(said: Any) -> Allow | Deny:  # noqa: ANN401 - foreign; what is no decision is refused
    if said is True:
        return Allow("the host said yes")
    return Deny("the host said no; do not try the same again") if said is False else said


async def in_thread(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `work` gives
    """
    Run `work` in a thread that nobody has to wait for, and give what it gave or raised.

    Unlike a thread of a pool it does not keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    inside = contextvars.copy_context()

    def run() -> None:
        try:
            settle: Callable[[], None] = functools.partial(_give, answer, inside.run(work))
        except BaseException as error:  # noqa: BLE001 - foreign code; it is raised where it is awaited
            settle = functools.partial(_raise, answer, error)
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=run, name="a3s-question", daemon=True).start()
    return await answer


def _give(answer: asyncio.Future[Any], said: object) -> None:
    if not answer.done():
        answer.set_result(said)


def _raise(answer: asyncio.Future[Any], error: BaseException) -> None:
    if answer.done():
        return
    if not isinstance(error, Exception) or isinstance(error, StopIteration):
        error = RuntimeError(f"it raised {type(error).__name__}")  # none may end the loop
    answer.set_exception(error)
