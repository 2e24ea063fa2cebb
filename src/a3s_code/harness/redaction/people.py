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
    r"(?P<SSN>(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4})"
    r"|(?P<CC>[2-6][0-9]{3}(?P<part>[ -]?)[0-9]{4}(?P=part)[0-9]{4}(?P=part)[0-9]{4}"
    r"|3[47][0-9]{2}(?P<amex>[ -]?)[0-9]{6}(?P=amex)[0-9]{5})"
    r"|(?P<PHONE>\+1[ .-]?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
    r"|(?:1[ -])?\([0-9]{3}\) ?[0-9]{3}[ -][0-9]{4}"
    r"|(?:1[ -])?[0-9]{3}(?P<gap>[ -])[0-9]{3}(?P=gap)[0-9]{4})"
)


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
        first, last = run.span()
        at = first
        while at < last:
            found = _FORMS.search(text, at, last)
            if found is None:
                break
            begin, end = found.span()
            label = _kind(found)
            if _stands_alone(text, begin, end) and (label != "CC" or _luhn(found.group())):
                yield Span(begin, end, label, is_secret=False)
                at = end
            else:
                at = _next_group(text, begin, last)


def _next_group(text: str, begin: int, last: int) -> int:
    """Give where a number may begin after one that did not at `begin`: not inside its digits."""
    if not text[begin].isdigit():
        return begin + 1
    after = _GROUP.match(text, begin, last)
    return after.end() if after is not None else begin + 1


_GROUP = re.compile("[0-9]+[ -]?")


def _kind(found: re.Match[str]) -> str:
    return next(name for name in ("SSN", "CC", "PHONE") if found.group(name))


def _stands_alone(text: str, begin: int, end: int) -> bool:
    """Say that a number is no part of a longer one, of an address or of a word."""
    before, after = text[max(0, begin - 1) : begin], text[end : end + 2]
    if before and (before.isalnum() or before in "_./"):
        return False
    return not (
        after[:1].isalnum() or after[:1] == "_" or (after[:1] in ".-" and after[1:].isdigit())
    )


def _luhn(number: str) -> bool:
    digits = number.replace(" ", "").replace("-", "")[::-1]
    return (sum(map(int, digits[::2])) + sum(map(_DOUBLED.__getitem__, digits[1::2]))) % 10 == 0


_DOUBLED = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}
