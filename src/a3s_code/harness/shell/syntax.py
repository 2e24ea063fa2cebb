"""
The simple commands of a shell text, read off the syntax tree of tree-sitter-bash.

Every kind of node that is not known here, and all that `Source` doubts, makes the text not
statically known; the commands that were seen in it are still given.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import msgspec

from a3s_code.harness.shell.redirections import Redirections
from a3s_code.harness.shell.script import Script
from a3s_code.harness.shell.source import WORD_NODES, Source
from a3s_code.harness.shell.tree import tree_of
from a3s_code.harness.shell.word_nodes import NUMBERS_ONLY, WordNodes
from a3s_code.harness.shell.words import RESERVED_CHARACTERS, UNKNOWN, listed

if TYPE_CHECKING:
    from tree_sitter import Node

# Beyond this a text that is wrong can cost the parser seconds and hundreds of megabytes.
MAX_BYTES = 8 * 1024
MAX_PARSED_BYTES = 4 * MAX_BYTES
MAX_NODES = 20_000
MAX_BACKTICK_DEPTH = 8
# Many of these cost the parser time and memory in proportion to their square.
MAX_COSTLY = {"<<": 64, "`": 100, "|": 500}
MAX_JOINS = 8

RESERVED_WORDS = listed(
    "{ } ! then do done fi esac elif else in if while until for select case function [[ ]]"
)
_NO_COMMANDS = RESERVED_WORDS - {"[["}
_STRUCTURE = listed(
    """
    program list pipeline subshell compound_statement if_statement elif_clause else_clause
    while_statement for_statement case_statement case_item do_group negated_command
    command_substitution process_substitution function_definition array
    """
)
_TOKENS = listed(
    """
    ; ;; ;& ;;& & && || | |& ( ) { } ! if then elif else fi for in do done while until case
    esac select function $( ` <( >( = +=
    """
) | {"\n"}
_QUOTED_HEREDOC = re.compile(
    r"""[^'"`\\#$()<\n]*<<(-?)[ \t]*(?:'(\w+)'|"(\w+)")[^'"`\\#$()<\n]*\n"""
)
_INTEGER = re.compile(r"[+-]?[0-9]+")


class Budget(msgspec.Struct):
    """What may still be parsed for one command, over all texts that it hands to shells."""

    bytes_left: int = MAX_PARSED_BYTES


def parse(text: str, budget: Budget) -> Script:
    """Read a shell text. Any text is accepted; what is wrong with it is in `problem`."""
    if "\0" in text:
        return Script(problem="it has a NUL character")
    text = _without_inert_body(text)
    try:
        source = text.encode()
    except UnicodeEncodeError:
        return Script(problem="it is not valid Unicode")
    if len(source) > MAX_BYTES:
        return Script(problem=f"it is longer than {MAX_BYTES} bytes")
    if RESERVED_CHARACTERS.search(text):
        return Script(problem="it has control or private characters")
    for mark, most in MAX_COSTLY.items():
        if text.count(mark) > most:
            return Script(problem=f"it has more than {most} of {mark}")
    return _read(source, 0, budget)


def _without_inert_body(text: str) -> str:
    """
    Take out a here-document whose quoted mark is on the first line: a file being written.

    Nothing before the mark can put bash into another state, so the body is surely data.
    """
    opening = _QUOTED_HEREDOC.match(text)
    if opening is None:
        return text
    dash, single, double = opening.groups()
    at = opening.end()
    while at < len(text):
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if (line.lstrip("\t") if dash else line) == (single or double):
            return text[: opening.end()] + text[at:]
        at += len(line) + 1
    return text


def _read(text: bytes, depth: int, budget: Budget) -> Script:
    """Read a text with its continued lines joined, as bash does."""
    for _ in range(MAX_JOINS):
        budget.bytes_left -= len(text)
        if budget.bytes_left < 0:
            return Script(problem="it hands on too much text")
        reader = _Reader(Source(text), depth, budget)
        script = reader.read()
        if not reader.source.joins:
            return script
        text = reader.source.joined()
    return Script(problem="it continues lines in an unusual way")


class _Reader:
    """One pass over one tree."""

    def __init__(self, source: Source, depth: int, budget: Budget) -> None:
        self.source = source
        self._depth, self._budget = depth, budget
        self._script = Script()
        self._words = WordNodes(source)
        self._redirections = Redirections(source, self._words)
        self._stack: list[Node] = []

    def read(self) -> Script:
        root = tree_of(self.source)
        if root is None:
            self.source.doubt("it takes too long to read")
            return self._finished()
        if root.has_error:
            self.source.doubt("its syntax is wrong, or too unusual to be sure of")
        self.source.gap(0, root.start_byte)
        self.source.gap(root.end_byte, len(self.source))
        self._stack.append(root)
        for _ in range(MAX_NODES):
            if not self._stack:
                break
            self._visit(self._stack.pop())
        else:
            self.source.doubt(f"it has more than {MAX_NODES} parts")
        return self._finished()

    def _finished(self) -> Script:
        script, redirections = self._script, self._redirections
        script.writes += redirections.writes
        script.reads += redirections.reads
        script.plain = script.plain and redirections.harmless
        script.problem = script.problem or self.source.problem
        return script

    def _visit(self, node: Node) -> None:
        visit = self._VISITS.get(node.type)
        if visit is not None:
            visit(self, node)
        else:
            # Words and tokens come here out of what could not be read.
            if node.is_named and node.type not in WORD_NODES:
                self.source.doubt(f"{node.type.replace('_', ' ')} is not understood")
            self._stack.extend(reversed(node.children))
        for later in (self._words.nested, self._redirections.statements):
            if later:
                self._stack.extend(reversed(later))
                later.clear()

    def _structure(self, node: Node) -> None:
        opening = node.children[0].type if node.children else ""
        if opening == "((":
            self._arithmetic(node)
            return
        if opening == "`":
            self._backticks(node)
            return
        inner: list[Node] = []
        for child in self.source.children(node):
            if child.type == "variable_name":  # of a loop
                self._script.assigned.append(self.source.text(child))
                self._script.plain = False
            elif child.type in WORD_NODES:
                self._words.final(child)
            elif child.is_named:
                inner.append(child)
            elif child.type == "&":
                self._script.plain = False
            elif child.type not in _TOKENS:
                self.source.doubt(f"{child.type!r} is not understood here")
        if node.type in ("function_definition", "process_substitution"):
            self._script.plain = False
        self._stack.extend(reversed(inner))

    def _arithmetic(self, node: Node) -> None:
        if not NUMBERS_ONLY.fullmatch(self.source.text(node)[2:-2]):
            self.source.doubt("arithmetic on variables evaluates what they hold")
            self._stack.extend(node.children)

    def _backticks(self, node: Node) -> None:
        if self._depth >= MAX_BACKTICK_DEPTH:
            self.source.doubt("its backticks are nested too deep")
            return
        inside = self.source.text(node)[1:-1]
        readings = [re.sub(r"\\([$`\\])", r"\1", inside)]
        if '\\"' in inside:  # within double quotes it stands for a quote
            readings.append(re.sub(r"\\([$`\\\"])", r"\1", inside))
        for reading in readings:
            self._script.take(_read(reading.encode(), self._depth + 1, self._budget))

    def _comment(self, node: Node) -> None:
        before = self.source.byte_before(node)
        if before.strip(b" \t\n;&|()") or "\n" in self.source.text(node):
            self.source.doubt("a comment is not where bash would see one")

    # Commands

    def _command(self, node: Node, more: Iterable[Node] = ()) -> None:
        words: list[Node] = []
        names: list[str] = []
        for child in self.source.children(node):
            if child.type == "variable_assignment":
                names.append(self._assignment(child))
            elif child.type == "command_name":
                words.extend(self.source.children(child))
            elif child.type in ("file_redirect", "herestring_redirect"):
                words.extend(self._redirections.file(child))
            else:
                words.append(child)
        final = self._words.read([*words, *more])
        if names:
            self._script.plain = False
            self._script.prefixes[len(self._script.commands)] = tuple(names)
        self._add(final)

    def _add(self, words: tuple[str, ...]) -> None:
        if not words or words[0] in _NO_COMMANDS:
            self.source.doubt("a word stands where no command may be")
        if words:
            self._script.commands.append(words)

    def _assignment(self, node: Node) -> str:
        """Read `name=value`; gives the name."""
        target, *rest = node.children
        name = self.source.text(target)
        if target.type == "subscript":
            name, _, index = name.partition("[")
            if not re.fullmatch(r"[0-9]+\]", index):
                self.source.doubt("a subscript is evaluated")
                self._stack.extend(target.children)
        if any(a.end_byte != b.start_byte for a, b in itertools.pairwise(node.children)):
            self.source.doubt("an assignment is torn")
        for value in rest[1:]:
            if value.type == "array":
                self._script.arrays = True
                self._stack.append(value)
            else:
                self._words.final(value)
        return name

    def _assignments(self, node: Node) -> None:
        self._script.plain = False
        several = node.type == "variable_assignments"
        parts = self.source.children(node) if several else [node]
        self._script.assigned.extend(self._assignment(part) for part in parts)

    def _declaration(self, node: Node) -> None:
        self._script.plain = False
        words: list[str] = []
        for child in self.source.children(node):
            if child.type == "variable_assignment":
                name = self._assignment(child)
                self._script.assigned.append(name)
                words.append(f"{name}={self._value(child)}")
            elif child.is_named:
                words.extend(self._words.final(child))
            else:
                words.append(child.type)
        self._add(tuple(words))

    def _value(self, node: Node) -> str:
        values = [self._words.final(child) for child in node.children[2:] if child.type != "array"]
        known = len(values) + 2 == len(node.children)
        return "".join(itertools.chain.from_iterable(values)) if known else UNKNOWN

    def _test(self, node: Node) -> None:
        """Read `[ … ]` and `[[ … ]]` as the words they are."""
        tokens = list(_words_and_tokens(node))
        is_command = tokens[0].type == "["
        for before, after in itertools.pairwise(tokens):
            self.source.gap(before.end_byte, after.start_byte)
            if is_command:
                self.source.line(before.end_byte, after.start_byte)
        if any(a.end_byte == b.start_byte for a, b in (tokens[:2], tokens[-2:])):
            self.source.doubt("a test that bash reads as another word")
        words: list[str] = []
        for token in tokens:
            is_word = token.type in WORD_NODES
            words.extend(self._words.final(token) if is_word else (token.type,))
        operators = {token.type for token in tokens if token.type not in WORD_NODES}
        if words[0] == "[" and operators & {"<", ">", "&&", "||", "(", ")"}:
            self.source.doubt("a test that bash reads in another way")
        for at, word in enumerate(words):
            sides = [*words[max(at - 1, 0) : at], *words[at + 1 : at + 2]]
            compares = words[0] == "[[" and word in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")
            if compares and not all(_INTEGER.fullmatch(side) for side in sides):
                self.source.doubt("a numeric test evaluates what its sides hold")
        self._add(tuple(words))

    # Redirections

    def _redirected(self, node: Node) -> None:
        body: Node | None = None
        words: list[Node] = []
        for child in self.source.children(node):
            if child.type in ("file_redirect", "herestring_redirect"):
                words.extend(self._redirections.file(child))
            elif child.type == "heredoc_redirect":
                words.extend(self._redirections.heredoc(child))
            else:
                body = child
        if body is not None and body.type == "command":
            self._command(body, words)
            return
        if body is not None:
            self._stack.append(body)
        if words:
            self.source.doubt("words follow a redirection")
            self._stack.extend(words)

    def _lone_redirection(self, node: Node) -> None:
        if self._redirections.file(node):
            self.source.doubt("words follow a redirection")

    _VISITS: ClassVar[Mapping[str, Callable[..., None]]] = {
        "command": _command,
        "comment": _comment,
        "declaration_command": _declaration,
        "file_redirect": _lone_redirection,
        "redirected_statement": _redirected,
        "test_command": _test,
        "unset_command": _declaration,
        "variable_assignment": _assignments,
        "variable_assignments": _assignments,
        **dict.fromkeys(_STRUCTURE, _structure),
    }


def _words_and_tokens(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if part.type in WORD_NODES or not part.child_count:
            yield part
        else:
            waiting.extend(reversed(part.children))
