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

from a3s_code.config.blocks import (
    Document,
    Entry,
    Env,
    Items,
    Node,
    Scalar,
    Source,
    Table,
    brief,
)
from a3s_code.config.lexer import Lexer, Token
from a3s_code.errors import ConfigError

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_ITEMS = 10_000
"""Entries and list items of one document."""

EXAMPLE = 'default_model = "openai/gpt-4o"'

_WORDS = {"true": True, "false": False, "null": None}


def refuse_size(size_bytes: int, name: str) -> None:
    """Raise a `ConfigError` when a document is too large."""
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise ConfigError(f"a configuration has {MAX_DOCUMENT_BYTES:,} bytes at most", file=name)


def parse(
    text: str, name: str = "agent.acl", *, json: bool = False, example: str = EXAMPLE
) -> Document:
    """
    Read ACL or HCL text.

    Blocks of one name may repeat; an attribute may not, nor share its name with a block.

    Args:
        name: What errors call the text: a file's path, usually.
        json: Take one JSON object as well; its members are the attributes.
        example: What an error shows of how such a text is written.

    Raises:
        ConfigError: the text is empty, is JSON that is not asked for, breaks the grammar or
            passes a limit.
    """
    source = Source(name, text)
    try:
        size = len(source.text.encode())
    except UnicodeEncodeError as error:
        raise source.error("a lone surrogate is no character", error.start) from None
    refuse_size(size, name)
    return Document(source, _Parser(source).document(example, json=json))


class _Parser:
    """Recursive descent with one token of sight."""

    __slots__ = ("_depth", "_items", "_lexer", "_source", "_token")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lexer = Lexer(source)
        self._token = self._lexer.next()
        self._depth = 0
        self._items = 0

    def document(self, example: str, *, json: bool) -> Table:
        self._skip_newlines()
        if json and self._token.kind == "{":
            return self._object()
        hint = f"write attributes and blocks, such as {example}"
        if self._token.kind == "end":
            raise ConfigError("the configuration is empty", file=self._source.name, hint=hint)
        if self._token.kind in ("{", "["):
            raise self._fail("JSON is not a configuration; ACL and HCL are", hint=hint)
        return Table(self._entries(Token("end", "", 0)), 0)

    def _object(self) -> Table:
        table = self._table()
        self._skip_newlines()
        if self._token.kind != "end":
            raise self._fail(f"the object is over, yet {self._token.said} follows")
        return table

    def _entries(self, opener: Token) -> tuple[Entry, ...]:
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

    def _call(self, name: Token) -> Env:
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

    def _open(self) -> Token:
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
