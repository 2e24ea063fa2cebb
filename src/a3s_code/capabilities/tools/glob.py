"""
The `glob` tool.

Permission rules are held against the pattern as it is without its spelling: `./a/[b]c/*` is
`a/bc/*`. A pattern with wildcards may still come across a file that a rule denies to `glob`;
the language of rules cannot say that, so such rules name patterns and not files.

Source:
    SPEC 5.6. The text holds paths only, so that `session.glob` and scripts can split it;
    the same paths are in the metadata.
"""

from __future__ import annotations

import posixpath
import re
from typing import Annotated

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool
from a3s_code.kernel.workspace import shown_name


class GlobArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pattern: Annotated[
        str, msgspec.Meta(min_length=1, description="Such as **/*.py, relative to path.")
    ]
    path: Annotated[
        str, msgspec.Meta(description="Directory to search; the workspace root by default.")
    ] = "."


# What stands for one plain character or text: `\\a`, `[a]`, `[a-a]`, `{a}`.
_PLAIN = re.compile(
    r"\\([^*?\[\]{}\\])|\[([^\]!^*?\[{}\\-])(?:-?\2)*\]|\{([^{},\[\]\\]*)\}", re.DOTALL
)


def _plain(pattern: str) -> str:
    """Give the usual spelling of a pattern."""
    before = ""
    while before != pattern:
        before = pattern
        pattern = _PLAIN.sub(lambda found: next(filter(None, found.groups()), ""), pattern)
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    return "/".join(names) or pattern


def _subject(args: GlobArgs) -> str:
    path = posixpath.normpath(args.path)
    pattern = _plain(args.pattern)
    return pattern if path == "." else f"{pattern} {path}"


@tool(GlobArgs, effect=Effect.READ, path="path", subject=_subject, needs=frozenset({"search"}))
async def glob(args: GlobArgs, context: ToolContext) -> Observation:
    """
    Find files by a pattern of their paths; ignored files are left out. The result is one
    path per line, relative to the workspace root, sorted.
    """
    assert context.search is not None
    try:
        found = await context.search.glob(context.resolved, args.pattern)
    except InvalidValue as error:
        return failure(str(error), "invalid_argument")
    except FileNotFoundError:
        return failure(f"{args.path} does not exist.", "not_found", path=args.path)
    paths = list(map(shown_name, found))
    text = "\n".join(paths) if paths else f"No file matches {args.pattern}."
    return Observation(text, metadata={"paths": paths})
