"""
The `glob` tool.

Source:
    SPEC 5.6. The text holds paths only, so that `session.glob` and scripts can split it;
    the same paths are in the metadata.
"""

from __future__ import annotations

import posixpath
from typing import Annotated

import msgspec

from a3s_code.capabilities.shown_names import shown_name
from a3s_code.errors import InvalidValue
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool


class GlobArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pattern: Annotated[
        str, msgspec.Meta(min_length=1, description="Such as **/*.py, relative to path.")
    ]
    path: Annotated[
        str, msgspec.Meta(description="Directory to search; the workspace root by default.")
    ] = "."


def _subject(args: GlobArgs) -> str:
    path = posixpath.normpath(args.path)
    return args.pattern if path == "." else f"{args.pattern} {path}"


@tool(GlobArgs, effect=Effect.READ, path="path", subject=_subject, needs=frozenset({"search"}))
async def glob(args: GlobArgs, context: ToolContext) -> Observation:
    """
    Find files by a pattern of their paths; ignored files are left out. The result is one
    path per line, relative to the workspace root, sorted.
    """
    if args.pattern.startswith("/") or ".." in args.pattern.split("/"):
        text = f"{args.pattern} leads out of the directory that is searched; give it as path."
        return failure(text, "invalid_argument")
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
