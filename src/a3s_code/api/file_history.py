"""
Versions of a file: what it was before each change that a call of the session made.

They are numbered from 0, oldest first, for each file. The contents are blobs of the session,
and the oldest go when there are more than 500 in all; the numbers of the others stay.

Source:
    SPEC 12.3; DESIGN 4.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.state import FileChange
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool


def versions(log: Log, path: str) -> list[JsonObject]:
    """
    List `{"version", "path", "timestamp", "tool_name", "size"}` of a file, oldest first.

    Args:
        path: The real path below the root.
    """
    return [
        {
            "version": number,
            "path": path,
            "timestamp": change.timestamp_ms,
            "tool_name": change.what.tool,
            "size": change.what.before.size,
        }
        for number, change in enumerate(_changes(log, path))
        if _is_kept(log, change)
    ]


def _changes(log: Log, path: str) -> list[FileChange]:
    """Give the changes that replaced something: each left one version behind."""
    changes = [change for change in log.state.changes if change.what.path == path]
    return [change for change in changes if change.what.before.sha256]


def _is_kept(log: Log, change: FileChange) -> bool:
    before = change.what.before
    return before.is_kept and before.sha256 in log.state.blobs


async def content(log: Log, path: str, version: int) -> bytes:
    """
    Give a version of a file.

    Raises:
        InvalidValue: there is no such version, or it is not kept; says which there are.
        StoreError: it cannot be read.
    """
    changes = _changes(log, path)
    known = [number for number, change in enumerate(changes) if _is_kept(log, change)]
    if version in known:
        data = await log.get_blob(changes[version].what.before.sha256)
        if data is not None:
            return data
    there = ", ".join(map(str, known)) or "none"
    raise InvalidValue(f"{path} has no version {version!r}.", hint=f"versions: {there}")


class RestoreArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_path: Annotated[str, msgspec.Meta(description="File to bring back.")]
    version: Annotated[int, msgspec.Meta(description="Which of its versions.")]


def restoring(data: bytes) -> Tool:
    """Make the tool that puts `data` in a file; the host calls it, and no model sees it."""

    @tool(RestoreArgs, effect=Effect.WRITE, path="file_path")
    async def restore_file_version(args: RestoreArgs, context: ToolContext) -> Observation:
        """Put a file back as it was before a change."""
        await context.files.write(context.resolved, data)
        return Observation(f"Restored {args.file_path} to version {args.version}.")

    return restore_file_version
