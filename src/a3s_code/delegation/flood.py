"""
How much a child may say and call before it is ended.

Both are far beyond what work needs. A model that never stops is ended while it speaks, so what it
says is neither kept in memory nor recorded as a whole.
"""

from __future__ import annotations

from a3s_code.errors import LimitReached
from a3s_code.kernel.messages import Message

MAX_SAID_CHARS = 16 * 1024 * 1024
"""Of text, thoughts and arguments of calls, in all turns of one child."""
MAX_CALLS = 2_000
"""Of one child, in all its turns."""


class Flooded(LimitReached):
    """A child said or called without end."""

    code = "child.flooded"


def check_calls(child: str, count: int) -> None:
    """
    Raises:
        LimitReached: the child has made more calls than any may.
    """
    if count > MAX_CALLS:
        raise Flooded(f"The run {child} was ended: it made more than {MAX_CALLS} tool calls.")


class Flood:
    """Counts what one child says, as it comes in; says once that it is too much."""

    __slots__ = ("_child", "_is_told", "_pieces", "_said")

    def __init__(self, child: str) -> None:
        self._child, self._is_told = child, False
        self._said = self._pieces = 0

    def piece(self, text: str) -> None:
        """
        Count a piece of an answer that still comes in.

        Raises:
            LimitReached: it was too much, with all before.
        """
        self._pieces += len(text)
        self._check(self._said + self._pieces)

    def message(self, message: Message) -> None:
        """
        Count an answer of the child, which may have come in at once.

        Raises:
            LimitReached: as `piece`.
        """
        if message.role == "assistant":
            self._said += max(len(message.text), self._pieces)
            self._pieces = 0
            self._check(self._said)

    def _check(self, chars: int) -> None:
        if chars > MAX_SAID_CHARS and not self._is_told:
            self._is_told = True
            most = MAX_SAID_CHARS // (1024 * 1024)
            raise Flooded(
                f"The run {self._child} was ended: it said more than {most} Mi characters."
            )
