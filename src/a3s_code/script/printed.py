"""What a Python script prints, as lines; it comes in pieces, from any thread."""

from __future__ import annotations

from typing import Literal

from a3s_code.kernel.script import ConsoleLevel, ConsoleLine

_LEVELS: dict[str, ConsoleLevel] = {"stdout": "log", "stderr": "error"}


class Printed:
    """
    Args:
        max_chars: Of all lines together; what comes later is counted and dropped.
    """

    __slots__ = ("_dropped", "_left", "_pieces")

    def __init__(self, max_chars: int) -> None:
        self._left, self._dropped = max_chars, 0
        self._pieces: list[tuple[ConsoleLevel, str]] = []

    def add(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        """Take the next piece of one of the streams."""
        kept = text[: self._left]
        self._left -= len(kept)
        self._dropped += len(text) - len(kept)
        if not kept:
            return
        self._pieces.append((_LEVELS[stream], kept))

    def lines(self) -> tuple[tuple[ConsoleLine, ...], int]:
        """Give what was printed, and how many characters were dropped."""
        texts: list[tuple[ConsoleLevel, list[str]]] = []
        for level, piece in self._pieces:
            if not texts or texts[-1][0] != level:
                texts.append((level, []))
            texts[-1][1].append(piece)
        rows = [
            ConsoleLine(level, line)
            for level, pieces in texts
            for line in "".join(pieces).removesuffix("\n").split("\n")
        ]
        return tuple(rows), self._dropped
