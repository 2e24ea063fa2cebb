"""The lines of a text and their ends; a line feed ends a line, and nothing else does."""

from __future__ import annotations

from io import StringIO


def lines_of(text: str) -> list[str]:
    """Give the lines with their ends; only the last may have none."""
    return list(StringIO(text))


def without_end(line: str) -> str:
    """Give `line` without its line feed, and without the carriage return before it."""
    return line.removesuffix("\n").removesuffix("\r")
