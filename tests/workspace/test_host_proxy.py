"""The proxy reaches what its list has, on the address that was checked, and nothing else."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from a3s_code.network.host_rules import HostRules
from a3s_code.network.passage import Passage
from a3s_code.workspace.host_proxy import MAX_REPORTED, HostProxy, ProxyLimits

from .conftest import until
from .outside_server import QUICK, Outside, outside


async def ask(proxy: HostProxy, data: bytes, *, wait: bool = False) -> str:
    """Send bytes to the proxy over a pair of sockets, and give all that comes back."""
    reader, writer = await connect(proxy)
    writer.write(data)
    try:
        if not wait:
            writer.write_eof()
        async with asyncio.timeout(10):
            return (await reader.read()).decode("latin-1")
    finally:
        await drop(writer)


async def drop(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def connect(proxy: HostProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    await proxy.serve(listener)
    return await asyncio.open_connection(*listener.getsockname())


def get(place: Outside, host: str = "ok.test", path: str = "/x", *more: str) -> bytes:
    lines = (f"GET http://{host}:{place.port}{path} HTTP/1.1", f"Host: {host}:{place.port}", *more)
    return "\r\n".join((*lines, "", "")).encode()


async def test_a_listed_host_is_reached_with_a_plain_request_and_with_a_tunnel() -> None:
    async with outside("ok.test:PORT") as place:
        plain = await ask(place.proxy, get(place))
        assert plain.startswith("HTTP/1.1 200")
        assert plain.endswith("reached /x 0\n")

        inner = f"GET /t HTTP/1.1\r\nHost: ok.test:{place.port}\r\n\r\n"
        tunnel = f"CONNECT ok.test:{place.port} HTTP/1.1\r\n\r\n{inner}".encode()
        through = await ask(place.proxy, tunnel)
        assert through.startswith("HTTP/1.1 200 Connection Established\r\n\r\nHTTP/1.1 200")
        assert through.endswith("reached /t 0\n")
        assert place.told == [Passage("ok.test", place.port, "reached", address="127.0.0.1")]


async def test_a_host_that_is_not_listed_is_refused_and_told_with_its_name() -> None:
    async with outside("ok.test:PORT") as place:
        for head in (get(place, "other.test"), b"CONNECT other.test:443 HTTP/1.1\r\n\r\n"):
            answer = await ask(place.proxy, head)
            assert answer.startswith("HTTP/1.1 403")
            assert "not on the allow-list" in answer
        assert place.asked == []
        assert place.outcomes() == [
            ("other.test", place.port, "refused"),
            ("other.test", 443, "refused"),
        ]
        assert all("other.test" in passage.why for passage in place.told)


async def test_an_empty_list_reaches_nothing() -> None:
    async with outside() as place:
        assert (await ask(place.proxy, get(place))).startswith("HTTP/1.1 403")
        assert place.asked == []


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT ok.test:22 HTTP/1.1",
        "CONNECT 127.0.0.1:PORT HTTP/1.1",
        "CONNECT [::1]:PORT HTTP/1.1",
        "CONNECT 2130706433:PORT HTTP/1.1",
        "CONNECT other.test%00.ok.test:PORT HTTP/1.1",
        "CONNECT rebound.test:PORT HTTP/1.1",
        "CONNECT nowhere.test:PORT HTTP/1.1",
        "GET http://127.0.0.1:PORT/ HTTP/1.1",
        "GET http://other.test:PORT/ HTTP/1.1\r\nHost: ok.test:PORT",
        "GET http://ok.test:PORT/ HTTP/1.1\r\nHost: other.test:PORT",
        "GET http://ok.test:PORT\\@other.test/ HTTP/1.1",
    ],
)
async def test_no_spelling_gets_past_the_list(line: str) -> None:
    async with outside("ok.test:PORT", "rebound.test:PORT", "nowhere.test:PORT") as place:
        head = line.replace("PORT", str(place.port))
        answer = await ask(place.proxy, f"{head}\r\n\r\n".encode())
        assert answer.startswith("HTTP/1.1 403")
        assert place.asked == []
        assert len(place.told) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"CONNECT other.test\0.ok.test:443 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n",
        b"\x05\x01\x00\r\n\r\n",
        b"GET http://ok.test/ HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_proxy_request_is_sent_away(data: bytes) -> None:
    async with outside("ok.test") as place:
        assert (await ask(place.proxy, data)).startswith("HTTP/1.1 400")
        assert place.asked == []


async def test_a_second_request_does_not_ride_behind_the_first() -> None:
    async with outside("ok.test:PORT") as place:
        smuggled = get(place, path="/first") + get(place, "other.test", "/second")
        answer = await ask(place.proxy, smuggled)
        assert answer.count("HTTP/1.1 200") == 1
        assert [head.split()[1] for head in place.asked] == ["/first"]


async def test_a_body_is_carried_as_long_as_it_says_and_no_longer() -> None:
    async with outside("ok.test:PORT") as place:
        exact = get(place, "ok.test", "/n", "Content-Length: 3") + b"abcGET /more"
        assert (await ask(place.proxy, exact)).endswith("reached /n 3\n")
        chunks = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: z\r\n\r\n"
        chunked = get(place, "ok.test", "/c", "Transfer-Encoding: chunked") + chunks
        carried = len(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await ask(place.proxy, chunked)).endswith(f"reached /c {carried}\n")
        broken = get(place, "ok.test", "/b", "Transfer-Encoding: chunked") + b"zz\r\n\r\n"
        assert await ask(place.proxy, broken) == ""


async def test_only_the_address_that_was_checked_is_dialled() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await drop(writer)

    answers = iter([["127.0.0.3"], ["127.0.0.2"]])

    async def alternating(name: str) -> list[str]:
        return next(answers)

    server = await asyncio.start_server(serve, "127.0.0.3", 0)
    port = server.sockets[0].getsockname()[1]
    rules = HostRules.of((f"ok.test:{port}",), ("127.0.0.2",), allow_private=True)
    told: list[Passage] = []
    proxy = HostProxy(rules, told.append, resolve=alternating, limits=QUICK)
    head = f"GET http://ok.test:{port}/ HTTP/1.1\r\n\r\n".encode()
    try:
        assert (await ask(proxy, head)).startswith("HTTP/1.1 204")
        assert (await ask(proxy, head)).startswith("HTTP/1.1 403")
    finally:
        await proxy.close()
        server.close()
        await server.wait_closed()
    assert [(each.outcome, each.address) for each in told] == [
        ("reached", "127.0.0.3"),
        ("refused", ""),
    ]


async def test_a_private_address_is_refused_unless_it_was_meant() -> None:
    async with outside() as place:
        rules, told = HostRules.of((f"ok.test:{place.port}",)), list[Passage]()

        async def resolve(name: str) -> list[str]:
            return ["127.0.0.1"]

        proxy = HostProxy(rules, told.append, resolve=resolve, limits=QUICK)
        try:
            answer = await ask(proxy, get(place))
        finally:
            await proxy.close()
        assert answer.startswith("HTTP/1.1 403")
        assert "no public address" in told[0].why


async def test_a_host_that_does_not_answer_is_told_apart_from_one_that_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with outside(f"ok.test:{port}") as place:
        answer = await ask(place.proxy, f"CONNECT ok.test:{port} HTTP/1.1\r\n\r\n".encode())
        assert answer.startswith("HTTP/1.1 502")
        assert place.told[0].outcome == "unreachable"
        assert "none of its addresses answers" in place.told[0].why


async def test_a_silent_client_is_cut_off() -> None:
    async with outside("ok.test:PORT") as place:
        assert await ask(place.proxy, b"GET http://ok.t", wait=True) == ""


async def test_a_silent_connection_is_cut_off() -> None:
    async with outside("ok.test:PORT", limits=ProxyLimits(idle_s=0.2)) as place:
        tunnel = f"CONNECT ok.test:{place.port} HTTP/1.1\r\n\r\n".encode()
        answer = await ask(place.proxy, tunnel, wait=True)
        assert answer == "HTTP/1.1 200 Connection Established\r\n\r\n"


async def test_closing_cuts_every_connection_and_frees_the_port(tmp_path: Path) -> None:
    async with outside("ok.test:PORT") as place:
        reader, writer = await connect(place.proxy)
        writer.write(f"CONNECT ok.test:{place.port} HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        port = writer.get_extra_info("peername")[1]
        await place.proxy.close()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await drop(writer)


async def test_what_is_told_is_bounded_however_often_somebody_tries() -> None:
    async with outside() as place:
        await ask(place.proxy, get(place))
        await ask(place.proxy, get(place))
        assert len(place.told) == 1
        for number in range(MAX_REPORTED + 10):
            place.proxy._tell(Passage(f"h{number}", 80, "refused"))
        assert len(place.told) == MAX_REPORTED


async def test_more_clients_than_the_limit_are_sent_away() -> None:
    async with outside("ok.test:PORT", limits=ProxyLimits(max_clients=1)) as place:
        _, waiting = await connect(place.proxy)
        waiting.write(b"GET ")
        await until(lambda: len(place.proxy._clients) == 1)
        with pytest.raises(OSError, match=r"not connected|reset"):
            await ask(place.proxy, get(place))
        await drop(waiting)
