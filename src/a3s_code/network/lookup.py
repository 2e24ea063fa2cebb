"""
Looking a name up once, and dialling only what was looked at.

Every answer is checked, not the first that would do: a name with one private answer among
public ones is refused.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import TypeAlias

from a3s_code.errors import AddressRefused
from a3s_code.network.addresses import Address, plain_address
from a3s_code.network.host_rules import HostRules
from a3s_code.network.hosts import Host, written_host

Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the addresses of a name, in the order to try them; empty or OSError when it has none."""

MAX_ANSWERS = 64


async def system_resolve(name: str) -> Sequence[str]:
    """Ask the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


async def checked_addresses(
    host: Host, port: int, rules: HostRules, resolve: Resolve = system_resolve
) -> tuple[Address, ...]:
    """
    Give the addresses that may be dialled for a host; at least one.

    The caller connects to these and nothing else: asking again could get another answer.

    Raises:
        AddressRefused: the rules forbid the host or any of its addresses, or it has none.
    """
    rules.check(host, port)
    if not isinstance(host, str):
        return (host,)
    try:
        answers = await resolve(host)
        addresses = tuple(plain_address(ip_address(answer)) for answer in answers)
    except (OSError, ValueError):  # UnicodeError of the resolver is a ValueError
        addresses = ()
    if not 0 < len(addresses) <= MAX_ANSWERS:
        raise AddressRefused(
            f"{written_host(host)}:{port} may not be reached: no address of it is known.",
            host=written_host(host),
            port=port,
        )
    for address in addresses:
        rules.check_address(host, port, address)
    return addresses
