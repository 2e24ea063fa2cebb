"""
The `write` tool.

Source:
    SPEC 5.2; metadata `file_path`, `after` and, when a file was replaced, `before`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool

MAX_BEFORE_BYTES = 16 * 1024 * 1024
"""A larger file is replaced without being kept in the metadata."""


class WriteArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_path: Annotated[
        str, msgspec.Meta(description="File to write, relative to the workspace root or absolute.")
    ]
    content: Annotated[str, msgspec.Meta(description="The whole new content of the file.")]


@tool(WriteArgs, effect=Effect.WRITE, path="file_path", restores=frozenset({"content"}))
async def write(args: WriteArgs, context: ToolContext) -> Observation:
    """
    Create a file or replace one whole, making the directories above it. To change a part
    of a file use edit or patch.
    """
    try:
        data = args.content.encode()
    except UnicodeEncodeError as error:
        text = f"The content is not valid Unicode: a lone surrogate at character {error.start}."
        return failure(f"{text} {args.file_path} was not written.", "invalid_argument")
    try:
        before = await context.files.read(context.resolved, limit=MAX_BEFORE_BYTES + 1)
    except FileNotFoundError:
        before = None
    except IsADirectoryError:
        return failure(f"{args.file_path} is a directory.", "invalid_argument")
    await context.files.write(context.resolved, data)
    verb = "Created" if before is None else "Replaced"
    count = args.content.count("\n") + bool(args.content and not args.content.endswith("\n"))
    return Observation(
        f"{verb} {args.file_path}: {len(data)} bytes, {count} {'line' if count == 1 else 'lines'}.",
        metadata=_facts(args, len(data), count, before),
    )


def _facts(args: WriteArgs, size: int, lines: int, before: bytes | None) -> JsonObject:
    facts: JsonObject = {
        "file_path": args.file_path,
        "after": args.content,
        "bytes": size,
        "lines": lines,
    }
    if before is not None and len(before) <= MAX_BEFORE_BYTES:
        facts["before"] = before.decode(errors="replace")
    return facts
