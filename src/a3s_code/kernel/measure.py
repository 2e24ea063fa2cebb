"""
How large a request is, part by part.

A wire makes its body of pieces, each of a kind. What the pieces add up to is the body, so what is
said of the parts is true of the bytes that are sent.

Source:
    DESIGN 1, "receipts add up to the request"; DESIGN 7, "History keeps each message's encoded
    bytes".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from a3s_code.kernel.encoded import Encoded
from a3s_code.kernel.messages import Message
from a3s_code.kernel.plain import sendable

PartKind: TypeAlias = Literal["settings", "tools", "system", "messages", "joints"]
"""`joints` are the brackets, names and commas that stand between the others."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """
    A part of a body.

    Attributes:
        bytes: Of `settings`, without tools and system prompt; of `tools`, the whole list; of
            `system`, the escaped text, see `escaped_bytes`; of `messages`, all of them.
    """

    kind: PartKind
    bytes: int


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A part of a body before its messages, as it is sent."""

    kind: PartKind
    data: bytes


@dataclass(frozen=True, slots=True)
class Measure:
    """
    The parts of one request. It stays true when the conversation goes on.

    Attributes:
        wire: Whose bytes these are, such as `openai`; `plain` where nobody but the model knows
            what it sends, and the bytes are those of the canonical JSON.
        identity: What a provider keeps its cache apart by: the model, and settings of its own.
        frame: What stands before the messages, in the order of the body.
        encoded: The messages; those after the first `count` came later.
        mark: Bytes that the last of them has more than its item in `encoded`.
        tail: Bytes behind the messages.
    """

    wire: str
    identity: bytes
    frame: tuple[Piece, ...]
    encoded: Encoded[Message]
    count: int
    mark: int = 0
    tail: int = 2

    @property
    def parts(self) -> tuple[Part, ...]:
        """Give the parts in the order of the body; their bytes add up to `total_bytes`."""
        before = [Part(piece.kind, len(piece.data)) for piece in self.frame]
        return (
            *before,
            Part("messages", self.message_bytes(0, self.count)),
            Part("joints", self._joints),
        )

    @property
    def total_bytes(self) -> int:
        """Length of the body."""
        before = sum([len(piece.data) for piece in self.frame])
        return before + self.message_bytes(0, self.count) + self._joints

    @property
    def _joints(self) -> int:
        """Count the commas between the messages, and what is behind them."""
        return max(self.encoded.filled(self.count) - 1, 0) + self.tail

    def bytes_of(self, kind: PartKind) -> int:
        """Sum the parts of one kind."""
        return sum(part.bytes for part in self.parts if part.kind == kind)

    def message_bytes(self, start: int, stop: int) -> int:
        """
        Sum the messages from index `start` up to and without `stop`, without the commas between.

        The sums of ranges that follow each other add up to the part `messages`.
        """
        stop = min(stop, self.count)
        if start >= stop:
            return 0
        ends = self.encoded.ends
        below = ends[start - 1] if start else 0
        return ends[stop - 1] - below + (self.mark if stop == self.count else 0)

    def segment(self, kind: PartKind) -> bytes:
        """Give the bytes before the messages that are of one kind."""
        return b"".join([piece.data for piece in self.frame if piece.kind == kind])


@lru_cache(maxsize=16)
def escaped(text: str) -> bytes:
    """Give a text that stands in many requests as it does there, between the quotes."""
    return sendable(text)[1:-1]


def escaped_bytes(text: str) -> int:
    """Count the bytes of a text in a request; the counts of its pieces add up to that of all."""
    return len(sendable(text)) - 2
