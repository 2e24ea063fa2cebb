"""
Unified diffs as models write them, read into hunks.

    [prose, ```diff, *** Begin Patch, diff --git …, --- a/f, +++ b/f, *** Update File: f]
    @@ -old,count +new,count @@ [text]      or @@ alone, or @@ text that stands above the hunk
     context        -removed        +added        \\ No newline at end of file

Only `@@` lines are required. Names in headers are kept for a check and never followed.
Counts may be wrong, but a last hunk that is shorter than announced and does not end in
context was probably cut off, and is refused. Blank lines count as context. A line of a
hunk that has no mark is kept as context with `bare` set; `splice` believes it only if the
file has exactly that line.

Source:
    SPEC 5.4: only `@@` hunks required, headers tolerated and ignored, counts loose.
"""

from __future__ import annotations

import re

import msgspec

from a3s_code.capabilities.edits.diff_names import NO_FILE, header_name, without_side
from a3s_code.capabilities.edits.foreign_diffs import foreign_format, foreign_header
from a3s_code.capabilities.edits.refusal import Refusal

MAX_HUNKS = 1_000

_NUMBERS = re.compile(
    r"@@ *-(?P<old>\d{1,40})(?:,(?P<olds>\d{1,40}))?"
    r" +\+(?P<new>\d{1,40})(?:,(?P<news>\d{1,40}))?(?: *@@.*)?",
    re.ASCII,
)
_NUMERIC = re.compile(r"@@+ *[-+]?[-+]?\d")
_ANCHOR = re.compile(r"@@ ?(?P<text>.*?)(?: ?@@)?")
_FENCES = ("```", "~~~")
_UPDATED = "*** Update File: "
_ENVELOPE = ("*** Begin Patch", "*** End Patch", "*** End of File", _UPDATED)
_MAIL_SIGNATURE = "-- "


class Line(msgspec.Struct, frozen=True):
    """
    Attributes:
        mark: ` ` context, `-` removed, `+` added.
        text: Without mark and line feed; a carriage return is kept.
        raw: The line of the diff.
        bare: It had no mark. An empty line has none either, and is not called bare.
    """

    mark: str
    text: str
    raw: str
    bare: bool = False


class Hunk(msgspec.Struct, frozen=True):
    """
    Attributes:
        number: Counted from 1.
        at: Line of the diff where its header stands, counted from 1.
        stated: First line of the old text by its header; None when it has no numbers.
        old_count, new_count: As stated; None when it has no numbers.
        anchors: Texts that stand above it, of headers without numbers.
        old_unended, new_unended: Its last old or new line is marked to have no line feed.
        followed: Something came after it, so it was not cut off.
    """

    number: int
    at: int
    stated: int | None
    old_count: int | None
    new_count: int | None
    lines: tuple[Line, ...]
    anchors: tuple[str, ...] = ()
    old_unended: bool = False
    new_unended: bool = False
    followed: bool = False

    @property
    def changes(self) -> bool:
        return any(line.mark != " " for line in self.lines)


class Diff(msgspec.Struct, frozen=True):
    """
    Attributes:
        names: What file headers say, in order and without doubles, `/dev/null` left out.
        creates, deletes: The old or the new file is `/dev/null`.
    """

    hunks: tuple[Hunk, ...]
    names: tuple[str, ...] = ()
    creates: bool = False
    deletes: bool = False


def parse(diff: str) -> Diff | Refusal:
    """
    Read a diff of one file.

    Returns:
        At least one hunk that changes something, or why not: `empty_patch`, `malformed`
        or `unsupported`.
    """
    text = diff.removeprefix("\N{BOM}")
    reader = _Reader(text.removesuffix("\n").split("\n"))
    if refusal := reader.read():
        return refusal
    if not reader.hunks:
        return foreign_format(text)
    if len(reader.hunks) > MAX_HUNKS:
        return Refusal("unsupported", f"the diff has more than {MAX_HUNKS} hunks; split it.")
    if not any(hunk.changes for hunk in reader.hunks):
        return Refusal("empty_patch", "no line of the diff begins with + or -; nothing to do.")
    if len(reader.sections) > 1:
        return Refusal(
            "unsupported",
            f"the diff is about {len(reader.sections)} files ({', '.join(reader.sections)}),"
            " and this tool changes one. Call it once for each file.",
        )
    names = tuple(dict.fromkeys(reader.names))
    return Diff(tuple(reader.hunks), names, creates=reader.creates, deletes=reader.deletes)


class _Reader(msgspec.Struct):
    """The state of reading: everything before `at` has been read."""

    lines: list[str]
    at: int = 0
    hunks: list[Hunk] = msgspec.field(default_factory=list[Hunk])
    names: list[str] = msgspec.field(default_factory=list[str])
    sections: dict[str, None] = msgspec.field(default_factory=dict[str, None])
    anchors: list[str] = msgspec.field(default_factory=list[str])
    creates: bool = False
    deletes: bool = False
    fenced: bool = False
    headed: bool = False
    git: bool = False

    def read(self) -> Refusal | None:
        while self.at < len(self.lines):
            line = self._line()
            refusal = self._hunk() if line.startswith("@@") else self._outside(line)
            if refusal:
                return refusal
        if self.anchors:
            return Refusal("malformed", "the diff ends after an @@ line; its hunk is missing.")
        return None

    def _line(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.lines[at].rstrip("\r") if at < len(self.lines) else ""

    def _outside(self, line: str) -> Refusal | None:
        """Read one line that belongs to no hunk."""
        if self._names_files():
            self._file(header_name(line), header_name(self._line(1)))
            self.at += 2
            return None
        if line.startswith(_UPDATED):
            name = line.removeprefix(_UPDATED).strip()
            self._file(name, name)
        elif line.startswith("diff --git "):
            self.git, self.headed = True, False
        elif line.startswith((*_FENCES, *_ENVELOPE)) or line == _MAIL_SIGNATURE:
            self.headed = False
            self.fenced = self.fenced or line.startswith(_FENCES)
        elif self.headed and line[:1] in ("+", "-"):
            return Refusal(
                "malformed",
                f"line {self.at + 1} of the diff is a change outside a hunk;"
                " begin each hunk with a line @@ -line,count +line,count @@.",
            )
        elif refusal := foreign_header(line, git=self.git):
            return refusal
        self.at += 1
        return None

    def _names_files(self) -> bool:
        return self._line().startswith("--- ") and self._line(1).startswith("+++ ")

    def _file(self, old: str, new: str) -> None:
        self.headed, self.git = True, False
        self.creates = self.creates or old == NO_FILE
        self.deletes = self.deletes or new == NO_FILE
        named = [name for name in (new, old) if name != NO_FILE]
        self.names += named
        if named:
            self.sections[without_side(named[0])] = None

    def _hunk(self) -> Refusal | None:
        header, at = self._line(), self.at
        numbers = _NUMBERS.fullmatch(header)
        if header.startswith("@@@") or (not numbers and _NUMERIC.match(header)):
            return _bad_header(header, at)
        self.at += 1
        lines, unended = self._body(numbers)
        if not lines and not numbers:
            self._anchor(header)
            return None
        if not numbers:
            self._anchor(header)
        hunk = Hunk(
            number=len(self.hunks) + 1,
            at=at + 1,
            stated=int(numbers["old"]) if numbers else None,
            old_count=int(numbers["olds"] or 1) if numbers else None,
            new_count=int(numbers["news"] or 1) if numbers else None,
            lines=tuple(lines),
            anchors=tuple(anchor for anchor in self.anchors if anchor),
            old_unended="-" in unended,
            new_unended="+" in unended,
            followed=self.at < len(self.lines),
        )
        self.anchors.clear()
        self.hunks.append(hunk)
        return _cut_off(hunk)

    def _anchor(self, header: str) -> None:
        found = _ANCHOR.fullmatch(header)
        self.anchors.append(found["text"].strip() if found else "")

    def _body(self, numbers: re.Match[str] | None) -> tuple[list[Line], str]:
        """Read marked lines; also give the marks of sides that end without a line feed."""
        left = _Left.of(numbers)
        lines: list[Line] = []
        unended = ""
        while self.at < len(self.lines) and not self._ends_hunk(left):
            raw = self.lines[self.at]
            self.at += 1
            if raw.startswith("\\ ") and lines:
                unended += {" ": "-+"}.get(lines[-1].mark, lines[-1].mark)
                continue
            line = _read_line(raw)
            left.take(line.mark)
            lines.append(line)
        return lines, unended

    def _ends_hunk(self, left: _Left) -> bool:
        line = self._line()
        if line.startswith(("@@", "diff --git ", *_ENVELOPE)):
            return True
        if line.startswith(_FENCES):
            return self.fenced
        if left.owed:
            return False
        if line == _MAIL_SIGNATURE and left.known:
            return self.at + 3 >= len(self.lines)
        follows = self._line(2)
        return self._names_files() and (left.known or not follows or follows.startswith("@@"))


class _Left(msgspec.Struct):
    """Lines that the header of a hunk announced and that have not been read."""

    old: int = 0
    new: int = 0
    known: bool = False

    @classmethod
    def of(cls, numbers: re.Match[str] | None) -> _Left:
        if not numbers:
            return cls()
        return cls(int(numbers["olds"] or 1), int(numbers["news"] or 1), known=True)

    @property
    def owed(self) -> bool:
        return self.old > 0 or self.new > 0

    def take(self, mark: str) -> None:
        self.old -= mark != "+"
        self.new -= mark != "-"


def _read_line(raw: str) -> Line:
    if raw[:1] in ("+", "-", " "):
        return Line(raw[0], raw[1:], raw)
    return Line(" ", raw, raw, bare=raw not in ("", "\r"))


def _bad_header(header: str, at: int) -> Refusal:
    if header.startswith("@@@"):
        text = f"line {at + 1} of the diff begins a combined diff of a merge; send a plain one."
        return Refusal("unsupported", text)
    return Refusal(
        "malformed",
        f"line {at + 1} of the diff, {header[:80]!r}, is no hunk header;"
        " write @@ -line,count +line,count @@, or @@ alone.",
    )


def _cut_off(hunk: Hunk) -> Refusal | None:
    """Refuse a hunk that ends before its header says, where that may have lost changes."""
    if not hunk.lines:
        return Refusal("malformed", f"hunk {hunk.number} (line {hunk.at} of the diff) is empty.")
    if hunk.old_count is None or hunk.new_count is None:
        return None
    olds = sum(line.mark != "+" for line in hunk.lines)
    news = sum(line.mark != "-" for line in hunk.lines)
    short = olds < hunk.old_count or news < hunk.new_count
    marks = [line.mark for line in hunk.lines if line.raw.strip("\r")]
    ended = hunk.followed or hunk.old_unended or hunk.new_unended or marks[-1:] == [" "]
    if not short or ended:
        return None
    return Refusal(
        "malformed",
        f"hunk {hunk.number} (line {hunk.at} of the diff) announces {hunk.old_count} old and"
        f" {hunk.new_count} new lines, and ends after {olds} and {news}. If nothing is"
        " missing, correct the counts; otherwise send the whole hunk.",
    )
