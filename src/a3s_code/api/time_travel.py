"""
Going back: versions of files, checkpoints of a session, and what was between them.

`TimeTravel` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from a3s_code.api import records_view
from a3s_code.api.result import ToolResult, tool_result
from a3s_code.checks import checked_path
from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.log import Log


class TimeTravel(ABC):
    """Gives `AsyncSession` the ways back, over what its log has recorded."""

    __slots__ = ()

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    # Checkpoints

    def checkpoints(self) -> list[JsonObject]:
        """
        List where the session can go back to, oldest first: before each run and each rewind.

        Returns:
            `id`, `run_id` (None before a rewind), `label` (the prompt of the run),
            `created_at_ms` (Unix time), `messages` (of the conversation as it was there).

        Raises:
            SessionClosed: the session was closed.

        Source:
            DESIGN 4.
        """
        log = self._log()
        return records_view.checkpoints(log) if log else []

    async def rewind(self, to: str, *, files: bool = True, chat: bool = True) -> JsonObject:
        """
        Go back to a checkpoint. It waits for the run that is active.

        Files: what tools and commands of the session have changed becomes what it was. When
        a command ran since, that is all files of the workspace, whoever changed them. Not
        touched are files that git ignores or that are larger than 10 MiB, empty directories,
        and the user's `.git`. In a session without a store of its own the files after a
        command cannot go back: only with a `FileSessionStore` the workspace is taken before
        one. Nor can a file go back whose content is none of the latest 500 that the session
        keeps (256 MiB at most). Chat: the conversation becomes what it was; runs stay listed.

        Args:
            to: A checkpoint's id, or the id of the run that began there.

        Returns:
            `checkpoint`, `undo` (the id of a checkpoint that takes this back), `tree` (the
            files as a tree of git), `written`, `removed`, and `left`: what could not go back,
            by path, with why.

        Raises:
            InvalidValue: there is no such checkpoint, or nothing should go back.
            SnapshotLost, SnapshotRefused: nobody can tell what the files were, or they cannot
                be taken; nothing went back.
            WorkspaceError: git is missing, or not every file could be written; then the
                checkpoint that takes it back is listed.
            StoreError: it could not be recorded.
            UsageError: called from inside a run of this session.

        Source:
            DESIGN 4.
        """
        if not files and not chat:
            raise InvalidValue(
                "Neither files nor chat should go back.", hint="leave one of them on"
            )
        return await (await self._awake()).rewind(to, files=files, chat=chat)

    async def diff(self, a: str, b: str | None = None) -> str:
        """
        Give what differs in the workspace between two checkpoints, or from one to now.

        Returns:
            A unified diff as `git diff` has it; binary files are named only.

        Raises:
            InvalidValue, SnapshotLost, SnapshotRefused, WorkspaceError, StoreError: as
                `rewind`.
        """
        return await (await self._awake()).diff(a, b)

    # Files

    async def list_file_versions(self, path: str) -> list[JsonObject]:
        """
        List what a file was before each change that a tool of the session made to it.

        Commands that wrote it are not among them; see `rewind` for those.

        Args:
            path: Relative to the workspace root, or absolute.

        Returns:
            `version` (from 0 for each file, oldest first), `path`, `timestamp` (Unix
            milliseconds), `tool_name`, `size` (bytes). The latest 500 of the session are
            kept, of files up to 16 MiB, 256 MiB in all.

        Raises:
            PathRefused: the path leads out of the workspace.
            InvalidType: it is none.
            SessionClosed: the session was closed.

        Source:
            SPEC 12.3.
        """
        from a3s_code.api.file_history import versions

        path = checked_path("path", path)
        engine = await self._awake()
        return versions(engine.log, engine.real_path(path))

    async def diff_file_versions(self, path: str, a: int, b: int | None = None) -> str:
        """
        Give a unified diff from version `a` of a file to version `b`, or to what it is now.

        Three lines of context, headers `--- a/<path> (version <a>)`; empty for equal ones.
        Files that are no text, that have more than 4 MiB together, or that differ in so much
        that 10 s do not suffice are only said to differ.

        Raises:
            InvalidValue: there is no such version.
            PathRefused: the path leads out of the workspace.
            InvalidType: it is none.
            StoreError: a version cannot be read.
        """
        from a3s_code.api.file_diff import diff
        from a3s_code.api.file_history import content

        path = checked_path("path", path)
        engine = await self._awake()
        real = engine.real_path(path)
        before = f"version {a}", await content(engine.log, real, a)
        if b is None:
            after = "now", await engine.file_now(real)
        else:
            after = f"version {b}", await content(engine.log, real, b)
        return engine.log.shown(await diff(real, before, after))

    async def restore_file_version(self, path: str, version: int) -> ToolResult:
        """
        Put a file back as a version of it was; what it is now becomes its newest version.

        Raises:
            InvalidValue: there is no such version.
            PathRefused: the path leads out of the workspace.
            InvalidType: it is none.
            StoreError: the version cannot be read, or the change not be recorded.
        """
        from a3s_code.api.file_history import content, restoring

        path = checked_path("path", path)
        engine = await self._awake()
        real = engine.real_path(path)
        own = restoring(await content(engine.log, real, version))
        args: JsonObject = {"file_path": real, "version": version}
        return tool_result(own.name, await engine.call(own.name, args, own))
