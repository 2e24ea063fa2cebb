"""
Exit statuses on the disk, outside the workspace.

The shell around a command writes its status when the command has ended, so it is there
also when the process that waited for it was killed in that moment. A status that is not
there says nothing: the command may have been killed, or the power cut.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

SHELL = "/bin/sh"
SCRIPT = (
    'exec 3>&2 2>/dev/null; "$@" 2>&3 3>&-; status=$?; '
    'printf %s "$status" >"$0.new" && mv -f "$0.new" "$0"; exit "$status"'
)
"""For `sh -c`, with the record and then the command as arguments; says nothing itself."""


class ExitRecords:
    """
    One file for each command of a session.

    Args:
        directory: Made when it is first needed, for its owner alone.
        session: Whose commands these are; call ids of two sessions may be equal.
    """

    __slots__ = ("_directory", "_session")

    def __init__(self, directory: Path, session: str) -> None:
        self._directory, self._session = directory, session

    def name(self, call_id: str) -> str:
        """Give the file for the command of a call, in a directory that is there."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256(f"{self._session}\0{call_id}".encode("utf-8", "surrogatepass"))
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
