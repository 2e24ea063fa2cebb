"""
Words of a shell command, from source text to the strings a program would receive.

Three characters, the holes, stand for what only a run can tell, and no command may contain
them itself: `UNKNOWN` for text that may part into several words or vanish (`$x`), `VALUE` for
text that stays within its word (`"$x"`), and `GLOB` for what a pattern makes of file names
(`*.py`). Everything else is what bash hands over after quote removal and brace expansion.

Source:
    GNU Bash manual, 3.1.2 "Quoting" and 3.5.1 "Brace Expansion".
"""

from __future__ import annotations

import itertools
import re
from typing import TypeAlias

Words: TypeAlias = tuple[str, ...]

UNKNOWN = "\x00"
GLOB = "\x01"
VALUE = "\x02"
HOLES = (UNKNOWN, GLOB, VALUE)
ANY_HOLE = re.compile(f"[{''.join(HOLES)}]")

MAX_BRACE_WORDS = 64
MAX_BRACE_CHARS = 1_024

# Quoted characters that would mean something unquoted, out of the way until `words_of`.
_SPECIAL = "{},.*?[]~"
_SHIELDED = "".join(chr(0xE000 + index) for index in range(len(_SPECIAL)))
_SHIELD = str.maketrans(_SPECIAL, _SHIELDED)
_UNSHIELD = str.maketrans(_SHIELDED, _SPECIAL)
RESERVED_CHARACTERS = re.compile(f"[{''.join(HOLES)}{_SHIELDED[0]}-{_SHIELDED[-1]}]")

_MEANS_SOMETHING_QUOTED = re.compile(r"[\\`\"$]")
_ENDS_A_WORD = frozenset(" \t\n\r\"'$`;&|<>()")
_ANSI = re.compile(
    r"\\(?:([abeEfnrtv\\'\"?])|([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})"
    r"|U([0-9a-fA-F]{1,8}))"
)
_ANSI_NAMED = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r"} | {
    "t": "\t",
    "v": "\v",
}
_RANGE = re.compile(r"[A-Za-z0-9+-]+\.\.[A-Za-z0-9+-]+(?:\.\.[0-9+-]+)?")


class Unreadable(Exception):
    """The text does not say for sure what bash would make of it; the message says why."""


def listed(names: str) -> frozenset[str]:
    """Make a set of names that are written apart by blanks."""
    return frozenset(names.split())


def has_hole(text: str) -> bool:
    """Whether a part of `text` is only known at run time."""
    return ANY_HOLE.search(text) is not None


def may_be_option(word: str) -> bool:
    """Whether a word with holes may become an option, or bring one along."""
    if UNKNOWN in word or word[:1] in HOLES:
        return True
    return word[:1] in ("-", "+") and has_hole(word)


def quoted(text: str) -> str:
    """Keep `text` as it is through `words_of`."""
    return text.translate(_SHIELD)


def bare(source: str) -> str:
    """
    Read a stretch of a word outside quotes.

    Raises:
        Unreadable: a character in it would end the word or start an expansion.
    """
    out: list[str] = []
    at = 0
    while at < len(source):
        char = source[at]
        if char == "\\" and at + 1 < len(source):
            out.append("" if source[at + 1] == "\n" else quoted(source[at + 1]))
            at += 2
            continue
        if char in _ENDS_A_WORD or char == "\\":
            raise Unreadable(f"{char!r} stands where no word may have it")
        out.append(char)
        at += 1
    return "".join(out)


def single_quoted(source: str) -> str:
    """Read `'…'`, quotes included."""
    if len(source) < 2 or source[0] + source[-1] != "''" or "'" in source[1:-1]:  # noqa: PLR2004 - two quotes
        raise Unreadable("single quotes do not pair")
    return quoted(source[1:-1])


def ansi_quoted(source: str) -> str:
    """Read `$'…'`, dollar and quotes included."""
    body = source[2:-1]
    if not (source.startswith("$'") and source.endswith("'")):
        raise Unreadable("single quotes do not pair")
    text = _ANSI.sub(_ansi_character, body)
    if "\\" in _ANSI.sub("", body) or has_hole(text):
        raise Unreadable("a $'…' string has an unusual escape")
    return quoted(text)


def _ansi_character(found: re.Match[str]) -> str:
    named, octal, *hexadecimal = found.groups()
    if named:
        return _ANSI_NAMED.get(named, named)
    code = int(octal, 8) & 0xFF if octal else int(next(filter(None, hexadecimal)), 16)
    if code > 0x7F and not (found[4] or found[5]):  # noqa: PLR2004 - the end of ASCII
        raise Unreadable("a $'…' string is made of bytes")
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the bounds of Unicode
        raise Unreadable("a $'…' string names no character")
    return chr(code)


def double_quoted(source: str, *, heredoc: bool = False) -> str:
    """
    Read a stretch between double quotes, or of a here-document, that has no expansion.

    Raises:
        Unreadable: it has one after all.
    """
    if _MEANS_SOMETHING_QUOTED.search(source) is None:
        return quoted(source)
    out: list[str] = []
    at = 0
    while at < len(source):
        char = source[at]
        if char == "\\" and source[at + 1 : at + 2] in ("$", "`", "\\", "\n", '"'):
            following = source[at + 1]
            out.append("" if following == "\n" else following)
            at += 2
            continue
        if char == "`" or (char == '"' and not heredoc):
            raise Unreadable(f"an unexpected {char} in a quoted text")
        if char == "$" and re.match(r"[A-Za-z0-9_@*#?$!({\[\\-]", source[at + 1 : at + 2]):
            raise Unreadable("an expansion that the grammar does not show")
        out.append(char)
        at += 1
    return quoted("".join(out))


def words_of(text: str) -> tuple[str, ...]:
    """
    Turn the text of one word, as the readers above gave it, into final words.

    Raises:
        Unreadable: its braces make more than `MAX_BRACE_WORDS` words, or it has braces and
            more than `MAX_BRACE_CHARS` characters.
    """
    if text.startswith("~"):  # somebody's home directory
        text = UNKNOWN + text.partition("/")[1] + text.partition("/")[2]
    if "{" not in text and not any(char in text for char in "*?["):
        return (text.translate(_UNSHIELD),)
    expanded = _expand(text) if "{" in text else [text]
    if len(expanded) > 1 and has_hole(text):  # braces come first and make other names of $a{b,c}
        return (UNKNOWN,)
    final = (re.sub(r"[*?]|\[[^\]]*\]?", GLOB, word).translate(_UNSHIELD) for word in expanded)
    return tuple(word for word in final if word or len(expanded) == 1)


def _expand(text: str) -> list[str]:
    if len(text) > MAX_BRACE_CHARS:
        raise Unreadable("a word with braces is too long")
    done: list[str] = []
    waiting = [(text, 0)]
    while waiting and len(done) + len(waiting) <= MAX_BRACE_WORDS:
        word, start = waiting.pop()
        group = _first_group(word, start)
        if group is None:
            done.append(word)
        else:
            start, end, choices = group
            whole = ((word[:start] + choice + word[end:], start) for choice in reversed(choices))
            waiting.extend(whole)
    if waiting:
        raise Unreadable("its braces make too many words")
    return done


def _first_group(word: str, start: int) -> tuple[int, int, list[str]] | None:
    """Find the first `{…}` that expands: where it starts and ends, and its alternatives."""
    opened: list[list[int]] = []  # of each open brace: its place, then those of its commas
    groups: list[list[int]] = []
    for at in range(start, len(word)):
        char = word[at]
        if char == "{":
            opened.append([at])
        elif char == "," and opened:
            opened[-1].append(at)
        elif char == "}" and opened:
            cuts = opened.pop()
            if len(cuts) > 1 or _RANGE.fullmatch(word, cuts[0] + 1, at):
                groups.append([*cuts, at])
                if not opened:
                    break
    if not groups:
        return None
    cuts = min(groups)
    choices = [word[before + 1 : after] for before, after in itertools.pairwise(cuts)]
    return cuts[0], cuts[-1] + 1, choices if len(choices) > 1 else [UNKNOWN]
