"""
What a user said, in pieces: where there is no room for all, what is least like a rule goes first.

A rule can stand in words that no list has, so nothing here decides what one is. It decides what
is surely none: pastes, what is said again later, thanks, questions. What is left is told apart by
its shape: who names a port, a path or a version, or writes items and labels, rather demands
something than who tells what happened.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from a3s_code.harness.constraints import is_question, normalised, spans
from a3s_code.harness.line_forms import (
    begins_hunk,
    is_code,
    is_fence,
    is_heading,
    is_item,
    is_logged,
    is_row,
    is_traced,
    unquoted,
    without_mark,
)
from a3s_code.harness.rule_words import IMPERATIVE, LABEL, NARRATIVE, POLITE, STATES, VALUE
from a3s_code.harness.tokens import estimate

MAX_PIECE_CHARS = 1_600
"""Of one sentence; of a longer one the beginning and the end are kept."""
MAX_PASTE_CHARS = 600
"""Of one paste: a block of code, a log, a stack of calls, a table of more than `MAX_ROWS`."""
MIN_PASTED = 3
"""Lines of a program, a log or a diff in a row that make a paste."""
MAX_ROWS = 30
SHORT_CHARS = 160
GAP = "[…] "

_CUT_CHARS = 60
_GAPS = re.compile(r"(?:\[…\]\s{0,8})+\[…\]")


class Rank(IntEnum):
    """What goes first has the lowest."""

    PASTED = 0
    SAID_AGAIN = 1
    RULE = 2
    """Stands among the rules, too."""
    CHAT = 3
    TOLD = 4
    STATED = 5
    SHAPED = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` is as it was said, with the blanks behind it."""

    text: str
    rank: Rank


def pieces_of(text: str) -> list[Piece]:
    """Part what was said; the pieces together are all of it, but the middles of pastes."""
    pieces: list[Piece] = []
    for said, is_paste in _groups(text):
        if is_paste:
            pieces.append(Piece(_cut(said, MAX_PASTE_CHARS), Rank.PASTED))
        else:
            pieces += _sentences(said)
    return pieces


def parts_of(text: str) -> Iterator[tuple[str, bool]]:
    """Part what was said into text and pastes; all of it, with whether it was pasted."""
    for is_paste, lines in itertools.groupby(_groups(text), key=lambda it: it[1]):
        yield "".join(said for said, _ in lines), is_paste


def fit(
    said: Sequence[str], rules: Container[str], room: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Keep of what was said as much as there is room for, word for word.

    Args:
        said: Oldest first.
        rules: What stands elsewhere, `normalised`; what is nothing else, and what is said again
            word for word, is left out untold.
        room: Tokens.

    Returns:
        What is kept, where it was said last, with a sign where something went; and what went,
        a text for each message that lost something.
    """
    shown: dict[str, list[Piece]] = {}
    for text in reversed(said):
        pieces = pieces_of(text.strip())
        shown.setdefault("".join(piece.text for piece in pieces), pieces)
    parted = [_ranked(pieces, rules) for pieces in _once([*reversed(shown.values())])]
    parted = [pieces for pieces in parted if any(it.rank != Rank.RULE for it in pieces)]
    costs = {(a, b): estimate(it.text) for a, row in enumerate(parted) for b, it in enumerate(row)}
    over, dropped = sum(costs.values()) - room, set[tuple[int, int]]()
    for at in sorted(costs, key=lambda it: _order(parted[it[0]][it[1]], it)):
        if over <= 0:
            break
        over -= costs[at]
        dropped.add(at)
    kept = (_rebuilt(pieces, at, dropped) for at, pieces in enumerate(parted))
    gone = (_gone(pieces, at, dropped) for at, pieces in enumerate(parted))
    return tuple(filter(None, kept)), tuple(filter(None, gone))


# What goes first


def _order(piece: Piece, at: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
    """Order by rank, then by length in steps of two, and then by age."""
    return piece.rank, -len(piece.text).bit_length(), at


def _once(parted: list[list[Piece]]) -> Iterator[list[Piece]]:
    """Mark all but the last of what was said several times."""
    last = {_key(it): at for at, row in enumerate(parted) for it in row}
    for at, row in enumerate(parted):
        yield [
            Piece(it.text, Rank.SAID_AGAIN)
            if it.rank > Rank.SAID_AGAIN and last[_key(it)] > at
            else it
            for it in row
        ]


def _ranked(pieces: list[Piece], rules: Container[str]) -> list[Piece]:
    """Mark what is a rule already."""
    return [Piece(it.text, Rank.RULE) if _key(it) in rules else it for it in pieces]


def _key(piece: Piece) -> str:
    return normalised(without_mark(unquoted(piece.text)))


def _rank(sentence: str) -> Rank:
    bare = without_mark(unquoted(sentence)).strip()
    if not any(sign.isalnum() for sign in bare) or is_question(bare) or POLITE.fullmatch(bare):
        return Rank.CHAT
    if LABEL.match(bare) or IMPERATIVE.match(bare) or (STATES.search(bare) and VALUE.search(bare)):
        return Rank.SHAPED
    if len(bare) > SHORT_CHARS or NARRATIVE.search(bare):
        return Rank.TOLD
    return Rank.SHAPED if is_item(sentence) or VALUE.search(bare) else Rank.STATED


# What is kept


def _rebuilt(pieces: list[Piece], at: int, dropped: Container[tuple[int, int]]) -> str:
    kept = [GAP if (at, it) in dropped else piece.text for it, piece in enumerate(pieces)]
    if all(part == GAP for part in kept):
        return ""
    return _GAPS.sub("[…]", "".join(kept)).strip()


def _gone(pieces: list[Piece], at: int, dropped: Container[tuple[int, int]]) -> str:
    return "".join(it.text for number, it in enumerate(pieces) if (at, number) in dropped).strip()


# Parting


def _groups(text: str) -> Iterator[tuple[str, bool]]:
    """Part into paragraphs and pastes, which say so."""
    lines = text.splitlines(keepends=True)
    at = 0
    while at < len(lines):
        end = _fenced(lines, at) if is_fence(lines[at]) else at
        if end > at and 2 * sum(map(_is_prose, lines[at:end])) > end - at - 2:
            yield from ((said, False) for said in _paragraphs(lines[at:end]))
        elif end > at or (end := _pasted(lines, at)) > at:
            yield "".join(lines[at:end]), True
        else:
            end = _paragraph(lines, at)
            yield "".join(lines[at:end]), False
        at = end


def _fenced(lines: Sequence[str], at: int) -> int:
    """Say where a block between marks ends; at its beginning where it does not."""
    ends = (number + 1 for number in range(at + 1, len(lines)) if is_fence(lines[number]))
    return next(ends, at)


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        end = _paragraph(lines, at)
        yield "".join(lines[at:end])
        at = end


def _is_prose(line: str) -> bool:
    if is_code(line) or _is_pasty(line) or line.startswith(("  ", "\t")):
        return False
    bare = without_mark(line).strip()
    return bare[:1].isupper() or not bare[:1].isascii() or is_item(line)


def _pasted(lines: Sequence[str], at: int) -> int:
    """Say where lines end that are no text; at `at` where it is one."""
    in_hunk, rows, end = False, 0, at
    while end < len(lines):
        line = lines[end]
        in_hunk = begins_hunk(line) or (in_hunk and line.startswith((" ", "+", "-", "\\")))
        if not (in_hunk or is_code(line) or _is_pasty(line)):
            break
        rows, end = rows + is_row(line), end + 1
    is_table = rows == end - at <= MAX_ROWS
    return end if end - at >= MIN_PASTED and not is_table else at


def _is_pasty(line: str) -> bool:
    return is_logged(line) or is_traced(line) or is_row(line)


def _paragraph(lines: Sequence[str], at: int) -> int:
    """Say where a paragraph or an item of a list ends: it may go on over several lines."""
    end = at + 1
    while end < len(lines):
        plain = unquoted(lines[end])
        begins = is_item(plain) or is_heading(plain) or is_fence(plain)
        if begins or not plain.strip() or is_code(plain) or _is_pasty(plain) or begins_hunk(plain):
            break
        end += 1
    return end


def _sentences(paragraph: str) -> Iterator[Piece]:
    for first, last in spans(paragraph):
        said = paragraph[first:last]
        yield Piece(_cut(said, MAX_PIECE_CHARS), _rank(said))


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    room = most - _CUT_CHARS
    head, tail = room * 2 // 3, room // 3
    return f"{text[:head]} [… {len(text) - head - tail} characters …] {text[-tail:]}"
