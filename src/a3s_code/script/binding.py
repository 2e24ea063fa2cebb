"""The binding of QuickJS, which has no types of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import quickjs  # pyright: ignore[reportMissingTypeStubs]

_names = cast("Any", quickjs)


class Context(Protocol):
    """A runtime with one context. Each call gives the interpreter lock away while JS runs."""

    def set_memory_limit(self, limit: int, /) -> None: ...

    def set_max_stack_size(self, limit: int, /) -> None: ...

    def set_time_limit(self, limit: float, /) -> None:
        """Seconds of CPU time of this process that each later call may take."""
        ...

    def eval(self, code: str, /) -> Any:  # noqa: ANN401 - a function of the world
        ...

    def module(self, code: str, /) -> object: ...

    def execute_pending_job(self) -> bool: ...


new_context = cast("Callable[[], Context]", _names.Context)
JsError = cast("type[Exception]", _names.JSException)
TooDeep = cast("type[Exception]", _names.StackOverflow)
