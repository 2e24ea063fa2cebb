"""
Text from models, files and commands, made harmless for whoever looks at it.

What a terminal obeys, what turns the direction of reading, and what takes no room on the
screen becomes an escape. Nothing is left out, so what is shown is what there is.

Source:
    INVARIANTS 12 and 27; Unicode 16, general categories and Default_Ignorable_Code_Point.
"""

from __future__ import annotations

import re

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_DIRECTIONS_AND_FORMATS = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_WITHOUT_WIDTH = "\u2800\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0e\uffa0"
_SEPARATORS = "\u2028\u2029"
_NO_CHARACTERS = "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff"  # surrogates, private use

HIDDEN = re.compile(
    f"[{_CONTROLS}{_DIRECTIONS_AND_FORMATS}{_WITHOUT_WIDTH}{_SEPARATORS}{_NO_CHARACTERS}]"
)
"""
One character that is not shown as it is. Line ends and tabs are not among them, nor is the
variation selector that makes an emoji of a sign.
"""
_HIDDEN_ASCII = bytes(code for code in range(128) if HIDDEN.match(chr(code)))


def visible(text: str) -> str:
    """Escape all that `HIDDEN` names. Line ends and tabs stay."""
    return HIDDEN.sub(lambda found: escaped(found[0]), text)


def on_one_line(text: str, *, kept: str = "") -> str:
    """
    Escape line ends, tabs, odd blanks and unassigned characters as well.

    Args:
        kept: Characters that stay all the same.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = (
        char
        if char in kept or (char.isprintable() and HIDDEN.match(char) is None)
        else escaped(char)
        for char in text
    )
    return "".join(shown)


def unmistakable(text: str) -> str:
    """Escape all but line ends, tabs and what is drawn as itself; for who has to approve it."""
    return on_one_line(text, kept="\n\t").replace("\ufe0f", "\\ufe0f")


def escaped(char: str) -> str:
    """Write one character as Python would in a literal; a byte that is no text as that byte."""
    if "\udc80" <= char <= "\udcff":  # from the error handler surrogateescape
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def visible_json(text: str) -> str:
    """
    Escape within JSON what a terminal would obey; it says the same to whoever reads JSON.

    Args:
        text: JSON, in which such characters can only stand inside of strings.
    """
    return HIDDEN.sub(lambda found: _json_escaped(found[0]), text)


def _json_escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def hidden_count(text: str) -> int:
    """Count the characters that are only there for a terminal, or to be overlooked."""
    if text.isascii():  # nearly every output, each of which is looked at
        return len(text) - len(text.encode("ascii").translate(None, _HIDDEN_ASCII))
    return sum(1 for _ in HIDDEN.finditer(text))
