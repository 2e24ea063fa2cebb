"""
JSON of a stream, decoded strictly when it can be and leniently when it must.

Servers that cut text by UTF-16 units send halves of a character in two deltas, as lone
surrogate escapes or as broken UTF-8. Strict decoding refuses them; `Pieces` decodes such
an event again without that rule and puts the halves together.
"""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

import msgspec

from a3s_code.llm.faults import Fault

T = TypeVar("T")
_SHOWN_BYTES = 120


class Pieces(Generic[T]):
    """
    The decoder of one stream.

    Attributes:
        broken: An event had to be decoded leniently; from then on, text must go through
            `mend`.
    """

    __slots__ = ("_decoder", "_halves", "broken")

    def __init__(self, decoder: msgspec.json.Decoder[T]) -> None:
        self._decoder = decoder
        self._halves: dict[str, str] = {}
        self.broken = False

    def decode(self, data: bytes) -> T:
        """
        Decode what the strict decoder refused.

        Raises:
            Fault: kind `protocol`. Bytes that are no JSON may be better next time; JSON
                of a wrong shape will not.
        """
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            value: Any = json.loads(data.decode("utf-8", "replace"), strict=False)
        except (ValueError, RecursionError):
            raise Fault("protocol", f"not JSON: {_shown(data)}", again=True) from None
        try:
            decoded = msgspec.convert(value, self._decoder.type, strict=False)
        except (msgspec.ValidationError, RecursionError) as error:
            raise Fault("protocol", f"{error}: {_shown(data)}", again=False) from None
        self.broken = True
        return decoded

    def mend(self, block: str, piece: str) -> str:
        """Give the text of `piece`; its last half of a character waits for the next one."""
        piece = self._halves.pop(block, "") + piece
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            self._halves[block] = piece[-1]
            piece = piece[:-1]
        return piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _shown(data: bytes) -> str:
    return data[:_SHOWN_BYTES].decode("utf-8", "replace")
