"""Rules match what they say, whatever the pattern, in bounded time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.errors import InvalidValue
from a3s_code.harness.patterns import Kind, Pattern, parse_rule
from a3s_code.harness.shell.words import UNKNOWN


def matches(rule: str, tool: str, subject: str, kind: Kind = Kind.COMMAND) -> bool:
    parsed = parse_rule(rule)
    return parsed.names(tool) and parsed.matches(subject, kind)


@pytest.mark.parametrize(
    ("rule", "tool", "subject"),
    [
        ("bash", "bash", "rm -rf /"),
        ("BASH(*)", "Bash", "rm -rf /"),
        ("bash*", "bash", "ls"),
        ("*", "anything", "x"),
        ("bash(git *)", "bash", "git status -- a/b"),
        ("bash(rm -rf*)", "bash", "rm -rf /x"),
        ("bash(rm -rf:*)", "bash", "rm -rf /x"),
        ("bash(git l?g)", "bash", "git log"),
        ("bash(echo (a))", "bash", "echo (a)"),
        ("mcp__github", "mcp__github__search", "{}"),
        ("mcp__github", "mcp__github", "{}"),
        ("mcp__github__search", "mcp__github__search", "{}"),
        ("mcp__*", "mcp__any__tool", "{}"),
        ("mcp__github__*", "mcp__github__search", "{}"),
    ],
)
def test_a_rule_matches(rule: str, tool: str, subject: str) -> None:
    assert matches(rule, tool, subject)


@pytest.mark.parametrize(
    ("rule", "tool", "subject"),
    [
        ("bash(git *)", "bash", "gitx status"),
        ("bash(git)", "bash", "git status"),
        ("bash(git *)", "bash", "xgit a"),
        ("read", "write", "x"),
        ("mcp__git", "mcp__github__search", "{}"),
        ("mcp__github__search", "mcp__github__search_all", "{}"),
        ("bash(a?c)", "bash", "ac"),
    ],
)
def test_a_rule_does_not_match(rule: str, tool: str, subject: str) -> None:
    assert not matches(rule, tool, subject)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("src/*", "src/a.py", True),
        ("src/*", "src/a/b.py", False),
        ("src/**", "src/a/b.py", True),
        ("**/.env*", ".env.local", True),
        ("**/.env*", "a/b/.env", True),
        ("**/.env*", "a/x.env", False),
        ("./src/*", "src/a.py", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/?", "a//", False),
        ("*", "a/b/c", True),
        ("src:*", "src/a/b", True),
    ],
)
def test_a_star_in_a_path_stays_within_its_segment(pattern: str, path: str, expected: bool) -> None:
    assert matches(f"write({pattern})", "write", path, Kind.PATH) is expected


@pytest.mark.parametrize(
    ("rule", "column"),
    [("", 1), ("(", 1), ("bash(git *", 5), ("bash()", 5), ("bash)", 5), ("ba sh", 3), ("a(b)c", 2)],
)
def test_a_broken_rule_is_refused_with_its_place(rule: str, column: int) -> None:
    with pytest.raises(InvalidValue, match=f"column {column}") as caught:
        parse_rule(rule)
    assert isinstance(caught.value, ValueError)
    assert repr(rule) in str(caught.value)


LETTERS = st.lists(st.sampled_from([*"ab/*?", "**", "**/"]), max_size=6).map("".join)
SUBJECTS = st.text(f"ab/{UNKNOWN}", max_size=8)


def regex(pattern: str, *, segments: bool) -> re.Pattern[str]:
    out = pattern
    if segments:
        out = re.sub(r"(^|(?<=/))\*\*+/", "\1", out)
    out = re.sub(r"\*\*+", "\2", out).replace("*", "\3" if segments else "\2")
    parts = {"\1": "(?:.*/)?", "\2": ".*", "\3": "[^/]*", "?": "[^/]" if segments else "."}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in out), re.DOTALL)


@settings(max_examples=1_000)
@given(LETTERS, st.text("ab/", max_size=6), st.booleans())
def test_patterns_agree_with_regular_expressions(
    pattern: str, subject: str, segments: bool
) -> None:
    expected = regex(pattern, segments=segments).fullmatch(subject) is not None
    assert Pattern(pattern, segments=segments).matches(subject) is expected
    assert Pattern(pattern, segments=segments).may_match(subject) is expected


@given(LETTERS, SUBJECTS, st.text("ab/", max_size=3), st.booleans())
def test_a_hole_is_matched_only_by_what_matches_all_that_can_fill_it(
    pattern: str, subject: str, filling: str, segments: bool
) -> None:
    compiled = Pattern(pattern, segments=segments)
    filled = compiled.matches(subject.replace(UNKNOWN, filling))
    if compiled.matches(subject):
        assert filled
    if filled:
        assert compiled.may_match(subject)


@pytest.mark.parametrize("segments", [True, False])
def test_no_pattern_makes_matching_run_away(segments: bool) -> None:
    pattern = Pattern("*a?" * 50 + "b", segments=segments)
    assert not pattern.matches("a" * 5_000)
    assert pattern.may_match("a" * 5_000 + UNKNOWN)
