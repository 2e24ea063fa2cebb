"""Where a request goes: what to connect to, and what the request says there."""

from __future__ import annotations

import asyncio
import base64
import importlib
import ipaddress
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

_PORTS = {"http": 80, "https": 443}
_SAFE_IN_TARGET = "%/:=&?~+!$,;'@()*[]"
_MAX_TUNNEL_ANSWER_BYTES = 64 * 1024


class Route(msgspec.Struct, frozen=True):
    """
    The way to one address.

    Attributes:
        host: What to connect to: the server, or the proxy in front of it.
        server_name: Whom the certificate must name; empty where there is no TLS.
        tunnel: What makes the proxy connect through to the server; empty for none.
        first_lines: Of the request, up to the headers that depend on the call.
        authority: For the `host` header.
    """

    host: str
    port: int
    server_name: str
    tunnel: bytes
    first_lines: str
    authority: str

    def head(self, headers: Mapping[str, str], length: int) -> bytes:
        """Give the request up to its body. A `host` among the headers replaces ours."""
        fields = {"host": self.authority, **headers, "content-length": str(length)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{self.first_lines}{lines}\r\n".encode("latin-1")

    async def addresses(self) -> list[Any]:
        """
        Look the host up, as `getaddrinfo` gives it; without a thread when it is a number.

        Raises:
            OSError: there is no such host.
        """
        host, kind = self.host.encode("ascii"), socket.SOCK_STREAM
        try:
            flags = socket.AI_NUMERICHOST
            return socket.getaddrinfo(host, self.port, type=kind, flags=flags)
        except socket.gaierror:
            loop = asyncio.get_running_loop()
            return await loop.getaddrinfo(host, self.port, type=kind)

    async def dig(self, connected: socket.socket) -> None:
        """
        Have the proxy connect through, where the route has one for that.

        Raises:
            OSError: it does not; the text says what it answers.
        """
        if not self.tunnel:
            return
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connected, self.tunnel)
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < _MAX_TUNNEL_ANSWER_BYTES:
            piece = await loop.sock_recv(connected, 4096)
            if not piece:
                break
            answer += piece
        status = answer.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
        if status[1:2] != ["200"] or not answer.endswith(b"\r\n\r\n"):
            said = " ".join(status[1:]) or "nothing"
            raise ConnectionError(f"the proxy {self.host}:{self.port} answers {said} to CONNECT")


async def route_to(url: str) -> Route:
    """
    Find the way to `url`, through the proxy that the environment names for it.

    Raises:
        ValueError: the address or that of the proxy cannot be used.
    """
    parts = urlsplit(url)
    host, port = _host(parts), parts.port or _PORTS[parts.scheme]
    authority = f"[{host}]" if ":" in host else host
    if parts.port:
        authority = f"{authority}:{port}"
    target = quote(parts.path or "/", safe=_SAFE_IN_TARGET)
    if parts.query:
        target = f"{target}?{quote(parts.query, safe=_SAFE_IN_TARGET)}"
    server_name = host if parts.scheme == "https" else ""
    proxy = await _proxy(url, host)
    if proxy is None:
        return Route(host, port, server_name, b"", f"POST {target} HTTP/1.1\r\n", authority)
    to = _host(proxy), proxy.port or _PORTS["http"]
    login = _login(proxy)
    if server_name:
        through = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        tunnel = f"CONNECT {through} HTTP/1.1\r\nhost: {through}\r\n{login}\r\n".encode("latin-1")
        return Route(*to, server_name, tunnel, f"POST {target} HTTP/1.1\r\n", authority)
    whole = f"POST http://{authority}{target} HTTP/1.1\r\n{login}"
    return Route(*to, "", b"", whole, authority)


async def _proxy(url: str, host: str) -> SplitResult | None:
    if _is_loopback(host):
        return None
    # It reads the settings of the system too, and takes a while to import.
    proxies = await asyncio.to_thread(importlib.import_module, "a3s_code.llm.proxies")
    proxy: str | None = await asyncio.to_thread(proxies.proxy_for, url)
    if proxy is None:
        return None
    parts = urlsplit(proxy)
    if not _is_usable(parts):
        scheme = urlsplit(url).scheme
        raise ValueError(
            f"{scheme}_proxy in the environment is not of the form http://user:password@host:port"
        )
    return parts


def _is_usable(proxy: SplitResult) -> bool:
    """Nothing of it is told to anybody: parts of a password may stand anywhere."""
    try:
        port = proxy.port
    except ValueError:
        return False
    rest = f"{proxy.path.strip('/')}{proxy.query}{proxy.fragment}"
    return proxy.scheme == "http" and bool(proxy.hostname) and port != 0 and not rest


def _login(proxy: SplitResult) -> str:
    if proxy.username is None:
        return ""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"proxy-authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return host if host.isascii() else host.encode("idna").decode()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
