"""A text in parts of a bounded size, cut on line borders."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

CHUNK_CHARS = 1_500
"""Source: SPEC 11.2."""


class Chunk(msgspec.Struct, frozen=True):
    """`text` is the lines from `first` to `last`, counted from 1, without the last line end."""

    first: int
    last: int
    text: str


def chunked(text: str, max_chars: int = CHUNK_CHARS) -> Iterator[Chunk]:
    """
    Cut a text into parts of at most `max_chars` characters, each of whole lines.

    A longer line is cut into parts of its own. Parts of blanks alone are left out. Where a
    part is full, it ends before its last paragraph that is not whole, if it is half full then.
    """
    lines: list[str] = []
    first, size = 1, 0
    for number, line in enumerate(text.split("\n"), 1):
        if lines and size + len(line) + 1 > max_chars:
            kept = _whole_paragraphs(lines, max_chars // 2)
            yield from _chunk(first, lines[:kept])
            lines, first = lines[kept:], first + kept
            size = sum(map(len, lines)) + len(lines)
        if len(line) > max_chars or size + len(line) + 1 > max_chars:
            yield from _chunk(first, lines)
            lines, first, size = [], number, 0
        if len(line) > max_chars:
            yield from _pieces(number, line, max_chars)
            first = number + 1
            continue
        lines.append(line)
        size += len(line) + 1
    yield from _chunk(first, lines)


def _whole_paragraphs(lines: list[str], at_least: int) -> int:
    """Say how many lines end with a blank one and have so many characters; else all."""
    size = sum(map(len, lines)) + len(lines)
    for at in range(len(lines) - 1, 0, -1):
        size -= len(lines[at]) + 1
        if size < at_least:
            break
        if not lines[at].strip():
            return at + 1
    return len(lines)


def _chunk(first: int, lines: list[str]) -> Iterator[Chunk]:
    text = "\n".join(lines)
    if text.strip():
        yield Chunk(first, first + len(lines) - 1, text)


def _pieces(number: int, line: str, max_chars: int) -> Iterator[Chunk]:
    for at in range(0, len(line), max_chars):
        piece = line[at : at + max_chars]
        if piece.strip():
            yield Chunk(number, number, piece)
