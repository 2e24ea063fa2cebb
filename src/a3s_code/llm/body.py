"""The body of a request, in parts, which nobody has to put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

PIECE_BYTES = 64 * 1024
"""Below what `malloc` asks the system for and gives back each time: 128 KiB."""


class Body:
    """
    Parts that stand one after the other.

    A conversation of megabytes is sent at every turn. Joined piece by piece it is copied into
    memory that is at hand; joined at once, into pages that the system has to find and clear first,
    which takes longer than all the rest of such a turn.
    """

    __slots__ = ("_length", "_parts")

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        self._length = sum(map(len, parts))

    def __len__(self) -> int:
        """Count the bytes."""
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)

    def pieces(self, head: bytes) -> Iterator[bytes | memoryview]:
        """Give `head` and all of the body in pieces of at most `PIECE_BYTES`; a short one whole."""
        block, size = [head], len(head)
        for part in self._parts:
            if size + len(part) > PIECE_BYTES:
                yield from _cut(b"".join(block))
                block, size = [], 0
            block.append(part)
            size += len(part)
        yield from _cut(b"".join(block))


def _cut(block: bytes) -> Iterator[bytes | memoryview]:
    if len(block) <= PIECE_BYTES:
        yield block
        return
    view = memoryview(block)
    for start in range(0, len(block), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]
