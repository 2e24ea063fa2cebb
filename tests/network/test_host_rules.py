"""Who is on the list, who is not, and that the list never opens more than it says."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import AddressRefused, InvalidValue
from a3s_code.network.host_rules import HostPattern, HostRules
from a3s_code.network.hosts import canonical_host
from a3s_code.network.lookup import checked_addresses

LIST = ("example.test", "*.ok.test", "ssh.test:22", "[2606:4700::1]:8080", "8.8.8.8")


def reaches(rules: HostRules, host: str, port: int) -> bool:
    try:
        rules.check(canonical_host(host), port)
    except AddressRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "port", "may"),
    [
        ("example.test", 443, True),
        ("EXAMPLE.test.", 80, True),
        ("example.test", 8080, False),
        ("example.test", 22, False),
        ("sub.example.test", 443, False),
        ("a.ok.test", 443, True),
        ("a.b.ok.test", 443, True),
        ("ok.test", 443, False),
        ("notok.test", 443, False),
        ("ok.test.evil.test", 443, False),
        ("ssh.test", 22, True),
        ("ssh.test", 443, False),
        ("[2606:4700::1]", 8080, True),
        ("[2606:4700:0:0::1]", 8080, True),
        ("[2606:4700::1]", 443, False),
        ("8.8.8.8", 443, True),
        ("[::ffff:8.8.8.8]", 443, True),
        ("8.8.4.4", 443, False),
    ],
)
def test_a_host_is_reached_only_as_the_list_has_it(host: str, port: int, may: bool) -> None:
    assert reaches(HostRules.of(LIST), host, port) is may


def test_an_empty_list_reaches_nothing() -> None:
    assert not reaches(HostRules.of(()), "example.test", 443)


def test_no_list_reaches_public_hosts_on_ports_of_no_other_protocol() -> None:
    rules = HostRules.of(None)
    assert reaches(rules, "example.test", 443)
    assert reaches(rules, "example.test", 8080)
    assert not reaches(rules, "example.test", 25)
    assert not reaches(rules, "example.test", 6379)
    assert not reaches(rules, "10.0.0.1", 80)


def test_a_denied_host_is_denied_whatever_allows_it() -> None:
    rules = HostRules.of(("*.ok.test", "a.ok.test"), ("a.ok.test", "b.ok.test:80"))
    assert not reaches(rules, "a.ok.test", 443)
    assert not reaches(rules, "b.ok.test", 80)
    assert reaches(rules, "b.ok.test", 443)


@given(st.sampled_from(["a.test", "b.a.test", "8.8.8.8"]), st.sampled_from([80, 443, 8080]))
def test_no_order_or_number_of_allows_loosens_a_deny(host: str, port: int) -> None:
    allow = ("a.test", "*.a.test", "8.8.8.8", f"{host}:{port}")
    for deny in ((host,), (f"{host}:{port}",), (host, "*.test")):
        assert not reaches(HostRules.of(allow, deny), host, port)
        assert not reaches(HostRules.of(allow[::-1], deny, allow_private=True), host, port)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "*",
            "*.",
            "*.*.test",
            "a.*.test",
            "*.8.8.8.8",
            "a.test:0",
            "a.test:x",
            "http://a.test",
        ),
        *("a.test/", "a\0.test", "::1", "[::1", "*a.test", "a.test:"),
    ],
)
def test_what_is_no_pattern_is_refused_when_it_is_written(text: str) -> None:
    with pytest.raises(InvalidValue, match="no pattern of a host"):
        HostPattern.read(text)


def test_a_private_address_on_the_list_must_be_meant() -> None:
    with pytest.raises(InvalidValue, match="allow_private"):
        HostRules.of(("127.0.0.1:8080",))
    rules = HostRules.of(("127.0.0.1:8080",), allow_private=True)
    assert reaches(rules, "127.0.0.1", 8080)
    assert not reaches(rules, "127.0.0.1", 80)


async def answers(rules: HostRules, *addresses: str) -> Sequence[str]:
    async def resolve(name: str) -> Sequence[str]:
        return addresses

    found = await checked_addresses("a.test", 443, rules, resolve)
    return [str(address) for address in found]


async def test_every_answer_is_looked_at_and_one_private_one_is_too_many() -> None:
    rules = HostRules.of(("a.test",))
    assert await answers(rules, "8.8.8.8", "2606:4700::1") == ["8.8.8.8", "2606:4700::1"]
    for bad in ("127.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "169.254.169.254", "fd00::1"):
        with pytest.raises(AddressRefused, match="no public address"):
            await answers(rules, "8.8.8.8", bad)


async def test_a_name_without_an_answer_is_refused() -> None:
    with pytest.raises(AddressRefused, match="no address"):
        await answers(HostRules.of(("a.test",)))
    with pytest.raises(AddressRefused, match="no address"):
        await answers(HostRules.of(("a.test",)), "not an address")


async def test_private_networks_open_only_with_a_word_and_cloud_control_only_by_its_address() -> (
    None
):
    private = HostRules.of(("a.test",), allow_private=True)
    assert await answers(private, "10.0.0.1") == ["10.0.0.1"]
    with pytest.raises(AddressRefused):
        await answers(private, "169.254.169.254")
    named = HostRules.of(("a.test", "169.254.169.254"), allow_private=True)
    assert await answers(named, "169.254.169.254") == ["169.254.169.254"]


async def test_a_name_that_leads_to_a_denied_address_is_denied() -> None:
    rules = HostRules.of(("a.test",), ("8.8.8.8",))
    with pytest.raises(AddressRefused, match="deny-list"):
        await answers(rules, "8.8.8.8")


def test_a_refusal_names_host_and_port() -> None:
    with pytest.raises(AddressRefused) as caught:
        HostRules.of(()).check(ip_address("2606:4700::1"), 443)
    assert (caught.value.host, caught.value.port) == ("[2606:4700::1]", 443)
