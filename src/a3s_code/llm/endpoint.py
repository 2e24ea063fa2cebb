"""Where a model is reached: address, credentials, limits and patience."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from a3s_code.errors import InvalidValue

_ADDRESS = re.compile(r"(?i)https?://[^\s/?#\\\x00-\x20]+([/?][^\s\x00-\x20]*)?")
_VERSIONED = re.compile(r"/v\d+[a-z0-9]*(/openai)?$")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_SHORTEST_SECRET_CHARS = 6
_OF_THE_TRANSPORT = {"content-length", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """
    How long a call may wait, in seconds.

    Attributes:
        connect_s: Name lookup, TCP and TLS together.
        idle_s: Without a byte from the server, before and within the answer.
        total_s: One call with all its attempts and pauses.
    """

    connect_s: float = 10.0
    idle_s: float = 60.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One model of one provider.

    Attributes:
        ref: `provider/model`, as the configuration names it.
        model: The id that goes over the wire.
        base_url: With or without a version segment such as `/v1`, and with or without a
            trailing slash. `/v1` is added when there is none.
        api_key: Empty for servers that want none.
        headers: Sent with every request; they replace ours of the same name.
        session_id_header: Name of the header that carries the session id; empty for none.
        context_window: Tokens that fit into one request.
        max_output_tokens: The model's own limit, where the configuration states it.

    Raises:
        InvalidValue: the address is not http(s), carries credentials, a header or the key
            holds characters that cannot stand in a header, or a header says how long the
            body is. The text names no secret.
    """

    ref: str
    model: str
    base_url: str
    api_key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    session_id_header: str = ""
    context_window: int = 200_000
    max_output_tokens: int | None = None
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.base_url) or not _port_is_valid(self.base_url):
            raise InvalidValue(
                f"base_url of {self.ref} is no http address: {_without_user(self.base_url)!r}.",
                hint="write it like https://api.example.com/v1",
            )
        if "@" in urlsplit(self.base_url).netloc:
            raise InvalidValue(
                f"base_url of {self.ref} carries a user name or a password.",
                hint="put credentials into api_key or headers",
            )
        self._check_header("authorization", self.api_key, "api_key")
        for name, value in (*self.headers, (self.session_id_header or "x", "")):
            self._check_header(name, value, f"header {name!r}")
            if name.lower() in _OF_THE_TRANSPORT:
                raise InvalidValue(
                    f"header {name!r} of {self.ref} is written by the transport.",
                    hint="leave it out",
                )
        self._check_header(self.session_id_header or "x", "", "session_id_header")

    def _check_header(self, name: str, value: str, what: str) -> None:
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidValue(
                f"{what} of {self.ref} holds characters that no HTTP header can carry.",
                hint="look for line ends and non-ASCII characters in it",
            )

    @property
    def provider(self) -> str:
        return self.ref.partition("/")[0]

    @property
    def host(self) -> str:
        """The host of `base_url`, in lower case and without a port."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no error may show, longest first."""
        values = {self.api_key, *(value for _, value in self.headers)}
        long_enough = (value for value in values if len(value) >= _SHORTEST_SECRET_CHARS)
        return tuple(sorted(long_enough, key=len, reverse=True))

    def url(self, path: str) -> str:
        """
        Give the address of `path` (`chat/completions`, `messages`).

        A base that already ends in the path is taken as it is; a query is kept.
        """
        parts = urlsplit(self.base_url)
        base = parts.path.rstrip("/")
        if not base.endswith(f"/{path}"):
            version = "" if _VERSIONED.search(base) else "/v1"
            base = f"{base}{version}/{path}"
        return urlunsplit((parts.scheme, parts.netloc, base, parts.query, ""))


def _port_is_valid(url: str) -> bool:
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return True


def _without_user(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)
