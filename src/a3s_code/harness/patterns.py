"""
Permission rules: how they are written, and what they match.

    rule     Tool | Tool(pattern)      bash, bash(git *), mcp__github, mcp__github__*
    pattern  *                         everything, when it is the whole pattern
             prefix:*                  everything that begins with the prefix
             * ** ?                    any text, any text, one character
             * ** ?   in a path        within one segment, across segments, one character

A pattern matches the whole subject. Tool names match in any case, and may have `*` and `?`.
`mcp__server` stands for all tools of that server. In a path `**/` also stands for no
directory at all, so `**/.env` matches `.env`.

A subject may have holes: stretches that only a run can tell (`shell.words.UNKNOWN`). `matches`
then holds whatever stands in them, `may_match` if something can stand in them. Both take
time in proportion to subject times pattern, whatever the pattern.

Source:
    SPEC 6.1; DESIGN 5 for `*` in a command.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass

from a3s_code.errors import InvalidValue
from a3s_code.harness.shell.words import ANY_HOLE, GLOB, HOLES, UNKNOWN

MCP_PREFIX = "mcp__"
"""Names of tools of MCP servers begin with it: `mcp__server__tool`."""

_TOOL_NAME = re.compile(r"[\w.*?:-]+")
_HOLE_AND_BLANKS = re.compile(rf" ?{ANY_HOLE.pattern} ?")
_WHOLE = ("*", "**", ":*")
_MARKS = re.compile(r"[*?]")
_STARS = re.compile(r"\*+")


class Kind(enum.Enum):
    """What a subject is; it decides how far a `*` reaches."""

    COMMAND = "command"
    PATH = "path"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One rule, compiled.

    Attributes:
        source: As the user wrote it.
        covers_all: It matches every subject of its tools.
        literal: It has no wildcard, so it names exactly one subject.
        head: How every text that is no path begins when the rule matches it.
    """

    source: str
    tool: Pattern
    server: str
    text: Pattern
    path: Pattern
    covers_all: bool
    literal: bool
    head: str = ""

    def names(self, tool: str) -> bool:
        """Whether the rule is about `tool`."""
        name = tool.lower()
        return self.tool.matches(name) or bool(self.server and name.startswith(self.server))

    def matches(self, subject: str, kind: Kind) -> bool:
        return self.covers_all or (self.path if kind is Kind.PATH else self.text).matches(subject)

    def may_match(self, subject: str, kind: Kind) -> bool:
        return self.covers_all or self._pattern(kind).may_match(subject)

    def pattern(self, kind: Kind) -> Pattern:
        """Give the pattern whose texts are those of this kind that the rule matches."""
        return _EVERYTHING if self.covers_all else self._pattern(kind)

    def _pattern(self, kind: Kind) -> Pattern:
        return self.path if kind is Kind.PATH else self.text


@functools.lru_cache(maxsize=1024)
def parse_rule(source: str) -> Rule:
    """
    Compile a rule.

    Raises:
        InvalidValue: it is no rule; says what is wrong and at which column, counted from 1.
    """
    name, opened, rest = source.partition("(")
    found = _TOOL_NAME.match(name)
    end = found.end() if found else 0
    if end < len(name) or not name:
        raise _invalid(source, end, "a tool name was expected" if not end else "not a tool name")
    if opened and not rest.endswith(")"):
        raise _invalid(source, len(name), "this parenthesis is never closed")
    if opened and rest == ")":
        raise _invalid(source, len(name), "the pattern is empty")
    pattern = rest[:-1] if opened else "*"
    lowered = name.lower()
    whole_server = lowered.startswith(MCP_PREFIX) and "__" not in lowered[len(MCP_PREFIX) :]
    text = _without_prefix_mark(pattern)
    path = text.removeprefix("./") or text
    return Rule(
        source=source,
        tool=Pattern(lowered),
        server=f"{lowered}__" if whole_server and "*" not in lowered else "",
        text=Pattern(text),
        path=Pattern(f"{path}*" if text != pattern else path, segments=True),
        covers_all=pattern in _WHOLE,
        literal=not any(mark in text for mark in "*?"),
        head="" if pattern in _WHOLE else _MARKS.split(text, maxsplit=1)[0],
    )


def _without_prefix_mark(pattern: str) -> str:
    return pattern.removesuffix(":*") + "**" if pattern.endswith(":*") else pattern


def _invalid(source: str, at: int, problem: str) -> InvalidValue:
    return InvalidValue(
        f"The permission rule {source!r} is wrong at column {at + 1}: {problem}.",
        hint="write Tool or Tool(pattern), for example bash(git *)",
    )


# `_DIRECTORIES` stands before the `_ANY` and the `/` of a `**/` that may be left out.
_ANY, _SEGMENT, _ONE, _DIRECTORIES = "any", "segment", "one", "directories"


class Pattern:
    """
    A compiled pattern.

    Matching follows all ways through the pattern at once, one bit for each place in it, so
    no pattern makes it run away.
    """

    __slots__ = ("_pieces", "_places", "_prefix", "_within", "source")

    def __init__(self, source: str, *, segments: bool = False) -> None:
        self.source = source
        self._within = segments
        plain = not segments and "?" not in source
        self._pieces = _STARS.split(source) if plain else None
        self._prefix = self._pieces[0] if self._pieces and self._pieces[1:] == [""] else None
        self._places: _Places | None = None

    @property
    def _compiled(self) -> _Places:
        """The places, made by the first subject that needs them; most need the pieces alone."""
        if self._places is None:
            self._places = _Places.of(self.source, segments=self._within)
        return self._places

    def matches(self, subject: str) -> bool:
        """Whether every text that `subject` can become matches."""
        if self._prefix is not None:  # what most rules are, so the quickest
            return subject.startswith(self._prefix)
        if self._pieces is not None:
            return _in_order(self._pieces, subject)
        one, across, within, literals, end = self._compiled.steps
        opened = self._compiled.opened
        places = opened(1)
        for char in subject:
            hole = char in HOLES
            slash = char == "/" and self._within
            step = 0 if hole else places & (literals.get(char, 0) | (0 if slash else one))
            stay = places & (across if hole or slash else across | within)
            if hole and char == GLOB:
                stay |= places & within
            places = opened(step << 1 | stay)
            if not places or places & self._compiled.open_end:
                break
        return bool(places & (end | self._compiled.open_end))

    def may_match(self, subject: str) -> bool:
        """Whether some text that `subject` can become matches."""
        if subject.isprintable() or ANY_HOLE.search(subject) is None:  # holes are not printable
            return self.matches(subject)
        # A hole may be empty, and then a blank beside it goes too.
        joined = _HOLE_AND_BLANKS.sub(UNKNOWN, subject)
        one, across, within, literals, end = self._compiled.steps
        opened = self._compiled.opened
        places = opened(1)
        for char in joined:
            if char == UNKNOWN:
                lowest = places & -places
                places = (end << 1) - lowest
                continue
            slash = char == "/" and self._within
            step = places & (literals.get(char, 0) | (0 if slash else one))
            places = opened(step << 1 | places & (across if slash else across | within))
            if not places or places & self._compiled.open_end:
                break
        return bool(places & (end | self._compiled.open_end))

    # One character at a time, for those who compare patterns

    @property
    def start(self) -> int:
        """The places before the first character; 0 is a dead end."""
        return self._settled(self._compiled.opened(1))

    def after(self, places: int, char: str) -> int:
        """Give the places that one character, which is no hole, leads on to."""
        one, across, within, literals, _ = self._compiled.steps
        slash = char == "/" and self._within
        step = places & (literals.get(char, 0) | (0 if slash else one))
        stay = places & (across if slash else across | within)
        return self._settled(self._compiled.opened(step << 1 | stay))

    def ends(self, places: int) -> bool:
        """Whether the text that led to these places matches."""
        return bool(places & self._compiled.end)

    def expected(self, places: int) -> set[str]:
        """Give the characters that lead on from these places as no other one does."""
        if places & self._compiled.open_end:
            return set()
        return {char for char, at in self._compiled.literals.items() if at & places}

    @property
    def letters(self) -> frozenset[str]:
        """The characters that the pattern names."""
        return frozenset(self._compiled.literals)

    def _settled(self, places: int) -> int:
        """Give one value for all places from which every text matches."""
        open_end = self._compiled.open_end
        return open_end | self._compiled.end if places & open_end else places


@dataclass(frozen=True, slots=True)
class _Places:
    """
    The places in a pattern, one bit for each token; each is left by reading characters.

    Attributes:
        one, across, within: Places of `?`, of a star that crosses segments, and of another.
        directories: Places of a `**/` that may stand for nothing.
        literals: By the character read, the places that it leads on from.
        end: The place behind the last token.
        open_end: The place of a last star, from which everything matches.
    """

    one: int
    across: int
    within: int
    directories: int
    literals: dict[str, int]
    end: int
    open_end: int

    @classmethod
    def of(cls, source: str, *, segments: bool) -> _Places:
        tokens = _tokens(source, segments=segments)
        literals: dict[str, int] = {}
        marks: dict[str, int] = dict.fromkeys((_ONE, _ANY, _SEGMENT, _DIRECTORIES), 0)
        for at, token in enumerate(tokens):
            into = marks if token in marks else literals
            into[token] = into.get(token, 0) | 1 << at
        open_end = 1 << len(tokens) - 1 if tokens and tokens[-1] == _ANY else 0
        one, across, within, directories = marks.values()
        return cls(one, across, within, directories, literals, 1 << len(tokens), open_end)

    @property
    def steps(self) -> tuple[int, int, int, dict[str, int], int]:
        return self.one, self.across, self.within, self.literals, self.end

    def opened(self, places: int) -> int:
        """Add the places reached by letting a wildcard stand for nothing."""
        stars = self.across | self.within
        before = -1
        while before != places:
            before = places
            entered = places & self.directories
            places |= (places & stars) << 1 | entered << 1 | entered << 3
        return places


def _in_order(pieces: list[str], subject: str) -> bool:
    """Whether `subject` is the pieces with any text between them."""
    first, *middle = pieces
    if not middle:
        return subject == first
    last = middle.pop()
    at, end = len(first), len(subject) - len(last)
    if at > end or not subject.startswith(first) or not subject.endswith(last):
        return False
    for piece in middle:
        found = subject.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _tokens(source: str, *, segments: bool) -> list[str]:
    tokens: list[str] = []
    for part in re.findall(r"\*+/?|[^*]", source):
        stars = part.count("*")
        if segments and stars > 1 and part[-1] == "/" and tokens[-1:] in ([], ["/"]):
            tokens.append(_DIRECTORIES)
        if stars:
            tokens.append(_SEGMENT if segments and stars == 1 else _ANY)
            tokens.extend(part[stars:])
        else:
            tokens.append(_ONE if part == "?" else part)
    return tokens


_EVERYTHING = Pattern("**")
