"""
ACL and HCL text as blocks with positions.

One tolerant grammar reads both languages:

    document  entry*
    entry     key ("=" | ":") value
              key label* "{" entry* "}"
    value     string | heredoc | number | true | false | null
              "[" value* "]" | "{" entry* "}" | env("NAME")

Entries and list items end at a comma or a new line; an entry after a closed block needs
neither. Keys and labels are words or strings. Comments start with `#` or `//`, or stand
between `/*` and `*/`. Strings stand in double or single quotes on one line, with the
escapes of JSON and `\\'`, `\\0`, `\\UXXXXXXXX`. `${` has no meaning. A heredoc is
`<<NAME` or, without the indentation its lines share, `<<-NAME`. Numbers may have a sign,
`_` between digits, a fraction and an exponent; integers fit 64 bits.

Nothing is evaluated here: `env("NAME")` becomes an `Env` node. No message repeats the
text of a value, since any value may be a secret.

Source:
    A3S Code README 0.9, "Configuration"; README 3.x, "Configuration"; ACL grammar and
    limits of the A3S documentation.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from a3s_code.errors import ConfigError

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_TOKEN_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_BRIEF_CHARS = 80
MAX_ITEMS = 10_000
"""Entries and list items of one document."""


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


def refuse_size(size_bytes: int, name: str) -> None:
    """Raise a `ConfigError` when a document is too large."""
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise ConfigError(f"a configuration has {MAX_DOCUMENT_BYTES:,} bytes at most", file=name)


def parse(text: str, name: str = "agent.acl") -> Document:
    """
    Read ACL or HCL text.

    Blocks of one name may repeat; an attribute may not, nor share its name with a block.

    Args:
        name: What errors call the text: a file's path, usually.

    Raises:
        ConfigError: the text is empty, is JSON, breaks the grammar or passes a limit.
    """
    source = Source(name, text)
    try:
        size = len(source.text.encode())
    except UnicodeEncodeError as error:
        raise source.error("a lone surrogate is no character", error.start) from None
    refuse_size(size, name)
    return Document(source, _Parser(source).document())


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
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class _Token:
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


class _Lexer:
    """Tokens on demand, so that the first fault in the text is the one that is told."""

    __slots__ = ("_offset", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._offset = 0

    def next(self) -> _Token:
        """Give the next token. White space and comments around a line's end are one newline."""
        text, at = self._source.text, self._offset
        match = _LEXEME.match(text, at)
        if match is None:
            return _Token("end", "", at) if at == len(text) else self._refuse(at)
        self._offset = match.end()
        kind, lexeme = match.lastgroup or "", match.group()
        if kind == "space":  # one run of it never follows another
            return _Token("newline", "", at) if "\n" in lexeme else self.next()
        self._check_size(lexeme, at)
        if kind == "string":
            return _Token("string", self._unescaped(lexeme[1:-1], at + 1), at)
        if kind == "heredoc":
            return _Token("string", self._heredoc(lexeme, at), at)
        if kind == "number":
            return _Token("number", self._number(lexeme, at), at)
        return _Token(lexeme if kind == "mark" else kind, lexeme, at)

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


class _Parser:
    """Recursive descent with one token of sight."""

    __slots__ = ("_depth", "_items", "_lexer", "_source", "_token")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lexer = _Lexer(source)
        self._token = self._lexer.next()
        self._depth = 0
        self._items = 0

    def document(self) -> Table:
        self._skip_newlines()
        example = 'write attributes and blocks, such as default_model = "openai/gpt-4o"'
        if self._token.kind == "end":
            raise ConfigError("the configuration is empty", file=self._source.name, hint=example)
        if self._token.kind in ("{", "["):
            raise self._fail("JSON is not a configuration; ACL and HCL are", hint=example)
        return Table(self._entries(_Token("end", "", 0)), 0)

    def _entries(self, opener: _Token) -> tuple[Entry, ...]:
        closer = "}" if opener.kind == "{" else "end"
        entries: list[Entry] = []
        first: dict[str, Entry] = {}
        self._skip_newlines()
        while self._token.kind != closer:
            if self._token.kind == "end":
                raise self._source.error("this '{' is not closed", opener.at, "add a '}'")
            entry = self._entry()
            self._refuse_repetition(entry, first.setdefault(entry.key, entry))
            entries.append(entry)
            if self._separates(closer) or entry.is_block:
                continue
            raise self._fail(
                f"the value of {brief(entry.key)} is over, yet {self._token.said} follows",
                hint="part entries by a new line or a comma",
            )
        return tuple(entries)

    def _entry(self) -> Entry:
        key = self._token
        if key.kind not in ("word", "string"):
            raise self._fail(f"expected a name, found {key.said}")
        self._count()
        self._advance()
        if self._token.kind in ("=", ":"):
            self._advance()
            self._skip_newlines()
            return Entry(str(key.value), self._value(str(key.value)), key.at)
        labels: list[str] = []
        while self._token.kind in ("word", "string"):
            labels.append(str(self._token.value))
            self._count()
            self._advance()
        if self._token.kind != "{":
            raise self._fail(
                f"expected '=' or '{{' after {brief(str(key.value))}, found {self._token.said}"
            )
        return Entry(str(key.value), self._table(), key.at, tuple(labels), is_block=True)

    def _refuse_repetition(self, entry: Entry, first: Entry) -> None:
        if entry is first or (entry.is_block and first.is_block):
            return
        line = self._source.place(first.at).line
        raise self._source.error(
            f"{brief(entry.key)} is set twice", entry.at, f"it is set first in line {line}"
        )

    def _value(self, key: str) -> Node:
        token = self._token
        if token.kind == "{":
            return self._table()
        if token.kind == "[":
            return self._list(key)
        if token.kind == "word":
            return self._word(key)
        if token.kind not in ("string", "number"):
            raise self._fail(f"expected a value for {brief(key)}, found {token.said}")
        self._advance()
        return Scalar(token.value, token.at)

    def _word(self, key: str) -> Node:
        word = self._token
        self._advance()
        if self._token.kind == "(":
            return self._call(word)
        if word.value in _WORDS:
            return Scalar(_WORDS[str(word.value)], word.at)
        raise self._source.error(
            f"expected a value for {brief(key)}, found a bare word",
            word.at,
            "put text in double quotes",
        )

    def _call(self, name: _Token) -> Env:
        if name.value != "env":
            raise self._source.error(
                f"the function {brief(str(name.value))} is unknown",
                name.at,
                'the only one is env("NAME")',
            )
        self._advance()
        variable = self._token
        self._advance()
        if variable.kind != "string" or not variable.value or self._token.kind != ")":
            raise self._source.error(
                "env takes the name of one variable", name.at, 'write env("NAME")'
            )
        self._advance()
        return Env(str(variable.value), name.at)

    def _table(self) -> Table:
        opener = self._open()
        entries = self._entries(opener)
        self._close()
        return Table(entries, opener.at)

    def _list(self, key: str) -> Items:
        opener = self._open()
        values: list[Node] = []
        self._skip_newlines()
        while self._token.kind != "]":
            if self._token.kind == "end":
                raise self._source.error("this '[' is not closed", opener.at, "add a ']'")
            self._count()
            values.append(self._value(key))
            if not self._separates("]"):
                raise self._fail(f"expected ',' or ']' in {brief(key)}, found {self._token.said}")
        self._close()
        return Items(tuple(values), opener.at)

    def _open(self) -> _Token:
        opener = self._token
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fail(f"blocks, objects and lists nest {MAX_DEPTH} deep at most")
        self._advance()
        return opener

    def _close(self) -> None:
        self._depth -= 1
        self._advance()

    def _separates(self, closer: str) -> bool:
        """Pass what stands between two entries or items; False when nothing parts them."""
        newline = self._skip_newlines()
        if self._token.kind in (closer, "end"):
            return True
        if self._token.kind == ",":
            self._advance()
            self._skip_newlines()
            return True
        return newline

    def _count(self) -> None:
        self._items += 1
        if self._items > MAX_ITEMS:
            raise self._fail(f"a configuration has {MAX_ITEMS:,} entries and items at most")

    def _advance(self) -> None:
        self._token = self._lexer.next()

    def _skip_newlines(self) -> bool:
        found = self._token.kind == "newline"
        while self._token.kind == "newline":
            self._advance()
        return found

    def _fail(self, message: str, hint: str = "") -> ConfigError:
        return self._source.error(message, self._token.at, hint)
