"""Histories that a caller supplies with its prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from a3s_code.kernel.messages import Conversation, Message

T = TypeVar("T")


class Supplied:
    """
    Of one session. Who supplies a history does so again and again, mostly the same and more, so
    the bytes that were made of the last one are kept.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = Conversation()

    def conversation(self, given: Sequence[Message]) -> Conversation:
        """Make the conversation that begins with a history."""
        alike = agreed(self._last.messages, given)
        self._last = self._last.until(alike)
        for message in given[alike:]:
            self._last.append(message)
        return self._last


def agreed(one: Sequence[T], other: Sequence[T]) -> int:
    """Count what two rows begin with alike."""
    length = min(len(one), len(other))
    if list(one[:length]) == list(other[:length]):
        return length
    pairs = zip(one, other, strict=False)
    return next(place for place, (a, b) in enumerate(pairs) if a != b)
