"""
The one way out of a sandbox: an HTTP proxy that reaches the hosts of a list.

It speaks plain requests (`GET http://host/…`) and tunnels (`CONNECT host:port`). A host is
brought into its one spelling, checked, looked up, and every address of it checked; what is
dialled is one of those addresses. Each connection carries one request, so that none rides
behind another unchecked. What a tunnel carries is not looked into.

Each host that was reached, or not, is told once to whoever listens.

Source: INVARIANTS 23; the policy object's `network`.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass

from a3s_code.errors import AddressRefused
from a3s_code.network.addresses import Address
from a3s_code.network.host_rules import HostRules
from a3s_code.network.hosts import written_host
from a3s_code.network.lookup import Resolve, checked_addresses, system_resolve
from a3s_code.network.passage import Passage, Report
from a3s_code.workspace.proxy_relay import Peer, Relay
from a3s_code.workspace.proxy_request import Malformed, ProxyRequest

MAX_REPORTED = 256
"""Different outcomes that one proxy tells of."""

MAX_DIALLED = 4
"""Addresses of one name that are tried."""

_ESTABLISHED = b"HTTP/1.1 200 Connection Established\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """
    Attributes:
        idle_s: Without a byte in either direction.
        linger_s: For a client that still sends what nobody wants to read.
        max_clients: At the same time; others are sent away.
    """

    max_head_bytes: int = 32 * 1024
    head_s: float = 10.0
    lookup_s: float = 10.0
    connect_s: float = 10.0
    idle_s: float = 120.0
    linger_s: float = 1.0
    max_clients: int = 128


class HostProxy:
    """
    Serves the listeners that it is given, until it is closed. Belongs to one event loop.

    Args:
        report: Told of each outcome once; called on the loop.
    """

    __slots__ = ("_clients", "_limits", "_report", "_resolve", "_rules", "_servers", "_told")

    def __init__(
        self,
        rules: HostRules,
        report: Report,
        *,
        resolve: Resolve = system_resolve,
        limits: ProxyLimits | None = None,
    ) -> None:
        self._rules, self._report, self._resolve = rules, report, resolve
        self._limits = limits or ProxyLimits()
        self._servers: list[asyncio.Server] = []
        self._clients: set[asyncio.Task[None]] = set()
        self._told: set[Passage] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Accept clients of a listening stream socket, of any family, from now on."""
        limit = self._limits.max_head_bytes
        server = await asyncio.start_server(
            self._accept, sock=listener, limit=limit, start_serving=False
        )
        self._servers.append(server)  # before anything that a cancel could cut off
        await server.start_serving()

    async def close(self) -> None:
        """Stop listening and cut every connection; returns when they are gone."""
        for server in self._servers:
            server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._servers.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= self._limits.max_clients:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._client(Peer(reader, writer)))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    # One client

    async def _client(self, client: Peer) -> None:
        try:
            await self._answer(client)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a peer went away or fell silent; the other one is cut off below
        except Malformed:
            pass  # within a body: what was sent on so far cannot be taken back
        finally:
            await client.cut()

    async def _answer(self, client: Peer) -> None:
        try:
            request = await self._request(client)
            server = await self._server(request)
        except Malformed as error:
            await self._send_away(client, "400 Bad Request", str(error))
        except AddressRefused as error:
            self._tell(Passage(error.host, error.port, "refused", error.message))
            await self._send_away(client, "403 Forbidden", f"Refused by the sandbox: {error}")
        except _Unreachable as error:
            self._tell(error.passage)
            await self._send_away(client, "502 Bad Gateway", error.passage.why)
        else:
            try:
                await self._carry(request, client, server)
            finally:
                await server.cut()

    async def _request(self, client: Peer) -> ProxyRequest:
        try:
            async with asyncio.timeout(self._limits.head_s):
                head = await client.reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Malformed("The head of the request is too long.") from None
        return ProxyRequest.read(head)

    async def _server(self, request: ProxyRequest) -> Peer:
        host, port = request.host, request.port
        try:
            async with asyncio.timeout(self._limits.lookup_s):
                addresses = await checked_addresses(host, port, self._rules, self._resolve)
        except TimeoutError:
            raise _Unreachable(request, "its name was not answered in time") from None
        for address in addresses[:MAX_DIALLED]:
            server = await self._dialled(address, port)
            if server is not None:
                reached = Passage(written_host(host), port, "reached", address=str(address))
                self._tell(reached)
                return server
        raise _Unreachable(request, "none of its addresses answers")

    async def _dialled(self, address: Address, port: int) -> Peer | None:
        """Connect to exactly this address; None when nothing answers there."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._limits.connect_s):
                return Peer(*await asyncio.open_connection(str(address), port))
        return None

    async def _carry(self, request: ProxyRequest, client: Peer, server: Peer) -> None:
        relay = Relay(client, server, self._limits.idle_s)
        if request.is_tunnel:
            client.writer.write(_ESTABLISHED)
            await relay.both_ways()
        else:
            server.writer.write(request.head)
            await relay.request(request.body_bytes)
        async with asyncio.timeout(self._limits.idle_s):
            await client.close()

    async def _send_away(self, client: Peer, status: str, why: str) -> None:
        body = f"{why}\n".encode(errors="replace")
        client.writer.write(
            b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
            % (status.encode(), len(body), body)
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_s):
                await client.writer.drain()
                client.writer.write_eof()
                while await client.reader.read(self._limits.max_head_bytes):
                    pass

    def _tell(self, passage: Passage) -> None:
        if passage not in self._told and len(self._told) < MAX_REPORTED:
            self._told.add(passage)
            self._report(passage)


class _Unreachable(Exception):
    """A host that may be reached does not answer."""

    def __init__(self, request: ProxyRequest, why: str) -> None:
        super().__init__(why)
        host = written_host(request.host)
        text = f"{host}:{request.port} cannot be reached: {why}."
        self.passage = Passage(host, request.port, "unreachable", text)
