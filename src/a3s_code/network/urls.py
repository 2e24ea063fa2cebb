"""
URLs, read so that nobody could read another host in them.

Only http and https, no credentials, no control characters, blanks or backslashes, and a host
in the one spelling of `hosts`. What is kept is what is sent.

Source: INVARIANTS 22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from a3s_code.errors import AddressRefused
from a3s_code.network.hosts import (
    Host,
    canonical_host,
    canonical_port,
    split_port,
    written_host,
)

MAX_URL_CHARS = 8_192
_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?s)([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*)([^#]*))?.*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u206f]")
_KEPT = "!#$%&'()*+,-./:;=?@[]_~"


@dataclass(frozen=True, slots=True)
class Url:
    """
    Attributes:
        path: Path and query in ASCII, beginning with `/`.
    """

    scheme: str
    host: Host
    port: int
    path: str

    @classmethod
    def read(cls, text: str) -> Url:
        """
        Raises:
            AddressRefused: it is no URL that may be opened; never repeats credentials.
        """
        if len(text) > MAX_URL_CHARS or _UNSAFE.search(text):
            raise AddressRefused(
                f"The URL is longer than {MAX_URL_CHARS} characters, or holds blanks, "
                "backslashes, control or invisible characters.",
                hint="percent-encode them",
            )
        match = _URL.fullmatch(text)
        scheme = match[1].lower() if match else ""
        if match is None or scheme not in _PORTS:
            raise AddressRefused(
                f"{scheme or 'This'} is no scheme that can be opened.", hint="use http or https"
            )
        return cls._of(scheme, match[2] or "", match[3] or "")

    @classmethod
    def _of(cls, scheme: str, authority: str, path: str) -> Url:
        if "@" in authority:
            raise AddressRefused(
                "The URL carries a user name or a password, or hides its host behind one.",
                hint="write https://host/path",
            )
        name, port = split_port(authority)
        number = canonical_port(port) if port else _PORTS[scheme]
        path = path if path.startswith("/") else f"/{path}"
        return cls(scheme, canonical_host(name), number, quote(path, safe=_KEPT))

    def follow(self, location: str) -> Url:
        """
        Read where an answer redirects to.

        Raises:
            AddressRefused: it is no URL that may be opened, or leads from https to http.
        """
        if _UNSAFE.search(location):
            raise AddressRefused("The redirect holds characters that no URL has.")
        try:
            joined = urljoin(str(self), location)
        except ValueError:
            raise AddressRefused("The redirect is no URL.") from None
        target = Url.read(joined)
        if self.scheme == "https" and target.scheme == "http":
            raise AddressRefused("The redirect leads from https to http.")
        return target

    @property
    def authority(self) -> str:
        """The host, with its port where that is not the usual one; as a Host header."""
        host = written_host(self.host)
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, Host, int]:
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"
