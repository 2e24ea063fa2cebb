"""
Glob patterns as regular expressions that cannot run away.

`*` and `?` stay within one name, `**` as a whole segment crosses directories, `[a-z]` and
`[!a-z]` are sets, `{a,b}` are alternatives, a backslash takes the next character as it is.
Names that begin with a dot are names like any other.

A star takes the nearest place where the text after it fits and never comes back, which finds
the same names as trying all of them, in linear time per star.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

from a3s_code.errors import InvalidValue

MAX_ALTERNATIVES = 128
MAX_PATTERN_CHARS = 1_024

Matcher = Callable[[str], object]
"""Gives something true for a path that matches."""


class Glob:
    """
    A pattern for paths relative to some directory.

    Attributes:
        literal: The leading segments without any wildcard; the last segment is never one.
        names: Patterns of the last segment, of which a matching path's name matches one.
        depth: Names in the longest path that can match; None when `**` makes it unbounded.
        matches: Tells whether a whole path matches.

    Raises:
        InvalidValue: a set or an alternative is not closed, there are too many, or one of
            them holds `..`.
    """

    __slots__ = ("depth", "literal", "matches", "names")

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN_CHARS:
            raise InvalidValue(
                f"A glob pattern of {len(pattern)} characters is too long.",
                hint=f"keep it below {MAX_PATTERN_CHARS + 1}",
            )
        choices = [_segments(choice) for choice in alternatives(pattern)]
        if any(".." in choice for choice in choices):
            raise InvalidValue(
                f"The glob pattern {pattern!r} holds `..`.",
                hint="give the directory to search as the path instead",
            )
        self.literal = _common_literal(choices)
        self.names = sorted({"*" if choice[-1] == "**" else choice[-1] for choice in choices})
        endless = any("**" in choice for choice in choices)
        self.depth = None if endless else max(map(len, choices))
        text = "|".join(path_regex(choice) for choice in choices)
        self.matches: Matcher = re.compile(text, re.DOTALL).fullmatch


def alternatives(pattern: str) -> list[str]:
    """
    Write every `{a,b}` out.

    Raises:
        InvalidValue: a brace is not closed, or there are too many alternatives.
    """
    found = [pattern]
    done: list[str] = []
    while found:
        text = found.pop()
        group = _first_group(text)
        if group is None:
            done.append(text)
        else:
            start, end, parts = group
            found.extend(text[:start] + part + text[end:] for part in parts)
        if len(found) + len(done) > MAX_ALTERNATIVES:
            raise InvalidValue(
                f"The glob pattern {pattern!r} has more than {MAX_ALTERNATIVES} alternatives.",
                hint="search with a simpler pattern",
            )
    return done


def _first_group(text: str) -> tuple[int, int, list[str]] | None:
    """Find the first brace: where it starts and ends, and its parts."""
    start, depth, cuts = -1, 0, list[int]()
    for at, char in _structure(text):
        if char == "{":
            depth += 1
            if depth == 1:
                start, cuts = at, [at]
        elif depth == 1:
            cuts.append(at)
        if char == "}" and depth:
            depth -= 1
            if not depth:
                pairs = itertools.pairwise(cuts)
                return start, at + 1, [text[left + 1 : right] for left, right in pairs]
    if depth:
        raise InvalidValue(f"The glob pattern {text!r} has a brace that is not closed.")
    return None


def _structure(text: str) -> Iterator[tuple[int, str]]:
    """Give the braces and commas that are neither escaped nor in a set."""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "[":
            at = _set_end(text, at)
        elif char in "{,}":
            yield at, char
        at += 1


def _set_end(text: str, start: int) -> int:
    """Give the place of the `]` that closes the set at `start`."""
    at = start + 1
    if text[at : at + 1] in ("!", "^"):
        at += 1
    end = text.find("]", at + 1)
    if end < 0:
        raise InvalidValue(f"The glob pattern {text!r} has a set that is not closed.")
    return end


def _segments(pattern: str) -> list[str]:
    return [segment for segment in pattern.split("/") if segment not in ("", ".")] or [""]


def _common_literal(choices: list[list[str]]) -> list[str]:
    literal: list[str] = []
    for names in zip(*(choice[:-1] for choice in choices), strict=False):
        if len(set(names)) > 1 or any(char in names[0] for char in "*?[\\"):
            break
        literal.append(names[0])
    return literal


def path_regex(segments: list[str]) -> str:
    """Give the regular expression of a whole path."""
    groups: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            groups.append([])
        else:
            groups[-1].append(name_regex(segment))
    if len(groups) == 1:
        return "/".join(groups[0])
    first, *middle, last = groups
    text = "".join(f"{name}/" for name in first)
    for group in middle:
        if group:
            text += f"(?>(?:[^/]+/)*?{'/'.join(group)}/)"
    return text + (f"(?:[^/]+/)*{'/'.join(last)}" if last else ".+")


def name_regex(segment: str) -> str:
    """Give the regular expression of one name."""
    chunks = [""]
    at = 0
    while at < len(segment):
        char = segment[at]
        if char == "*":
            chunks.append("")
        elif char == "?":
            chunks[-1] += "[^/]"
        elif char == "[":
            end = _set_end(segment, at)
            chunks[-1] += _set_regex(segment[at + 1 : end])
            at = end
        else:
            if char == "\\" and at + 1 < len(segment):
                at += 1
            chunks[-1] += re.escape(segment[at])
        at += 1
    first, *rest = chunks
    if not rest:
        return first
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in rest[:-1] if chunk)
    return f"{first}{middle}[^/]*{rest[-1]}"


def _set_regex(inside: str) -> str:
    negated = inside[:1] in ("!", "^")
    chars = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside[1:] if negated else inside)
    try:
        re.compile(f"[{chars}]")
    except re.error:
        raise InvalidValue(f"[{inside}] is not a set of characters.") from None
    return f"[^/{chars}]" if negated else f"(?!/)[{chars}]"
