"""
Putting the hunks of a diff where they belong in a text.

Hunks are placed one after the other on the text as the earlier ones left it, and the
result is given only if every one found its place. A hunk stands where its header says,
moved by what earlier hunks added, removed and turned out to be off by, if its old lines
are there; else at the one place that has them; else at the place that is clearly nearest
to the stated line (half as far as the next at most). Blanks at line ends are ignored where
nothing fits exactly. Lines of context keep the bytes that they have in the file.

Added lines are written as the diff has them if its old lines agree with the file to the
carriage return; otherwise they get the line ends of the lines they replace or join.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from a3s_code.capabilities.edits.copying_slips import copying_slip
from a3s_code.capabilities.edits.hunks import Diff, Hunk, Line
from a3s_code.capabilities.edits.lines import without_end
from a3s_code.capabilities.edits.near_miss import nearest
from a3s_code.capabilities.edits.refusal import Refusal
from a3s_code.capabilities.edits.sheet import Sheet

MAX_PLACES = 1_000
"""A hunk that fits at more places than this, but not at the stated one, is refused."""

_MAX_LISTED = 10


class Landing(msgspec.Struct, frozen=True):
    """
    Where a hunk ended up.

    Attributes:
        hunk: Its number, counted from 1.
        line: Its first line in the new text, counted from 1.
        length: Lines that it spans there, context included.
        stated: The line of the old text that its header named, if any.
        off: How many lines below the place that its header meant it is; None without one.
        loosely: Blanks at line ends were ignored to find the place.
    """

    hunk: int
    line: int
    length: int
    added: int
    removed: int
    stated: int | None = None
    off: int | None = None
    loosely: bool = False


class Spliced(msgspec.Struct, frozen=True):
    """
    Attributes:
        text: The whole new text.
        inserted: The lines that were added.
    """

    text: str
    inserted: str
    landings: tuple[Landing, ...]


def splice(text: str, diff: Diff) -> Spliced | Refusal:
    """
    Apply every hunk of `diff` to `text`, or say why one of them has no place.

    A byte order mark stays in front, unless the diff itself has one in its lines.
    """
    mark = "" if _has_mark(diff) or not text.startswith("\N{BOM}") else "\N{BOM}"
    body = text.removeprefix(mark)
    if diff.creates and body:
        hint = "Make the diff against its present text, or replace the file with write."
        return Refusal("context_mismatch", f"the diff creates a file that has text. {hint}")
    placing = _Placing(body)
    for hunk in diff.hunks:
        if refusal := placing.place(hunk):
            return refusal
    if diff.deletes and placing.sheet.lines:
        rest = len(placing.sheet.lines)
        return Refusal("context_mismatch", f"the diff deletes the file, but not its {rest} lines.")
    added = (line.text for hunk in diff.hunks for line in hunk.lines if line.mark == "+")
    return Spliced(mark + "".join(placing.sheet.lines), "\n".join(added), tuple(placing.landings))


def _has_mark(diff: Diff) -> bool:
    return any(line.text.startswith("\N{BOM}") for hunk in diff.hunks for line in hunk.lines)


class _Placing:
    """
    Attributes:
        body: The text before any hunk.
        drift: How far the last hunk with a stated line was off.
        floor: Where the last change of the last hunk ended.
    """

    def __init__(self, body: str) -> None:
        self.body = body
        self.sheet = Sheet.of(body)
        self.landings: list[Landing] = []
        self.drift = 0
        self.floor = 0

    def place(self, hunk: Hunk) -> Refusal | None:
        expected = self._expected(hunk)
        ambiguity: Refusal | None = None
        for lines in _readings(hunk):
            found = self._find(hunk, lines, expected)
            if isinstance(found, int):
                self._land(hunk, lines, found, expected)
                return None
            ambiguity = ambiguity or found
        return ambiguity or self._mismatch(hunk)

    def _expected(self, hunk: Hunk) -> int | None:
        """Give the 0-based line where the hunk should be now; None = it says nothing useful."""
        if hunk.stated is None:
            return None
        grown = sum(
            landing.added - landing.removed
            for landing in self.landings
            if (landing.stated or landing.line) <= hunk.stated
        )
        at = hunk.stated - (hunk.old_count != 0) + grown + self.drift
        return at if 0 <= at <= len(self.sheet.lines) else None

    def _find(
        self, hunk: Hunk, lines: Sequence[Line], expected: int | None
    ) -> int | Refusal | None:
        wanted = [line.text for line in lines if line.mark != "+"]
        if not wanted:
            return self._blind(hunk, expected)
        if expected is not None and self._stands(hunk, lines, expected):
            return expected
        for loosely in (False, True):
            places = self.sheet.places(wanted, MAX_PLACES + 1, loosely=loosely)
            if len(places) > MAX_PLACES:
                return _ambiguous(hunk, places)
            if places := [place for place in places if self._may_stand(hunk, lines, place)]:
                return self._choose(hunk, places, expected)
        return None

    def _blind(self, hunk: Hunk, expected: int | None) -> int | Refusal:
        """Place a hunk that shows no line of the file."""
        if not self.sheet.lines:
            return 0
        if hunk.old_count == 0 and expected is not None:
            return expected
        return Refusal(
            "ambiguous",
            f"hunk {hunk.number} (line {hunk.at} of the diff) only adds lines and does not show"
            " where; give it a line of context, or a header @@ -N,0 +N,count @@ to add after"
            " line N.",
        )

    def _stands(self, hunk: Hunk, lines: Sequence[Line], at: int) -> bool:
        wanted = [line.text for line in lines if line.mark != "+"]
        return self.sheet.fits(at, wanted, loosely=True) and self._may_stand(hunk, lines, at)

    def _may_stand(self, hunk: Hunk, lines: Sequence[Line], at: int) -> bool:
        """
        Say whether the hunk may be at a place that has its old lines.

        It may not remove what an earlier hunk added, nor begin or end the last line feed
        anywhere but at the end of the file.
        """
        olds = [line for line in lines if line.mark != "+"]
        if hunk.old_unended != hunk.new_unended and at + len(olds) != len(self.sheet.lines):
            return False
        return not any(
            line.mark == "-" and self.sheet.added[at + index] for index, line in enumerate(olds)
        )

    def _choose(self, hunk: Hunk, places: list[int], expected: int | None) -> int | Refusal:
        if len(places) == 1:
            return places[0]
        later = [place for place in places if place >= self.floor]
        if expected is None:
            later = self._below_anchors(hunk, later)
        if len(later) == 1:
            return later[0]
        if expected is None:
            return _ambiguous(hunk, places)
        best, second = sorted(later or places, key=lambda place: abs(place - expected))[:2]
        clear = 2 * abs(best - expected) <= abs(second - expected)
        return best if clear else _ambiguous(hunk, places)

    def _below_anchors(self, hunk: Hunk, places: list[int]) -> list[int]:
        """Keep the first place below the lines that the headers name, if they are found."""
        at = self.floor
        for anchor in hunk.anchors:
            found = self.sheet.line_like(anchor, at)
            if found is None:
                return places
            at = found
        return [place for place in places if place >= at][:1] if hunk.anchors else places

    def _land(self, hunk: Hunk, lines: Sequence[Line], at: int, expected: int | None) -> None:
        wanted = [line.text for line in lines if line.mark != "+"]
        added = sum(line.mark == "+" for line in lines)
        removed = sum(line.mark == "-" for line in lines)
        loosely = not self.sheet.fits(at, wanted)
        self.sheet.put(at, lines, unended=(hunk.old_unended, hunk.new_unended))
        self.landings = [_moved(other, at, added - removed) for other in self.landings]
        length = len(wanted) - removed + added
        off = None if expected is None else at - expected + self.drift
        self.drift = self.drift if off is None else off
        self.landings.append(
            Landing(hunk.number, at + 1, length, added, removed, hunk.stated, off, loosely)
        )
        trailing = next((n for n, line in enumerate(reversed(lines)) if line.mark != " "), length)
        self.floor = at + length - trailing

    def _mismatch(self, hunk: Hunk) -> Refusal:
        where = f"hunk {hunk.number} (line {hunk.at} of the diff)"
        strangers = [line for line in hunk.lines if line.bare]
        if stranger := next((line for line in strangers if not self.sheet.has(line.text)), None):
            return Refusal(
                "malformed",
                f"{where}: its line {stranger.raw[:80]!r} begins with neither blank, + nor -,"
                " and the file has no such line.",
            )
        if self._stands_already(hunk):
            return Refusal(
                "already_applied",
                f"{where}: its new lines are in the file and its old lines are not. It seems to"
                " be applied already; read the file before you go on.",
            )
        return Refusal("context_mismatch", self._explained(hunk, where))

    def _stands_already(self, hunk: Hunk) -> bool:
        news = [line.text for line in hunk.lines if line.mark != "-"]
        adds = any(line.mark == "+" and line.text.strip() for line in hunk.lines)
        return adds and bool(self.sheet.places(news, 1))

    def _explained(self, hunk: Hunk, where: str) -> str:
        """Say what the file, which is as it was, has instead of the old lines of the hunk."""
        wanted = [line.text for line in hunk.lines if line.mark != "+"]
        before = Sheet.of(self.body)
        if self.landings and before.places(wanted, 1):
            return (
                f"{where}: its old lines are not there any more once the hunks before it are"
                " applied; make one hunk of those that overlap. Nothing was changed."
            )
        plain = list(map(without_end, before.lines))
        wanted = list(map(without_end, wanted))
        said = [f"{where}: its old lines are not in the file; nothing was changed."]
        if slip := copying_slip("\n".join(plain), "\n".join(wanted), name="the hunk"):
            said.append(slip)
        around = None if hunk.stated is None else hunk.stated - 1
        if found := nearest(plain, wanted, name="the diff", around=around):
            said.append(found.describe())
        said.append("Read the file and make the diff from its lines as they are.")
        return "\n".join(said)


def _readings(hunk: Hunk) -> Iterator[tuple[Line, ...]]:
    """
    Give the ways in which the lines of a hunk may be meant, the most literal first.

    Lines without a mark behind the last change are a gap or prose after the diff, if the
    counts say so or a blank line parts them from it. Where context came without its leading
    blank, all of it may have.
    """
    lines = hunk.lines
    end = len(lines)
    while end and lines[end - 1].raw[:1] not in ("+", "-", " "):
        end -= 1
    kept, rest = lines[:end], lines[end:]
    if kept and rest and _as_counted(kept, hunk):
        yield kept
    else:
        yield lines
        only_blank = not any(line.bare for line in rest)
        parted = bool(rest) and not rest[0].bare
        if kept and parted and (only_blank or hunk.stated is None):
            yield kept
    if any(line.raw[:1] == " " for line in lines):
        yield tuple(Line(" ", line.raw, line.raw) if line.mark == " " else line for line in lines)


def _as_counted(lines: Sequence[Line], hunk: Hunk) -> bool:
    olds = sum(line.mark != "+" for line in lines)
    news = sum(line.mark != "-" for line in lines)
    return (olds, news) == (hunk.old_count, hunk.new_count)


def _moved(landing: Landing, at: int, by: int) -> Landing:
    return (
        landing
        if landing.line - 1 < at
        else msgspec.structs.replace(landing, line=landing.line + by)
    )


def _ambiguous(hunk: Hunk, places: list[int]) -> Refusal:
    listed = ", ".join(str(place + 1) for place in places[:_MAX_LISTED])
    more = ", …" if len(places) > _MAX_LISTED else ""
    return Refusal(
        "ambiguous",
        f"hunk {hunk.number} (line {hunk.at} of the diff) fits at lines {listed}{more}, and its"
        " header does not settle which. Add context until it is unique, or state the line.",
    )
