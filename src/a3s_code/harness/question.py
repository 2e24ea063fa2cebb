"""
A question about a call, as a person is shown it.

All of it is text of others: what could move a terminal, turn the direction of a line or
stand there unseen is escaped. Where a value is cut, its head and its tail stay, and the
number of characters between them is said.

Source:
    DESIGN 5; INVARIANTS 12, 27.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.visible import unmistakable


@dataclass(frozen=True, slots=True)
class Question:
    """
    Attributes:
        args: As they are, plain JSON; those that are None are not shown.
        part, rule: What made the gate ask; empty when nothing did.
    """

    tool: str
    args: JsonObject
    reason: str
    part: str = ""
    rule: str = ""

    def view(self, max_chars: int | None = None) -> str:
        """
        Show all of it, or of each value at most its first and last `max_chars // 2` characters.

        Each argument is a line of its own, `    name: value`; further lines of a value are
        set in deeper, so that none can pass for another argument.
        """
        lines = [unmistakable(self.reason), f"  {unmistakable(self.tool)}"]
        for name, value in self.args.items():
            if value is not None:
                lines.append(f"    {unmistakable(name)}: {_shown(value, max_chars)}")
        said = {"part": self.part, "rule": self.rule}
        lines += [f"  {name}: {_shown(text, max_chars)}" for name, text in said.items() if text]
        return "\n".join(lines)

    def left_out(self, max_chars: int) -> int:
        """Give how many characters `view(max_chars)` does not show."""
        values = (*self.args.values(), self.part, self.rule)
        return sum(_left_out(_text(each), max_chars) for each in values if each is not None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _left_out(text: str, max_chars: int) -> int:
    return len(text) - max_chars // 2 * 2 if len(text) > max_chars else 0


def _shown(value: object, max_chars: int | None) -> str:
    said = _text(value)
    more = 0 if max_chars is None else _left_out(said, max_chars)
    if max_chars is not None and more:
        half = max_chars // 2
        head, tail = said[:half], said[len(said) - half :]
        said = f"{head}\n[{more} characters are not shown here]\n{tail}"
    return unmistakable(said).replace("\n", "\n      ")
