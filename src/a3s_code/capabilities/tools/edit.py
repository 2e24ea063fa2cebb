"""
The `edit` tool.

Source:
    SPEC 5.3; `before` and `after` in the metadata as in the 3.1 binding.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from a3s_code.capabilities.edits.refusal import Refusal
from a3s_code.capabilities.edits.replacement import replace
from a3s_code.capabilities.edits.rewriting import Changed, rewrite, unencodable
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool


class EditArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_path: Annotated[
        str, msgspec.Meta(description="File to change, relative to the workspace root or absolute.")
    ]
    old_string: Annotated[
        str, msgspec.Meta(description="Text to replace, exactly as in the file, indentation too.")
    ]
    new_string: Annotated[str, msgspec.Meta(description="Text to put in its place.")]
    replace_all: Annotated[
        bool, msgspec.Meta(description="Replace every occurrence instead of the only one.")
    ] = False


@tool(
    EditArgs,
    effect=Effect.WRITE,
    path="file_path",
    restores=frozenset({"old_string", "new_string"}),
)
async def edit(args: EditArgs, context: ToolContext) -> Observation:
    """
    Replace text in a file. old_string must occur exactly once (add lines around it until it
    does) unless replace_all is set. Line ends, encoding and everything else stay as they are.
    """
    for name, text in (("old_string", args.old_string), ("new_string", args.new_string)):
        if refusal := unencodable(name, text):
            return failure(refusal.text, refusal.kind)
    return await rewrite(args.file_path, partial(_change, args), context)


def _change(args: EditArgs, text: str) -> Changed | Refusal:
    made = replace(text, args.old_string, args.new_string, everywhere=args.replace_all)
    if isinstance(made, Refusal):
        return made
    times = "1 occurrence" if made.count == 1 else f"{made.count} occurrences"
    aside = ", ignoring blanks at line ends," if made.loosely else ""
    return Changed(
        text=made.text,
        inserted=made.inserted,
        summary=f"Replaced {times}{aside}",
        facts={"replacements": made.count, "lines": list(made.lines)},
    )
