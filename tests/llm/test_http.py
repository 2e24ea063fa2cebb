"""The HTTP port: pools, loops, proxies, certificates."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import ssl
import subprocess
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

from a3s_code.errors import ModelRefused, ModelUnavailable
from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.http import Http
from llm.asking import FakeClock, Watcher, ask, model
from llm.faultserver import FaultServer, answers
from llm.streams import HELLO


async def test_calls_that_start_together_share_one_pool(http: Http, clock: FakeClock) -> None:
    async with FaultServer([answers(HELLO, keep=True)]) as server:
        tested = model("openai", server.url, http, clock)
        await asyncio.gather(*(tested.reply(ask(), Watcher()) for _ in range(8)))
        await asyncio.gather(*(tested.reply(ask(), Watcher()) for _ in range(8)))

    assert server.connections <= 8
    assert len(server.seen) == 16


async def test_a_closed_http_opens_again_when_it_is_used(http: Http, clock: FakeClock) -> None:
    async with FaultServer([answers(HELLO, keep=True)]) as server:
        tested = model("openai", server.url, http, clock)
        await tested.reply(ask(), Watcher())
        await http.close()
        await tested.reply(ask(), Watcher())

    assert server.connections == 2


def test_one_http_serves_loops_that_come_and_go_without_a_warning() -> None:
    http = Http()

    async def once() -> str:
        async with FaultServer([answers(HELLO)]) as server:
            reply = await model("openai", server.url, http, FakeClock()).reply(ask(), Watcher())
            return reply.message.text

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        texts = [asyncio.run(once()) for _ in range(3)]
        asyncio.run(http.close())

    assert texts == ["Hello"] * 3


async def test_closing_also_closes_the_connections_of_another_threads_loop(http: Http) -> None:
    other = asyncio.new_event_loop()
    thread = threading.Thread(target=other.run_forever, daemon=True)
    thread.start()
    try:
        async with FaultServer([answers(HELLO, keep=True)]) as server:
            tested = model("openai", server.url, http, FakeClock())
            asking = asyncio.run_coroutine_threadsafe(tested.reply(ask(), Watcher()), other)
            await asyncio.wait_for(asyncio.wrap_future(asking), 10)
            assert server.open == 1
            await http.close()
            await asyncio.wait_for(server.until_idle(), 2)
    finally:
        other.call_soon_threadsafe(other.stop)
        thread.join(5)
        other.close()


async def test_a_proxy_of_the_environment_is_used_but_never_for_loopback(
    http: Http, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FaultServer([answers(HELLO)]) as proxy, FaultServer([answers(HELLO)]) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.delenv("REQUEST_METHOD", raising=False)
        await model("openai", "http://models.test/v1", http, clock).reply(ask(), Watcher())
        await model("openai", server.url, http, clock).reply(ask(), Watcher())

    assert [seen.path for seen in proxy.seen] == ["http://models.test/v1/chat/completions"]
    assert len(server.seen) == 1


async def test_a_proxy_that_is_none_is_a_typed_error(
    http: Http, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://proxy.test:1080")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ModelRefused, match="http_proxy") as caught:
        await model("openai", "http://models.test", http, clock).reply(ask(), Watcher())

    assert caught.value.kind == "transport"


@pytest.mark.parametrize(
    "proxy", ["http://user:S3cr/etPart@p.test", "http://user:hunter2#x@p.test", "http://u:12/x@p"]
)
async def test_a_proxy_that_cannot_be_read_is_not_told_to_anybody(
    proxy: str, http: Http, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ModelRefused, match="http_proxy") as caught:
        await model("openai", "http://models.test", http, clock).reply(ask(), Watcher())

    assert not any(part in str(caught.value) for part in ("S3cr", "hunter", "12"))


async def test_a_host_that_no_proxy_names_with_its_port_is_reached_directly(
    http: Http, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FaultServer([answers(HELLO)]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "models.invalid:8080")
        with pytest.raises(ModelUnavailable):
            await model("openai", "http://models.invalid:8080", http, clock).reply(ask(), Watcher())

    assert proxy.seen == []


@dataclass
class Tls:
    """A certificate for 127.0.0.1 and models.test that no authority has signed."""

    context: ssl.SSLContext
    certificate: Path


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=models.test"
        " -addext subjectAltName=DNS:models.test,IP:127.0.0.1"
    )
    arguments = [*command.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(arguments, check=True, capture_output=True, timeout=60)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return Tls(context, certificate)


async def test_a_certificate_that_nobody_signed_is_refused_at_once(
    http: Http, clock: FakeClock, tls: Tls
) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls.context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tested = model("openai", url, http, clock, timeouts=Timeouts())
        with pytest.raises(ModelRefused, match="certificate") as caught:
            await tested.reply(ask(), Watcher())

    assert (caught.value.kind, caught.value.attempts) == ("transport", 1)
    assert connections == []


async def test_a_server_behind_tls_is_asked_again_over_the_same_connection(
    http: Http, clock: FakeClock, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    async with FaultServer([answers(HELLO, keep=True)], tls=tls.context) as server:
        tested = model("openai", server.url, http, clock, timeouts=Timeouts())
        replies = [await tested.reply(ask(), Watcher()) for _ in range(2)]

    assert [reply.message.text for reply in replies] == ["Hello", "Hello"]
    assert server.connections == 1


class Tunnel:
    """A proxy that joins whoever asks it to `port` of this machine, or says why not."""

    def __init__(self, port: int, answer: bytes = b"HTTP/1.1 200 Go\r\nvia: x\r\n\r\n") -> None:
        self.port, self.answer = port, answer
        self.heads: list[bytes] = []
        self.gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if b" 200 " in self.answer:
            inner, outer = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(self._pass(reader, outer), self._pass(inner, writer))
        writer.close()
        self.gone.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


async def test_a_proxy_is_asked_to_connect_through_to_a_server_behind_tls(
    http: Http, clock: FakeClock, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    monkeypatch.setenv("no_proxy", "")
    async with FaultServer([answers(HELLO)], tls=tls.context) as server:
        tunnel = Tunnel(server.port)
        async with await asyncio.start_server(tunnel.serve, "127.0.0.1", 0) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            monkeypatch.setenv("https_proxy", f"http://me:s%40crit@127.0.0.1:{port}")
            tested = model("openai", "https://models.test/v1", http, clock, timeouts=Timeouts())
            reply = await tested.reply(ask(), Watcher())
            await http.close()
            await asyncio.wait_for(tunnel.gone.wait(), 5)

    login = base64.b64encode(b"me:s@crit")
    assert reply.message.text == "Hello"
    assert tunnel.heads == [
        b"CONNECT models.test:443 HTTP/1.1\r\nhost: models.test:443\r\n"
        b"proxy-authorization: Basic " + login + b"\r\n\r\n"
    ]
    assert "proxy-authorization" not in server.seen[0].headers


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy"),
        (b"", "nothing"),
        (b"\x00\xff", "nothing"),
    ],
)
async def test_a_proxy_that_does_not_connect_through_is_a_typed_error(
    answer: bytes, said: str, http: Http, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")
    tunnel = Tunnel(0, answer)
    async with await asyncio.start_server(tunnel.serve, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{port}")
        with pytest.raises(ModelUnavailable, match=f"answers {said}") as caught:
            await model("openai", "https://models.test", http, clock).reply(ask(), Watcher())

    assert caught.value.kind == "transport"
    assert "secret" not in str(caught.value)


def test_the_loop_of_uvloop_carries_calls_too() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def talk() -> list[str]:
        http = Http()
        async with FaultServer([answers(HELLO, keep=True)]) as server:
            tested = model("openai", server.url, http, FakeClock())
            replies = [await tested.reply(ask(), Watcher()) for _ in range(3)]
            await http.close()
        return [reply.message.text for reply in replies]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(talk()) == ["Hello"] * 3
