"""Redirections of a syntax tree: the files they write and read, and their here-documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from a3s_code.harness.shell.source import WORD_NODES, Source
from a3s_code.harness.shell.word_nodes import WordNodes
from a3s_code.harness.shell.words import UNKNOWN

if TYPE_CHECKING:
    from tree_sitter import Node

_NULL_FILES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
_CLOSE = ("<&-", ">&-")
_WRITE = frozenset({">", ">>", ">|", "&>", "&>>", ">&"})
_READ = frozenset({"<", "<&"})
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_SAME_TWICE = re.compile(r"[\w./:@%+,=-]+", re.ASCII)
"""A target that stays what it is when it is expanded once more, and its quotes removed."""
_IN_VARIABLE = re.compile(rf"\{{{_NAME}(?:\[.*\])?\}}\Z", re.DOTALL)
"""What stands before `>` in `{fd}>file`, which is no word of the command."""
_DELIMITER = re.compile(rf"({_NAME})|'({_NAME})'|\"({_NAME})\"|\\({_NAME})")


class Redirections:
    """
    Reads the redirections of one `Source`.

    Attributes:
        writes, reads: Targets as text, with a hole where they are not known.
        harmless: None but to the null device, a copy of a stream, or a stream's end.
        statements: Statements that follow the mark of a here-document on its line.
    """

    def __init__(self, source: Source, words: WordNodes) -> None:
        self._source, self._words = source, words
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.harmless = True
        self.statements: list[Node] = []

    def file(self, node: Node) -> list[Node]:
        """Note what a redirection touches; gives the words after its target."""
        if _IN_VARIABLE.search(self._source.opened_before(node)):
            self._source.doubt("a redirection that sets a variable")
        operator = ""
        targets: list[Node] = []
        for child in self._source.children(node):
            if child.type == "file_descriptor":
                self._descriptor(child)
            elif child.type in WORD_NODES:
                targets.append(child)
            elif child.is_named or operator:
                self._source.doubt("an unusual redirection")
                self._words.nested.append(child)
            else:
                operator = child.type
        if operator in _CLOSE:
            return targets
        if not targets:
            self._source.doubt("a redirection without a target")
            return []
        words = self._words.read(targets[:1])
        self._touch(operator, words[0] if len(words) == 1 else UNKNOWN)
        return targets[1:]

    def _descriptor(self, node: Node) -> None:
        before = self._source.byte_before(node)
        if not self._source.text(node).isdigit() or before.strip(b" \t\n;&|()<>"):
            self._source.doubt("a redirection of an unusual descriptor")

    def _touch(self, operator: str, target: str) -> None:
        if operator in (">&", "<&") and re.fullmatch(r"[0-9]+-?|-", target):
            return
        if operator in (">&", "<&") and not _SAME_TWICE.fullmatch(target):
            self._source.doubt("bash expands what follows this redirection twice")
        if operator in _WRITE and target in _NULL_FILES:
            return
        self.harmless = False
        if operator in _WRITE:
            self.writes.append(target)
        elif operator in _READ:
            self.reads.append(target)
        elif operator != "<<<":
            self._source.doubt(f"the redirection {operator} is not understood")

    def heredoc(self, node: Node) -> list[Node]:
        """Read a here-document; gives the words after its mark."""
        self.harmless = False
        words: list[Node] = []
        parts: dict[str, Node] = {}
        for child in self._source.children(node):
            if child.type == "file_redirect":
                words.extend(self.file(child))
            elif child.type.startswith("heredoc_") or child.type in ("<<", "<<-"):
                parts[child.type] = child
            elif child.type in WORD_NODES:
                words.append(child)
            elif child.is_named:
                self.statements.append(child)
            elif child.type not in ("&&", "||", "|", "|&"):
                self._source.doubt(f"{child.type!r} is not understood here")
        self._body(parts)
        return words

    def _body(self, parts: dict[str, Node]) -> None:
        """Check that the body ends where bash ends it, and look into it."""
        start, end = parts.get("heredoc_start"), parts.get("heredoc_end")
        delimiter = _DELIMITER.fullmatch(self._source.text(start)) if start else None
        if start is None or end is None or delimiter is None:
            self._source.doubt("a here-document has no plain end")
            return
        word = next(filter(None, delimiter.groups())).encode()
        tabs = b"\t" if "<<-" in parts else b""
        _, first = self._source.line_after(start.end_byte)
        at = first
        while at < len(self._source):
            line, following = self._source.line_after(at)
            if (line.lstrip(tabs) if tabs else line) == word:
                break
            at = following
        else:
            self._source.doubt("a here-document has no end")
            return
        if at + len(line) - len(word) != end.start_byte:
            self._source.doubt("a here-document ends in another place")
        elif delimiter[1] and "heredoc_body" in parts:
            self._words.look_into(parts["heredoc_body"], first, at)
