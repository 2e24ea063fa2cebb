"""
A small grep for machines without ripgrep, run as a program of its own.

It speaks the part of ripgrep's output that `search.py` reads: `path NUL number : text` for a
match, `-` instead of the colon for context; exit status 0 with matches, 1 without, 2 for a
pattern that is not valid. Being a program, it can be killed when a pattern runs away, which
Python's regular expressions, unlike ripgrep's, can.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from a3s_code.errors import InvalidValue
from a3s_code.workspace.beneath import step_by_step
from a3s_code.workspace.globs import Glob
from a3s_code.workspace.ignore import surroundings
from a3s_code.workspace.tree_walk import TreeWalk

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_BINARY_PROBE_BYTES = 64 * 1024

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Of a larger file only the start is searched."""


def main(arguments: list[str]) -> int:
    options = _options().parse_args(arguments)
    try:
        pattern = re.compile(options.pattern, re.IGNORECASE if options.ignore_case else 0)
        wanted = [Glob(name) for name in options.name]
    except (re.error, InvalidValue) as error:
        sys.stderr.write(f"rg: {error}\n")
        return 2
    out, found = sys.stdout.buffer, False
    for name, data in _sources(options.path, options.root, wanted):
        if options.only_matching:
            rows = matches(pattern, data, options.max_count)
        else:
            rows = hits(pattern, data, options.context)
        for number, mark, line in rows:
            found = True
            shown = line[: options.max_columns]
            out.write(os.fsencode(name) + f"\0{number}{mark}{shown}\n".encode())
    return 0 if found else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="plain_grep")
    parser.add_argument("--ignore-case", action="store_true")
    parser.add_argument("--context", type=int, default=0)
    parser.add_argument("--only-matching", action="store_true")
    parser.add_argument("--max-count", type=int, default=0)
    parser.add_argument("--max-columns", type=int, required=True)
    parser.add_argument("--name", action="append", default=[])
    parser.add_argument("--root", default="/")
    parser.add_argument("--regexp", dest="pattern", required=True)
    parser.add_argument("path", choices=("./", "-"))
    return parser


def hits(pattern: re.Pattern[str], data: bytes, context: int) -> Iterator[tuple[int, str, str]]:
    """Give number, `:` or `-`, and text of every line that is shown, in order."""
    lines = data.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    matching = {number for number, line in enumerate(lines) if pattern.search(line)}
    shown = {
        number
        for match in matching
        for number in range(max(0, match - context), min(len(lines), match + context + 1))
    }
    for number in sorted(shown):
        yield number + 1, ":" if number in matching else "-", lines[number]


def matches(
    pattern: re.Pattern[str], data: bytes, max_lines: int
) -> Iterator[tuple[int, str, str]]:
    """Give number, `:` and what matches, for each match in the first `max_lines` that have any."""
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        found = [match[0] for match in pattern.finditer(line)]
        if found and max_lines <= 0:
            return
        max_lines -= bool(found)
        for text in found:
            yield number, ":", text


def _sources(path: str, root: str, wanted: list[Glob]) -> Iterator[tuple[str, bytes]]:
    if path == "-":
        yield "<stdin>", sys.stdin.buffer.read(MAX_FILE_BYTES)
        return
    here = str(Path.cwd())
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    above = surroundings(fd, here, root)
    for directory, names in TreeWalk().files(fd, above.prefix, above.ignores):
        below = directory[len(above.prefix) :]
        chosen = [n for n in names if not wanted or any(glob.matches(n) for glob in wanted)]
        for name in chosen:
            yield f"./{below}{name}", _content(fd, below, name)
    os.close(fd)


def _content(fd: int, directory: str, name: str) -> bytes:
    """Read a text file below `fd`; nothing of a binary one, or of one that cannot be read."""
    try:
        at = step_by_step(fd, [part for part in directory.split("/") if part])
        try:
            opened = os.open(name, _READ_FLAGS, dir_fd=at)
        finally:
            os.close(at)
        with os.fdopen(opened, "rb") as file:
            start = file.read(_BINARY_PROBE_BYTES)
            return b"" if b"\0" in start else start + file.read(MAX_FILE_BYTES)
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
