"""Tool calls, put together from pieces."""

from __future__ import annotations

from typing import Any

import msgspec

from a3s_code.kernel.messages import JsonObject, ToolCall

_OBJECT: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict[str, Any])


class CallBuilder:
    """One call while its arguments come in."""

    __slots__ = ("id", "name", "pieces", "sent_id")

    def __init__(self, call_id: str, name: str, sent_id: str) -> None:
        self.id, self.name, self.sent_id = call_id, name, sent_id
        self.pieces: list[str] = []

    def build(self, *, cut: bool) -> ToolCall:
        """
        Give the call.

        Args:
            cut: The answer hit its length limit here, so that missing arguments do not
                mean that there are none.
        """
        text = "".join(self.pieces)
        if not text.strip() and not cut:
            return ToolCall(self.id, self.name, {})
        try:
            return ToolCall(self.id, self.name, _OBJECT.decode(text))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return ToolCall(self.id, self.name, {}, malformed=text)


class CallIds:
    """
    Ids that are unique within one answer.

    Args:
        turn: A number that differs from answer to answer of a conversation; made-up ids
            carry it.
    """

    __slots__ = ("_taken", "_turn")

    def __init__(self, turn: int) -> None:
        self._turn = turn
        self._taken: set[str] = set()

    def take(self, sent_id: str) -> str:
        """Give `sent_id`, or one of our own where it is empty or taken."""
        number = len(self._taken)
        chosen = sent_id
        while not chosen or chosen in self._taken:
            chosen = f"call_{self._turn}_{number}"
            number += 1
        self._taken.add(chosen)
        return chosen
