"""
The git program on a shadow directory, with nothing of the workspace in force.

The repository is ours: its configuration, attributes and excludes are written here. Those of
the system and of the user are off, hooks and the file system monitor too, and attributes of
the workspace cannot change a byte, so no program starts but git and no file is converted.

Source: DESIGN 4 and 7; INVARIANTS 15; gitrepository-layout(5).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from a3s_code.errors import SnapshotLost, SnapshotRefused, WorkspaceError
from a3s_code.kernel.workspace import Command, Exit, Processes
from a3s_code.workspace.local import TEMPORARY_PREFIX, TEMPORARY_SUFFIX
from a3s_code.workspace.pipe_watch import watched

LIST_BYTES = 256 * 1024 * 1024
"""Output of git at most, where nothing else is said: a list of paths, in memory."""

STALE_S = 3_600.0
"""What a killed git left is removed after this; no call takes as long."""

_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = true
\tfileMode = true
\tsharedRepository = 0600
\tcompression = 1
[gc]
\tauto = 0
\tpackRefs = false
[maintenance]
\tauto = false
"""
_ATTRIBUTES = "* -text !eol -filter -ident -working-tree-encoding !diff !merge\n"
CUT_SHORT = 128 + signal.SIGBUS
"""The exit status of git when a file became shorter while git had it mapped (SIGBUS)."""
TRIES_AGAIN = 3

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.symlinks=true",
    "core.protectHFS=false",
    "core.protectNTFS=false",
    "index.version=2",
    "index.sparse=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}
_LOST = re.compile(
    "bad object|not a tree|not a valid object|missing|unable to read|could not get object|"
    "invalid object|corrupt|could not read|bad signature|index file",
    re.IGNORECASE,
)
_SHOWN_CHARS = 300
_HINTS = {
    errno.ENOSPC: "free space on the disk",
    errno.EDQUOT: "free space on the disk",
    errno.EROFS: "use a directory on a file system that can be written",
}


@dataclass(frozen=True, slots=True)
class ShadowProgram:
    """
    Git on one repository.

    Attributes:
        processes: Their root is where git runs.
        directory: Of the repository.
        work_tree: The files it is about; empty for questions about objects alone.
        index: The index file; empty where none is used.
        timeout_s: For one call.
    """

    processes: Processes
    directory: str
    work_tree: str = ""
    index: str = ""
    timeout_s: float = 60.0

    async def _ended(self, command: Command) -> Exit:
        running = self.processes.run(command)
        return await (watched(self.work_tree, running) if self.work_tree else running)

    async def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        max_output_bytes: int = LIST_BYTES,
        good: tuple[int, ...] = (0,),
    ) -> bytes:
        """
        Run `git` with `arguments` and give its standard output.

        Args:
            good: Statuses that are no failure.

        Raises:
            SnapshotRefused: it took too long or said too much, or waits for a pipe.
            SnapshotLost: it misses an object.
            WorkspaceError: it failed; says what git said.
        """
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        work_tree = (f"--work-tree={self.work_tree}",) if self.work_tree else ()
        command = Command(
            ("git", f"--git-dir={self.directory}", *work_tree, *settings, *arguments),
            timeout_s=self.timeout_s,
            max_output_bytes=max_output_bytes,
            extra_env=_ENVIRONMENT | ({"GIT_INDEX_FILE": self.index} if self.index else {}),
            stdin=stdin,
            separate_stderr=True,
        )
        ended = await self._ended(command)
        for _ in range(TRIES_AGAIN):
            if ended.status != CUT_SHORT:
                break
            ended = await self._ended(command)
        if ended.timed_out:
            raise too_much(f"git {arguments[0]} took more than {self.timeout_s:.0f} s")
        if ended.status not in good:
            raise _failed(arguments[0], ended.status, ended.stderr.decode(errors="replace"))
        if ended.dropped_bytes:
            raise too_much(f"git {arguments[0]} said more than {max_output_bytes:,} bytes")
        return ended.output


def too_much(what: str) -> SnapshotRefused:
    """Make the error of a limit that was passed."""
    return SnapshotRefused(
        f"The snapshot was given up: {what}.",
        hint="have git ignore generated files; or rewind the conversation alone, files=False",
    )


def _failed(name: str, status: int, said: str) -> WorkspaceError:
    said = " ".join(said.split())[:_SHOWN_CHARS]
    if _LOST.search(said):
        return SnapshotLost(
            f"The snapshot is not there as a whole: {said}.",
            hint="take another one; the directory of the snapshots was emptied or damaged",
        )
    return WorkspaceError(f"git {name} failed with exit status {status}: {said}.")


def prepare(directory: str) -> None:
    """
    Make the shadow directory unless it is there, and sweep what killed calls left in it.

    Raises:
        WorkspaceError: the system refuses.
    """
    with explained("made"):
        if not (Path(directory) / "HEAD").exists():
            _make(Path(directory))
        _sweep(Path(directory))


@contextmanager
def explained(verb: str) -> Generator[None]:
    """
    Turn errors of the system on the shadow directory into one that says what to do.

    Raises:
        WorkspaceError: the system refused something.
    """
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"The directory of the snapshots cannot be {verb}: {error.strerror or error}.",
            hint=_HINTS.get(error.errno or 0, "make it a directory that we can write"),
        ) from error


def _make(directory: Path) -> None:
    """Put the whole of it there at once; who comes second uses what the first one made."""
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", dir=directory.parent))
    try:
        for name in ("objects", "refs", "info", "skipped"):
            (made / name).mkdir(mode=0o700)
        (made / "config").write_text(_CONFIG)
        (made / "info/attributes").write_text(_ATTRIBUTES)
        (made / "info/exclude").write_text(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}\n")
        (made / "HEAD").write_text("ref: refs/heads/none\n")
        for path in made.glob("**/*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        try:
            made.rename(directory)
        except OSError:
            if not (directory / "HEAD").exists():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sweep(directory: Path) -> None:
    oldest = time.time() - STALE_S
    for pattern in ("index-*", "*.lock", "objects/pack/tmp_*", "objects/tmp_*"):
        for path in directory.glob(pattern):
            with suppress(OSError):
                if os.lstat(path).st_mtime < oldest:
                    path.unlink()
