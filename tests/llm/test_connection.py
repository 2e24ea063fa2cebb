"""One connection: what it sends, when it is used again, and what it does not put up with."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import ModelError, ModelRefused
from a3s_code.llm.body import Body
from a3s_code.llm.decoding import Decoder
from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.faults import Fault
from a3s_code.llm.http import Http
from llm.asking import FakeClock, Watcher, ask, model
from llm.faultserver import FaultServer, Peer, Play, answers, kept
from llm.streams import HELLO

PATIENT = Timeouts(connect_s=5.0, idle_s=5.0, total_s=20.0)


def says(*pieces: bytes) -> Play:
    """Send raw bytes, each on its own, and keep the connection."""

    async def play(peer: Peer) -> None:
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(0.005)

    return kept(play)


def framed(body: bytes, head: bytes = b"") -> bytes:
    length = str(len(body)).encode()
    return b"HTTP/1.1 200 OK\r\n" + head + b"content-length: " + length + b"\r\n\r\n" + body


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def twice(play: Play, http: Http, clock: FakeClock) -> tuple[list[str], FaultServer]:
    async with FaultServer([play]) as server:
        tested = model("openai", server.url, http, clock, timeouts=PATIENT)
        replies = [await tested.reply(ask(), Watcher()) for _ in range(2)]
        await http.close()
    return [reply.message.text for reply in replies], server


@pytest.mark.parametrize(
    "pieces",
    [
        [framed(HELLO)],
        [bytes([byte]) for byte in framed(HELLO)],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + framed(HELLO)],
        [b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n", framed(HELLO)],
        [framed(HELLO).replace(b"\r\n", b"\n")],
        [CHUNKED + f"{len(HELLO):x};x=y\r\n".encode() + HELLO + b"\r\n0\r\na: b\r\n\r\n"],
        [CHUNKED + f"{len(HELLO):x} \r\n".encode() + HELLO + b"\r\n0\r\n\r\n"],
    ],
    ids=["whole", "bytes", "continue", "hints", "line-feeds", "trailers", "blank-after-size"],
)
async def test_a_framed_answer_leaves_the_connection_for_the_next(
    pieces: list[bytes], http: Http, clock: FakeClock
) -> None:
    texts, server = await twice(says(*pieces), http, clock)

    assert texts == ["Hello", "Hello"]
    assert server.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        framed(HELLO, b"connection: close\r\n"),
        framed(HELLO).replace(b"HTTP/1.1", b"HTTP/1.0"),
        framed(HELLO) + framed(HELLO),
        framed(HELLO) + b"leftovers",
    ],
    ids=["close", "old", "answered-twice", "leftovers"],
)
async def test_a_connection_that_may_be_out_of_step_is_not_used_again(
    raw: bytes, http: Http, clock: FakeClock
) -> None:
    texts, server = await twice(says(raw), http, clock)

    assert texts == ["Hello", "Hello"]
    assert server.connections == 2


async def test_what_comes_unasked_on_an_idle_connection_is_no_answer_to_the_next_request(
    http: Http, clock: FakeClock
) -> None:
    late = HELLO.replace(b"Hel", b"Bad")
    async with FaultServer([says(framed(HELLO), framed(late)), answers(HELLO)]) as server:
        tested = model("openai", server.url, http, clock, timeouts=PATIENT)
        first = await tested.reply(ask(), Watcher())
        await asyncio.wait_for(server.until_idle(), 5)
        second = await tested.reply(ask(), Watcher())

    assert (first.message.text, second.message.text) == ("Hello", "Hello")


async def test_a_refusal_before_the_end_of_a_large_request_is_heard(
    http: Http, clock: FakeClock
) -> None:
    gone = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        peer = Peer(reader, writer)
        await peer.send(b"HTTP/1.1 413 X\r\ncontent-length: 3\r\n\r\nbig")
        await asyncio.sleep(0.2)  # The rest of the request stays unread.
        await peer.until_closed()
        writer.close()
        gone.set()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tested = model("openai", url, http, clock, timeouts=PATIENT)
        with pytest.raises(ModelRefused) as caught:
            await asyncio.wait_for(tested.reply(ask(system="x" * 30_000_000), Watcher()), 10)
        await asyncio.wait_for(gone.wait(), 10)

    assert (caught.value.kind, caught.value.status) == ("too_large", 413)


async def test_headers_without_end_are_refused_once(http: Http, clock: FakeClock) -> None:
    async def floods(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await peer.send(b"x-more: " + b"y" * 8000 + b"\r\n")

    async with FaultServer([floods]) as server:
        with pytest.raises(ModelRefused, match="headers of more than 65,536 bytes"):
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert len(server.seen) == 1


async def test_trailers_are_no_headers_of_the_next_answer(http: Http) -> None:
    trailers = b"0\r\ncontent-encoding: gzip\r\nretry-after: 9999\r\n\r\n"
    first = CHUNKED + b"2\r\nab\r\n" + trailers
    async with FaultServer([says(first), says(framed(b"cd"))]) as server:
        for body in (b"ab", b"cd"):
            exchange = await http.post(server.url, {}, Body(()), PATIENT)
            assert await exchange.read() == body
            assert await exchange.read() == b""
            assert "retry-after" not in exchange.headers

    assert server.connections == 1


async def test_trailers_without_end_are_not_read_for_ever(http: Http) -> None:
    async def floods(peer: Peer) -> None:
        await peer.send(CHUNKED + b"2\r\nab\r\n0\r\n")
        while True:
            await peer.send(b"x-more: " + b"y" * 8000 + b"\r\n")

    async with FaultServer([floods]) as server:
        exchange = await http.post(server.url, {}, Body(()), PATIENT)
        assert await exchange.read() == b"ab"
        with pytest.raises(Fault, match="truncated"):
            await exchange.read()
        await asyncio.wait_for(server.until_idle(), 5)


async def test_a_server_that_switches_protocols_is_refused(http: Http, clock: FakeClock) -> None:
    raw = b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxx"
    async with FaultServer([says(raw)]) as server:
        with pytest.raises(ModelRefused, match="switches protocols"):
            await model("openai", server.url, http, clock).reply(ask(), Watcher())


async def test_a_reader_that_is_slow_holds_the_server_back(http: Http) -> None:
    sent = 0
    size = 64 * 1024 * 1024

    async def pours(peer: Peer) -> None:
        nonlocal sent
        await peer.send(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode())
        while sent < size:
            await peer.send(bytes(65536))
            sent += 65536

    timeouts = Timeouts(connect_s=5.0, idle_s=0.2, total_s=20.0)
    async with FaultServer([pours]) as server:
        exchange = await http.post(server.url, {}, Body(()), timeouts)
        await asyncio.sleep(0.6)
        held_back_at = sent
        got = 0
        while piece := await exchange.read():
            got += len(piece)

    assert held_back_at < size
    assert got == size


async def test_an_idle_connection_is_closed_after_a_while(
    http: Http, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a3s_code.llm.connection.IDLE_CONNECTION_S", 0.05)
    async with FaultServer([answers(HELLO, keep=True)]) as server:
        await model("openai", server.url, http, clock, timeouts=PATIENT).reply(ask(), Watcher())
        await asyncio.wait_for(server.until_idle(), 5)

    assert server.connections == 1


async def test_closing_ends_what_a_connection_carries_with_a_fault(http: Http) -> None:
    async with FaultServer([says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab")]) as server:
        exchange = await http.post(server.url, {}, Body(()), PATIENT)
        assert await exchange.read() == b"ab"
        await http.close()
        with pytest.raises(Fault) as caught:
            await exchange.read()

    assert caught.value.kind == "truncated"


async def test_an_encoding_that_was_not_asked_for_is_a_typed_error(
    http: Http, clock: FakeClock
) -> None:
    async with FaultServer([answers(HELLO, content_encoding="br")]) as server:
        with pytest.raises(ModelError, match="'br'") as caught:
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert caught.value.kind == "protocol"


async def test_a_host_header_of_the_configuration_replaces_the_own(
    http: Http, clock: FakeClock
) -> None:
    async with FaultServer([answers(HELLO)]) as server:
        tested = model("openai", server.url, http, clock, headers=(("Host", "inner.test"),))
        await tested.reply(ask(), Watcher())

    assert server.seen[0].headers["host"] == "inner.test"


async def decoded(encoding: str, pieces: list[bytes]) -> bytes:
    decoder, left = Decoder(encoding), iter([*pieces, b""])

    async def source() -> bytes:
        return next(left)

    whole = b""
    while piece := await decoder.read(source):
        whole += piece
    return whole


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@given(
    data=st.binary(max_size=2000),
    coding=st.sampled_from(["gzip", "x-gzip", "deflate", "raw", "members"]),
    cuts=st.lists(st.integers(0, 2000), max_size=5),
)
async def test_every_way_to_compress_and_to_cut_gives_the_same_bytes(
    data: bytes, coding: str, cuts: list[int]
) -> None:
    packed = {
        "gzip": gzip.compress(data),
        "x-gzip": gzip.compress(data),
        "deflate": zlib.compress(data),
        "raw": raw_deflate(data),
        "members": gzip.compress(data[:7]) + gzip.compress(data[7:]),
    }[coding]
    ends = [0, *sorted(cut for cut in cuts if cut < len(packed)), len(packed)]
    pieces = [packed[a:b] for a, b in pairwise(ends) if a < b]
    encoding = {"raw": "deflate", "members": "gzip"}.get(coding, coding)

    assert await decoded(encoding, pieces) == data


@given(data=st.binary(min_size=1, max_size=500), cut=st.integers(1, 400))
async def test_compressed_bytes_that_break_off_are_never_a_whole_body(
    data: bytes, cut: int
) -> None:
    packed = gzip.compress(data)
    with pytest.raises(Fault) as caught:
        await decoded("gzip", [packed[: -min(cut, len(packed) - 1)]])

    assert caught.value.kind == "truncated"


async def test_a_body_that_inflates_without_end_is_read_in_small_pieces() -> None:
    decoder, left = Decoder("gzip"), iter([gzip.compress(bytes(200_000_000), 9), b""])

    async def source() -> bytes:
        return next(left)

    tracemalloc.start()
    try:
        first = await decoder.read(source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(first) <= 256 * 1024
    assert peak < 20_000_000
