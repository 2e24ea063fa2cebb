"""
The text behind a syntax tree, and the doubts about the tree.

tree-sitter-bash is forgiving where bash is not: it takes a carriage return for a blank,
parts a word at a continued line and ends a here-document early. So the tree is never
believed alone: `Source` hands out the children of a node only after a look at what lies
between them, and keeps the first thing that does not agree as `problem`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_code.harness.shell.words import listed

if TYPE_CHECKING:
    from tree_sitter import Node

WORD_NODES = listed(
    """
    word number string raw_string ansi_c_string translated_string concatenation
    simple_expansion expansion command_substitution process_substitution
    arithmetic_expansion brace_expression variable_name special_variable_name
    extglob_pattern regex test_operator
    """
)
_ONE_LINE = listed(
    """
    command declaration_command heredoc_redirect redirected_statement test_command unset_command
    variable_assignments
    """
)
_CONTINUES = WORD_NODES | listed(
    "command_name file_redirect herestring_redirect heredoc_redirect variable_assignment"
)
_WORD_ENDS = WORD_NODES | listed(
    "heredoc_start command_name file_redirect herestring_redirect variable_assignment"
)
_WORD_STARTS = WORD_NODES | {"command_name", "variable_assignment"}


# The scanner of the grammar looks characters up in a table that has ASCII only, and reads
# memory that is not its own for others. A byte of theirs is shown to it as this one, which
# is a part of a word as they are, and of no name.
_STAND_IN = bytes(code if code < 0x80 else ord(",") for code in range(256))  # noqa: PLR2004 - the end of ASCII


class Source:
    """
    One text under analysis.

    Attributes:
        problem: Why it is not statically known; empty while nothing was found.
        joins: Offsets of the backslashes that continue a line between two words.
    """

    __slots__ = ("_bytes", "_shape", "joins", "problem")

    def __init__(self, text: bytes) -> None:
        self._bytes = text
        self._shape = text.translate(_STAND_IN)
        self.problem = ""
        self.joins: set[int] = set()

    def doubt(self, problem: str) -> None:
        self.problem = self.problem or problem

    def text(self, node: Node) -> str:
        return self._bytes[node.start_byte : node.end_byte].decode(errors="replace")

    def between(self, start: int, end: int) -> str:
        return self._bytes[start:end].decode(errors="replace")

    def shape_at(self, start: int, count: int) -> bytes:
        """What the parser is given: the text, byte for byte, in ASCII."""
        return self._shape[start : start + count]

    def byte_before(self, node: Node) -> bytes:
        """The byte in front of a node; empty at the start of the text."""
        return self._bytes[max(node.start_byte - 1, 0) : node.start_byte]

    def opened_before(self, node: Node) -> str:
        """The text in front of a node from the last `{` on; empty where that ends elsewhere."""
        end = node.start_byte
        if self._bytes[end - 1 : end] != b"}":
            return ""
        return self.between(max(self._bytes.rfind(b"{", 0, end), 0), end)

    def line_after(self, start: int) -> tuple[bytes, int]:
        """Give the line that begins at `start`, and where the next one begins."""
        end = self._bytes.find(b"\n", start)
        end = len(self._bytes) if end < 0 else end
        return self._bytes[start:end], end + 1

    def __len__(self) -> int:
        return len(self._bytes)

    def gap(self, start: int, end: int) -> None:
        """Between two nodes there may only be blanks and continued lines."""
        between = self._bytes[start:end]
        if between == b" " or not between.strip(b" \t\n"):
            return
        at = between.find(b"\\\n")
        while at >= 0:
            self.joins.add(start + at)
            at = between.find(b"\\\n", at + 2)
        if between.replace(b"\\\n", b"").strip(b" \t\n"):
            self.doubt(f"{self.between(start, end)!r} is in no known place")

    def children(self, node: Node) -> list[Node]:
        """Give the children of a node that has no text of its own besides theirs."""
        children, is_one_line = node.children, node.type in _ONE_LINE
        end = node.start_byte
        before = ""
        for child in children:
            start, kind = child.start_byte, child.type
            if start != end:
                self.gap(end, start)
                if is_one_line and kind in _CONTINUES:
                    self.line(end, start)
            elif before in _WORD_ENDS and kind in _WORD_STARTS:
                self.doubt("two words touch")
            if not child.is_named and self.text(child) != kind:
                self.doubt(f"{self.text(child)!r} is taken for {kind!r}")
            end, before = child.end_byte, kind
        if end != node.end_byte:
            self.gap(end, node.end_byte)
        return children

    def line(self, start: int, end: int) -> None:
        """A line that ends between two words of a command ends the command, too."""
        if b"\n" in self._bytes[start:end].replace(b"\\\n", b""):
            self.doubt("a command goes on behind the end of its line")

    def joined(self) -> bytes:
        """The text without the continuations, which is what bash reads."""
        pieces: list[bytes] = []
        start = 0
        for at in sorted(self.joins):
            pieces.append(self._bytes[start:at])
            start = at + 2
        return b"".join([*pieces, self._bytes[start:]])
