"""What a line that a user wrote or pasted is: an item, a log, code, a row of a table."""

from __future__ import annotations

import re

_ITEM = re.compile(r"\s*(?:[-*+•·–—]|\(?\d{1,3}[.)、]|\(?[a-zA-Z][.)])\s+")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_QUOTED = re.compile(r"\s*>\s?")
_HEADING = re.compile(r"\s*#{1,6}\s")
_LOGGED = re.compile(r"\W{0,2}(?:\d{4}-\d\d-\d\d[T ]|\d\d:\d\d:\d\d|\w{3} +\d+ \d\d:\d\d:)")
_CODE = re.compile(r"^\s*[\w.\[\]]+\s*[-+*/|&]?=[^=]|=>|->|::|&&|\|\|")
_CALLED = re.compile(r"\w\(")
_TRACED = re.compile(r"\s+(?:File \"|at \S)|Traceback \(|[\w.]{2,80}(?:Error|Exception): ")
_HUNK = re.compile(r"diff --git |@@ |index [0-9a-f]{6,}|--- |\+\+\+ ")


def unquoted(line: str) -> str:
    """Give a line without the mark of a quotation at its beginning."""
    mark = _QUOTED.match(line)
    return line[mark.end() :] if mark is not None else line


def without_mark(line: str) -> str:
    """Give an item of a list without the sign or the number before it."""
    mark = _ITEM.match(line)
    return line[mark.end() :] if mark is not None else line


def is_item(line: str) -> bool:
    return _ITEM.match(line) is not None


def is_fence(line: str) -> bool:
    return _FENCE.match(line) is not None


def is_logged(line: str) -> bool:
    return _LOGGED.match(line) is not None


def is_code(line: str) -> bool:
    """Say whether a line is rather one of a program than of a text."""
    bare = line.rstrip()
    if bare.endswith(("{", "}", ";")) or _CODE.search(line) is not None:
        return True
    called = bare.removesuffix(":").rstrip()
    return called.endswith(")") and _CALLED.search(called) is not None


def is_heading(line: str) -> bool:
    return _HEADING.match(line) is not None


def is_traced(line: str) -> bool:
    """Say whether a line is one of a stack of calls that somebody pasted."""
    return _TRACED.match(line) is not None


def is_row(line: str) -> bool:
    """Say whether a line is a row of a table."""
    bare = line.strip()
    return bare.count("|") > 1 or bare.count("\t") > 1


def begins_hunk(line: str) -> bool:
    return _HUNK.match(line) is not None


def introduces(line: str) -> bool:
    """Say whether a line speaks of what comes below it."""
    return line.rstrip().rstrip("*_").rstrip().endswith((":", "："))
