"""What the AGENTS.md at the root of a workspace says."""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.errors import A3SError
from a3s_code.harness.context import MAX_ITEM_CHARS, ContextSource
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.workspace import Files

AGENTS_FILE = "AGENTS.md"
_READ_BYTES = 4 * MAX_ITEM_CHARS  # as many as so many characters may have in UTF-8


def agents_file(files: Files) -> ContextSource:
    """
    Give the source that reads AGENTS.md at the workspace root, each time it is asked.

    One that is missing, leads outside or is no regular file is left out.
    """

    async def read() -> Sequence[ContextItem]:
        try:
            target = files.resolve(AGENTS_FILE)
        except A3SError:
            return ()
        try:
            data = await files.read(target, limit=_READ_BYTES + 1)
        except (OSError, A3SError):
            return ()
        finally:
            target.close()
        found = data.decode("utf-8", errors="replace").strip()
        if not found:
            return ()
        return (
            ContextItem(
                source=f"file://{AGENTS_FILE}",
                content=found,
                trust="workspace",
                type="instructions",
                why="it stands at the root of the workspace",
                partial=len(data) > _READ_BYTES,
            ),
        )

    return read
