"""
A request and the redirects that it may follow, each checked as the first was.

    journey = Journey(rules, headers)
    hop = await journey.begin("https://example.com/")
    ...                        # dial one of hop.addresses, send hop.headers
    hop = await journey.redirected(location)

Source: INVARIANTS 22.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from a3s_code.errors import AddressRefused
from a3s_code.network.addresses import Address
from a3s_code.network.host_rules import HostRules
from a3s_code.network.lookup import Resolve, checked_addresses, system_resolve
from a3s_code.network.urls import Url

MAX_REDIRECTS = 5
_SAFE_HEADERS = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})
"""What another origin may see; any other header could be a credential."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Hop:
    """
    One request to make.

    Attributes:
        addresses: What may be dialled; the name is not looked up again.
        headers: Without `Host`, which is `url.authority`.
    """

    url: Url
    addresses: tuple[Address, ...]
    headers: Headers


class Journey:
    """One request of somebody, from its first URL to where redirects lead."""

    __slots__ = ("_headers", "_hop", "_resolve", "_rules", "_seen")

    def __init__(
        self,
        rules: HostRules,
        headers: Iterable[tuple[str, str]] = (),
        resolve: Resolve = system_resolve,
    ) -> None:
        self._rules, self._resolve = rules, resolve
        self._headers: Headers = tuple(headers)
        self._hop: Hop | None = None
        self._seen: set[Url] = set()

    async def begin(self, url: str) -> Hop:
        """
        Raises:
            AddressRefused: the URL, its host or one of its addresses may not be reached.
        """
        return await self._go(Url.read(url))

    async def redirected(self, location: str) -> Hop:
        """
        Follow the `Location` of an answer to the last hop.

        Raises:
            AddressRefused: as `begin`; from https to http; in a circle; or too often.
        """
        assert self._hop is not None, "a journey begins with a URL"
        before = self._hop.url
        url = before.follow(location)
        if url in self._seen:
            raise AddressRefused("The redirects lead in a circle.")
        if len(self._seen) > MAX_REDIRECTS:
            raise AddressRefused(f"There are more than {MAX_REDIRECTS} redirects.")
        if url.origin != before.origin:
            kept = (row for row in self._headers if row[0].lower() in _SAFE_HEADERS)
            self._headers = tuple(kept)
        return await self._go(url)

    async def _go(self, url: Url) -> Hop:
        addresses = await checked_addresses(url.host, url.port, self._rules, self._resolve)
        self._seen.add(url)
        self._hop = Hop(url, addresses, self._headers)
        return self._hop
