"""A URL is what everybody reads in it, and a redirect gets no further than the first request."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import AddressRefused
from a3s_code.network.answer import AnswerLimits, CappedAnswer
from a3s_code.network.host_rules import HostRules
from a3s_code.network.inbound import check_inbound
from a3s_code.network.journey import MAX_REDIRECTS, Journey
from a3s_code.network.urls import Url

HEADERS = (("Authorization", "Bearer x"), ("X-Key", "y"), ("Accept", "text/html"))


async def everywhere(name: str) -> Sequence[str]:
    return ["10.0.0.1" if name.startswith("private") else "8.8.8.8"]


def journey() -> Journey:
    return Journey(HostRules.of(None), HEADERS, everywhere)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("HTTP://Example.TEST", "http://example.test/"),
        ("https://example.test:443/a?b=c#d", "https://example.test/a?b=c"),
        ("https://example.test:8443?q", "https://example.test:8443/?q"),
        ("https://example.test/ä/%41", "https://example.test/%C3%A4/%41"),
        ("http://[2606:4700::1]:80/", "http://[2606:4700::1]/"),
    ],
)
def test_a_url_has_one_spelling(text: str, same: str) -> None:
    assert str(Url.read(text)) == same
    assert Url.read(same) == Url.read(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "example.test",
            "//example.test/",
            "http:example.test",
            "http:///x",
            "http://",
            "ftp://a/",
        ),
        *("http://u@a.test/", "http://u:p@a.test/", "http://a.test:/", "http://a.test\\@b.test/"),
        *(
            " http://a.test/",
            "http://a.test/\n",
            "http://a.test/\u202e",
            "http://a.test/" + "x" * 9000,
        ),
        *(
            "file:///etc/passwd",
            "javascript:1",
            "a:$(touch x)",
            "http://a.test:80:80/",
            "http://*/",
        ),
    ],
)
def test_what_is_no_plain_url_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        Url.read(text)


@given(st.text(max_size=40))
def test_any_text_is_a_url_of_one_spelling_or_refused(text: str) -> None:
    try:
        url = Url.read(f"http://{text}")
    except AddressRefused:
        return
    assert str(url).isascii()
    assert Url.read(str(url)) == url


async def test_no_header_but_the_harmless_ones_follows_to_another_origin() -> None:
    trip = journey()
    await trip.begin("https://a.test/")
    same = await trip.redirected("/next")
    assert same.headers == HEADERS
    other = await trip.redirected("https://b.test/")
    assert other.headers == (("Accept", "text/html"),)
    back = await trip.redirected("https://a.test/third")
    assert back.headers == (("Accept", "text/html"),), "what was left behind does not come back"


@pytest.mark.parametrize(
    "location",
    [
        *("http://a.test/", "https://private.test/", "https://127.0.0.1/", "//169.254.169.254/"),
        *("ftp://a.test/", "https://a.test/", "https://[", "https://a.test:22/"),
    ],
)
async def test_a_redirect_is_checked_like_the_first_url(location: str) -> None:
    trip = journey()
    await trip.begin("https://a.test/")
    with pytest.raises(AddressRefused):
        await trip.redirected(location)


async def test_redirects_come_to_an_end() -> None:
    trip = journey()
    await trip.begin("https://a.test/")
    for number in range(MAX_REDIRECTS):
        await trip.redirected(f"/{number}")
    with pytest.raises(AddressRefused, match="redirects"):
        await trip.redirected("/one-more")


def answered(data: bytes, limits: AnswerLimits | None = None) -> CappedAnswer:
    taken = CappedAnswer(limits)
    taken.feed(data)
    return taken


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_compressed_body_is_bounded_as_it_will_be_read(pack: object) -> None:
    assert callable(pack)
    body = pack(b"\0" * 1_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    taken = answered(head + body, AnswerLimits(max_body_bytes=1000))
    assert (taken.status, taken.capped, len(taken.body)) == (200, "body", 1000)
    whole = answered(head + body)
    assert (whole.capped, len(whole.body)) == ("", 1_000_000)


def test_a_head_is_bounded_in_bytes_and_in_headers() -> None:
    assert answered(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000).capped == "head"
    assert answered(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 202).capped == "head"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(AddressRefused):
        answered(data)


async def test_an_answer_that_does_not_end_is_cut_off_at_the_deadline() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegin")
    taken = CappedAnswer(AnswerLimits(deadline_s=0.01))
    await taken.read(reader)
    assert (taken.capped, bytes(taken.body)) == ("deadline", b"begin")


def test_only_a_holder_of_the_token_that_names_us_gets_in() -> None:
    good = {"Host": "127.0.0.1:80", "Authorization": "Bearer t"}
    check_inbound(good, 80, "t")
    for change in (
        {"Host": "evil.test"},
        {"Host": "127.0.0.1"},
        {"Host": "localhost.evil.test:80"},
        {"Authorization": "Bearer x"},
        {"Authorization": ""},
        {"Origin": "null"},
        {"origin": "http://127.0.0.1:80"},
    ):
        with pytest.raises(AddressRefused):
            check_inbound(good | change, 80, "t")
    with pytest.raises(AddressRefused):
        check_inbound({"Host": "127.0.0.1:80", "Authorization": "Bearer "}, 80, "")
