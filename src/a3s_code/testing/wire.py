"""What the two wires of the scripted server have in common: text parts, frames, the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.testing.script import Asked
from a3s_code.testing.turn import Turn

BROKEN_JSON = b'{"id": oops'
BROKEN_EVENT = b"data: " + BROKEN_JSON + b"\n\n"


class Part(msgspec.Struct):
    """A part of a message's content, as far as conditions need it."""

    type: str = ""
    text: str | None = None
    content: str | list[Part] | None = None


def text_of(content: str | Sequence[Part] | None) -> str:
    """Join the texts of a content; each result of a tool in it has lines of its own."""
    if content is None or isinstance(content, str):
        return content or ""
    lines = [""]
    for part in content:
        if part.content is None:
            lines[-1] += part.text or ""
        else:
            lines += [text_of(part.content), ""]
    return "\n".join(line for line in lines if line)


class Frame(NamedTuple):
    """One server-sent event; a delta is one that carries some of the answer."""

    data: bytes
    is_delta: bool = False


class Sent(msgspec.Struct, frozen=True):
    """
    A streamed answer.

    Attributes:
        content: Frames from the first one to the end of the last block.
        closing: Frames that say why the model stopped, and that the stream is over.
    """

    content: tuple[Frame, ...]
    closing: tuple[Frame, ...]

    @property
    def middle(self) -> int:
        """How many frames of the content carry the first half of the deltas."""
        places = [place for place, frame in enumerate(self.content) if frame.is_delta]
        return places[(len(places) - 1) // 2] + 1 if places else 1


class Wire(Protocol):
    """
    One protocol, as a server speaks it.

    Attributes:
        id_prefix: What ids of calls begin with.
    """

    @property
    def id_prefix(self) -> str: ...

    def asked(self, path: str, body: bytes) -> Asked:
        """
        Raises:
            msgspec.DecodeError: the body is no request of this wire.
        """
        ...

    def whole(self, turn: Turn, asked: Asked, number: int) -> bytes:
        """Give the JSON answer; `number` is that of the request, from 1."""
        ...

    def stream(self, turn: Turn, asked: Asked, number: int) -> Sent: ...

    def error(self, status: int, message: str) -> JsonObject: ...


def usage_of(turn: Turn) -> Usage:
    return turn.usage or Usage()
