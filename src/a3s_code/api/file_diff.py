"""
A unified diff of two versions of a file.

Lines end at `\\n` and nowhere else, as git and patch have it. Matching them takes up to the
square of their number, so it is done in a thread, and given up where it takes too long.
"""

from __future__ import annotations

import asyncio
import difflib
import re
import time
from collections.abc import Iterator, Sequence

CONTEXT_LINES = 3

MAX_BYTES = 4 * 1024 * 1024
"""Of both versions together."""

TIMEOUT_S = 10.0

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NO_END = "\\ No newline at end of file"


async def diff(path: str, before: tuple[str, bytes], after: tuple[str, bytes]) -> str:
    """
    Give a unified diff of two versions, each with what it is called; empty for equal ones.

    Of a file that is no text, of versions of more than `MAX_BYTES`, and of those that cannot
    be matched in `TIMEOUT_S` it is only said that they differ, and why.
    """
    names = [f"{side}/{path} ({name})" for side, name in (("a", before[0]), ("b", after[0]))]
    if before[1] == after[1]:
        return ""
    if len(before[1]) + len(after[1]) > MAX_BYTES:
        return f"Files {names[0]} and {names[1]} differ, and are too large to be compared\n"
    try:
        old, new = before[1].decode(), after[1].decode()
    except UnicodeDecodeError:
        return f"Binary files {names[0]} and {names[1]} differ\n"
    try:
        return await asyncio.to_thread(_unified, names, old, new)
    except TimeoutError:
        return f"Files {names[0]} and {names[1]} differ in too much to be compared\n"


class _Matcher(difflib.SequenceMatcher[str]):
    """Gives up when its time is over."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, old, new)
        self._until = time.monotonic() + TIMEOUT_S

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        if time.monotonic() >= self._until:
            raise TimeoutError
        return super().find_longest_match(alo, ahi, blo, bhi)


def _unified(names: Sequence[str], old: str, new: str) -> str:
    rows = _hunks(_LINE.findall(old), _LINE.findall(new))
    ended = (row if row.endswith("\n") else f"{row}\n{_NO_END}\n" for row in rows)
    return "".join((f"--- {names[0]}\n", f"+++ {names[1]}\n", *ended))


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    for group in _Matcher(old, new).get_grouped_opcodes(CONTEXT_LINES):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for kind, start, stop, new_start, new_stop in group:
            if kind == "equal":
                yield from (f" {line}" for line in old[start:stop])
                continue
            yield from (f"-{line}" for line in old[start:stop])
            yield from (f"+{line}" for line in new[new_start:new_stop])


def _range(start: int, stop: int) -> str:
    """Give lines counted from 1 as a hunk names them; of none, the line before."""
    length = stop - start
    return str(stop) if length == 1 else f"{start + 1 if length else start},{length}"
