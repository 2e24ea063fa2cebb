"""What a configuration text is made of: entries and values, each with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

from a3s_code.errors import ConfigError

MAX_BRIEF_CHARS = 80


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a configuration. Line and column count from 1, in code points."""

    file: str = ""
    line: int = 0
    column: int = 0

    def error(self, message: str, hint: str = "") -> ConfigError:
        return ConfigError(message, file=self.file, line=self.line, column=self.column, hint=hint)


class Source:
    """A named text that can point into itself. A byte order mark is not part of it."""

    __slots__ = ("_line_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text.removeprefix("\ufeff")
        self._line_starts: list[int] = []

    def place(self, offset: int) -> Place:
        """Give the place of the character at `offset`, counted from 0."""
        if not self._line_starts:
            self._line_starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._line_starts, offset)
        return Place(self.name, line, offset - self._line_starts[line - 1] + 1)

    def error(self, message: str, offset: int, hint: str = "") -> ConfigError:
        return self.place(offset).error(message, hint)


@dataclass(frozen=True, slots=True)
class Scalar:
    value: str | int | float | bool | None
    at: int


@dataclass(frozen=True, slots=True)
class Env:
    """`env("NAME")`, not looked up."""

    variable: str
    at: int


@dataclass(frozen=True, slots=True)
class Items:
    values: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Table:
    """The body of a block, or an object."""

    entries: tuple[Entry, ...]
    at: int


Node: TypeAlias = Scalar | Env | Items | Table


@dataclass(frozen=True, slots=True)
class Entry:
    """
    An attribute or a block.

    Attributes:
        key: As it is written.
        at: Offset of the key.
        labels: What stands between the key of a block and its `{`.
    """

    key: str
    value: Node
    at: int
    labels: tuple[str, ...] = ()
    is_block: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    source: Source
    root: Table


def brief(name: str) -> str:
    """Make a key, label or path fit for one line of an error."""
    clipped = name if len(name) <= MAX_BRIEF_CHARS else name[:MAX_BRIEF_CHARS] + "…"
    return clipped if name and clipped.isprintable() else repr(clipped)
