"""
What is called for a hook.

Whether it waits is decided once, when the hook is registered. What does not wait is called
in a thread of its own, which never holds up the event loop, nor the end of the process; when
it is late it is left behind there. One that was left behind too often is not called any more.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from a3s_code.errors import InvalidType
from a3s_code.harness.host_function import in_thread, is_async
from a3s_code.kernel.messages import JsonObject

HookHandler: TypeAlias = Callable[[JsonObject], Any]
"""Takes `{"event_type", "payload"}`, and answers as `answer` says, at once or awaited."""

MAX_LEFT_BEHIND = 8
"""Threads of one hook that were left behind and may still run when it is called again."""


class Call(Protocol):
    async def __call__(self, event: JsonObject) -> object:
        """Give what the handler answers; raises what it raises."""
        ...


def call_of(handler: object) -> Call:
    """
    Decide how a handler is called.

    Raises:
        InvalidType: it cannot be called.
    """
    if not callable(handler):
        raise InvalidType(
            f"The handler of a hook is a {type(handler).__name__}, not a function.",
            hint="give a function of one parameter, the event",
        )
    return _Waiting(handler) if is_async(handler) else _Threaded(handler)


class _Waiting:
    __slots__ = ("_handler",)

    def __init__(self, handler: HookHandler) -> None:
        self._handler = handler

    async def __call__(self, event: JsonObject) -> object:
        return await self._handler(event)


class _Threaded:
    __slots__ = ("_handler", "_left")

    def __init__(self, handler: HookHandler) -> None:
        self._handler = handler
        self._left: list[threading.Thread] = []

    async def __call__(self, event: JsonObject) -> object:
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= MAX_LEFT_BEHIND:
            raise RuntimeError(f"{len(self._left)} earlier calls of it have not come back")
        answer = await in_thread(functools.partial(self._handler, event), self._left.append)
        return await answer if inspect.isawaitable(answer) else answer
