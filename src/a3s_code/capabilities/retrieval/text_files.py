"""The text files of a session's workspace that its model may read unasked."""

from __future__ import annotations

import msgspec

from a3s_code.capabilities.retrieval.credentials import holds_credentials
from a3s_code.errors import PathRefused, WorkspaceError
from a3s_code.kernel.retrieval import Place

MAX_FILE_BYTES = 256 * 1024
"""Of one file; of a longer one only so much is looked at."""

_SNIFFED_BYTES = 8 * 1024
_INSTRUCTIONS = frozenset({"AGENTS.md", "CLAUDE.md"})
_GENERATED = (".lock", ".map", ".min.css", ".min.js", ".snap", ".svg", "-lock.json", "-lock.yaml")


class TextFile(msgspec.Struct, frozen=True):
    """`partial`: `text` is only the beginning of the file."""

    path: str
    text: str
    partial: bool = False


def is_source(path: str) -> bool:
    """
    Say whether a file is one to look through: no program's output, no instructions, and none that
    is there to hold credentials.
    """
    is_text = not path.endswith(_GENERATED) and path.rpartition("/")[2] not in _INSTRUCTIONS
    return is_text and not holds_credentials(path)


class Reader:
    """
    Reads for one question, or one indexing.

    Attributes:
        withheld: Paths that the session's policy did not let the model read unasked.
    """

    __slots__ = ("_place", "withheld")

    def __init__(self, place: Place) -> None:
        self._place = place
        self.withheld: set[str] = set()

    async def read(self, path: str) -> TextFile | None:
        """
        Read a file; None when the policy or the boundary keeps it away, when it holds credentials,
        and when it is no text.

        What is opened is what was decided on, also when the path is a link.
        """
        try:
            target = self._place.files.resolve(path)
        except PathRefused:
            return None
        try:
            if holds_credentials(target.path):  # by a link that is called otherwise
                return None
            if not self._place.may_read(target):
                self.withheld.add(path)
                return None
            data = await self._place.files.read(target, limit=MAX_FILE_BYTES + 1)
        except (OSError, WorkspaceError):  # gone, a directory, not readable
            return None
        finally:
            target.close()
        return _text_file(path, data)

    def may_show(self, path: str) -> bool:
        """Say whether the policy lets the model read what is at a path now."""
        try:
            target = self._place.files.resolve(path)
        except PathRefused:
            return False
        try:
            return not holds_credentials(target.path) and self._place.may_read(target)
        finally:
            target.close()


def _text_file(path: str, data: bytes) -> TextFile | None:
    if not data or b"\0" in data[:_SNIFFED_BYTES]:
        return None
    partial = len(data) > MAX_FILE_BYTES
    text = data[:MAX_FILE_BYTES].decode("utf-8", "replace")
    return TextFile(path, text.removeprefix("\N{BOM}").replace("\r\n", "\n"), partial)
