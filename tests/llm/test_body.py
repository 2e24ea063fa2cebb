"""The body of a request, piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.llm.body import PIECE_BYTES, Body

HEAD = b"POST / HTTP/1.1\r\n\r\n"
SIZES = st.sampled_from([0, 1, 1000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1])


@given(st.lists(SIZES, max_size=6))
def test_the_pieces_are_the_whole_and_none_is_too_long(sizes: list[int]) -> None:
    body = Body([bytes([65 + at]) * size for at, size in enumerate(sizes)])
    pieces = [bytes(piece) for piece in body.pieces(HEAD)]

    assert b"".join(pieces) == HEAD + bytes(body)
    assert len(bytes(body)) == len(body) == sum(sizes)
    assert max(map(len, pieces)) <= PIECE_BYTES


@pytest.mark.parametrize("parts", [(), (b"{", b"}"), (b"a" * 1000,) * 60])
def test_a_short_request_is_one_piece(parts: tuple[bytes, ...]) -> None:
    assert [*Body(parts).pieces(HEAD)] == [HEAD + b"".join(parts)]
