"""
Replacing one string of a text by another, as a model means it.

A match is exact, except that a line feed in the wanted string also stands for the CRLF of
the file. When there is none, blanks at line ends are left out of the comparison, and a
match then counts only if it is the only one. Blanks anywhere else are never ignored:
indentation is content, and a replacement written for another one would mix the two.

Only the lines in which the two strings differ are replaced; the others keep their bytes.

Source:
    SPEC 5.3; DESIGN 7, "edits and patches".
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from a3s_code.capabilities.edits.copying_slips import copying_slip
from a3s_code.capabilities.edits.lines import lines_of
from a3s_code.capabilities.edits.near_miss import nearest
from a3s_code.capabilities.edits.refusal import Refusal

MAX_LISTED_LINES = 10

_MAX_COUNTED = 1_000
_LINE_END = re.compile(r"\r?\n")
_CARRIAGE_RETURN = re.compile(r"\r(?=\n)")
_BLANKS_AT_LINE_END = re.compile(r"(?<![ \t])[ \t]++(?=\r?\n)|\r(?=\n)")
_SHORTEST_TRACE = 4


class Replaced(msgspec.Struct, frozen=True):
    """
    Attributes:
        text: The whole new text.
        inserted: What one replacement put in.
        count: Replacements made.
        lines: Where the first of them are, counted from 1, at most `MAX_LISTED_LINES`.
        loosely: Blanks at line ends were ignored to find the place.
    """

    text: str
    inserted: str
    count: int
    lines: tuple[int, ...]
    loosely: bool = False


def replace(text: str, old: str, new: str, *, everywhere: bool = False) -> Replaced | Refusal:
    """
    Replace `old`, which must stand in `text` exactly once unless `everywhere` is set.

    Args:
        new: A line feed in it becomes the line end that the replaced lines have, or the
            one around them, unless the strings spell carriage returns themselves.
    """
    if not old:
        hint = "Quote the text to replace; to fill or overwrite a file use write."
        return Refusal("invalid_argument", f"old_string is empty. {hint}")
    if old == new:
        return Refusal("invalid_argument", "old_string and new_string are the same text.")
    literal = "\r" in old and old in text
    view = _View(text) if literal or "\r" not in text else _View.folded(text, _CARRIAGE_RETURN)
    edit = _Edit.of(old, new, literal=literal)
    if edit.wanted in view.text:
        return _replace_exactly(view, edit, everywhere=everywhere)
    return _replace_loosely(text, old, new) or _not_found(view.text, edit.wanted, new)


class _View(msgspec.Struct, frozen=True):
    """
    A text with parts left out, and the way back.

    Attributes:
        cuts: Positions in `text` at which something was left out, ascending.
        lost: Characters left out up to and including the cut of the same index.
    """

    text: str
    cuts: list[int] = msgspec.field(default_factory=list[int])
    lost: list[int] = msgspec.field(default_factory=list[int])
    source: str = ""

    @classmethod
    def folded(cls, text: str, left_out: re.Pattern[str]) -> _View:
        kept: list[str] = []
        cuts: list[int] = []
        lost: list[int] = []
        at = total = 0
        for match in left_out.finditer(text):
            start, end = match.span()
            kept.append(text[at:start])
            cuts.append(start - total)
            total += end - start
            lost.append(total)
            at = end
        kept.append(text[at:])
        return cls("".join(kept), cuts, lost, text)

    @property
    def original(self) -> str:
        return self.source or self.text

    def back(self, at: int) -> int:
        """Give the position in the original; at a cut, the one before what was left out."""
        cut = bisect_left(self.cuts, at)
        return min(at + (self.lost[cut - 1] if cut else 0), len(self.original))


class _Edit(msgspec.Struct, frozen=True):
    """
    Two strings, taken apart into the lines they share and the ones they do not.

    Attributes:
        wanted: The old string as it is looked for.
        skip, length: Which characters of `wanted` are replaced.
        insert: What replaces them.
        literal: `insert` is written as it is, whatever line ends the text has.
    """

    wanted: str
    skip: int
    length: int
    insert: str
    literal: bool

    @classmethod
    def of(
        cls,
        old: str,
        new: str,
        *,
        literal: bool = False,
        left_out: re.Pattern[str] = _CARRIAGE_RETURN,
    ) -> _Edit:
        olds, news = lines_of(old), lines_of(new)
        head = _shared(olds, news)
        tail = _shared(olds[head:][::-1], news[head:][::-1])

        def seen(lines: list[str]) -> str:
            joined = "".join(lines)
            return joined if literal else left_out.sub("", joined)

        return cls(
            wanted=seen(olds),
            skip=len(seen(olds[:head])),
            length=len(seen(olds[head : len(olds) - tail])),
            insert="".join(news[head : len(news) - tail]),
            literal=literal or ("\r\n" in new and "\r" not in old),
        )


def _shared(olds: list[str], news: list[str]) -> int:
    count = 0
    for old, new in zip(olds, news, strict=False):
        if old != new:
            break
        count += 1
    return count


def _replace_exactly(view: _View, edit: _Edit, *, everywhere: bool) -> Replaced | Refusal:
    places = _places(view.text, edit.wanted)
    if not everywhere and len(places) > 1:
        return _ambiguous(view.text, edit.wanted, places)
    starts = _apart(view.text, edit.wanted) if everywhere else iter(places)
    return _rebuilt(view, edit, starts)


def _replace_loosely(text: str, old: str, new: str) -> Replaced | Refusal | None:
    """Find `old` with blanks before line ends ignored, and a final line end made up."""
    if not old.strip():
        return None
    made_up = _end_near(text, len(text)) if old.endswith("\n") and text[-1:] != "\n" else ""
    view = _View.folded(text + made_up, _BLANKS_AT_LINE_END)
    edit = _Edit.of(old, new, left_out=_BLANKS_AT_LINE_END)
    places = _places(view.text, edit.wanted)
    if len(places) > 1:
        return _ambiguous(view.text, edit.wanted, places)
    if not places:
        return None
    made = _rebuilt(view, edit, iter(places), loosely=True)
    replaced_to = places[0] + edit.skip + edit.length
    if replaced_to == len(view.text) and not edit.insert.endswith("\n"):
        return made
    return Replaced(made.text.removesuffix(made_up), made.inserted, 1, made.lines, loosely=True)


def _places(text: str, wanted: str) -> list[int]:
    """Give the first places of `wanted`, overlapping ones too."""
    places: list[int] = []
    at = text.find(wanted)
    while at >= 0 and len(places) < _MAX_COUNTED:
        places.append(at)
        at = text.find(wanted, at + 1)
    return places


def _apart(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + len(wanted))


def _rebuilt(view: _View, edit: _Edit, starts: Iterator[int], *, loosely: bool = False) -> Replaced:
    original = view.original
    kept: list[str] = []
    lines: list[int] = []
    at = count = 0
    for place in starts:
        start = view.back(place + edit.skip)
        end = view.back(place + edit.skip + edit.length)
        if count < MAX_LISTED_LINES:
            lines.append(original.count("\n", 0, start) + 1)
        kept += (original[at:start], _with_ends(edit, original, start, end))
        at = end
        count += 1
    kept.append(original[at:])
    return Replaced("".join(kept), edit.insert, count, tuple(lines), loosely)


def _with_ends(edit: _Edit, text: str, start: int, end: int) -> str:
    """Give what is inserted the line ends of what it replaces, in order, then the last one."""
    if edit.literal or "\n" not in edit.insert:
        return edit.insert
    ends = _LINE_END.findall(text, start, end) or [_end_near(text, start)]
    first, *rest = _LINE_END.split(edit.insert)
    parts = [first]
    for index, line in enumerate(rest):
        parts += (ends[min(index, len(ends) - 1)], line)
    return "".join(parts)


def _end_near(text: str, at: int) -> str:
    """Give the line end after `at`, else the one before it, else a line feed."""
    found = text.find("\n", at)
    if found < 0:
        found = text.rfind("\n", 0, at)
    return "\r\n" if found > 0 and text[found - 1] == "\r" else "\n"


def _ambiguous(text: str, wanted: str, places: list[int]) -> Refusal:
    numbers = sorted({text.count("\n", 0, at) + 1 for at in places[: 4 * MAX_LISTED_LINES]})
    listed = ", ".join(str(number) for number in numbers[:MAX_LISTED_LINES])
    count = len(places) if len(places) < _MAX_COUNTED else max(len(places), text.count(wanted))
    more = ", …" if count > len(numbers) or len(numbers) > MAX_LISTED_LINES else ""
    return Refusal(
        "ambiguous",
        f"old_string occurs {count} times (lines {listed}{more}). Add lines around it until"
        " it is unique, or pass replace_all=true to replace every one.",
    )


def _not_found(text: str, wanted: str, new: str) -> Refusal:
    said = ["old_string was not found."]
    if slip := copying_slip(text, wanted, name="old_string"):
        said.append(slip)
    trace = _CARRIAGE_RETURN.sub("", new)
    if len(trace.strip()) >= _SHORTEST_TRACE and trace in text:
        number = text.count("\n", 0, text.find(trace)) + 1
        said.append(f"new_string stands at line {number} already; maybe this edit was made before.")
    lines = [line.removesuffix("\r") for line in text.removeprefix("\N{BOM}").split("\n")]
    sought = wanted.removesuffix("\n").split("\n")
    if found := nearest(lines, sought, name="old_string"):
        said.append(found.describe())
        said.append("Copy old_string from the file as it is, tabs and blanks included.")
    else:
        count = text.count("\n") + (not text.endswith("\n") and text != "")
        said.append(f"None of its {count} lines is like it; read the file before the next edit.")
    return Refusal("context_mismatch", "\n".join(said) if found else " ".join(said))
