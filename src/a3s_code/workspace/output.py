"""What is kept of the output of a program."""

from __future__ import annotations

from collections import deque


class HeadAndTail:
    """
    The first and the last bytes of a stream; the middle is dropped and counted.

    Args:
        limit: Bytes kept at most, half of them from the start and half from the end.
    """

    __slots__ = ("_head", "_head_room", "_tail", "_tail_limit", "_tail_size", "_total")

    def __init__(self, limit: int) -> None:
        self._tail_limit = limit // 2
        self._head_room = limit - self._tail_limit
        self._head: list[bytes] = []
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._total = 0

    def add(self, piece: bytes) -> None:
        self._total += len(piece)
        if self._head_room:
            self._head.append(piece[: self._head_room])
            piece = piece[self._head_room :]
            self._head_room -= len(self._head[-1])
        if piece:
            self._tail.append(piece)
            self._tail_size += len(piece)
            while self._tail_size - len(self._tail[0]) >= self._tail_limit:
                self._tail_size -= len(self._tail.popleft())
                if not self._tail:
                    break

    def value(self) -> bytes:
        tail = b"".join(self._tail)
        return b"".join((*self._head, tail[max(0, len(tail) - self._tail_limit) :]))

    @property
    def dropped(self) -> int:
        """Bytes that `value` lacks."""
        return max(0, self._total - self._kept())

    def _kept(self) -> int:
        return sum(map(len, self._head)) + min(self._tail_size, self._tail_limit)
