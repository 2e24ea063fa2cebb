"""A request to the proxy is what every reader makes of it, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import AddressRefused
from a3s_code.workspace.proxy_request import CHUNKED, Malformed, ProxyRequest


def read(*lines: str) -> ProxyRequest:
    return ProxyRequest.read("\r\n".join((*lines, "", "")).encode("latin-1"))


def test_a_tunnel_names_one_host_and_one_port() -> None:
    request = read("CONNECT A.test:443 HTTP/1.1", "Host: a.TEST:443", "User-Agent: x")
    assert (request.host, request.port, request.is_tunnel) == ("a.test", 443, True)


def test_a_request_goes_on_with_the_host_that_was_checked_and_nothing_meant_for_the_proxy() -> None:
    request = read(
        "POST http://A.test:8080/p?q#f HTTP/1.0",
        "Host: a.test:8080",
        "Proxy-Authorization: Basic x",
        "Connection: keep-alive, X-Hop",
        "X-Hop: y",
        "Upgrade: websocket",
        "Content-Length: 3",
        "X-Kept: ä",
    )
    assert request.body_bytes == 3
    assert request.head.decode("latin-1") == (
        "POST /p?q HTTP/1.1\r\nHost: a.test:8080\r\nConnection: close\r\nx-kept: ä\r\n"
        "Content-Length: 3\r\n\r\n"
    )


def test_a_body_in_chunks_stays_one() -> None:
    request = read("PUT http://a.test/ HTTP/1.1", "Transfer-Encoding: chunked")
    assert request.body_bytes == CHUNKED
    assert b"Transfer-Encoding: chunked\r\n" in request.head


@pytest.mark.parametrize(
    "lines",
    [
        ("GET / HTTP/1.1", "Host: a.test"),
        ("GET https://a.test/ HTTP/1.1",),
        ("GET  http://a.test/ HTTP/1.1",),
        ("GET http://a.test/ HTTP/2",),
        ("GET http://a.test/ x HTTP/1.1",),
        ("GET\thttp://a.test/ HTTP/1.1",),
        ("CONNECT a.test HTTP/1.1",),
        ("CONNECT a.test:443 HTTP/1.1", "Content-Length: 5"),
        ("GET http://a.test/ HTTP/1.1", "Host: a.test", "Host: a.test"),
        ("GET http://a.test/ HTTP/1.1", "X : y"),
        ("GET http://a.test/ HTTP/1.1", " folded"),
        ("GET http://a.test/ HTTP/1.1", "X: a\nY: b"),
        ("GET http://a.test/ HTTP/1.1", "X: a\rY: b"),
        ("GET http://a.test/ HTTP/1.1", "X: a\0b"),
        ("POST http://a.test/ HTTP/1.1", "Content-Length: 3", "Content-Length: 3"),
        ("POST http://a.test/ HTTP/1.1", "Content-Length: 3", "Transfer-Encoding: chunked"),
        ("POST http://a.test/ HTTP/1.1", "Transfer-Encoding: gzip, chunked"),
        ("POST http://a.test/ HTTP/1.1", "Content-Length: +3"),
        ("POST http://a.test/ HTTP/1.1", "Content-Length: 3, 3"),
    ],
)
def test_what_two_servers_could_read_as_two_requests_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(Malformed):
        read(*lines)


@pytest.mark.parametrize(
    "lines",
    [
        ("CONNECT a.test:443 HTTP/1.1", "Host: b.test:443"),
        ("CONNECT a.test:443 HTTP/1.1", "Host: a.test:22"),
        ("CONNECT evil.test%00.a.test:443 HTTP/1.1",),
        ("CONNECT 0177.0.0.1:443 HTTP/1.1",),
        ("CONNECT a.test:0 HTTP/1.1",),
        ("GET http://a.test/ HTTP/1.1", "Host: b.test"),
        ("GET http://a.test:8080/ HTTP/1.1", "Host: a.test"),
        ("GET http://u@a.test/ HTTP/1.1",),
        ("GET http://a.test\\@b.test/ HTTP/1.1",),
    ],
)
def test_what_names_two_hosts_or_none_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(AddressRefused):
        read(*lines)


@pytest.mark.parametrize("host", [b"evil.test\0.a.test", b"evil.test\n.a.test", b"a.test\x7f"])
def test_a_host_with_a_control_character_is_no_host(host: bytes) -> None:
    for line in (b"CONNECT %s:443 HTTP/1.1", b"GET http://%s/ HTTP/1.1"):
        with pytest.raises(Malformed):
            ProxyRequest.read(line % host + b"\r\n\r\n")


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_whatever_comes_is_one_request_or_refused(target: bytes, header: bytes) -> None:
    text = b"GET http://a.test/" + target + b" HTTP/1.1\r\nX: " + header + b"\r\n\r\n"
    try:
        request = ProxyRequest.read(text)
    except (Malformed, AddressRefused):
        return
    first, *rows, _, end = request.head.split(b"\r\n")
    assert end == b""
    assert first.startswith(b"GET /")
    assert first.count(b" ") == 2
    assert rows[0].startswith(b"Host: a.test")
    assert not any(set(row) & set(b"\r\n\0") for row in rows)
