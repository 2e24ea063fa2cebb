"""The syntax tree that tree-sitter-bash makes of a text, in a bounded number of steps."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

from a3s_code.harness.shell.source import Source

if TYPE_CHECKING:
    from tree_sitter import Language, Node

# A step is a report of the parser's progress; ordinary text of `syntax.MAX_BYTES` takes some 400.
MAX_PARSE_STEPS = 1_000
MAX_WRONG_STEPS = 20
# Each look ahead beyond what was read, and back, reads once more; ordinary text takes some 10.
MAX_READS = 2_000
READ_BYTES = 8 * 1024


@functools.cache
def _language() -> Language:
    # Loaded by the first command that is analysed: most sessions never run one.
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Language(tree_sitter_bash.language())


def tree_of(source: Source) -> Node | None:
    """Parse a text; None when that takes too many steps."""
    from tree_sitter import Parser

    steps, wrong = itertools.count(1), itertools.count(1)
    reads = 0

    def read(start: int, _: object) -> bytes:
        nonlocal reads
        reads += 1
        return source.shape_at(start, READ_BYTES)

    def enough(_: int, has_error: bool) -> bool:
        too_many = next(steps) > MAX_PARSE_STEPS or reads > MAX_READS
        return too_many or (has_error and next(wrong) > MAX_WRONG_STEPS)

    try:
        tree = Parser(_language()).parse(read, progress_callback=enough)
    except ValueError:
        return None
    return tree.root_node
