"""How far a conversation was read, by whoever looks at each of its messages once."""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.kernel.messages import Message


class Reader:
    """How far the messages of a conversation were read."""

    __slots__ = ("_count", "_last")

    def __init__(self) -> None:
        self._count = 0
        self._last: Message | None = None

    @property
    def is_new(self) -> bool:
        """Whether nothing was read yet."""
        return not self._count

    def news(self, messages: Sequence[Message]) -> Sequence[Message] | None:
        """
        Give what came behind what was read; None when this is another conversation.

        What is read for the first time is another one as well.
        """
        count, last = self._count, self._last
        self._count, self._last = len(messages), messages[-1] if messages else None
        if 0 < count <= len(messages) and messages[count - 1] is last:
            return messages[count:]
        return None
