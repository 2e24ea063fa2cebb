"""
What a server says of a text, and what of it is new.

A finding was there before when the same is said of a line with the same text, or, of what is
left, when the same is said anywhere: lines move, and are changed for other reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

MOST = 10
"""Findings of one file that are shown."""

MAX_MESSAGE_CHARS = 300

_KINDS = {1: "error", 2: "warning"}


class Finding(msgspec.Struct, frozen=True):
    """
    Attributes:
        severity: 1 error, 2 warning.
        line, column: From 1; columns as the server counts them, usually in UTF-16.
        code: Empty when it has none.
    """

    severity: int
    line: int
    column: int
    code: str
    message: str


class _Position(msgspec.Struct):
    line: int
    character: int


class _Range(msgspec.Struct):
    start: _Position


class _Diagnostic(msgspec.Struct):
    range: _Range
    message: str
    severity: int | None = None
    code: str | int | None = None


def findings(items: object) -> list[Finding]:
    """
    Read errors and warnings as a server gives them; hints and remarks are left out.

    Raises:
        msgspec.ValidationError: it is no list of diagnostics.
    """
    read = msgspec.convert(items, list[_Diagnostic])
    return [
        Finding(
            severity=each.severity or 1,
            line=each.range.start.line + 1,
            column=each.range.start.character + 1,
            code="" if each.code is None else str(each.code),
            message=" ".join(each.message.split())[:MAX_MESSAGE_CHARS],
        )
        for each in read
        if (each.severity or 1) in _KINDS
    ]


def new_findings(
    before: Sequence[Finding], old: str, after: Sequence[Finding], new: str
) -> list[Finding]:
    """Give what of `after`, said of the text `new`, was not said of `old`; errors first."""
    old_lines, new_lines = old.splitlines(), new.splitlines()
    there = Counter((_said(one), _line(old_lines, one)) for one in before)
    left: list[Finding] = []
    for one in after:
        key = (_said(one), _line(new_lines, one))
        if there[key] > 0:
            there[key] -= 1
        else:
            left.append(one)
    moved: Counter[tuple[str, str]] = Counter()
    for (said, _), count in there.items():
        moved[said] += count
    fresh: list[Finding] = []
    for one in left:
        if moved[_said(one)] > 0:
            moved[_said(one)] -= 1
        else:
            fresh.append(one)
    return sorted(set(fresh), key=lambda one: (one.severity, one.line, one.column, one.code))


def written(path: str, server: str, fresh: Sequence[Finding]) -> str:
    """Write findings for the model, `MOST` at most, and say how many more there are."""
    head = f"New in {path} since this change, from {server}:"
    lines = [f"  {one.line}:{one.column} {_kind(one)}: {one.message}" for one in fresh[:MOST]]
    more = len(fresh) - MOST
    return "\n".join([head, *lines, *([f"  and {more} more"] if more > 0 else [])])


def _kind(one: Finding) -> str:
    return f"{_KINDS[one.severity]} {one.code}".strip()


def _said(one: Finding) -> tuple[str, str]:
    return one.code, one.message


def _line(lines: Sequence[str], one: Finding) -> str:
    return lines[one.line - 1].strip() if 0 < one.line <= len(lines) else ""


def errors(fresh: Iterable[Finding]) -> int:
    return sum(one.severity == 1 for one in fresh)
