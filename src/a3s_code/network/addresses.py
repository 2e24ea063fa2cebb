"""
Addresses that are nobody's public host.

`ipaddress.is_global` alone is not enough: it passes addresses that carry an IPv4 address
within (NAT64, 6to4), tunnels, multicast, and one cloud's control address.

Source: INVARIANTS 22; the IANA special-purpose registries.
"""

from __future__ import annotations

import enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address


class Place(enum.Enum):
    """Where an address leads."""

    PUBLIC = "public"
    PRIVATE = "private"
    """A network of the host's own: this machine, its neighbours, its carrier."""
    CONTROL = "control"
    """Nothing that a program is served by: cloud control, link-local, multicast, reserved."""


_PRIVATE_V4 = tuple(
    IPv4Network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_CONTROL_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # Alibaba's metadata, within the carriers' range
        "168.63.129.16/32",  # Azure's wire server looks public
        "169.254.0.0/16",
        "192.0.0.0/24",  # with Oracle's metadata
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved and broadcast
    )
)
_PRIVATE_V6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))
_CONTROL_V6 = tuple(
    IPv6Network(text)
    for text in (
        "fd00:ec2::/32",  # Amazon's metadata, within the unique local range
        "fd20:ce::254/128",  # Google's
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def place_of(address: Address) -> Place:
    """Say where an address leads; one that stands for another leads where that one does."""
    address = plain_address(address)
    if isinstance(address, IPv4Address):
        if any(address in network for network in _CONTROL_V4):
            return Place.CONTROL
        if any(address in network for network in _PRIVATE_V4):
            return Place.PRIVATE
        return Place.PUBLIC
    if address.scope_id is not None or any(address in network for network in _CONTROL_V6):
        return Place.CONTROL
    if any(address in network for network in _PRIVATE_V6):
        return Place.PRIVATE
    return Place.PUBLIC if address in _UNICAST_V6 else Place.CONTROL


def plain_address(address: Address) -> Address:
    """Give the IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, IPv4Address) or address.scope_id is not None:
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
