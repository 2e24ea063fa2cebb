"""
Patterns as the sets of texts that they match: whether some cover another, and what is left.

Several patterns read one text at once, character by character. What each has seen so far is
one state; there are finitely many, and the search through them finds a shortest text for
every way in which the patterns can agree and differ. So an answer is exact: a text that is
given has the property, and None means that no text has it. A search that meets more states
than its bound ends with `TooManyStates`, which means that the answer is not known.

Texts are taken from an alphabet of the characters that the patterns name and one that they do
not, which stands for all others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from a3s_code.harness.patterns import Kind, Pattern

MAX_STATES = 20_000
_FRESH = "xyzabcdefghijklmnopqrstuvw0123456789"

State: TypeAlias = tuple[int, tuple[tuple[int, int], ...]]
"""A state of the texts, and the places of each pattern that can still match, by its position."""


class TooManyStates(Exception):
    """The patterns are too large to be compared; what was asked is not known."""


class Universe(Protocol):
    """
    Which texts there are at all: an automaton with the start state 0.

    Attributes:
        letters: The characters that it tells apart from others.
    """

    @property
    def letters(self) -> str: ...

    def after(self, state: int, char: str) -> int | None: ...

    def ends(self, state: int) -> bool: ...


class AnyText:
    """Every text."""

    letters = ""

    def after(self, state: int, char: str) -> int | None:  # noqa: ARG002 - as the protocol has it
        return state

    def ends(self, state: int) -> bool:  # noqa: ARG002 - as the protocol has it
        return True


class CommandWords:
    """Words joined by one blank, none of them empty, without control characters."""

    letters = " "

    def after(self, state: int, char: str) -> int | None:
        if char == " ":
            return 0 if state else None
        return 1 if char.isprintable() else None

    def ends(self, state: int) -> bool:
        return state == 1


class NormalPaths:
    """Paths without empty names and `.`, and with `..` only in front."""

    letters = "/."
    _BEGIN, _ROOT, _NAMED, _PLAIN, _DOT, _DOTS, _DOWN, _DOWN_DOT, _DOT_IN, _DOTS_IN = range(10)

    def after(self, state: int, char: str) -> int | None:
        if char == "/":
            return {0: self._ROOT, self._PLAIN: self._NAMED, self._DOTS: self._DOWN}.get(state)
        if char != ".":
            return self._PLAIN if char != "\0" else None
        dots = {
            self._BEGIN: self._DOT,
            self._DOT: self._DOTS,
            self._DOWN: self._DOWN_DOT,
            self._DOWN_DOT: self._DOTS,
            self._ROOT: self._DOT_IN,
            self._NAMED: self._DOT_IN,
            self._DOT_IN: self._DOTS_IN,
        }
        return dots.get(state, self._PLAIN)

    def ends(self, state: int) -> bool:
        return state in (self._PLAIN, self._DOTS, self._ROOT, self._DOT)


class JsonObjects:
    """Texts that begin and end as a JSON object does."""

    letters = "{}"

    def after(self, state: int, char: str) -> int | None:
        if state == 0:
            return 1 if char == "{" else None
        return 2 if char == "}" else 1

    def ends(self, state: int) -> bool:
        return state == 2  # noqa: PLR2004 - behind a closing brace


ANY_TEXT = AnyText()
JSON_OBJECTS = JsonObjects()
COMMAND_WORDS = CommandWords()
NORMAL_PATHS = NormalPaths()


def universe(kind: Kind) -> Universe:
    """Give the texts that may be held against rules of this kind."""
    return NORMAL_PATHS if kind is Kind.PATH else ANY_TEXT


@dataclass(frozen=True, slots=True)
class Found:
    """A text, and which of the patterns match it, in their order."""

    text: str
    matched: tuple[bool, ...]


def uncovered(
    inner: Pattern, outer: Sequence[Pattern], among: Universe = ANY_TEXT, limit: int = MAX_STATES
) -> str | None:
    """
    Find a shortest text that `inner` matches and none of `outer` does; None = they cover it.

    Raises:
        TooManyStates: `limit` states were not enough to tell.
    """
    for found in agreements((inner, *outer), among, limit, within=True):
        if found.matched[0] and not any(found.matched[1:]):
            return found.text
    return None


def agreements(
    patterns: Sequence[Pattern],
    among: Universe = ANY_TEXT,
    limit: int = MAX_STATES,
    *,
    within: bool = False,
) -> Iterator[Found]:
    """
    Give a text for each state in which the patterns can be after one, shortest texts first.

    Whatever set of the patterns some text matches, a text that is given matches that set.

    Args:
        within: Leave out texts that are no beginning of what the first pattern matches.

    Raises:
        TooManyStates: there are more than `limit` states.
    """
    fresh = _unnamed(patterns, among.letters)
    start: State = (0, _live(enumerate(pattern.start for pattern in patterns)))
    seen: dict[State, tuple[State, str] | None] = {start: None}
    waiting: deque[State] = deque([start])
    while waiting:
        state = waiting.popleft()
        if among.ends(state[0]):
            ended = {at for at, places in state[1] if patterns[at].ends(places)}
            matched = tuple(at in ended for at in range(len(patterns)))
            yield Found(_spelled(state, seen), matched)
        for char in _next(patterns, state, fresh, among.letters):
            there = among.after(state[0], char)
            if there is None:
                continue
            after = _live((at, patterns[at].after(places, char)) for at, places in state[1])
            moved: State = (there, after)
            if moved in seen or (within and not (after and after[0][0] == 0)):
                continue
            if len(seen) >= limit:
                raise TooManyStates
            seen[moved] = state, char
            waiting.append(moved)


def _live(places: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Leave out the patterns that no text from here on matches."""
    return tuple(each for each in places if each[1])


def _next(patterns: Sequence[Pattern], state: State, fresh: str, letters: str) -> list[str]:
    """Give the characters that lead to different states from here, the unnamed one first."""
    named: set[str] = {"/", *letters}
    for at, places in state[1]:
        named |= patterns[at].expected(places)
    return [fresh, *sorted(named - {fresh}, key=_plainness)]


def _plainness(char: str) -> tuple[bool, str]:
    return not char.isalnum(), char


def _unnamed(patterns: Sequence[Pattern], letters: str) -> str:
    """Give a character that no pattern names."""
    named = frozenset(letters).union(*(pattern.letters for pattern in patterns))
    plain = next((char for char in _FRESH if char not in named), "")
    return plain or next(char for char in map(chr, range(0x4E00, 0x9FFF)) if char not in named)


def _spelled(state: State, seen: dict[State, tuple[State, str] | None]) -> str:
    text: list[str] = []
    came = seen[state]
    while came is not None:
        text.append(came[1])
        came = seen[came[0]]
    return "".join(reversed(text))
