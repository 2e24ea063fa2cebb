"""One spelling for every host; what could be read as another is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import AddressRefused
from a3s_code.network.hosts import canonical_host, canonical_port, split_port, written_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.TEST", "example.test"),
        ("example.test.", "example.test"),
        ("_dmarc.example.test", "_dmarc.example.test"),
        ("münchen.test", "xn--mnchen-3ya.test"),
        ("東京タワー.test", "xn--5ck2eqb538s34z.test"),
        ("8.8.8.8", "8.8.8.8"),
        ("[2606:4700::1111]", "[2606:4700::1111]"),
        ("[::ffff:8.8.8.8]", "8.8.8.8"),
        ("[64:ff9b::808:808]", "8.8.8.8"),
    ],
)
def test_a_host_has_one_spelling(text: str, host: str) -> None:
    assert written_host(canonical_host(text)) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", ".a", "a b", "a\tb", "a\0b", "a\nb", "a%2eb", "a@b", "a/b", "a\\b"),
        *("a,b", "*.ok.test", "-a.test", "a-.test", "a" * 64, "a." * 127 + "aa"),
        *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.01", "1.2.3.4.5", "a.0x1"),
        *("127.0.0.0x1", "1.2.3.256", "a.1", "[::1", "[::1%eth0]", "[]", "[1.2.3.4]", "::1"),
        *(
            "\uff11\uff12\uff17.0.0.1",
            "①.test",
            "ok。test",
            "ok\uff0etest",
            "ok\u2044test",
            "faß.test",
        ),
        *("p\u0430ypal.test", "ok\u200b.test", "ok\u00ad.test", "ﬁ.test", "K\u212a.test"),
    ],
)
def test_what_two_programs_could_read_as_two_hosts_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        canonical_host(text)


@given(st.text(max_size=30))
def test_any_text_is_a_host_of_one_spelling_or_refused(text: str) -> None:
    try:
        host = canonical_host(text)
    except AddressRefused:
        return
    written = written_host(host)
    assert written.isascii()
    assert written == written.lower()
    assert canonical_host(written) == host


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_as_one_number_is_never_a_host(number: int) -> None:
    for text in (str(number), hex(number), f"0{number:o}"):
        with pytest.raises(AddressRefused):
            canonical_host(text)


@pytest.mark.parametrize("text", ["0", "65536", "080", "-1", "8 0", "", "٣", "80a", "999999"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        canonical_port(text)


def test_a_port_is_told_from_an_address_in_brackets() -> None:
    assert split_port("[::1]:80") == ("[::1]", "80")
    assert split_port("[::1]") == ("[::1]", "")
    assert split_port("a.test:80") == ("a.test", "80")
    for text in ("[::1]80", "[::1]:", "a.test:", "[::1"):
        with pytest.raises(AddressRefused):
            split_port(text)
