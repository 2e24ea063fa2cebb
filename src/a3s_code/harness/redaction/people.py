"""What tells of a person: addresses, telephone, card and social security numbers. SPEC 6.5."""

from __future__ import annotations

import re
from collections.abc import Iterator

from a3s_code.harness.redaction.spans import Span

MAX_LOCAL = 64
"""Characters before the @; RFC 5321."""

_LOCAL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-"
_DOMAIN = re.compile(r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}([A-Za-z]{2,24})(?![A-Za-z0-9_-])")
_FILE_ENDS = frozenset(
    ("png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "js", "ts", "css", "py", "md", "txt")
)

_NUMBER = re.compile(r"[0-9+(][0-9() .-]{9,}+")
"""Takes a run as a whole: one that had to end in a digit would be tried from each of its signs."""
_FORMS = re.compile(
    r"(?<![\w./])(?:(?P<SSN>(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4})"
    r"|(?P<CC>[2-6][0-9]{3}(?P<part>[ -]?)[0-9]{4}(?P=part)[0-9]{4}(?P=part)[0-9]{4}"
    r"|3[47][0-9]{2}(?P<amex>[ -]?)[0-9]{6}(?P=amex)[0-9]{5})"
    r"|(?P<PHONE>\+1[ .-]?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
    r"|(?:1[ -])?\([0-9]{3}\) ?[0-9]{3}[ -][0-9]{4}"
    r"|(?:1[ -])?[0-9]{3}(?P<gap>[ -])[0-9]{3}(?P=gap)[0-9]{4}))"
    r"(?!\w|[.-][0-9])"
)
"""Numbers that stand alone: no part of a longer one, of an address or of a word."""
_BEHIND = 2
"""Characters behind a number that tell whether it stands alone."""


def people(text: str, start: int = 0) -> Iterator[Span]:
    """Find what tells of a person and begins at `start` or later."""
    yield from _addresses(text, start)
    yield from _numbers(text, start)


def _addresses(text: str, start: int) -> Iterator[Span]:
    for found in _DOMAIN.finditer(text, start):
        at = found.start()
        head = text[max(start, at - MAX_LOCAL) : at]
        local = head[len(head.rstrip(_LOCAL)) :]
        if local and local != "git" and found.group(1).lower() not in _FILE_ENDS:
            yield Span(at - len(local), found.end(), "EMAIL", is_secret=False)


def _numbers(text: str, start: int) -> Iterator[Span]:
    for run in _NUMBER.finditer(text, start):
        at, last = run.span()
        while found := _FORMS.search(text, at, last + _BEHIND):
            begin, at = found.span()
            if found.lastgroup != "CC" or _luhn(found.group()):
                yield Span(begin, at, found.lastgroup or "", is_secret=False)
            else:  # another may begin behind its first four digits; none begins inside of them
                at = begin + 4


def _luhn(number: str) -> bool:
    digits = number.encode().translate(None, b" -")
    plain, doubled = digits[::-2], digits[-2::-2]
    return (sum(plain) - len(plain) * ord("0") + sum(doubled.translate(_DOUBLED))) % 10 == 0


_DOUBLED = bytes.maketrans(b"0123456789", bytes(sum(divmod(2 * n, 10)) for n in range(10)))
