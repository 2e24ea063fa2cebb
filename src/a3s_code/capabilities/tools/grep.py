"""
The `grep` tool.

Permission rules are held against the pattern and the path where the search starts, resolved
and as it was spelled. A search of a directory may come across a file that a rule denies to
`grep`; the language of rules cannot say that. `glob` only narrows a search and is not part
of what rules see.

Source:
    SPEC 5.5: `path:line:text`, then a footer with the counts.
"""

from __future__ import annotations

import posixpath
from typing import Annotated

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool
from a3s_code.kernel.workspace import GrepHits, GrepQuery

MAX_CONTEXT_LINES = 50


class GrepArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pattern: Annotated[
        str, msgspec.Meta(min_length=1, description="Regular expression, as ripgrep reads it.")
    ]
    path: Annotated[
        str, msgspec.Meta(description="File or directory to search; the root by default.")
    ] = "."
    glob: Annotated[
        str, msgspec.Meta(description="Search only files that match, such as *.py.")
    ] = ""
    context: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=MAX_CONTEXT_LINES, description="Lines to show before and after each match."
        ),
    ] = 0
    ignore_case: Annotated[bool, msgspec.Meta(description="Ignore case.")] = msgspec.field(
        default=False, name="-i"
    )
    line_numbers: Annotated[
        bool, msgspec.Meta(description="Accepted; line numbers are always shown.")
    ] = msgspec.field(default=True, name="-n")


def _subject(args: GrepArgs) -> str:
    return f"{args.pattern} {posixpath.normpath(args.path)}"


@tool(GrepArgs, effect=Effect.READ, path="path", subject=_subject, needs=frozenset({"search"}))
async def grep(args: GrepArgs, context: ToolContext) -> Observation:
    """
    Search the lines of files for a regular expression; ignored files are left out. Matches
    come as path:line:text, with the counts after them.
    """
    assert context.search is not None
    query = GrepQuery(args.pattern, args.glob, args.ignore_case, args.context)
    try:
        hits = await context.search.grep(context.resolved, query)
    except InvalidValue as error:
        return failure(str(error), "invalid_argument")
    except FileNotFoundError:
        return failure(f"{args.path} does not exist.", "not_found", path=args.path)
    metadata = {"matches": hits.matches, "files": hits.files, "truncated": hits.truncated}
    if not hits.matches:
        return Observation(f"No line matches {args.pattern}.", metadata=metadata)
    return Observation(f"{hits.text}\n{_footer(hits)}", metadata=metadata)


def _footer(hits: GrepHits) -> str:
    matches = "1 match" if hits.matches == 1 else f"{hits.matches} matches"
    files = "1 file" if hits.files == 1 else f"{hits.files} files"
    rest = "; there are more: narrow the pattern, path or glob" if hits.truncated else ""
    return f"[{matches} in {files}{rest}]"
