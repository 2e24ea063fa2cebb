"""
Secrets that are known by their value, whatever they look like.

A value is found as it is, and as it is written in an address, in JSON, in Base64 (also with
something before it, as in `user:password`) and in hexadecimal.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import msgspec

from a3s_code.harness.redaction.spans import Span

MIN_CHARS = 6
"""A shorter value stands in too many texts by chance."""

_RUN = re.compile(r"[A-Za-z0-9+/=_-]{0,256}")
_RUN_BACK = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"


class _Forms(NamedTuple):
    """
    Attributes:
        changes: Of the values that they are of.
        in_json: As msgspec writes them.
        begun: Finds the beginning of one.
    """

    changes: int
    texts: tuple[str, ...]
    in_json: tuple[bytes, ...]
    begun: re.Pattern[str] | None


class Values:
    """
    The values that must not be shown, each with the label that takes its place.

    Attributes:
        changes: How often one was added or all were forgotten.
        longest: Characters of the longest form of a value.
    """

    __slots__ = ("_forms", "_known", "_plain", "_wide", "changes", "longest")

    def __init__(self) -> None:
        self.changes = -1
        self.clear()

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, value: str) -> bool:
        return value in self._known

    def add(self, value: str, label: str) -> None:
        """Look for `value` from now on. One of less than `MIN_CHARS` is not looked for."""
        if len(value) < MIN_CHARS or value in self._known:
            return
        self._known[value] = label
        data = value.encode("utf-8", "surrogatepass")
        plain = dict.fromkeys((value, *_spelled(value), data.hex(), data.hex().upper()))
        wide = _base64(data)
        self.longest = max(self.longest, *map(len, (*plain, *wide)))
        self._plain += [(form, label) for form in plain]
        self._wide += [(form, label) for form in wide]
        self.changes += 1  # last: whoever sees it sees the lists

    def clear(self) -> None:
        self.longest = 0
        self._known: dict[str, str] = {}
        # Lists only grow: other threads may be reading them.
        self._plain: list[tuple[str, str]] = []
        self._wide: list[tuple[str, str]] = []
        self._forms: _Forms | None = None
        self.changes += 1

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(self._known.values())

    @property
    def forms(self) -> tuple[str, ...]:
        """All ways in which the values are written."""
        return self._now.texts

    def are_in(self, written: bytes) -> bool:
        """Say whether one of them may be in a text, by what msgspec writes for it as JSON."""
        for form in self._now.in_json:  # noqa: SIM110 - asked for every event; `any` takes twice as long
            if form in written:
                return True
        return False

    def may_begin_in(self, text: str) -> bool:
        """Say whether one of them may be in a text, or its beginning at the end: a quick guess."""
        begun = self._now.begun
        return begun is not None and begun.search(text) is not None

    @property
    def _now(self) -> _Forms:
        """The forms of all that was added, put together when they are asked for."""
        forms = self._forms
        if forms is None or forms.changes != self.changes:
            changes = self.changes  # what is added meanwhile makes them stale
            texts = tuple(form for form, _ in (*self._plain, *self._wide))
            in_json = tuple(form for form in map(_in_json, texts) if form)
            forms = _Forms(changes, texts, in_json, _beginning(texts) if texts else None)
            self._forms = forms
        return forms

    def spans(self, text: str, start: int = 0, *, whole_words: bool = True) -> Iterator[Span]:
        """
        Find every value that begins at `start` or later.

        Args:
            whole_words: In Base64, what is encoded with a value goes with it.
        """
        for form, label in self._plain:
            at = text.find(form, start)
            while at >= 0:
                yield Span(at, at + len(form), label)
                at = text.find(form, at + len(form))
        for form, label in self._wide:
            at = text.find(form, start)
            while at >= 0:
                head = text[max(start, at - 256) : at]
                first = at - (len(head) - len(head.rstrip(_RUN_BACK))) if whole_words else at
                run = _RUN.match(text, at + len(form)) if whole_words else None
                last = run.end() if run is not None else at + len(form)
                yield Span(first, last, label)
                at = text.find(form, last)


def _spelled(value: str) -> tuple[str, ...]:
    """Give what stands for a value in an address and inside a JSON text."""
    safe = value.encode("utf-8", "replace").decode()
    return (
        quote(safe, safe=""),
        quote(safe),
        quote_plus(safe),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    )


def _beginning(forms: Iterable[str]) -> re.Pattern[str]:
    """Give what finds the first two characters of a form, or one at the end of a text."""
    pairs = sorted({re.escape(form[:2]) for form in forms})
    firsts = sorted({re.escape(form[0]) for form in forms})
    return re.compile("|".join((*pairs, *(rf"{first}\Z" for first in firsts))))


def _in_json(form: str) -> bytes:
    """Give a text as msgspec writes it, which it does character by character."""
    try:
        return msgspec.json.encode(form)[1:-1]
    except UnicodeEncodeError:  # nor is any text with this form ever written
        return b""


def _base64(data: bytes) -> set[str]:
    """Give what each encoding of a text with these bytes in it has in common."""
    forms: set[str] = set()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        begin = (0, 2, 3)[offset]
        end = len(whole) - (0 if (offset + len(data)) % 3 == 0 else 1)
        inner = whole[begin:end]
        if len(inner) >= MIN_CHARS:
            forms.add(inner)
            forms.add(inner.replace("+", "-").replace("/", "_"))
    return forms
