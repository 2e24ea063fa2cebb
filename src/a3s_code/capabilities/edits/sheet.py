"""The lines of a text while hunks are put into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from a3s_code.capabilities.edits.hunks import Line
from a3s_code.capabilities.edits.lines import lines_of, without_end

_Key: TypeAlias = Callable[[str], str]


def _trimmed(line: str) -> str:
    return line.rstrip(" \t\r\n")


class Sheet(msgspec.Struct):
    """
    Attributes:
        lines: With their line ends; only the last may have none.
        added: Which of them hunks have put in.
    """

    lines: list[str]
    added: list[bool]
    _keys: dict[_Key, list[str]] = msgspec.field(default_factory=dict[_Key, list[str]])

    @classmethod
    def of(cls, text: str) -> Sheet:
        lines = lines_of(text)
        return cls(lines, [False] * len(lines))

    def fits(self, at: int, wanted: Sequence[str], *, loosely: bool = False) -> bool:
        """Say whether `wanted` stands at line `at`, line ends aside."""
        key = _trimmed if loosely else without_end
        region = self.lines[at : at + len(wanted)]
        return [key(line) for line in region] == [key(line) for line in wanted]

    def places(self, wanted: Sequence[str], limit: int, *, loosely: bool = False) -> list[int]:
        """Give the first `limit` lines at which `wanted` stands; linear in the text."""
        key = _trimmed if loosely else without_end
        hay = "\n".join(["", *self._keyed(key), ""])
        needle = "\n".join(["", *map(key, wanted), ""])
        found: list[int] = []
        line = counted = 0
        at = hay.find(needle)
        while at >= 0 and len(found) < limit:
            line += hay.count("\n", counted, at)
            counted = at
            found.append(line)
            at = hay.find(needle, at + 1)
        return found

    def has(self, text: str) -> bool:
        return without_end(text) in self._keyed(without_end)

    def line_like(self, text: str, start: int) -> int | None:
        """Give the first line from `start` on that holds `text`, blanks around it aside."""
        return next(
            (at for at in range(start, len(self.lines)) if text in self.lines[at]),
            None,
        )

    def put(self, at: int, lines: Sequence[Line], *, unended: tuple[bool, bool]) -> None:
        """
        Replace the old lines of a hunk, which stand at `at`, by its new ones.

        Args:
            unended: Whether the old and the new text are marked to end without a line feed.
        """
        olds = [line.text for line in lines if line.mark != "+"]
        literal = self._agrees(at, olds)
        new: list[str] = []
        old = replaced = at
        for line in lines:
            if line.mark == "+":
                end = self._end(line, replaced, old, literal=literal)
                new.append((line.text.removesuffix("\r")) + end)
                replaced = min(replaced + 1, old)
                continue
            if line.mark == " ":
                new.append(self.lines[old])
                replaced = old + 1
            old += 1
        added = [line.mark == "+" for line in lines if line.mark != "-"]
        if old == len(self.lines) and new:
            self._finish(new, added=added[-1], unended=unended, literal=literal)
        self._put(at, old, new, added)

    def _finish(
        self, new: list[str], *, added: bool, unended: tuple[bool, bool], literal: bool
    ) -> None:
        """
        Decide about the line feed behind the last of the lines that end the text.

        Marks that differ say it. Otherwise an added line takes over what the last line had,
        and a line that was there keeps what it has.
        """
        end = self._end_near(len(self.lines) - 1) or "\n"
        new[:-1] = [line if line.endswith("\n") else line + end for line in new[:-1]]
        told = unended[0] != unended[1]
        if not (added or told):
            return
        had_end = not self.lines or self.lines[-1].endswith("\n")
        if not unended[1] if told else had_end:
            new[-1] += "" if new[-1].endswith("\n") else end
        else:
            new[-1] = new[-1].removesuffix("\n") if literal else without_end(new[-1])

    def _put(self, start: int, stop: int, new: list[str], added: list[bool]) -> None:
        if new and start == len(self.lines) > 0 and not self.lines[-1].endswith("\n"):
            self.lines[-1] += self._end_near(start - 1) or "\n"
        self.lines[start:stop] = new
        self.added[start:stop] = added
        for key, keys in self._keys.items():
            keys[start:stop] = map(key, new)

    def _keyed(self, key: _Key) -> list[str]:
        if key not in self._keys:
            self._keys[key] = [key(line) for line in self.lines]
        return self._keys[key]

    def _agrees(self, at: int, olds: Sequence[str]) -> bool:
        """Say whether the diff has the file's very line ends, with at least one to show it."""
        region = self.lines[at : at + len(olds)]
        ended = any(line.endswith("\n") for line in region)
        return ended and [line.removesuffix("\n") for line in region] == list(olds)

    def _end(self, line: Line, replaced: int, old: int, *, literal: bool) -> str:
        """Give the line end of an added line, which stands before line `old` of the text."""
        own = "\r\n" if line.text.endswith("\r") else "\n"
        return own if literal else self._end_near(replaced if replaced < old else old - 1) or own

    def _end_near(self, at: int) -> str | None:
        """Give the line end of line `at`, or of a neighbour if it has none."""
        for near in (at, at - 1, at + 1):
            if 0 <= near < len(self.lines) and self.lines[near].endswith("\n"):
                return "\r\n" if self.lines[near].endswith("\r\n") else "\n"
        return None
