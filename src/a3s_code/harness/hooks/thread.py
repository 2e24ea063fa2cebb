"""A call in a thread of its own, for as long as somebody waits for it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress


async def in_thread(call: Callable[[], object], left: Callable[[threading.Thread], None]) -> object:
    """
    Give what `call` returns, and raise what it raises.

    The thread has the context variables of the caller. Whoever stops waiting leaves it
    behind: it goes on by itself, and the process does not wait for it in its end.

    Args:
        left: Told of a thread that is left behind.
    """
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
    thread = threading.Thread(target=inside.run, args=(run,), daemon=True, name="a3s-hook")
    thread.start()
    try:
        value, error = await ended
    except asyncio.CancelledError:
        left(thread)
        raise
    if error is not None:
        raise error
    return value


def _settle(
    ended: asyncio.Future[tuple[object, BaseException | None]],
    outcome: tuple[object, BaseException | None],
) -> None:
    if not ended.done():
        ended.set_result(outcome)
