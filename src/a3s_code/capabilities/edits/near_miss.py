"""
The text of a file that comes nearest to lines which were not found in it.

Lines vote for where the wanted text begins: equal lines (blanks aside) first; without
any, lines that share the longest words of the longest wanted line. Work is bounded by the
file's length times a constant, however repetitive it is.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from a3s_code.kernel.visible import escaped, on_one_line

MAX_QUOTED_LINES = 20
MAX_QUOTED_CHARS = 200

_MAX_WANTED = 200
_MAX_PLACES_PER_LINE = 32
_MAX_WORDS = 6
_MAX_COMPARED = 40
_MIN_LIKENESS = 0.6
_SHOWN_BEFORE, _SHOWN_AFTER = 20, 40
_TAB = "\t"
_WORD = re.compile(r"\w{2,}")


class NearMiss(msgspec.Struct, frozen=True):
    """
    Attributes:
        first: Number of the first line of the region, counted from 1.
        lines: The region as it is in the file.
        differs_at: Index in `lines` of the first line that differs.
        difference: What stands there and what was wanted, escaped.
    """

    first: int
    lines: tuple[str, ...]
    differs_at: int
    difference: str

    def describe(self) -> str:
        """Say where the region is and quote it with numbers, as the `read` tool would."""
        last = self.first + len(self.lines) - 1
        place = f"line {self.first}" if last == self.first else f"lines {self.first}-{last}"
        begin = max(
            0, min(self.differs_at - MAX_QUOTED_LINES // 2, len(self.lines) - MAX_QUOTED_LINES)
        )
        shown = self.lines[begin : begin + MAX_QUOTED_LINES]
        quoted = [
            f"{number:>6}\t{on_one_line(line[:MAX_QUOTED_CHARS], kept=_TAB)}"
            for number, line in enumerate(shown, self.first + begin)
        ]
        if len(shown) < len(self.lines):
            place += f", of which lines {self.first + begin}-{self.first + begin + len(shown) - 1}"
        return "\n".join([f"The nearest text is at {place}:", *quoted, self.difference])


def nearest(
    lines: Sequence[str], wanted: Sequence[str], *, name: str, around: int | None = None
) -> NearMiss | None:
    """
    Find where `wanted` was probably meant to be.

    Args:
        lines: The file, without line ends.
        wanted: What was not found, without line ends. Its first and last line may be
            parts of lines.
        name: What `wanted` is called in the description.
        around: 0-based line near which it was expected; settles draws.
    """
    start = _by_equal_lines(lines, wanted, around)
    if start is None:
        start = _by_words(lines, wanted)
    if start is None:
        return None
    begin = max(start, 0)
    wanted = wanted[begin - start :]
    region = tuple(lines[begin : begin + len(wanted)])
    index = _first_difference(region, wanted)
    if index is None:
        text = f"It differs from {name} only in blanks at line ends, or in where it begins or ends."
        return NearMiss(begin + 1, region, 0, text)
    if index == len(region):
        text = f"The file ends there, and {name} goes on with {_quoted(wanted[index])}."
    else:
        text = _explain(begin + index + 1, region[index], wanted[index], name)
    return NearMiss(begin + 1, region, index, text)


def _squeezed(line: str) -> str:
    return "".join(line.split())


def _by_equal_lines(lines: Sequence[str], wanted: Sequence[str], around: int | None) -> int | None:
    places: dict[str, list[int]] = defaultdict(list)
    keys = [_squeezed(line) for line in wanted[:_MAX_WANTED]]
    sought = {key for key in keys if key}
    for number, line in enumerate(lines):
        key = _squeezed(line)
        if key in sought and len(places[key]) < _MAX_PLACES_PER_LINE:
            places[key].append(number)
    votes: Counter[int] = Counter()
    for offset, key in enumerate(keys):
        for number in places.get(key, ()):
            votes[number - offset] += 1
    if not votes:
        return None
    middle = around or 0
    return max(votes, key=lambda start: (votes[start], -abs(start - middle)))


def _by_words(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    if not wanted:
        return None
    offset = max(range(len(wanted)), key=lambda index: len(wanted[index].strip()))
    anchor = wanted[offset].strip()[:MAX_QUOTED_CHARS]
    words = sorted(set(_WORD.findall(anchor)), key=lambda word: (-len(word), word))[:_MAX_WORDS]
    shared: Counter[int] = Counter()
    for word in words:
        for number in _holding(lines, word):
            shared[number] += len(word)
    best, likeness = None, _MIN_LIKENESS
    for number, _ in shared.most_common(_MAX_COMPARED):
        found = _likeness(anchor, lines[number])
        if found >= likeness and (best is None or found > likeness):
            best, likeness = number, found
    return None if best is None else best - offset


def _holding(lines: Sequence[str], word: str) -> list[int]:
    found: list[int] = []
    for number, line in enumerate(lines):
        if word in line:
            found.append(number)
            if len(found) == _MAX_PLACES_PER_LINE:
                break
    return found


def _likeness(anchor: str, line: str) -> float:
    """Give the share of `anchor`, 0 to 1, that stands in `line` in the same order."""
    matcher = difflib.SequenceMatcher(None, anchor, line.strip()[: 2 * MAX_QUOTED_CHARS], False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(anchor)


def _first_difference(region: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Give the first index at which they differ, blanks at line ends aside."""
    for index, want in enumerate(wanted):
        if index == len(region):
            return index
        have = region[index]
        is_end_of_line = index == 0 and have.endswith(want)
        is_start_of_line = index == len(wanted) - 1 and have.startswith(want)
        if want.rstrip() != have.rstrip() and not is_end_of_line and not is_start_of_line:
            return index
    return None


def _explain(number: int, have: str, want: str, name: str) -> str:
    if have.strip() == want.strip():
        have_indent, want_indent = _indent(have), _indent(want)
        if have_indent != want_indent:
            return (
                f"Line {number} is indented by {_blanks(have_indent)} in the file, and by"
                f" {_blanks(want_indent)} in {name}."
            )
    shift = _alignment(have, want)
    column = next(
        (
            index
            for index, character in enumerate(want)
            if have[shift + index : shift + index + 1] != character
        ),
        len(want),
    )
    return (
        f"First difference, line {number}, column {shift + column + 1}: the file has"
        f" {_excerpt(have, shift + column)}, {name} has {_excerpt(want, column)}."
    )


def _alignment(have: str, want: str) -> int:
    """Give the column of `have` at which `want`, maybe a part of that line, begins."""
    if have[:1] == want[:1]:
        return 0
    have, want = have[: 2 * MAX_QUOTED_CHARS], want[:MAX_QUOTED_CHARS]
    match = difflib.SequenceMatcher(None, have, want, autojunk=False).find_longest_match()
    return max(match.a - match.b, 0)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _blanks(indent: str) -> str:
    """Name blanks in words: `2 tabs`, `4 spaces`, `1 tab, 2 spaces`, `nothing`."""
    runs = [
        (match[0][0], len(match[0])) for match in re.finditer(r"(.)\1*", indent, flags=re.DOTALL)
    ]
    names = {" ": "space", "\t": "tab"}
    parts = [
        f"{count} {names.get(blank) or escaped(blank)}{'' if count == 1 else 's'}"
        for blank, count in runs
    ]
    return ", ".join(parts) or "nothing"


def _excerpt(line: str, column: int) -> str:
    begin = max(column - _SHOWN_BEFORE, 0)
    shown = _quoted(line[begin : column + _SHOWN_AFTER])
    character = line[column : column + 1]
    if not character:
        return f"{shown} and ends"
    return f"{shown} (U+{ord(character):04X})" if _is_odd(character) else shown


def _is_odd(character: str) -> bool:
    return character > "\x7f" and not "\udc80" <= character <= "\udcff"


def _quoted(text: str) -> str:
    return f'"{on_one_line(text[: _SHOWN_BEFORE + _SHOWN_AFTER])}"'
