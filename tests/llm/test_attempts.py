"""One call with all its attempts, over real sockets and with a clock held still."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import zlib

import pytest

from a3s_code.errors import (
    ContextOverflow,
    InvalidValue,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.messages import Text, user
from a3s_code.llm import intake
from a3s_code.llm.breaker import Breaker
from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.http import Http
from llm.asking import KEY, FakeClock, StuckClock, Watcher, ask, model
from llm.faultserver import FaultServer, Peer, Play, answers, breaks_off, refuses, stalls
from llm.streams import DONE, HELLO, HELLO_MESSAGE, call_chunk, chunk, event, texts_of

BOTH = pytest.mark.parametrize(
    ("api", "good", "cut"),
    [
        ("openai", HELLO, chunk({"content": "Wrong"})),
        ("anthropic", HELLO_MESSAGE, texts_of("Wrong")),
    ],
)


@BOTH
async def test_a_good_answer_needs_one_request(
    api: str, good: bytes, cut: bytes, http: Http, clock: FakeClock
) -> None:
    watcher = Watcher()
    async with FaultServer([answers(good, x_request_id="req-7")]) as server:
        reply = await model(api, server.url, http, clock).reply(ask(), watcher)

    assert reply.message.blocks == (Text("Hello"),)
    assert reply.meta == {
        "provider": api,
        "request_model": "m",
        "attempts": 1,
        "request_id": "req-7",
    }
    assert watcher.retries == []


@pytest.mark.parametrize(
    ("api", "path", "credentials"),
    [
        ("openai", "/v1/chat/completions", {"authorization": f"Bearer {KEY}"}),
        ("anthropic", "/v1/messages", {"x-api-key": KEY, "anthropic-version": "2023-06-01"}),
    ],
)
async def test_a_request_carries_its_credentials_and_the_hosts_headers(
    api: str, path: str, credentials: dict[str, str], http: Http, clock: FakeClock
) -> None:
    good = HELLO if api == "openai" else HELLO_MESSAGE
    async with FaultServer([answers(good)]) as server:
        tested = model(
            api,
            server.url,
            http,
            clock,
            headers=(("X-Tenant", "t-1"), ("User-Agent", "host/2")),
            session_id_header="X-Session",
        )
        await tested.reply(ask(), Watcher())

    (seen,) = server.seen
    assert seen.path == path
    wanted = {
        **credentials,
        "x-tenant": "t-1",
        "user-agent": "host/2",
        "x-session": "s-1",
        "content-type": "application/json",
    }
    assert wanted.items() <= seen.headers.items()


async def test_no_key_means_no_credentials(http: Http, clock: FakeClock) -> None:
    async with FaultServer([answers(HELLO)]) as server:
        await model("openai", server.url, http, clock, api_key="").reply(ask(), Watcher())

    assert "authorization" not in server.seen[0].headers


@BOTH
async def test_a_stream_that_breaks_off_is_asked_for_again_and_nothing_of_it_is_kept(
    api: str, good: bytes, cut: bytes, http: Http, clock: FakeClock
) -> None:
    watcher = Watcher()
    async with FaultServer([breaks_off(cut), answers(cut), answers(good)]) as server:
        reply = await model(api, server.url, http, clock).reply(ask(), watcher)

    assert reply.message.text == watcher.text == "Hello"
    assert reply.meta["attempts"] == 3
    assert [attempt for attempt, _, _ in watcher.retries] == [2, 3]
    assert clock.sleeps == [delay_s for _, _, delay_s in watcher.retries] == [1.0, 2.0]


async def test_every_attempt_sends_the_same_bytes(http: Http, clock: FakeClock) -> None:
    async with FaultServer([refuses(500), answers(HELLO)]) as server:
        await model("openai", server.url, http, clock).reply(ask(user("x" * 600_000)), Watcher())

    assert server.seen[0].body == server.seen[1].body
    assert json.loads(server.seen[0].body)["messages"][0]["content"] == "x" * 600_000


async def test_the_listener_hears_why_before_the_pause(http: Http) -> None:
    clock, watcher = StuckClock(), Watcher()
    async with FaultServer([refuses(503, "busy")]) as server:
        asking = asyncio.create_task(model("openai", server.url, http, clock).reply(ask(), watcher))
        await asyncio.wait_for(clock.sleeping.wait(), 5)
        asking.cancel()

    assert watcher.retries == [(2, "the server failed (HTTP 503): busy", 1.0)]


async def test_attempts_are_bounded(http: Http, clock: FakeClock) -> None:
    async with FaultServer([refuses(500)]) as server:
        with pytest.raises(ModelUnavailable) as caught:
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert len(server.seen) == caught.value.attempts == 4
    assert clock.sleeps == [1.0, 2.0, 4.0]
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("play", "kind", "error"),
    [
        (refuses(400), "bad_request", ModelRefused),
        (refuses(401), "auth", ModelRefused),
        (refuses(404), "not_found", ModelRefused),
        (refuses(429, kind="insufficient_quota"), "quota", ModelRefused),
        (refuses(302, location="http://evil.test/v1/messages"), "redirect", ModelRefused),
        (
            refuses(400, "prompt is too long: 9 tokens > 8 maximum"),
            "context_length",
            ContextOverflow,
        ),
        (answers(b"<!DOCTYPE html>", content_type="text/html"), "protocol", ModelRefused),
    ],
)
async def test_what_would_fail_again_is_asked_once(
    play: Play, kind: str, error: type[ModelError], http: Http, clock: FakeClock
) -> None:
    async with FaultServer([play]) as server:
        with pytest.raises(error) as caught:
            await model("anthropic", server.url, http, clock).reply(ask(), Watcher())

    assert caught.value.kind == kind
    assert len(server.seen) == 1


async def test_nothing_of_the_exchange_hangs_on_the_error(http: Http, clock: FakeClock) -> None:
    async with FaultServer([refuses(401, f"bad key {KEY}")]) as server:
        with pytest.raises(ModelRefused) as caught:
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_pause_that_the_server_wants_is_kept_exactly(http: Http, clock: FakeClock) -> None:
    async with FaultServer([refuses(429, retry_after="7"), answers(HELLO)]) as server:
        await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert clock.sleeps == [7.0]


async def test_a_pause_that_is_too_long_is_told_to_the_caller(http: Http, clock: FakeClock) -> None:
    async with FaultServer([refuses(429, retry_after="61")]) as server:
        with pytest.raises(ModelUnavailable, match="a pause of 61 s") as caught:
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert (caught.value.kind, caught.value.retry_after_s) == ("rate_limit", 61.0)
    assert len(server.seen) == 1


async def test_the_requests_deadline_holds_over_attempts(http: Http, clock: FakeClock) -> None:
    async with FaultServer([refuses(500)]) as server:
        with pytest.raises(ModelUnavailable, match="deadline") as caught:
            await model("openai", server.url, http, clock).reply(ask(deadline=2.5), Watcher())

    assert caught.value.attempts == 2
    assert clock.now_s <= 2.5


async def test_a_deadline_that_has_passed_sends_nothing(http: Http, clock: FakeClock) -> None:
    clock.now_s = 9.0
    async with FaultServer([answers(HELLO)]) as server:
        with pytest.raises(ModelUnavailable) as caught:
            await model("openai", server.url, http, clock).reply(ask(deadline=9.0), Watcher())

    assert (caught.value.kind, caught.value.attempts) == ("timeout", 0)
    assert server.seen == []


async def test_the_deadline_ends_an_answer_that_trickles(http: Http) -> None:
    async def trickles(peer: Peer) -> None:
        await peer.answer(200, {"content-type": "text/event-stream"}, b"")
        while True:
            await peer.send(chunk({"content": "x"}))
            await asyncio.sleep(0.02)

    timeouts = Timeouts(connect_s=1.0, idle_s=1.0, total_s=0.3)
    async with FaultServer([trickles]) as server:
        tested = model("openai", server.url, http, SystemClock(), timeouts=timeouts)
        with pytest.raises(ModelUnavailable) as caught:
            await asyncio.wait_for(tested.reply(ask(), Watcher()), 5)

    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("shown", [b"", b": ping\n\n", chunk({"content": "x"})])
async def test_silence_is_a_timeout_at_any_point(
    shown: bytes, http: Http, clock: FakeClock
) -> None:
    async with FaultServer([stalls(shown)]) as server:
        with pytest.raises(ModelUnavailable) as caught:
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert (caught.value.kind, caught.value.attempts) == ("timeout", 4)


async def test_a_refused_connection_is_tried_again(http: Http, clock: FakeClock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ModelUnavailable) as caught:
            await model("openai", url, http, clock).reply(ask(), Watcher())

    assert (caught.value.kind, caught.value.attempts) == ("transport", 4)


async def test_a_name_that_does_not_resolve_is_a_typed_error(http: Http, clock: FakeClock) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await model("openai", "http://no-such-host.invalid", http, clock).reply(ask(), Watcher())

    assert caught.value.kind in {"transport", "timeout"}


@pytest.mark.parametrize(
    "base_url",
    ["http://a..b/", "http://[::1/", "http://" + "a" * 300, "http://%00/", "http://xn--/"],
)
async def test_an_address_that_leads_nowhere_is_a_typed_error(
    base_url: str, http: Http, clock: FakeClock
) -> None:
    try:
        tested = model("openai", base_url, http, clock)
    except InvalidValue:
        return
    with pytest.raises(ModelError) as caught:
        await tested.reply(ask(), Watcher())

    assert caught.value.kind in {"transport", "timeout"}


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02garbage\r\n\r\n",
        b"HTTP/1.1 abc X\r\n\r\n",
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nnonsense\r\n",
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:",
        b"HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\n\r\nnot gzip at all",
        b"HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(HELLO, mtime=0)[:40],
        b"HTTP/1.1 200 X\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 X\r\nheader without colon\r\n\r\n",
        b"HTTP/1.1 200 X\r\n",
        b"",
    ],
    ids=range(10),
)
async def test_bytes_that_are_no_http_answer_end_in_a_typed_error(
    raw: bytes, http: Http, clock: FakeClock
) -> None:
    async def speaks(peer: Peer) -> None:
        await peer.send(raw)

    async with FaultServer([speaks]) as server:
        with pytest.raises(ModelError) as caught:
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert caught.value.kind in {"transport", "truncated", "empty"}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_stream_is_read(encoding: str, http: Http, clock: FakeClock) -> None:
    body = gzip.compress(HELLO) if encoding == "gzip" else zlib.compress(HELLO)
    async with FaultServer([answers(body, content_encoding=encoding)]) as server:
        reply = await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert reply.message.text == "Hello"


@pytest.mark.parametrize(
    "ending",
    [
        b"",
        b"\n",
        chunk({}, None, usage={"prompt_tokens": 5}),
        b'data: {"choices":[],"usage":{"prompt_tokens":5}}',
    ],
)
async def test_an_answer_is_complete_once_the_model_said_why_it_stopped(
    ending: bytes, http: Http, clock: FakeClock
) -> None:
    stream = chunk({"content": "Hello"}) + chunk({}, "stop") + ending
    async with FaultServer([answers(stream), breaks_off(stream)]) as server:
        tested = model("openai", server.url, http, clock)
        replies = [await tested.reply(ask(), Watcher()) for _ in range(2)]

    assert [reply.message.text for reply in replies] == ["Hello", "Hello"]
    assert len(server.seen) == 2


async def test_a_call_is_never_given_out_from_a_stream_that_broke_off(
    http: Http, clock: FakeClock
) -> None:
    cut = call_chunk('{"path": "a.py"}', id="c1", name="read") + DONE
    async with FaultServer([breaks_off(cut), answers(HELLO)]) as server:
        reply = await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert reply.message.calls == ()
    assert reply.message.text == "Hello"


async def test_an_error_event_in_a_stream_decides_by_its_type(http: Http, clock: FakeClock) -> None:
    start = texts_of("Wrong")
    overloaded = start + event("error", error={"type": "overloaded_error", "message": "busy"})
    too_long = event(
        "error", error={"type": "invalid_request_error", "message": "prompt is too long"}
    )
    async with FaultServer([answers(overloaded), answers(too_long)]) as server:
        watcher = Watcher()
        with pytest.raises(ContextOverflow):
            await model("anthropic", server.url, http, clock).reply(ask(), watcher)

    assert watcher.retries == [(2, "the provider is overloaded: busy", 1.0)]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n\n  "])
async def test_a_whole_completion_in_place_of_a_stream_is_taken(
    start: bytes, http: Http, clock: FakeClock
) -> None:
    whole = b'{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}'
    plays = [answers(start + whole[:30]), answers(start + whole, content_type="application/json")]
    async with FaultServer(plays) as server:
        reply = await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert reply.message.text == "Hello"
    assert len(server.seen) == 2


async def test_a_server_that_never_stops_is_stopped(
    http: Http, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_ANSWER_BYTES", 100_000)
    async with FaultServer([answers(chunk({"content": "x" * 1000}) * 200)]) as server:
        with pytest.raises(ModelRefused, match="larger than 100,000 bytes"):
            await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert len(server.seen) == 1


async def test_calls_that_fail_open_the_breaker_and_no_request_is_sent(
    http: Http, clock: FakeClock
) -> None:
    breaker = Breaker(clock, threshold=2, open_s=30.0)
    async with FaultServer([refuses(500)]) as server:
        tested = model("openai", server.url, http, clock, breaker=breaker)
        for _ in range(2):
            with pytest.raises(ModelUnavailable):
                await tested.reply(ask(), Watcher())
        with pytest.raises(ModelUnavailable) as caught:
            await tested.reply(ask(), Watcher())
        assert (caught.value.kind, len(server.seen)) == ("breaker_open", 8)

        server.plays = [answers(HELLO)]
        clock.now_s += 30.0
        assert (await tested.reply(ask(), Watcher())).message.text == "Hello"


@BOTH
async def test_connections_are_used_again(
    api: str, good: bytes, cut: bytes, http: Http, clock: FakeClock
) -> None:
    async with FaultServer([answers(good, keep=True)]) as server:
        tested = model(api, server.url, http, clock)
        for _ in range(5):
            await tested.reply(ask(), Watcher())

    assert len(server.seen) == 5
    assert server.connections == 1


async def test_a_server_that_holds_a_finished_stream_open_does_not_hold_the_answer(
    http: Http, clock: FakeClock
) -> None:
    async with FaultServer([stalls(HELLO)]) as server:
        tested = model("openai", server.url, http, clock, timeouts=Timeouts())
        reply = await asyncio.wait_for(tested.reply(ask(), Watcher()), 5)

    assert reply.message.text == "Hello"


async def test_a_listener_that_fails_ends_the_call_and_closes_the_connection(
    http: Http, clock: FakeClock
) -> None:
    class Broken(Watcher):
        def delta(self, delta: object) -> None:
            raise ZeroDivisionError

    closed = asyncio.Event()

    async def watched(peer: Peer) -> None:
        await stalls(chunk({"content": "x"}))(peer)
        closed.set()

    async with FaultServer([watched]) as server:
        with pytest.raises(ZeroDivisionError):
            await model("openai", server.url, http, clock).reply(ask(), Broken())
        await asyncio.wait_for(closed.wait(), 1)


@pytest.mark.parametrize("phase", ["headers", "upload", "stream"])
async def test_cancelling_closes_the_connection_within_a_second(phase: str, http: Http) -> None:
    started, closed = asyncio.Event(), asyncio.Event()

    async def holds(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        if phase == "upload":
            writer.transport.pause_reading()
            started.set()
            while not is_closed_by_peer(sock):  # noqa: ASYNC110 - reading would let it go on
                await asyncio.sleep(0.01)
        else:
            await reader.readuntil(b"\r\n\r\n")
            if phase == "stream":
                writer.write(b"HTTP/1.1 200 X\r\n\r\n" + chunk({"content": "x"}))
            started.set()
            with contextlib.suppress(ConnectionError):
                while await reader.read(65536):
                    pass
        closed.set()
        writer.transport.abort()

    server = await asyncio.start_server(holds, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tested = model("openai", url, http, FakeClock(), timeouts=Timeouts())
        text = "x" * (30_000_000 if phase == "upload" else 10)
        asking = asyncio.create_task(tested.reply(ask(user(text)), Watcher()))
        await asyncio.wait_for(started.wait(), 5)
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asking, 1)
        await asyncio.wait_for(closed.wait(), 1)


def is_closed_by_peer(sock: socket.socket) -> bool:
    """Tell, without reading, whether the peer's socket is gone (FIN or RST received)."""
    tcp_info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    established = 1
    return tcp_info[0] != established
