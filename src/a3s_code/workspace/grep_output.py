"""
Reading what a grep program printed, and showing it.

Read:  `./path NUL number : text` for a match, `-` for context; blocks of one file together.
Shown: `path:number:text` and `path-number-text`, `--` between blocks that do not touch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container

from a3s_code.kernel.workspace import GrepHits, Tally, shown_name

MAX_LINE_CHARS = 2_000
"""Source: SPEC 5.0."""

MAX_TEXT_CHARS = 128 * 1024
"""Of one answer, the line that crosses it included.

A model is shown the first 100 KiB of it, the artifact holds all.
"""

_BINARY = re.compile(
    rb"(?:WARNING: stopped searching binary|binary) file .*\(found .*\)", re.DOTALL
)
_NUMBERED = re.compile(rb"(\d+)([:-])(.*)", re.DOTALL)


def read_lines(output: bytes) -> dict[bytes, list[bytes]]:
    """
    Group the lines by their file, in the order they came.

    Left out are a torn last line and what is no line of a file (`--`, remarks on binaries). A
    path may hold line ends: what begins like a path goes on until its NUL.
    """
    rows = output.split(b"\n")
    rows.pop()  # empty, or torn
    found: dict[bytes, list[bytes]] = {}
    path = begun = b""
    for row in rows:
        if b"\0" in row:
            path, _, line = (begun + row).partition(b"\0")
            found.setdefault(path.removeprefix(b"./"), []).append(line)
            begun = b""
        elif begun or (row.startswith(b"./") and not _is_remark(row, path)):
            begun += row + b"\n"
    return found


def _is_remark(row: bytes, path: bytes) -> bool:
    """Whether a row is what ripgrep says of a binary file after its lines."""
    return row.startswith(path + b": ") and _BINARY.fullmatch(row, len(path) + 2) is not None


def show(
    found: dict[bytes, list[bytes]],
    place: Callable[[str], str | None],
    *,
    context: bool,
    truncated: bool,
) -> GrepHits:
    """
    Show the lines, files in the order of their paths.

    Args:
        place: Turns the path of a file into the one to show; None leaves the file out. What
            cannot be printed in it is shown escaped, so a name is no line of its own.
        context: Lines around the matches are among them.
        truncated: There was more.
    """
    rows: list[str] = []
    matches = files = size = 0
    for name in sorted(found):
        path = place(name.decode("utf-8", "replace"))
        if path is None:
            continue
        path = shown_name(path)
        files += 1
        last = 0
        for line in found[name]:
            number, mark, text = _parts(line)
            if context and rows and number != last + 1:
                rows.append("--")
            last = number
            rows.append(f"{path}{mark}{number}{mark}{text}")
            matches += mark == ":"
            size += len(rows[-1]) + 1
            if size > MAX_TEXT_CHARS:
                return GrepHits("\n".join(rows), matches, files, truncated=True)
    return GrepHits("\n".join(rows), matches, files, truncated)


def tallied(
    found: dict[bytes, list[bytes]], words: Container[str], place: Callable[[str], str | None]
) -> list[Tally]:
    """
    Count the words of the lines by file, in lower case, files in the order of their paths.

    Args:
        found: Lines that are a word each, or the beginning of a line that is too long.
        place: As of `show`. A path that is no UTF-8 cannot be asked for, and is left out.
    """
    rows: list[Tally] = []
    for name in sorted(found):
        path = place(name.decode("utf-8", "replace"))
        if path is not None and "\N{REPLACEMENT CHARACTER}" not in path:
            texts = (_parts(line)[2].lower() for line in found[name])
            rows.append(Tally(path, dict(Counter(text for text in texts if text in words))))
    return rows


def _parts(line: bytes) -> tuple[int, str, str]:
    """Split into number, `:` or `-`, and as much of the text as is shown."""
    parts = _NUMBERED.match(line)
    assert parts is not None, "both programs print numbers"
    text = parts[3].decode("utf-8", "replace").rstrip("\r")
    return int(parts[1]), parts[2].decode(), text[:MAX_LINE_CHARS]
