"""Text from models, files and commands, made harmless for a terminal, and nothing in it hidden."""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n\t")
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols that are drawn as nothing, or as a blank."""
_VARIANTS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Selectors, which only say how the character before them is drawn."""


def visible(text: str) -> str:
    """
    Show control, bidirectional, zero-width and blank characters as escapes.

    Line ends, tabs and the plain space stay. Nothing is left out, so what is shown is what
    there is.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char in _KEPT or not _hides(char):
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _hides(char: str) -> bool:
    category = unicodedata.category(char)
    if category == "Zs":
        return char != " "
    variant = any(ord(char) in each for each in _VARIANTS)
    return category in _HIDDEN or char in _BLANK or variant
