"""A real server beside the sandbox, and the proxy that leads to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from a3s_code.network.host_rules import HostRules
from a3s_code.network.passage import Passage
from a3s_code.workspace.host_proxy import HostProxy, ProxyLimits

QUICK = ProxyLimits(head_s=0.3, lookup_s=0.3, connect_s=1.0, idle_s=5.0, linger_s=0.2)
NAMES = {
    "ok.test": ["127.0.0.1"],
    "other.test": ["127.0.0.1"],
    "rebound.test": ["127.0.0.1", "169.254.169.254"],
}


async def resolve(name: str) -> Sequence[str]:
    return NAMES.get(name, [])


@dataclass
class Outside:
    """
    Attributes:
        port: Of the server, on loopback.
        asked: The heads of the requests that reached it.
        told: What the proxy reported.
    """

    port: int
    proxy: HostProxy
    asked: list[str] = field(default_factory=list)
    told: list[Passage] = field(default_factory=list)

    def outcomes(self) -> list[tuple[str, int, str]]:
        return [(passage.host, passage.port, passage.outcome) for passage in self.told]


@asynccontextmanager
async def outside(*allow: str, limits: ProxyLimits = QUICK) -> AsyncGenerator[Outside]:
    """
    Serve on loopback; `PORT` in a pattern is the server's port. `/elsewhere` redirects to
    other.test, everything else is answered with the path and the length of the body.
    """
    asked: list[str] = []
    told: list[Passage] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _answer(reader, writer, asked, port)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    patterns = [pattern.replace("PORT", str(port)) for pattern in allow]
    rules = HostRules.of(patterns, allow_private=True)
    proxy = HostProxy(rules, told.append, resolve=resolve, limits=limits)
    try:
        yield Outside(port, proxy, asked, told)
    finally:
        await proxy.close()
        server.close()
        await server.wait_closed()


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: list[str], port: int
) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    asked.append(head)
    length = next(
        (int(line[15:]) for line in head.split("\r\n") if line.startswith("Content-Length:")), 0
    )
    body = await reader.readexactly(length)
    if "chunked" in head:
        body = await reader.readuntil(b"0\r\n\r\n")
    path = head.split()[1]
    if path == "/elsewhere":
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: http://other.test:%d/\r\nContent-Length: 0\r\n\r\n"
            % port
        )
    else:
        text = f"reached {path} {len(body)}\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    await writer.drain()
    writer.write_eof()
    if rest := await reader.read():
        asked.append(f"and then {rest.decode('latin-1')}")
