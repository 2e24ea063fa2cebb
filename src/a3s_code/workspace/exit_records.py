"""
Exit statuses on the disk, outside the workspace.

    <directory>/<session_digest>/<digest of the call>    a status in decimal

The shell around a command writes its status when the command has ended, so it is there
also when the process that waited for it was killed in that moment. A status that is not
there says nothing: the command may have been killed, the power cut, or the disk full.

It is evidence of a command that minds its own business, and no proof against one that does
not: the command runs as the user to whom the record belongs, so one that looks for it (in the
arguments of its shell, say) can write any status there and then be killed.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from a3s_code.kernel.store import session_digest

SHELL = "/bin/sh"
SCRIPT = (
    'exec 3>&2 2>/dev/null; "$@" 2>&3 3>&-; status=$?; '
    'printf %s "$status" >"$0.new" && mv -f "$0.new" "$0"; exit "$status"'
)
"""For `sh -c`, with the record and then the command as arguments; says nothing itself."""


def make_room(record: str) -> None:
    """
    Make the directories of a record, and remove what is left under its name.

    For the moment before its command starts. When the system refuses, the command leaves no
    status, and nobody is told: that says as little as a command that was killed.
    """
    path = Path(record)
    with suppress(OSError):
        for directory in (path.parent.parent, path.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in (path, path.with_name(f"{path.name}.new")):
        with suppress(OSError):
            left.unlink()


class ExitRecords:
    """
    One file for each command of a session.

    Args:
        directory: Of all sessions. Made when the first command starts, for its owner alone.
        session: Whose commands these are; call ids of two sessions may be equal.
    """

    __slots__ = ("_directory",)

    def __init__(self, directory: Path, session: str) -> None:
        self._directory = directory / session_digest(session)

    def name(self, call_id: str) -> str:
        """Give the file for the command of a call; nothing on the disk is touched."""
        digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass"))
        return str(self._directory / digest.hexdigest()[:32])

    def read(self, name: str) -> int | None:
        """Give the status that was left; None when none was, or it is none."""
        try:
            said = Path(name).read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
        return int(said) if said.isdecimal() and len(said) <= len("255") else None

    def forget(self, name: str) -> None:
        """Remove it; what cannot be removed does no harm."""
        with suppress(OSError):
            Path(name).unlink(missing_ok=True)
