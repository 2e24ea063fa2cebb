"""The HTTP port on aiohttp. Importing this module imports aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from yarl import URL

from a3s_code.llm.endpoint import Timeouts
from a3s_code.llm.faults import Fault

_IDLE_CONNECTION_S = 30.0
_READ_BUFFER_BYTES = 128 * 1024
_PIECE_BYTES = 256 * 1024
_NO_LINGER = struct.pack("ii", 1, 0)
_TRANSPORTS: ContextVar[list[asyncio.Transport | None]] = ContextVar("_TRANSPORTS")
_TRANSPORT_ERRORS = (
    aiohttp.ClientError,
    HttpProcessingError,
    asyncio.TimeoutError,
    OSError,
    UnicodeError,  # The look-up of a host name that IDNA cannot carry.
)


class ResponseExchange:
    """An aiohttp response as an `Exchange`."""

    __slots__ = ("_content", "_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response, self._content = response, response.content
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        try:
            return await self._content.readany()
        except _TRANSPORT_ERRORS as error:
            raise _fault(error) from None

    async def drain(self, patience_s: float) -> None:
        if self._content.at_eof():
            return
        try:
            async with asyncio.timeout(patience_s):
                while await self.read():
                    pass
        except TimeoutError:
            self.close()

    def close(self) -> None:
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            # Closing alone would first wait for the peer to take what is still to be sent.
            connection.transport.abort()
        self._response.close()


class _Connector(aiohttp.TCPConnector):
    """Tells which transport a request got, so that `Pool.post` can cut it."""

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:  # noqa: ANN401 - passed on
        connection = await super().connect(*args, **kwargs)
        _TRANSPORTS.get().append(connection.transport)
        return connection

    def __del__(self, _warnings: Any = None) -> None:  # noqa: ANN401 - aiohttp's signature
        """Drop idle connections in silence: a library says nothing when it is not closed."""
        for waiting in self._conns.values():
            for protocol, _ in waiting:
                if protocol.transport is not None and not self._loop.is_closed():
                    protocol.transport.abort()


class Pool:
    """The connections of one event loop. Must be made and used inside it."""

    __slots__ = ("_addresses", "_session", "_waits")

    def __init__(self) -> None:
        # A limit would make calls wait for each other inside their connect timeout.
        connector = _Connector(limit=0, keepalive_timeout=_IDLE_CONNECTION_S)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER_BYTES,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        self._waits: dict[Timeouts, aiohttp.ClientTimeout] = {}
        self._addresses: dict[str, tuple[URL, str | None]] = {}

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> ResponseExchange:
        address, proxy = self._address(url)
        transports: list[asyncio.Transport | None] = []
        token = _TRANSPORTS.set(transports)
        try:
            response = await self._session.post(
                address,
                data=body if len(body) <= _PIECE_BYTES else _pieces(body),
                headers={**headers, "Content-Length": str(len(body))},
                timeout=self._wait(timeouts),
                proxy=proxy,
                allow_redirects=False,
            )
        except BaseException as error:
            for transport in transports:
                _reset(transport)
            if isinstance(error, _TRANSPORT_ERRORS):
                raise _fault(error) from None
            raise
        finally:
            _TRANSPORTS.reset(token)
        return ResponseExchange(response)

    async def close(self) -> None:
        await self._session.close()

    def abandon(self) -> None:
        """Let go of a session whose loop is closed; nothing can be awaited there."""
        self._session.detach()

    def __del__(self) -> None:
        self._session.detach()

    def _wait(self, timeouts: Timeouts) -> aiohttp.ClientTimeout:
        if timeouts not in self._waits:
            self._waits[timeouts] = aiohttp.ClientTimeout(
                total=None, connect=timeouts.connect_s, sock_read=timeouts.idle_s
            )
        return self._waits[timeouts]

    def _address(self, url: str) -> tuple[URL, str | None]:
        if url not in self._addresses:
            try:
                self._addresses[url] = URL(url), _proxy_for(url)
            except ValueError as error:
                raise Fault(
                    "transport", f"the address is not valid: {error}", again=False
                ) from None
        return self._addresses[url]


def _reset(transport: asyncio.Transport | None) -> None:
    """
    Close a connection in the middle of a request. Without a reset, asyncio and then the
    operating system would wait for the peer to take the rest of it.
    """
    if transport is None:
        return
    connected = transport.get_extra_info("socket")
    if connected is not None:
        with contextlib.suppress(OSError):  # It may be closed already.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


async def _pieces(body: bytes) -> AsyncIterator[memoryview]:
    """Hand a large body over in parts, so that a slow peer holds no second copy of it."""
    view = memoryview(body)
    for start in range(0, len(body), _PIECE_BYTES):
        yield view[start : start + _PIECE_BYTES]


def _proxy_for(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    if proxy is not None and urlsplit(proxy).scheme not in {"http", "https"}:
        raise ValueError(f"{parts.scheme}_proxy in the environment names no http proxy")
    return proxy


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fault(error: Exception) -> Fault:
    """Translate what the library raised. Its text names hosts and ports, no headers."""
    detail = _detail(error)
    if isinstance(error, asyncio.TimeoutError):
        return Fault("timeout", detail, again=True)
    if isinstance(error, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
        return Fault("transport", f"the certificate is not valid: {detail}", again=False)
    if isinstance(error, aiohttp.ClientPayloadError | HttpProcessingError):
        return Fault("truncated", detail, again=True)
    if isinstance(error, aiohttp.ClientResponseError):
        again = not _is_too_long(error)
        return Fault("transport", f"not an HTTP answer: {detail}", again=again)
    return Fault("transport", detail, again=not isinstance(error, UnicodeError))


def _is_too_long(error: BaseException | None) -> bool:
    """Headers that were over the library's limit once will be so again."""
    while error is not None and not isinstance(error, LineTooLong):
        error = error.__cause__
    return error is not None


def _detail(error: Exception) -> str:
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return text or type(error).__name__
