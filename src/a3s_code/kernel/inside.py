"""The calls inside a call: their ids begin with its own, and their rights are the session's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.ports import Authority, Sink
from a3s_code.kernel.tool import Observation, failure


class Calling(Protocol):
    """The executor."""

    async def call(self, call: ToolCall, authority: Authority, sink: Sink) -> Observation: ...

    async def call_all(
        self, calls: Sequence[ToolCall], sink: Sink, at_once: int
    ) -> list[Observation]: ...


@dataclass(frozen=True, slots=True)
class Inside:
    """
    What one call makes others with, on the session's authority, whoever made it itself.

    Attributes:
        new_id: Names the next call, or child, inside that one.
    """

    executor: Calling
    sink: Sink
    new_id: Callable[[], str]

    async def call(self, name: str, args: JsonObject) -> Observation:
        """Run one; see `tool.CallTool`."""
        inner = ToolCall(self.new_id(), name, args)
        return await self.executor.call(inner, Authority.SESSION, self.sink)

    async def call_all(
        self, calls: Sequence[tuple[str, JsonObject]], at_once: int
    ) -> list[Observation]:
        """Run several; see `tool.CallAll`."""
        inner = [ToolCall(self.new_id(), name, args) for name, args in calls]
        return await self.executor.call_all(inner, self.sink, at_once)


def numbered(outer: ToolCall) -> Callable[[], str]:
    """Give what names the calls and the children inside one call."""
    numbers = itertools.count(1)
    return lambda: f"{outer.id}.{next(numbers)}"


def nested(name: str) -> Observation:
    """Give what is told of a call that would run others where none of these may."""
    text = f"{name} runs other calls, and so it cannot run in here: call it by itself."
    return failure(text, "unsupported", tool=name)
