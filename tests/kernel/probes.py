"""Tools made of any async function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias

import msgspec

from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool


class InWhole:
    """A text that waits for its last piece before it is redacted."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact, self._pieces = redact, list[str]()

    def feed(self, piece: str) -> str:
        self._pieces.append(piece)
        return ""

    def close(self) -> str:
        whole = "".join(self._pieces)
        return self._redact(whole) if whole else ""


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str = ""
    count: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0


class GivenPath(msgspec.Struct, frozen=True):
    file_path: str


class GivenAny(msgspec.Struct, frozen=True):
    value: Any = None


Body: TypeAlias = Callable[[Given, ToolContext], Awaitable[Observation]]


def tool_of(body: Body, name: str = "probe", effect: Effect = Effect.EXECUTE) -> Tool:
    return tool(Given, effect=effect, name=name)(body)


async def echo(args: Given, context: ToolContext) -> Observation:
    """Give the text back."""
    return Observation(args.text)


ECHO = tool_of(echo, "echo", Effect.READ)
