"""The text files of a session's workspace that its model may read unasked."""

from __future__ import annotations

import msgspec

from a3s_code.errors import PathRefused, WorkspaceError
from a3s_code.kernel.retrieval import Place

MAX_FILE_BYTES = 256 * 1024
"""Of one file; of a longer one only so much is looked at."""

_SNIFFED_BYTES = 8 * 1024
_GENERATED = (".lock", ".map", ".min.css", ".min.js", ".snap", ".svg", "-lock.json", "-lock.yaml")


class TextFile(msgspec.Struct, frozen=True):
    """`partial`: `text` is only the beginning of the file."""

    path: str
    text: str
    partial: bool = False


def is_written(path: str) -> bool:
    """Say whether a name is none of a file that a program writes for programs."""
    return not path.endswith(_GENERATED)


async def read_text(place: Place, path: str) -> TextFile | None:
    """
    Read a file; None when the policy or the boundary keeps it away, and when it is no text.

    What is opened is what was decided on, also when the path is a link.
    """
    try:
        target = place.files.resolve(path)
    except PathRefused:
        return None
    try:
        if not place.may_read(target):
            return None
        data = await place.files.read(target, limit=MAX_FILE_BYTES + 1)
    except (OSError, WorkspaceError):  # gone, a directory, not readable
        return None
    finally:
        target.close()
    if not data or b"\0" in data[:_SNIFFED_BYTES]:
        return None
    partial = len(data) > MAX_FILE_BYTES
    text = data[:MAX_FILE_BYTES].decode("utf-8", "replace")
    return TextFile(path, text.removeprefix("\N{BOM}").replace("\r\n", "\n"), partial)
