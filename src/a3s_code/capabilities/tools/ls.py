"""
The `ls` tool.

Source:
    SPEC 5.7: one entry per line with kind and size, directories marked, links as such.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool
from a3s_code.kernel.workspace import Entry, shown_name


class LsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[
        str, msgspec.Meta(description="Directory to list; the workspace root by default.")
    ] = "."


@tool(LsArgs, effect=Effect.READ, path="path")
async def ls(args: LsArgs, context: ToolContext) -> Observation:
    """List a directory, hidden entries included: kind, size in bytes, name."""
    try:
        entries = await context.files.list(context.resolved)
    except FileNotFoundError:
        return failure(f"{args.path} does not exist.", "not_found", path=args.path)
    except NotADirectoryError:
        return failure(f"{args.path} is not a directory; use read.", "invalid_argument")
    text = "\n".join(map(_row, entries)) if entries else f"{args.path} is empty."
    return Observation(text, metadata={"path": args.path, "entries": len(entries)})


def _row(entry: Entry) -> str:
    name = shown_name(entry.name)
    match entry.kind:
        case "file":
            return f"file  {entry.size:>10}  {name}"
        case "dir":
            return f"dir   {'-':>10}  {name}/"
        case "link":
            return f"link  {'-':>10}  {name} -> {shown_name(entry.target)}"
        case _:
            return f"{entry.kind:<5} {'-':>10}  {name}"
