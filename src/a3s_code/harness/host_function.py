"""
A function of the host program: whether it waits, and a thread for one that does not.

What waits is told once, when the function is given. What does not wait is called in a thread
of its own, so it never holds up the loop, nor the end of the process.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def is_async(function: object) -> bool:
    """Say whether a call of `function` gives something to wait for."""
    while isinstance(function, functools.partial):
        function = function.func
    call = getattr(function, "__call__", None)  # noqa: B004 - an object whose call is async
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _unheard(_: threading.Thread) -> None: ...


async def in_thread(
    call: Callable[[], object], left: Callable[[threading.Thread], None] = _unheard
) -> object:
    """
    Give what `call` returns, and raise what it raises.

    The thread has the context variables of the caller. Whoever stops waiting leaves it
    behind: it goes on by itself, and the process does not wait for it in its end.

    Args:
        left: Told of a thread that is left behind.

    Raises:
        RuntimeError: it raised what would end a program, or a task.
        Exception: whatever else it raised.
    """
    import asyncio  # functions are told apart where a session is made, without an event loop

    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[object, BaseException | None]] = loop.create_future()

    def run() -> None:
        try:
            outcome: tuple[object, BaseException | None] = (call(), None)
        except BaseException as error:  # noqa: BLE001 - foreign code; raised where it is waited for
            outcome = (None, error)
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_settle, ended, outcome)

    inside = contextvars.copy_context()
    thread = threading.Thread(target=inside.run, args=(run,), daemon=True, name="a3s-host")
    thread.start()
    try:
        value, error = await ended
    except asyncio.CancelledError:
        left(thread)
        raise
    if error is None:
        return value
    if isinstance(error, Exception):
        raise error
    did = f"called sys.exit({error.code!r})" if isinstance(error, SystemExit) else ""
    raise RuntimeError(f"it {did or f'raised {type(error).__name__}'}") from error


def _settle(
    ended: asyncio.Future[tuple[object, BaseException | None]],
    outcome: tuple[object, BaseException | None],
) -> None:
    if not ended.done():
        ended.set_result(outcome)
