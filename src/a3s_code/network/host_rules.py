"""
Which hosts may be reached: an allow-list, a deny-list that wins, and what is not public.

    api.example.com          that host on ports 80 and 443
    *.example.com            every host below it, not itself
    example.com:8443         that port alone
    [2001:db8::1]:8080       an IPv6 address stands in brackets

Source: INVARIANTS 22 and 23 (policy object, `network`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from a3s_code.errors import AddressRefused, InvalidValue
from a3s_code.network.addresses import Address, Place, place_of, plain_address
from a3s_code.network.hosts import (
    Host,
    canonical_host,
    canonical_port,
    split_port,
    written_host,
)

WEB_PORTS = frozenset({80, 443})
"""The ports of a rule that names none."""

FOREIGN_PORTS = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161),
        *(179, 389, 427, 445, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556),
        *(563, 587, 601, 636, 873, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 2375),
        *(2376, 2379, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5672, 6000, 6379, 6566),
        *(6665, 6666, 6667, 6668, 6669, 6679, 6697, 9200, 10080, 10250, 11211, 27017),
    }
)
"""Ports of other protocols, which a request could be made to speak to. A rule may name one."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """
    One host, or every host below one.

    Attributes:
        below: Strict subdomains of `host`, and not itself.
        port: None for the usual ones of the web.
    """

    host: Host
    below: bool = False
    port: int | None = None

    @classmethod
    def read(cls, text: str) -> HostPattern:
        """
        Raises:
            InvalidValue: it is no pattern; says which and how one is written.
        """
        try:
            name, port = split_port(text)
            below = name.startswith("*.")
            host = _name(name[2:]) if below else canonical_host(name)
            return cls(host, below, canonical_port(port) if port else None)
        except AddressRefused as error:
            raise InvalidValue(
                f"{text!r} is no pattern of a host: {error.message}",
                hint="write example.com, *.example.com, example.com:8443 or [::1]:80",
            ) from None

    def covers(self, host: Host) -> bool:
        """Whether it is about this host, whatever the port."""
        if self.below:
            return isinstance(host, str) and host.endswith(f".{self.host}")
        return host == self.host

    def covers_port(self, port: int) -> bool:
        return port in WEB_PORTS if self.port is None else port == self.port


@dataclass(frozen=True, slots=True)
class HostRules:
    """
    Attributes:
        allow: None for every public host; empty for none at all.
        deny: Wins. One without a port holds for all ports.
        allow_private: Also networks of the host's own. Cloud control, link-local, multicast
            and reserved addresses stay closed unless `allow` has the very address.
    """

    allow: tuple[HostPattern, ...] | None = None
    deny: tuple[HostPattern, ...] = ()
    allow_private: bool = False

    @classmethod
    def of(
        cls,
        allow: Iterable[str] | None = None,
        deny: Iterable[str] = (),
        *,
        allow_private: bool = False,
    ) -> HostRules:
        """
        Raises:
            InvalidValue: a pattern is none, or names a private address that stays closed.
        """
        allowed = None if allow is None else tuple(map(HostPattern.read, allow))
        for pattern in allowed or ():
            if not isinstance(pattern.host, str) and not allow_private:
                _check_public(pattern.host)
        return cls(allowed, tuple(map(HostPattern.read, deny)), allow_private)

    def check(self, host: Host, port: int) -> None:
        """
        Decide by the name alone, before it is looked up.

        Raises:
            AddressRefused: says why.
        """
        for pattern in self.deny:
            if pattern.covers(host) and pattern.port in (None, port):
                raise _refused(host, port, "it is on the deny-list")
        if self.allow is None:
            if port in FOREIGN_PORTS:
                raise _refused(host, port, "the port belongs to another protocol")
        else:
            self._check_listed(self.allow, host, port)
        if not isinstance(host, str):
            self.check_address(host, port, host)

    @staticmethod
    def _check_listed(allow: tuple[HostPattern, ...], host: Host, port: int) -> None:
        about = [pattern for pattern in allow if pattern.covers(host)]
        if not about:
            raise _refused(host, port, "it is not on the allow-list")
        if not any(pattern.covers_port(port) for pattern in about):
            raise _refused(host, port, "this port of it is not on the allow-list")

    def check_address(self, host: Host, port: int, address: Address) -> None:
        """
        Decide about an address that `host` leads to.

        Raises:
            AddressRefused: it is not public, or denied.
        """
        address = plain_address(address)
        for pattern in self.deny:
            if pattern.host == address and pattern.port in (None, port):
                raise _refused(host, port, f"it leads to {address}, which is on the deny-list")
        place = place_of(address)
        is_open = place is Place.PUBLIC or (
            self.allow_private and (place is Place.PRIVATE or self._names(address))
        )
        if not is_open:
            raise _refused(host, port, f"it leads to {address}, which is no public address")

    def _names(self, address: Address) -> bool:
        return any(pattern.host == address for pattern in self.allow or ())


def _name(text: str) -> str:
    host = canonical_host(text)
    if not isinstance(host, str):
        raise AddressRefused("an address has no subdomains")
    return host


def _check_public(address: Address) -> None:
    if place_of(address) is not Place.PUBLIC:
        raise InvalidValue(
            f"{written_host(address)} is on the allow-list and no public address.",
            hint="say allow_private=True as well, or take it off the list",
        )


def _refused(host: Host, port: int, why: str) -> AddressRefused:
    place = f"{written_host(host)}:{port}"
    return AddressRefused(f"{place} may not be reached: {why}.", host=written_host(host), port=port)
