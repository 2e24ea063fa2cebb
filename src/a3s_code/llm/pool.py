"""The connections of one event loop: kept while they are idle, opened when there is none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

from aiohappyeyeballs import (
    start_connection,  # pyright: ignore[reportUnknownVariableType] - it says tuple, of nothing
)

from a3s_code.llm.body import Body
from a3s_code.llm.connection import Connection
from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.exchange import HttpExchange
from a3s_code.llm.faults import Fault
from a3s_code.llm.route import Route, route_to

_NEXT_ADDRESS_S = 0.25
"""How long an address of a host may keep the next one waiting (RFC 8305)."""


class Pool:
    """Must be made and used inside its event loop. The number of connections has no limit."""

    __slots__ = ("_idle", "_loop", "_routes", "_tls", "_urls")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._routes: dict[str, Route] = {}
        self._urls: dict[Connection, str] = {}
        self._idle: dict[str, dict[Connection, None]] = {}
        self._tls: ssl.SSLContext | None = None

    async def post(
        self, url: str, headers: Mapping[str, str], body: Body, timeouts: Timeouts
    ) -> HttpExchange:
        route = self._routes.get(url) or await self._find(url)
        connection = self._take(url) or await self._connect(url, route, timeouts.connect_s)
        return await connection.exchange(route.head(headers, len(body)), body, timeouts.idle_s)

    async def close(self) -> None:
        """Close every connection; what they carry ends with a fault."""
        for connection in list(self._urls):
            connection.close()
        await asyncio.sleep(0)  # The loop closes the sockets in its next round.

    async def _find(self, url: str) -> Route:
        try:
            self._routes[url] = await route_to(url)
        except ValueError as error:
            detail = f"the address cannot be used: {error}"
            raise Fault("transport", detail, again=False) from None
        return self._routes[url]

    def _take(self, url: str) -> Connection | None:
        idle = self._idle.get(url)
        while idle:
            connection, _ = idle.popitem()
            if connection.is_usable:
                return connection
            connection.cut()
        return None

    async def _connect(self, url: str, route: Route, connect_s: float) -> Connection:
        where = f"{route.host}:{route.port}"
        try:
            async with asyncio.timeout(connect_s):
                connection = await self._open(route)
        except TimeoutError as error:
            detail = str(error) or f"no connection to {where} within {connect_s:g} s"
            raise Fault("timeout", detail, again=True) from None
        except ssl.SSLCertVerificationError as error:
            detail = f"the certificate is not valid: {error}"
            raise Fault("transport", detail, again=False) from None
        except (OSError, UnicodeError) as error:
            again = not isinstance(error, UnicodeError)
            raise Fault("transport", f"{where}: {error}", again=again) from None
        self._urls[connection] = url
        return connection

    async def _open(self, route: Route) -> Connection:
        found = await route.addresses()
        connected = await start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS_S)
        try:
            await route.dig(connected)
            _, connection = await self._loop.create_connection(
                lambda: Connection(self._loop, self._changed),
                sock=connected,
                ssl=await self._context() if route.server_name else None,
                server_hostname=route.server_name or None,
            )
        except BaseException:
            connected.close()
            raise
        return connection

    async def _context(self) -> ssl.SSLContext:
        # Reading the certificates of the system takes a while.
        self._tls = self._tls or await asyncio.to_thread(_trusting_the_system)
        return self._tls

    def _changed(self, connection: Connection) -> None:
        url = self._urls.get(connection)
        if url is None:
            return
        if connection.is_usable:
            self._idle.setdefault(url, {})[connection] = None
        else:
            del self._urls[connection]
            self._idle.get(url, {}).pop(connection, None)


def _trusting_the_system() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
