"""
The `patch` tool.

Source:
    SPEC 5.4: unified diff text, only `@@` hunks required, headers tolerated and ignored.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from a3s_code.capabilities.edits.diff_names import misdirected
from a3s_code.capabilities.edits.hunks import Diff, parse
from a3s_code.capabilities.edits.refusal import Refusal
from a3s_code.capabilities.edits.rewriting import Changed, rewrite, unencodable
from a3s_code.capabilities.edits.splice import Landing, splice
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool


class PatchArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_path: Annotated[
        str, msgspec.Meta(description="File to change, relative to the workspace root or absolute.")
    ]
    diff: Annotated[
        str,
        msgspec.Meta(
            description="Unified diff of this one file: hunks that begin with"
            " @@ -line,count +line,count @@. File headers are not needed."
        ),
    ]


@tool(PatchArgs, effect=Effect.WRITE, path="file_path", restores=frozenset({"diff"}))
async def patch(args: PatchArgs, context: ToolContext) -> Observation:
    """
    Apply a unified diff to one existing file, all of its hunks or none. Context and removed
    lines must be as in the file; line numbers may be off while the context is unique. A diff
    that deletes every line leaves an empty file.
    """
    diff = _read(args, context)
    if isinstance(diff, Refusal):
        return failure(f"{args.file_path} was not changed: {diff.text}", diff.kind)
    return await rewrite(args.file_path, partial(_change, diff), context)


def _read(args: PatchArgs, context: ToolContext) -> Diff | Refusal:
    if refusal := unencodable("diff", args.diff):
        return refusal
    diff = parse(args.diff)
    if isinstance(diff, Refusal):
        return diff
    target = context.resolved
    return misdirected(diff.names, (args.file_path, target.spelled, target.path)) or diff


def _change(diff: Diff, text: str) -> Changed | Refusal:
    made = splice(text, diff)
    if isinstance(made, Refusal):
        return made
    count = len(made.landings)
    where = ", ".join(_place(landing) for landing in made.landings)
    return Changed(
        text=made.text,
        inserted=made.inserted,
        summary=f"Applied {count} hunk{'s' if count > 1 else ''} ({where})",
        note="" if made.text else " The file is now empty; it was not removed.",
        facts={"hunks": [_facts(landing) for landing in made.landings]},
    )


def _place(landing: Landing) -> str:
    aside: list[str] = []
    if landing.off:
        side = "below" if landing.off > 0 else "above"
        aside.append(f"{abs(landing.off)} {side} what its header says")
    if landing.loosely:
        aside.append("ignoring blanks at line ends")
    return f"line {landing.line}" + (f", {', '.join(aside)}" if aside else "")


def _facts(landing: Landing) -> JsonObject:
    return {
        "hunk": landing.hunk,
        "line": landing.line,
        "length": landing.length,
        "added": landing.added,
        "removed": landing.removed,
        "stated": landing.stated,
        "off": landing.off,
    }
