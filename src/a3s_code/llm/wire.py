"""
What a provider's wire format has to say, and the parts that both of them share.

A `Wire` turns a request into bytes and makes an `Answer`, which takes the events of one
attempt and becomes a `Reply` when it is complete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from a3s_code.kernel.measure import Measure, Piece
from a3s_code.kernel.plain import sendable
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.llm.body import Body
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.sse import ServerEvent

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME_CHARS = 64

TAIL = b"]}"
"""What stands behind the messages."""

encode = sendable


class Answer(Protocol):
    """One answer while it comes in."""

    @property
    def done(self) -> bool:
        """The provider said that nothing follows."""
        ...

    @property
    def finished(self) -> bool:
        """The provider said why it stopped, so the message is whole; more facts may follow."""
        ...

    def feed(self, events: list[ServerEvent]) -> None:
        """
        Take events of the stream and show their deltas.

        Raises:
            Fault: an event says or is an error.
        """
        ...

    def whole(self, body: bytes) -> None:
        """
        Take a body that is not a stream but the whole answer as one JSON object.

        Raises:
            Fault: it is not.
        """
        ...

    def reply(self, meta: dict[str, str | int]) -> Reply:
        """
        Give the complete answer.

        Raises:
            Fault: kind `truncated` or `empty`; the stream ended before the provider said
                why it stopped. Nothing of it may run.
        """
        ...


class Wire(Protocol):
    """A wire format with the model it is for."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def path(self) -> str: ...

    def headers(self) -> Mapping[str, str]:
        """Credentials and version."""
        ...

    def body(self, request: ModelRequest) -> Body: ...

    def measure(self, request: ModelRequest) -> Measure:
        """Say what `body` is made of, without making it."""
        ...

    def answer(self, request: ModelRequest, listener: ReplyListener) -> Answer: ...


def tool_name(name: str) -> str:
    """
    Give the name of a past call as providers accept it; they refuse a whole conversation
    for one name that a model made up.
    """
    return _NOT_IN_NAMES.sub("_", name)[:_MAX_NAME_CHARS] or "unnamed"


def assemble(frame: Sequence[Piece], items: Sequence[bytes]) -> Body:
    """
    Give the body: the frame, the items with commas between them, and the brackets behind them.

    Empty items are left out. Nothing is copied.
    """
    sent = [item for item in items if item]
    listed = [b","] * max(2 * len(sent) - 1, 0)
    listed[::2] = sent
    return Body([*(piece.data for piece in frame), *listed, TAIL])
