"""
Vectors in the memory of this process, searched by looking at all of them.

Brute force over one matrix of 32-bit floats: 20,000 vectors of 1,536 numbers take 120 MB and one
search some 10 ms, which an approximate index would make faster, and wrong now and then.

Source:
    SPEC 11.2, "in-memory cosine store".
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from a3s_code.checks import check_positive
from a3s_code.errors import InvalidValue, UsageError
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.retrieval import Vector, VectorEntry, VectorHit

if TYPE_CHECKING:  # numpy takes 100 ms to load, and few programs search by vectors
    import numpy as np
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

_FIRST_ROWS = 64
_BLOCK_ROWS = 256
_COPYING_COSTS = 4  # times what multiplying a row does


class InMemoryVectorStore:
    """
    See `kernel.retrieval.VectorStore`. May be shared by sessions, also those of other threads.

    Numbers are kept as 32-bit floats, so scores are exact to about 1e-6. All work is done in a
    thread.

    Args:
        dimensions: How long every vector is; None takes the length of the first one.

    Raises:
        UsageError: numpy is not installed.
        InvalidValue: `dimensions` is below 1.
    """

    __slots__ = ("_dimensions", "_lock", "_matrix", "_rows", "_wanted", "_where")

    def __init__(self, dimensions: int | None = None) -> None:
        if find_spec("numpy") is None:
            raise UsageError(
                "InMemoryVectorStore needs numpy, which is not installed.",
                hint="pip install 'a3s-code[vectors]'",
            )
        if dimensions is not None:
            check_positive("dimensions", dimensions)
        self._wanted = self._dimensions = dimensions
        self._lock = threading.Lock()
        self._rows: list[_Row] = []
        self._where: dict[str, int] = {}
        self._matrix: Matrix | None = None

    async def add(self, entries: Sequence[VectorEntry]) -> None:
        await asyncio.to_thread(self._add, tuple(entries))

    async def search(
        self, vector: Vector, limit: int = 10, *, where: Mapping[str, Any] | None = None
    ) -> Sequence[VectorHit]:
        check_positive("limit", limit)
        return await asyncio.to_thread(self._search, vector, limit, where or {})

    async def delete(self, ids: Sequence[str]) -> int:
        return await asyncio.to_thread(self._delete, frozenset(ids))

    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        return await asyncio.to_thread(self._known, tuple(ids))

    async def count(self, *, where: Mapping[str, Any] | None = None) -> int:
        return await asyncio.to_thread(self._count, where or {})

    async def clear(self) -> None:
        await asyncio.to_thread(self._clear)

    # In a thread

    def _add(self, entries: tuple[VectorEntry, ...]) -> None:
        if not entries:
            return
        with self._lock:
            length = self._dimensions or len(entries[0].vector)
            directions = [_direction(each.vector, length, each.id) for each in entries]
            self._dimensions = length
            matrix = self._room(len(entries), length)
            for entry, direction in zip(entries, directions, strict=True):
                at = self._where.setdefault(entry.id, len(self._rows))
                row = _Row(entry.id, entry.text, dict(entry.metadata))
                self._rows[at : at + 1] = [row]
                matrix[at] = direction

    def _known(self, ids: tuple[str, ...]) -> frozenset[str]:
        with self._lock:
            return frozenset(each for each in ids if each in self._where)

    def _count(self, where: Mapping[str, Any]) -> int:
        with self._lock:
            return len(self._chosen(where))

    def _clear(self) -> None:
        with self._lock:
            self._rows, self._where, self._matrix = [], {}, None
            self._dimensions = self._wanted

    def _room(self, more: int, length: int) -> Matrix:
        """Give a matrix with room for so many rows; it doubles, so adding stays cheap."""
        import numpy as np

        needed = len(self._rows) + more
        held = self._matrix
        if held is None or len(held) < needed:
            rows = max(_FIRST_ROWS, needed, 2 * len(self._rows))
            grown = np.zeros((rows, length), dtype=np.float32)
            if held is not None:
                grown[: len(self._rows)] = held[: len(self._rows)]
            self._matrix = held = grown
        return held

    def _search(self, vector: Vector, limit: int, where: Mapping[str, Any]) -> list[VectorHit]:
        import numpy as np

        with self._lock:
            direction = _direction(vector, self._dimensions or len(vector), "the query")
            chosen = self._chosen(where)
            if self._matrix is None or not len(chosen):
                return []
            held = self._matrix[: len(self._rows)]
            scores = self._scores(held, chosen, direction)
            best: list[int] = np.argsort(-scores, kind="stable")[:limit].tolist()
            return [self._hit(chosen[at], float(scores[at])) for at in best]

    @staticmethod
    def _scores(held: Matrix, chosen: Sequence[int], direction: Matrix) -> Matrix:
        """Multiply what is chosen; all of it where copying that out would cost more."""
        if len(chosen) * _COPYING_COSTS < len(held):
            return held[chosen] @ direction
        scores = held @ direction
        return scores if len(chosen) == len(held) else scores[chosen]

    def _delete(self, ids: frozenset[str]) -> int:
        """Close the gaps, so that what is left stays in the order of adding."""
        with self._lock:
            gone = sorted(self._where.pop(each) for each in ids if each in self._where)
            if gone and self._matrix is not None:
                for before, (at, upto) in enumerate(pairwise([*gone, len(self._rows)])):
                    _move_up(self._matrix, at + 1, upto, before + 1)
                first, absent = gone[0], frozenset(gone)
                kept = [row for at, row in enumerate(self._rows) if at not in absent]
                self._rows = kept
                self._where |= {row.id: at for at, row in enumerate(kept[first:], first)}
            return len(gone)

    def _chosen(self, where: Mapping[str, Any]) -> Sequence[int]:
        """Give the rows whose metadata have all that is asked for."""
        if not where:
            return range(len(self._rows))
        return [at for at, row in enumerate(self._rows) if row.has(where)]

    def _hit(self, at: int, score: float) -> VectorHit:
        row = self._rows[at]
        bounded = min(max(score, -1.0), 1.0)
        return VectorHit(id=row.id, score=bounded, text=row.text, metadata=dict(row.metadata))


class _Row:
    __slots__ = ("id", "metadata", "text")

    def __init__(self, entry_id: str, text: str, metadata: JsonObject) -> None:
        self.id, self.text, self.metadata = entry_id, text, metadata

    def has(self, where: Mapping[str, Any]) -> bool:
        return all(
            key in self.metadata and self.metadata[key] == value for key, value in where.items()
        )


def _move_up(matrix: Matrix, first: int, end: int, by: int) -> None:
    """Move rows in blocks: what overlaps is copied before it is moved."""
    for at in range(first, end, _BLOCK_ROWS):
        upto = min(at + _BLOCK_ROWS, end)
        matrix[at - by : upto - by] = matrix[at:upto]


def _direction(vector: Vector, length: int, whose: str) -> Matrix:
    """Give a vector of length 1 in the same direction; zeros stay zeros."""
    import numpy as np

    try:
        numbers = np.asarray(vector, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValue(f"The vector of {whose} holds something that is no number.") from None
    if numbers.ndim != 1 or not numbers.size:
        raise InvalidValue(f"The vector of {whose} is no list of numbers.")
    if numbers.size != length:
        raise InvalidValue(
            f"The vector of {whose} has {numbers.size} dimensions, those of the store {length}.",
            hint="use one embedding model for a store, or clear it",
        )
    if not np.isfinite(numbers).all():
        raise InvalidValue(f"The vector of {whose} holds NaN or an infinite number.")
    largest = float(np.abs(numbers).max())
    if not largest:
        return numbers.astype(np.float32)
    numbers = numbers / largest  # so that squares neither overflow nor vanish
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)
