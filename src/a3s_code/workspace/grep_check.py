"""
Whether lines that a program printed are really in files of the workspace.

ripgrep opens what it lists by path, and a directory may have become a link in between. So
each line is looked up once more, at its offset in the file that is reached by descriptors,
and one that is not there is left out: nothing of a file outside is shown.

Source: INVARIANTS 1 to 3; ripgrep's guide, `--byte-offset` and "Encoding".
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator

from a3s_code.workspace.beneath import step_by_step
from a3s_code.workspace.location import Location

MAX_MARKED_BYTES = 64 * 1024 * 1024
"""Of a file that begins with a byte order mark; ripgrep reads those as text of their own."""

_LINE = re.compile(rb"(\d+)([:-])(\d+)[:-](.*)", re.DOTALL)
_SHORTENED = re.compile(rb" \[\.\.\. (?:omitted end of long line|\d+ more match(?:es)?)\]$")
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def really_there(location: Location, found: dict[bytes, list[bytes]]) -> dict[bytes, list[bytes]]:
    """
    Give the lines that are in the files below a directory, without their offsets.

    Args:
        found: By path below `location`: number, `:` or `-`, offset, the same mark, text.
    """
    fd = location.open_directory()
    try:
        checked = {path: _of_file(fd, path, lines) for path, lines in found.items()}
    finally:
        os.close(fd)
    return {path: lines for path, lines in checked.items() if lines}


def _of_file(fd: int, path: bytes, lines: list[bytes]) -> list[bytes]:
    *directories, name = os.fsdecode(path).split("/")
    try:
        at = step_by_step(fd, directories)
        try:
            file = os.open(name, _READ_FLAGS, dir_fd=at)
        finally:
            os.close(at)
        try:
            return list(_of_open_file(file, lines))
        finally:
            os.close(file)
    except OSError:  # gone, a link by now, or no file
        return []


def _of_open_file(file: int, lines: list[bytes]) -> Iterator[bytes]:
    start = os.pread(file, 3, 0)
    coding = next((name for mark, name in _MARKS.items() if start.startswith(mark)), "")
    rows = _decoded(file, coding) if coding else []
    for line in lines:
        parts = _LINE.fullmatch(line)
        if parts is None:
            continue
        number, mark, offset, text = parts.groups()
        wanted = _SHORTENED.sub(b"", text)
        if coding:
            there = rows[int(number) - 1] if int(number) <= len(rows) else b""
        else:
            there = os.pread(file, len(wanted) + 1, int(offset))
        if there.startswith(wanted) and (there or coding):
            yield number + mark + text


def _decoded(file: int, coding: str) -> list[bytes]:
    data = os.pread(file, MAX_MARKED_BYTES, 0)
    return data.decode(coding, "replace").encode().split(b"\n")
