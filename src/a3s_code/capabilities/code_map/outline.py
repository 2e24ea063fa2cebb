"""
What one file defines and which names it uses, read from its syntax.

A file that is not whole is read as far as its grammar gets. Definitions inside of functions
are left out: nobody else can use them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
import tree_sitter

from a3s_code.capabilities.code_map.languages import Grammar

MAX_SIGNATURE_CHARS = 140
MAX_DEFINITIONS = 2_000
MAX_NAMES = 5_000
"""Of one file; what comes later in it is left out."""

_USED, _MEMBER = "used", "member"
_CLOSED = frozenset({"function", "method", "constant"})
"""Kinds in which nothing is looked for."""
_NAMED_BY = {"impl": "type"}
_LATE_BODY = ("value", "type")
"""Fields whose own body is that of the definition: `const f = () => {}`, `type S struct {}`."""
_BLANK = re.compile(rb"\s+")
_TAIL = re.compile(r"\s*(?:=>|[{:;=,])\s*\Z")


class Definition(msgspec.Struct, frozen=True, gc=False):
    """
    Attributes:
        line: From 1.
        depth: How many definitions it lies in.
    """

    name: str
    kind: str
    line: int
    depth: int
    signature: str

    @property
    def is_member(self) -> bool:
        """Whether it is only reached through what it lies in: `it.name()`."""
        return self.depth > 0 and self.kind in ("function", "method")


class Outline(msgspec.Struct, frozen=True, gc=False):
    """
    Attributes:
        definitions: In the order of their lines.
        uses: How often each name is used.
        members: How often each name is used as one of something: `it.name`.
    """

    definitions: tuple[Definition, ...] = ()
    uses: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    members: dict[str, int] = msgspec.field(default_factory=dict[str, int])


EMPTY = Outline()


def outline(data: bytes, grammar: Grammar) -> Outline:
    """Read one file. Blocks for about a second for each 5 MB."""
    root = grammar.parser.parse(data).root_node
    found = tree_sitter.QueryCursor(grammar.query).captures(root)
    uses, members = _counted(found.pop(_USED, ())), _counted(found.pop(_MEMBER, ()))
    nodes = [(node, kind) for kind, captured in found.items() for node in captured]
    nodes.sort(key=lambda pair: (pair[0].start_byte, -pair[0].end_byte))
    return Outline(tuple(_definitions(nodes, data)), uses, members)


def _counted(nodes: Iterable[tree_sitter.Node]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in nodes:
        name = _text(node)
        if name in counts or len(counts) < MAX_NAMES:
            counts[name] = counts.get(name, 0) + 1
    return counts


def _definitions(nodes: list[tuple[tree_sitter.Node, str]], data: bytes) -> Iterator[Definition]:
    around: list[tuple[int, bool]] = []  # where each ends, and whether it is closed
    count = 0
    for node, kind in nodes:
        while around and around[-1][0] <= node.start_byte:
            around.pop()
        is_inner = any(closed for _, closed in around)
        depth = len(around)
        around.append((node.end_byte, kind in _CLOSED))
        named = node.child_by_field_name(_NAMED_BY.get(kind, "name")) or node
        if is_inner or count >= MAX_DEFINITIONS or (kind == "constant" and not _is_worth(named)):
            continue
        count += 1
        line = node.start_point[0] + 1
        name = _text(named).partition("<")[0]
        yield Definition(name, kind, line, depth, _signature(node, data))


def _is_worth(named: tree_sitter.Node) -> bool:
    """Whether a name that is given a value is there for others: `MAX_SIZE`, `UserId`, `app`."""
    return named.type in ("identifier", "type_identifier") and not _text(named).startswith("_")


def _signature(node: tree_sitter.Node, data: bytes) -> str:
    """Give a definition up to its body, on one line."""
    body = _body(node)
    start = node.start_byte
    if body is not None and body.start_byte > start:
        text = data[start : body.start_byte]
    else:
        whole = node.parent if node.type == "identifier" and node.parent is not None else node
        text = data[start : whole.end_byte].split(b"\n", 1)[0]
    line = _BLANK.sub(b" ", text[: 4 * MAX_SIGNATURE_CHARS]).decode("utf-8", "replace").strip()
    line = _TAIL.sub("", line)
    return line if len(line) <= MAX_SIGNATURE_CHARS else f"{line[: MAX_SIGNATURE_CHARS - 1]}…"


def _body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    body = node.child_by_field_name("body")
    for field in _LATE_BODY if body is None else ():
        inner = node.child_by_field_name(field)
        if inner is not None and (late := inner.child_by_field_name("body")) is not None:
            return late
        for child in inner.named_children[-1:] if inner is not None else ():
            if child.type.endswith("_list"):
                return child
    return body


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
