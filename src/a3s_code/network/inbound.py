"""
Who may speak to a port of our own: holders of its token, by its own name, from no web page.

A page in a browser can make requests to loopback, and a name of its owner can be made to
lead there. So the token is demanded, the Host must be ours, and an Origin is refused.

Source: INVARIANTS 24.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from a3s_code.errors import AddressRefused

OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")


def check_inbound(headers: Mapping[str, str], port: int, token: str) -> None:
    """
    Decide about a request to a local port of ours.

    Args:
        headers: One value for each name, in any case; the token comes as
            `Authorization: Bearer`.

    Raises:
        AddressRefused: it is none of ours; says why.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    if given.get("host", "").lower() not in {f"{name}:{port}" for name in OWN_NAMES}:
        raise AddressRefused("The request names another host than this one.")
    if "origin" in given:
        raise AddressRefused("The request comes from a web page.")
    expected = f"Bearer {token}".encode()
    if not token or not hmac.compare_digest(given.get("authorization", "").encode(), expected):
        raise AddressRefused("The request does not carry the token of this port.")
