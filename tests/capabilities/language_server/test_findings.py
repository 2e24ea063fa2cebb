"""Only what a change brought is told, however lines move."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.language_server.findings import (
    MOST,
    Finding,
    findings,
    new_findings,
    written,
)

LINES = st.lists(st.sampled_from(["a = 1", "bad", "b = 2", ""]), max_size=8)


def said_of(lines: list[str]) -> list[Finding]:
    return [
        Finding(1, at, 1, "E1", "it is bad") for at, line in enumerate(lines, 1) if line == "bad"
    ]


def new(old: list[str], now: list[str]) -> list[Finding]:
    return new_findings(said_of(old), "\n".join(old), said_of(now), "\n".join(now))


@given(LINES, LINES, LINES)
def test_lines_that_only_move_bring_nothing(
    before: list[str], lines: list[str], behind: list[str]
) -> None:
    around = [*before, *lines, *behind]
    assert new(around, around) == []
    assert new(around, ["x", *around, "y"]) == []


@given(LINES, LINES)
def test_as_many_are_told_as_there_are_more(old: list[str], now: list[str]) -> None:
    assert len(new(old, now)) == max(0, now.count("bad") - old.count("bad"))


def test_what_stays_on_a_line_that_changed_is_not_new() -> None:
    before = [Finding(2, 1, 8, "F401", "unused")]
    after = [Finding(2, 1, 8, "F401", "unused"), Finding(1, 1, 1, "E9", "broken")]
    assert new_findings(before, "import os", after, "import os  # x") == [after[1]]


def test_errors_stand_first_and_the_rest_is_counted() -> None:
    many = [Finding(2, at, 1, "W", f"warning {at}") for at in range(1, MOST + 3)]
    text = written("a.py", "ruff", new_findings([], "", [*many, Finding(1, 99, 2, "E", "x")], ""))
    lines = text.splitlines()
    assert lines[:2] == ["New in a.py since this change, from ruff:", "  99:2 error E: x"]
    assert lines[-1] == "  and 3 more"
    assert len(lines) == MOST + 2


def test_hints_are_left_out_and_odd_codes_are_read() -> None:
    place = {"start": {"line": 4, "character": 2}, "end": {"line": 4, "character": 3}}
    rows = [
        {"range": place, "message": "one\n  two", "severity": 2, "code": 17},
        {"range": place, "message": "hint", "severity": 4},
        {"range": place, "message": "no severity"},
    ]
    assert findings(rows) == [
        Finding(2, 5, 3, "17", "one two"),
        Finding(1, 5, 3, "", "no severity"),
    ]
    with pytest.raises(msgspec.ValidationError):
        findings([{"message": 3}])
