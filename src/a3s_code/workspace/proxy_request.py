"""
What a client asks an HTTP proxy for, read so that the next server could read nothing else.

Line ends, blanks and lengths are taken strictly. A request that names two hosts, or has two
lengths, is refused: whoever is asked next might believe the other one.

Source: INVARIANTS 23; RFC 9110 and 9112.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from a3s_code.errors import AddressRefused
from a3s_code.network.hosts import Host, canonical_host, canonical_port, split_port
from a3s_code.network.urls import Url

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.[01]")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_LENGTH = re.compile(r"[0-9]{1,15}")
_BETWEEN_NEIGHBOURS = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
CHUNKED = -1


class Malformed(Exception):
    """It is no request to a proxy; the text says why."""


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """
    Attributes:
        is_tunnel: CONNECT; what follows is not looked into.
        head: What is sent on, with the empty line after it; empty for a tunnel.
        body_bytes: That follow, or CHUNKED.
    """

    host: Host
    port: int
    is_tunnel: bool
    head: bytes = b""
    body_bytes: int = 0

    @classmethod
    def read(cls, head: bytes) -> ProxyRequest:
        """
        Read a request line and headers, with the empty line after them.

        Raises:
            Malformed: it is no request, or not one to a proxy.
            AddressRefused: what it names is no host, or there are two of them.
        """
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        line = _LINE.fullmatch(first)
        if line is None:
            raise Malformed("The request line is not HTTP/1.1.")
        headers = [_header(text) for text in lines]
        method, target = line[1].decode(), line[2].decode()
        if method == "CONNECT":
            return _tunnel(target, headers)
        if not target.lower().startswith("http://"):
            raise Malformed("This is a proxy: ask for http://host/path, or use CONNECT.")
        return _forwarded(method, Url.read(target), headers)


Headers = list[tuple[str, str]]


def _header(line: bytes) -> tuple[str, str]:
    match = _HEADER.fullmatch(line)
    if match is None:
        raise Malformed("A header line is not HTTP/1.1.")
    return match[1].decode().lower(), match[2].decode("latin-1").rstrip(" \t")


def _values(headers: Headers, name: str) -> list[str]:
    return [value for known, value in headers if known == name]


def _tunnel(target: str, headers: Headers) -> ProxyRequest:
    name, port_text = split_port(target)
    if not port_text:
        raise Malformed("CONNECT needs host:port.")
    host, port = canonical_host(name), canonical_port(port_text)
    _check_same(headers, host, port, usual_port=port)
    if _values(headers, "transfer-encoding") or _body_bytes(headers):
        raise Malformed("A CONNECT has no body.")
    return ProxyRequest(host, port, is_tunnel=True)


def _forwarded(method: str, url: Url, headers: Headers) -> ProxyRequest:
    _check_same(headers, url.host, url.port, usual_port=80)
    body_bytes = _body_bytes(headers)
    named = {
        name.strip().lower()
        for value in _values(headers, "connection")
        for name in value.split(",")
    }
    dropped = _BETWEEN_NEIGHBOURS | named | {"host", "content-length"}
    rows = [("Host", url.authority), ("Connection", "close")]
    rows += [(name, value) for name, value in headers if name not in dropped]
    if body_bytes == CHUNKED:
        rows.append(("Transfer-Encoding", "chunked"))
    elif _values(headers, "content-length"):
        rows.append(("Content-Length", str(body_bytes)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in rows)
    head = f"{method} {url.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
    return ProxyRequest(url.host, url.port, is_tunnel=False, head=head, body_bytes=body_bytes)


def _check_same(headers: Headers, host: Host, port: int, usual_port: int) -> None:
    """See that the Host header, where there is one, names what the request line names."""
    for value in _values(headers, "host"):
        name, port_text = split_port(value)
        named = canonical_host(name), canonical_port(port_text) if port_text else usual_port
        if named != (host, port):
            raise AddressRefused(
                f"The request is for {host}:{port}, and its Host header names another.",
                host=str(host),
                port=port,
            )
    if len(_values(headers, "host")) > 1:
        raise Malformed("There are two Host headers.")


def _body_bytes(headers: Headers) -> int:
    encodings, lengths = _values(headers, "transfer-encoding"), _values(headers, "content-length")
    if len(encodings) + len(lengths) > 1:
        raise Malformed("The request says twice how long it is.")
    if encodings:
        if encodings[0].lower() != "chunked":
            raise Malformed("Only chunked is known as a transfer encoding.")
        return CHUNKED
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        raise Malformed("The length of the request is no number.")
    return int(lengths[0]) if lengths else 0
