"""Which addresses are nobody's public host."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.network.addresses import Place, place_of

PUBLIC, PRIVATE, CONTROL = Place.PUBLIC, Place.PRIVATE, Place.CONTROL


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("8.8.8.8", PUBLIC),
        ("11.0.0.1", PUBLIC),
        ("172.32.0.1", PUBLIC),
        ("100.63.255.255", PUBLIC),
        ("2606:4700::1111", PUBLIC),
        ("64:ff9b::808:808", PUBLIC),
        ("127.0.0.1", PRIVATE),
        ("10.1.2.3", PRIVATE),
        ("172.16.0.1", PRIVATE),
        ("192.168.1.1", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("::1", PRIVATE),
        ("fd12::1", PRIVATE),
        ("::ffff:127.0.0.1", PRIVATE),
        ("64:ff9b::7f00:1", PRIVATE),
        ("0.0.0.0", CONTROL),
        ("169.254.169.254", CONTROL),
        ("168.63.129.16", CONTROL),
        ("100.100.100.200", CONTROL),
        ("192.0.0.192", CONTROL),
        ("198.18.0.1", CONTROL),
        ("224.0.0.1", CONTROL),
        ("240.0.0.1", CONTROL),
        ("255.255.255.255", CONTROL),
        ("::", CONTROL),
        ("::7f00:1", CONTROL),
        ("::ffff:169.254.169.254", CONTROL),
        ("64:ff9b::a9fe:a9fe", CONTROL),
        ("64:ff9b:1::808:808", CONTROL),
        ("2002:7f00:1::", CONTROL),
        ("2002:808:808::", CONTROL),
        ("2001:0:53aa:64c::", CONTROL),
        ("2001:db8::1", CONTROL),
        ("3fff::1", CONTROL),
        ("fe80::1", CONTROL),
        ("fe80::1%eth0", CONTROL),
        ("2606:4700::1111%eth0", CONTROL),
        ("fec0::1", CONTROL),
        ("ff02::1", CONTROL),
        ("fd00:ec2::254", CONTROL),
        ("5f00::1", CONTROL),
    ],
)
def test_an_address_leads_where_the_registries_say(text: str, place: Place) -> None:
    assert place_of(ip_address(text)) is place


@given(st.integers(0, 2**32 - 1))
def test_what_the_library_calls_local_is_never_public_in_any_wrapping(number: int) -> None:
    plain = IPv4Address(number)
    for wrapped in (0xFFFF_0000_0000, 0x64_FF9B << 96):
        assert place_of(IPv6Address(wrapped | number)) is place_of(plain)
    if not plain.is_global:
        assert place_of(plain) is not Place.PUBLIC


@given(st.integers(0, 2**128 - 1))
def test_no_ipv6_address_is_public_that_the_library_calls_local(number: int) -> None:
    address = IPv6Address(number)
    if not address.is_global:
        assert place_of(address) is not Place.PUBLIC
