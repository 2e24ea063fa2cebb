"""
Word nodes of a syntax tree, read again from their source.

Each stretch of a word goes through the reader of its kind of quoting (`words.py`), so a node
that covers more or less than bash would read does not pass. Substitutions in a word are
kept in `nested`: they are commands of their own.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from a3s_code.harness.shell.source import Source
from a3s_code.harness.shell.variables import poisoned
from a3s_code.harness.shell.words import (
    GLOB,
    UNKNOWN,
    VALUE,
    Unreadable,
    ansi_quoted,
    bare,
    double_quoted,
    single_quoted,
    words_of,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# Expansions that can neither run nor evaluate anything.
_PLAIN_EXPANSION = re.compile(
    rf"\$(?:{_NAME}|[0-9@*#?$!_-])"
    rf"|\$\{{#?(?:{_NAME}|[0-9]+|[@*#?$!-])(?:\[(?:[@*]|[0-9]+)\])?"
    rf"(?::?[-+=?](?:[\w./:@%+=, -]|\$\w++)*+|(?:%%?|##?|//?|\^\^?|,,?)[\w./*?:@%+=, -]*"
    rf"|:\s*[0-9]+(?::[0-9]+)?)?\}}"
)
_ASSIGNS = re.compile(rf"\$\{{({_NAME}):?=")
_SPLITS_QUOTED = re.compile(r"\$@|\$\{@|\[@\]")
NUMBERS_ONLY = re.compile(r"[\s0-9+*/%()<>=!&|^~?:,-]*")

_NUMBERS = re.compile(rf"\$\(\({NUMBERS_ONLY.pattern}\)\)|\$\[{NUMBERS_ONLY.pattern}\]")

_BARE = ("word", "number")
_PLAIN = re.compile(r"[\w./:@%+,=^-]+", re.ASCII)

_BY_QUOTING: dict[str, Callable[[str], str]] = {
    "word": bare,
    "number": bare,
    "variable_name": bare,
    "special_variable_name": bare,
    "test_operator": bare,
    "extglob_pattern": bare,
    "regex": bare,
    "brace_expression": bare,
    "raw_string": single_quoted,
    "ansi_c_string": ansi_quoted,
}


class WordNodes:
    """
    Reads the words of one `Source`.

    Attributes:
        nested: Substitutions, and the nodes that could not be read, for somebody to visit.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.nested: list[Node] = []

    def read(self, nodes: Iterable[Node]) -> tuple[str, ...]:
        """Give final words; what cannot be read is a doubt, and a hole in them."""
        final: list[str] = []
        end = dollar = -1
        for node in nodes:
            if node.start_byte == end and dollar != end:
                self._source.doubt("two words touch")
            end = node.end_byte
            if node.type == "$":  # of $"…", which bash translates and we need not
                dollar = end
                if self._source.between(node.start_byte, end + 1) != '$"':
                    self._source.doubt("a lone dollar")
                continue
            final.extend(self.final(node))
        return tuple(final)

    def final(self, node: Node) -> tuple[str, ...]:
        """Give the final words of one word, mostly one."""
        if node.type in _BARE:
            text = self._source.text(node)
            if _PLAIN.fullmatch(text):  # what the readers below would give back as it is
                return (text,)
        try:
            return words_of(self._word(node))
        except Unreadable as error:
            self._source.doubt(str(error))
            self.nested.extend(node.children)
            return (UNKNOWN,)

    def look_into(self, body: Node, start: int, end: int) -> None:
        """Find the substitutions in the body of a here-document, `start` to `end`."""
        try:
            self._quoted(body, start, end, heredoc=True)
        except Unreadable as error:
            self._source.doubt(str(error))
            self.nested.extend(body.children)

    def _word(self, node: Node) -> str:
        read = _BY_QUOTING.get(node.type)
        if read is not None:
            return read(self._source.text(node))
        if node.type == "string":
            return self._quoted(node, node.start_byte + 1, node.end_byte - 1)
        if node.type == "translated_string" and self._source.text(node).startswith('$"'):
            return self._quoted(node, node.start_byte + 2, node.end_byte - 1)
        if node.type == "concatenation":
            return self._concatenation(node)
        return self._expansion(node)

    def _concatenation(self, node: Node) -> str:
        parts = node.children
        for before, after in itertools.pairwise(parts):
            if before.end_byte != after.start_byte:
                raise Unreadable("a word is torn")
            lone = before.type == "$" and after.type != "string"
            if lone or (not before.is_named and self._source.text(before) != before.type):
                raise Unreadable("a lone dollar")
        if parts[-1].type == "$":
            raise Unreadable("a lone dollar")
        return "".join(self._word(part) for part in parts if part.type != "$")

    def _expansion(self, node: Node) -> str:
        kind, text = node.type, self._source.text(node)
        if kind in ("command_substitution", "process_substitution"):
            self.nested.append(node)
            # What bash puts for a process substitution is one number, never a path.
            return UNKNOWN if kind == "command_substitution" else f"/dev/fd/{GLOB}"
        if kind in ("simple_expansion", "expansion"):
            assigns = _ASSIGNS.match(text)
            sets = assigns is not None and poisoned(assigns.groups())
            if sets or not _PLAIN_EXPANSION.fullmatch(text):
                raise Unreadable("an expansion that may run or evaluate something")
        elif kind != "arithmetic_expansion":
            raise Unreadable(f"{kind.replace('_', ' ')} is not understood in a word")
        elif not _NUMBERS.fullmatch(text):
            raise Unreadable("arithmetic on variables evaluates what they hold")
        return UNKNOWN

    def _quoted(self, node: Node, start: int, end: int, *, heredoc: bool = False) -> str:
        """Read the text from `start` to `end`, whose expansions are children of `node`."""
        out: list[str] = []
        for child in node.children:
            if child.type.endswith(("expansion", "substitution")):
                before = self._source.between(start, child.start_byte)
                out.append(double_quoted(before, heredoc=heredoc))
                hole = self._expansion(child)
                splits = _SPLITS_QUOTED.search(self._source.text(child))
                out.append(hole if splits else VALUE)
                start = child.end_byte
        out.append(double_quoted(self._source.between(start, end), heredoc=heredoc))
        return "".join(out)
