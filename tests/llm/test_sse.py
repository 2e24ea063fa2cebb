from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.llm.faults import Fault
from a3s_code.llm.sse import ServerEvent, SseSplitter

LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [
        b"data: {}",
        b"data:x",
        b"data:",
        b"data:  two blanks",
        b"data",
        b"data: a: b",
        b"event: message_stop",
        b"event:ping",
        b": comment",
        b":",
        b"id: 7",
        b"retry: 5",
        b"foo",
        b"unknown: x",
        b"",
        b"",
        b"",
        "data: \u00e4\u20ac\U0001f600".encode(),
        b"\xef\xbb\xbfdata: a mark that is not at the start",
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    lines = draw(st.lists(st.tuples(LINES, LINE_ENDS), max_size=25))
    return mark + b"".join(line + end for line, end in lines)


def split(pieces: list[bytes]) -> list[ServerEvent]:
    splitter = SseSplitter()
    events: list[ServerEvent] = []
    for piece in pieces:
        events += splitter.feed(piece)
    return events + splitter.finish()


def by_the_standard(stream: bytes) -> list[ServerEvent]:
    """The algorithm of WHATWG HTML 9.2.6, line by line, plus the event open at the end."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[ServerEvent] = []
    name, data = b"", list[bytes]()
    for line in [*text.split(b"\n"), b""]:
        field, colon, value = line.partition(b":")
        if not line:
            if b"\n".join(data):
                events.append((name, b"\n".join(data)))
            name, data = b"", []
        elif colon and not field:
            continue
        elif field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return events


@given(streams(), st.lists(st.integers(0, 400), max_size=12))
def test_events_are_the_same_wherever_the_bytes_are_cut(stream: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[start:end] for start, end in itertools.pairwise(ends)]

    assert split(pieces) == split([stream])


@given(streams())
def test_events_are_the_same_byte_by_byte(stream: bytes) -> None:
    assert split([stream[i : i + 1] for i in range(len(stream))]) == split([stream])


@given(streams())
def test_events_are_those_of_the_standard(stream: bytes) -> None:
    assert split([stream]) == by_the_standard(stream)


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_are_taken_and_cuts_change_nothing(pieces: list[bytes]) -> None:
    assert split(pieces) == split([b"".join(pieces)])


def test_an_event_comes_out_as_soon_as_its_blank_line_is_in() -> None:
    splitter = SseSplitter()

    assert splitter.feed(b"data: one\r\n\r") == [(b"", b"one")]
    assert splitter.feed(b"\nevent: e\ndata: two\n") == []
    assert splitter.feed(b"\n") == [(b"e", b"two")]


def test_an_event_without_end_is_refused_once_it_is_too_large() -> None:
    splitter = SseSplitter(max_event_bytes=100)
    splitter.feed(b"data: " + b"x" * 80)

    with pytest.raises(Fault) as caught:
        splitter.feed(b"x" * 30)

    assert (caught.value.kind, caught.value.again) == ("protocol", False)


def test_an_event_that_comes_whole_is_refused_when_it_is_too_large() -> None:
    with pytest.raises(Fault):
        SseSplitter(max_event_bytes=100).feed(b"data: " + b"x" * 200 + b"\n\n")


def test_a_large_event_in_small_pieces_takes_linear_time() -> None:
    splitter = SseSplitter()
    for _ in range(200_000):
        splitter.feed(b"data: 0123456789")

    # Joining at every piece would copy 300 GB here, and the test would not end.
    assert len(splitter.finish()[0][1]) > 3_000_000
