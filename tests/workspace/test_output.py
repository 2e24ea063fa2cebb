from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.workspace.output import HeadAndTail


@given(pieces=st.lists(st.binary(max_size=40)), limit=st.integers(0, 100))
def test_the_first_and_last_bytes_are_kept_and_the_rest_is_counted(
    pieces: list[bytes], limit: int
) -> None:
    kept = HeadAndTail(limit)
    for piece in pieces:
        kept.add(piece)
    whole = b"".join(pieces)
    head, tail = limit - limit // 2, limit // 2
    expected = whole if len(whole) <= limit else whole[:head] + whole[len(whole) - tail :]
    assert kept.value() == expected
    assert kept.dropped == len(whole) - len(expected)


def test_memory_is_bounded_by_the_limit() -> None:
    kept = HeadAndTail(1_000)
    for _ in range(10_000):
        kept.add(b"x" * 100)
    assert sum(map(len, kept._tail)) < 1_000
