"""
One spelling for every host: what is checked is what is dialled.

A host is a name in ASCII, lower case and without its last dot, or an address. Anything that
two programs could read as two hosts is refused, not repaired: numbers that only some
resolvers take for an address (`0177.1`, `2130706433`), percent signs, characters that a
normalisation would change, labels of several scripts.

Source: INVARIANTS 22 and 23.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from a3s_code.errors import AddressRefused
from a3s_code.network.addresses import Address, plain_address

Host: TypeAlias = str | Address
"""A canonical name, or an address."""

MAX_NAME_CHARS = 253
MAX_LABEL_CHARS = 63
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_MAX_PORT = 65535
_DEVIATING = frozenset("ßς")  # two standards give these two names
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})


def canonical_host(text: str) -> Host:
    """
    Read a host as it stands in a URL, a Host header or a CONNECT; IPv6 in brackets.

    Raises:
        AddressRefused: it is none, or one that programs disagree about.
    """
    if text.startswith("["):
        return _bracketed(text)
    name = _ascii(text).removesuffix(".")
    labels = name.split(".")
    if len(name) > MAX_NAME_CHARS or not all(map(_is_label, labels)):
        raise AddressRefused(f"{_shown(text)} is no host name.")
    if _NUMBER.fullmatch(labels[-1]):
        return _dotted(text, name)
    return name


def canonical_port(text: str) -> int:
    """
    Raises:
        AddressRefused: it is no number from 1 to 65535, or has zeros in front.
    """
    if not _PORT.fullmatch(text) or int(text) > _MAX_PORT:
        raise AddressRefused(f"{_shown(text)} is no port.", hint="write a number up to 65535")
    return int(text)


def split_port(text: str) -> tuple[str, str]:
    """Divide `host`, `host:port`, `[v6]` or `[v6]:port`; the port is empty when there is none."""
    if text.startswith("["):
        inside, bracket, rest = text.partition("]")
        if bracket and (not rest or (rest.startswith(":") and len(rest) > 1)):
            return f"{inside}]", rest[1:]
        raise AddressRefused(f"{_shown(text)} is no host.")
    host, colon, port = text.partition(":")
    if colon and not port:
        raise AddressRefused(f"{_shown(text)} ends in a colon.")
    return host, port


def written_host(host: Host) -> str:
    """Write a host as it stands in a URL."""
    return f"[{host}]" if isinstance(host, IPv6Address) else str(host)


def _bracketed(text: str) -> Address:
    try:
        address = IPv6Address(text[1:].removesuffix("]"))
    except ValueError:
        address = None
    if address is None or address.scope_id is not None or not text.endswith("]"):
        raise AddressRefused(f"{_shown(text)} is no IPv6 address.")
    return plain_address(address)


def _dotted(text: str, name: str) -> IPv4Address:
    """Read what every resolver takes for an address: four decimal numbers."""
    try:
        return IPv4Address(name)
    except ValueError:
        raise AddressRefused(
            f"{_shown(text)} is an odd spelling of an address.",
            hint="write four decimal numbers without zeros in front",
        ) from None


def _is_label(label: str) -> bool:
    return len(label) <= MAX_LABEL_CHARS and _LABEL.fullmatch(label) is not None


def _ascii(text: str) -> str:
    """Write the labels of other scripts as a resolver is asked for them."""
    labels = text.split(".")
    return ".".join(label.lower() if label.isascii() else _encoded(label) for label in labels)


def _encoded(label: str) -> str:
    if not _is_plain_word(label):
        raise AddressRefused(
            f"{_shown(label)} has characters that stand for others, or of several scripts.",
            hint="write the name in its ASCII form, xn--…",
        )
    return f"xn--{label.lower().encode('punycode').decode('ascii')}"


def _is_plain_word(label: str) -> bool:
    """Whether every reader makes the same of it, and it does not mimic another script."""
    label, given = label.lower(), label
    if _is_changed(given) or _is_changed(label) or _DEVIATING & set(label):
        return False
    if not all(char in "-0123456789" or char.isalpha() or _is_mark(char) for char in label):
        return False
    scripts = {_script(char) for char in label if char.isalpha()}
    return len(scripts) == 1 or scripts <= _EAST_ASIAN


def _is_changed(label: str) -> bool:
    return unicodedata.normalize("NFKC", label) != label


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in {"Mn", "Mc"}


def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split()[0].split("-")[0]


def _shown(text: str) -> str:
    limit = 80
    short = text if len(text) <= limit else f"{text[:limit]}…"
    return ascii(short)
