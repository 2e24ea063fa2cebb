"""The stream of a server is read the same in whatever pieces it comes."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.language_server.frames import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    Frames,
    Malformed,
    frame,
)

MESSAGES = st.lists(
    st.dictionaries(st.text(max_size=5), st.integers(0, 9) | st.text(max_size=20), max_size=3),
    max_size=5,
)


def read(data: bytes, cuts: list[int]) -> list[Any]:
    frames, found = Frames(), list[Any]()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        found += frames.feed(data[start:end])
    return found


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=6))
def test_pieces_do_not_matter(messages: list[dict[str, Any]], cuts: list[int]) -> None:
    data = b"".join(map(frame, messages))
    assert read(data, cuts) == [{"jsonrpc": "2.0", **message} for message in messages]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
def test_anything_else_is_refused_or_waited_for(data: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(Malformed):
        assert all(isinstance(message, dict) for message in read(data, cuts))


def test_other_headers_and_spellings_are_accepted() -> None:
    data = b"Content-Type: application/json\r\ncontent-length:  2\r\n\r\n{}"
    assert read(data, []) == [{}]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x" * MAX_HEADER_BYTES, "does not end"),
        (b"Hello: 3\r\n\r\nabc", "without Content-Length"),
        (b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), "bytes"),
        (b"Content-Length: 3\r\n\r\nabc", "no JSON"),
        (b"Content-Length: 2\r\n\r\n[]", "no object"),
        (b'Content-Length: 9\r\n\r\n{"a":"\xff"}', "no JSON"),
        (b"Content-Length: 40000\r\n\r\n" + b"[" * 40_000, "nests too deeply"),
    ],
)
def test_what_is_no_message_says_what_it_is(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(data, [])
