"""
Lines of a file of instructions that stand for another file: `@docs/style.md`.

Such a line holds nothing else, but may be an item of a list, and stands outside of fenced code.
The path is relative to the file that the line is in; nothing outside of the workspace is read.
In place of the line stands what the file says, or why it does not.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import msgspec

from a3s_code.harness.agents_md.document import Denied, Document, read_document
from a3s_code.kernel.workspace import Files, shown_name

MAX_DEPTH = 5
"""Files that lead from one to the next, the first not counted."""
MAX_INCLUDES = 50
"""Of one file, and of all that it includes."""

_LINE = re.compile(r"[ \t]*(?:[-*+][ \t]+)?@(\S(?:.*\S)?)[ \t]*")
_FENCE = re.compile(r"[ \t]*(?:>[ \t]*)?(```+|~~~+)")
_PATH_LIKE = re.compile(r"[./]")


class LeftOut(msgspec.Struct, frozen=True):
    """What was to be included and is not, and why."""

    path: str
    why: str


class Expansion:
    """
    One file of instructions with what it includes.

    Args:
        limit: Bytes of all of them together.

    Attributes:
        included: Real paths of the files that were put in, in their order.
        left_out: What was not.
    """

    __slots__ = ("_denied", "_files", "_limit", "_room", "included", "left_out")

    def __init__(self, files: Files, limit: int, denied: Denied | None = None) -> None:
        self._files, self._limit, self._denied = files, limit, denied
        self._room = limit
        self.included: list[str] = []
        self.left_out: list[LeftOut] = []

    async def of(self, document: Document) -> str:
        """Give the text of a file with its includes in place."""
        self._room = self._limit - document.size
        return await self._expanded(document, (document.path,))

    async def _expanded(self, document: Document, chain: tuple[str, ...]) -> str:
        if "@" not in document.text:
            return document.text
        lines: list[str] = []
        for line, named in _lines(document.text):
            lines.append(line if not named else await self._included(line, named, chain))
        return "\n".join(lines)

    async def _included(self, line: str, named: str, chain: tuple[str, ...]) -> str:
        path = _beside(chain[-1], named)
        refused = self._refusal(path, chain[0], len(chain))
        if refused:
            return self._left(path, refused)
        found = await read_document(self._files, path, self._room, self._denied)
        if found is None and not _PATH_LIKE.search(named):
            return line  # somebody is spoken of, not a file
        if not isinstance(found, Document):
            return self._left(path, found.why if found is not None else "there is no such file")
        return await self._placed(found, chain)

    def _refusal(self, path: str, first: str, depth: int) -> str:
        if path.startswith("~"):
            return "it leads outside the workspace"
        if depth > MAX_DEPTH:
            return f"it is more than {MAX_DEPTH} files away from {first}"
        if len(self.included) >= MAX_INCLUDES:
            return f"{first} includes more than {MAX_INCLUDES} files"
        return f"the {self._limit} bytes for {first} are used up" if self._room <= 0 else ""

    async def _placed(self, found: Document, chain: tuple[str, ...]) -> str:
        if found.path in chain:
            way = " -> ".join([*chain[chain.index(found.path) :], found.path])
            return self._left(found.path, f"it includes itself: {way}")
        name = shown_name(found.path)
        if found.path in self.included:
            return f"[{name} stands above]"
        self.included.append(found.path)
        self._room -= found.size
        text = await self._expanded(found, (*chain, found.path))
        rest = f"\n[the rest of {name} is left out]" if found.partial else ""
        if found.partial:
            self.left_out.append(LeftOut(found.path, f"its end is beyond {self._limit} bytes"))
        return f"[{name}:]\n{text}{rest}\n[end of {name}]"

    def _left(self, path: str, why: str) -> str:
        self.left_out.append(LeftOut(path, why))
        return f"[{shown_name(path)} is left out: {shown_name(why)}]"


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Give each line, and the path that it includes; empty for a line that includes none."""
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark is not None and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        named = _LINE.fullmatch(line) if not fence and mark is None else None
        yield line, named[1] if named is not None else ""


def _beside(including: str, named: str) -> str:
    if named.startswith(("/", "~")):
        return named
    return posixpath.normpath(posixpath.join(posixpath.dirname(including), named))
