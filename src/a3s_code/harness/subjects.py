"""What rules are held against, and how a person is shown it."""

from __future__ import annotations

import msgspec

from a3s_code.harness.patterns import Kind
from a3s_code.harness.shell.words import ANY_HOLE, GLOB
from a3s_code.kernel.visible import on_one_line

MAX_SHOWN_CHARS = 160
"""Of a text in a reason."""
MAX_PART_CHARS = 16 * 1024


class Subject(msgspec.Struct, frozen=True):  # one is made for every command that is decided
    """
    One text that rules are held against.

    Attributes:
        text: May have holes, `shell.words.UNKNOWN` and `shell.words.GLOB`.
        kind: How patterns match it.
        same: Other spellings of the same thing; any rule that matches one counts.
        also: Texts that only deny and ask rules are held against.
        beyond: Why an allow rule with a wildcard does not grant it; empty when it does.
        guarded: Why neither the default nor a rule with a wildcard grants it; empty when they do.
        release: What it publishes (`shell.releases`), which is granted by a rule that names
            that; empty when it publishes nothing.
        shown: How reasons name it; `text` when empty.
        part: What a decision on it is said to be about; `text` when empty.
    """

    text: str
    kind: Kind
    same: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    beyond: str = ""
    shown: str = ""
    guarded: str = ""
    release: str = ""
    part: str = ""

    def named(self) -> str:
        return self.shown or f"`{printable(self.text)}`"

    def about(self) -> str:
        """Give the `part` of a decision, at most `MAX_PART_CHARS` of it."""
        text = self.part or self.text
        more = len(text) - MAX_PART_CHARS
        return visible(text) if more <= 0 else f"{visible(text[:MAX_PART_CHARS])}… ({more} more)"


def visible(text: str) -> str:
    """Show a text on one line: control and direction characters escaped, holes as `…`."""
    if text.isprintable():
        return text
    shown = ANY_HOLE.sub("…", text.replace(GLOB, "*"))
    return on_one_line(shown)


def printable(text: str) -> str:
    """Show the beginning of a text as `visible` does, and say how much more there is."""
    safe = visible(text)
    more = len(safe) - MAX_SHOWN_CHARS
    return safe if more <= 0 else f"{safe[:MAX_SHOWN_CHARS]}… ({more} more characters)"
