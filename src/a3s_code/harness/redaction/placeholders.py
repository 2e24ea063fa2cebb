"""What stands where a secret was, and how it becomes the secret again."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable

PLACEHOLDER = re.compile(r"\[REDACTED:[A-Z0-9_]{1,40}(?::[0-9a-f]{8})?\]")
MAX_KNOWN = 50_000
"""Secrets of a session that can be brought back; later ones stay gone."""


def plain(label: str, _: str = "") -> str:
    """Give the placeholder of SPEC 6.5, which does not tell one secret from another."""
    return f"[REDACTED:{label}]"


class Unknown(Exception):
    """Nobody here knows what stood where this placeholder is; its text is the argument."""


class Placeholders:
    """
    The placeholders of one session, and what each of them stands for.

    The first secret of a label gets the plain form; another one has a random number after
    the label, which tells nothing of the secret. A session that goes on from a log knows
    none of those that are in it, so there every new one has a number. Nothing of this is
    ever written.

    Args:
        is_fresh: The conversation of the session begins in this process.
        labels: All that it uses; what has another one is a text like any. None = any.
    """

    __slots__ = ("_by_secret", "_is_fresh", "_labels", "_literal", "_lock", "_secrets", "_taken")

    def __init__(self, *, is_fresh: bool = True, labels: frozenset[str] | None = None) -> None:
        self._is_fresh, self._labels = is_fresh, labels
        self._taken: set[str] = set()
        self._by_secret: dict[tuple[str, str], str] = {}
        self._secrets: dict[str, str] = {}
        self._literal: set[str] = set()
        self._lock = threading.Lock()

    def put(self, label: str, secret: str) -> str:
        """Give the placeholder of a secret; the same one each time."""
        known = self._by_secret.get((label, secret))
        return known if known is not None else self._made(label, secret)

    def _made(self, label: str, secret: str) -> str:
        with self._lock:
            key = (label, secret)
            if key in self._by_secret:
                return self._by_secret[key]
            made = plain(label)
            if len(self._secrets) >= MAX_KNOWN:
                return made
            if not self._is_fresh or made in self._secrets or made in self._taken:
                made = f"[REDACTED:{label}:{secrets.token_hex(4)}]"
            self._by_secret[key] = made
            self._secrets[made] = secret
            return made

    def take(self, text: str, *, literal: bool = False, but: frozenset[str] = frozenset()) -> None:
        """
        Note placeholders in a text that are none of ours, so that none of ours will be equal.

        Args:
            literal: They stand in a file or an output, and mean themselves, except `but`. One
                that is ours as well means neither from now on; its secret gets another.
        """
        if "[REDACTED:" not in text:
            return
        found: set[str] = set(PLACEHOLDER.findall(text))
        with self._lock:
            strange = found - self._secrets.keys()
            self._taken |= strange
            if literal:
                self._literal |= strange - but
                self._retire(found - strange - but)

    def _retire(self, doubled: set[str]) -> None:
        for each in doubled:
            del self._secrets[each]
        self._taken |= doubled
        kept = {key: each for key, each in self._by_secret.items() if each not in doubled}
        self._by_secret = kept if doubled else self._by_secret

    def in_text(self, text: str) -> list[str]:
        """Name the placeholders in a text that stand for something, known or not."""
        if "[REDACTED:" not in text:
            return []
        return [found for found in PLACEHOLDER.findall(text) if not self._is_text(found)]

    def _is_text(self, found: str) -> bool:
        label = found.split(":")[1].rstrip("]")
        is_strange = self._labels is not None and label not in self._labels
        return is_strange or found in self._literal

    def restored(self, text: str) -> str:
        """
        Give `text` with the secrets in their places again.

        Raises:
            Unknown: a placeholder is of an earlier process, or was never one.
        """
        if "[REDACTED:" not in text:
            return text
        return PLACEHOLDER.sub(self._secret, text)

    def _secret(self, found: re.Match[str]) -> str:
        placeholder = found.group()
        if self._is_text(placeholder):
            return placeholder
        secret = self._secrets.get(placeholder)
        if secret is None:
            raise Unknown(placeholder)
        return secret

    def clear(self) -> None:
        """Forget every secret; their placeholders are unknown from now on."""
        with self._lock:
            self._by_secret.clear()
            self._secrets.clear()
            self._is_fresh = False


Put = Callable[[str, str], str]
