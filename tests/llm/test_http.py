"""The HTTP port: pools, loops, proxies, certificates."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from a3s_code.errors import ModelRefused
from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.http import Http
from llm.faultserver import FaultServer, answers
from llm.talk import HELLO, FakeClock, Watcher, ask, model


def test_the_adapters_are_imported_without_the_http_library() -> None:
    program = (
        "import sys, a3s_code.llm.openai, a3s_code.llm.anthropic\n"
        "from a3s_code.llm.http import Http; Http()\n"
        "print('aiohttp' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


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


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_a_certificate_that_nobody_signed_is_refused_at_once(
    http: Http, clock: FakeClock, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    arguments = [*command.split(), "-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, arguments, check=True, capture_output=True, timeout=60)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tested = model("openai", url, http, clock, timeouts=Timeouts())
        with pytest.raises(ModelRefused, match="certificate") as caught:
            await tested.reply(ask(), Watcher())

    assert (caught.value.kind, caught.value.attempts) == ("transport", 1)
    assert connections == []
