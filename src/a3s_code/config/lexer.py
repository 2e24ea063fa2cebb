"""Configuration text as tokens; the grammar is in `acl.py`."""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from a3s_code.config.blocks import Source

MAX_TOKEN_BYTES = 256 * 1024

_LEXEME = re.compile(
    r"""
    (?P<space>   (?: [ \t\r\n]++ | (?:\#|//)[^\n]*+ | /\*(?s:.*?)\*/ )++ )
  | (?P<string>  "(?:[^"\\\n]++|\\.)*+" | '(?:[^'\\\n]++|\\.)*+' )
  | (?P<heredoc> <<-?[^\W\d]\w*+[ \t]*+\r?\n )
  | (?P<number>  [+-]?\d (?: [\w.] | (?<=[eE])[+-] )*+ )
  | (?P<word>    [^\W\d][\w-]*+ )
  | (?P<mark>    [{}\[\]()=:,] )
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(
    r"[+-]?[0-9]+(?:_[0-9]+)*(?P<part>(?:\.[0-9]+(?:_[0-9]+)*)?(?:[eE][+-]?[0-9]+)?)"
)
_MAX_NUMBER_CHARS = 64
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_ESCAPED = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0",
    '"': '"', "'": "'", "\\": "\\", "/": "/",
}  # fmt: skip
_CURLY_QUOTES = ("Pi", "Pf")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is a mark itself, or string, number, word, newline or end."""

    kind: str
    value: str | int | float
    at: int

    @property
    def said(self) -> str:
        """What an error calls it; never its text."""
        names = {"newline": "the end of the line", "end": "the end of the text", "string": "text"}
        if self.kind in ("number", "word"):
            return f"a {self.kind}"
        return names.get(self.kind, f"'{self.kind}'")


class Lexer:
    """Tokens on demand, so that the first fault in the text is the one that is told."""

    __slots__ = ("_offset", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._offset = 0

    def next(self) -> Token:
        """Give the next token. White space and comments around a line's end are one newline."""
        text, at = self._source.text, self._offset
        match = _LEXEME.match(text, at)
        if match is None:
            return Token("end", "", at) if at == len(text) else self._refuse(at)
        self._offset = match.end()
        kind, lexeme = match.lastgroup or "", match.group()
        if kind == "space":  # one run of it never follows another
            return Token("newline", "", at) if "\n" in lexeme else self.next()
        self._check_size(lexeme, at)
        if kind == "string":
            return Token("string", self._unescaped(lexeme[1:-1], at + 1), at)
        if kind == "heredoc":
            return Token("string", self._heredoc(lexeme, at), at)
        if kind == "number":
            return Token("number", self._number(lexeme, at), at)
        return Token(lexeme if kind == "mark" else kind, lexeme, at)

    def _check_size(self, lexeme: str, at: int) -> None:
        if len(lexeme) > MAX_TOKEN_BYTES // 4 and len(lexeme.encode()) > MAX_TOKEN_BYTES:
            raise self._source.error(f"one token may have {MAX_TOKEN_BYTES:,} bytes", at)

    def _refuse(self, at: int) -> NoReturn:
        text = self._source.text
        if text[at] in "\"'":
            raise self._source.error(
                "this text is not closed on its line", at, "close the quote, or use <<EOF"
            )
        if text.startswith("/*", at):
            raise self._source.error("this comment is not closed", at, "end it with */")
        if text.startswith("<<", at):
            raise self._source.error("a heredoc starts with <<NAME and a new line", at)
        hint = "use straight quotes" if unicodedata.category(text[at]) in _CURLY_QUOTES else ""
        shown = text[at] if text[at].isprintable() else f"U+{ord(text[at]):04X}"
        raise self._source.error(f"{shown} has no meaning here", at, hint)

    def _unescaped(self, raw: str, at: int) -> str:
        if "\\" not in raw:
            return raw

        def character(match: re.Match[str]) -> str:
            digits = match[1] or match[2]
            if digits and int(digits, 16) <= sys.maxunicode:
                return chr(int(digits, 16))
            if match[3] not in _ESCAPED:
                raise self._source.error(
                    "this escape is unknown", at + match.start(), "write \\\\ for a backslash"
                )
            return _ESCAPED[match[3]]

        text = _ESCAPE.sub(character, raw)
        try:  # two \u escapes may be the halves of one character
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise self._source.error("an escape is half of a character", at - 1) from None

    def _heredoc(self, opener: str, at: int) -> str:
        text, start, name = self._source.text, self._offset, opener.strip("<- \t\r\n")
        end = re.compile(rf"^[ \t]*+{name}[ \t]*+\r?$", re.MULTILINE).search(text, start)
        if end is None:
            raise self._source.error(
                f"heredoc {name} is not closed", at, f"end it with a line that holds only {name}"
            )
        self._offset = end.end()
        body = text[start : end.start()]
        self._check_size(body, at)
        lines = body.replace("\r\n", "\n").split("\n")
        if opener.startswith("<<-"):
            indents = [len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()]
            lines = [line[min(indents, default=0) :] for line in lines]
        return "\n".join(lines)

    def _number(self, lexeme: str, at: int) -> int | float:
        match = _NUMBER.fullmatch(lexeme)
        if match is None:
            raise self._source.error("this is not a number", at, "put text in double quotes")
        if len(lexeme) <= _MAX_NUMBER_CHARS:
            value = float(lexeme) if match["part"] else int(lexeme)
            if isinstance(value, float) and math.isfinite(value):
                return value
            if isinstance(value, int) and -(2**63) <= value < 2**63:
                return value
        raise self._source.error("this number is too large", at)
