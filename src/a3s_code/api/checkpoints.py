"""
Where a session can go back to, and what its workspace was there.

A checkpoint is a place in the log: before each run, and before each rewind. The
conversation there is the fold of the records before it. The files there are the next tree
that was taken after it, with the changes of the session's tools between the two undone by
what the log keeps of each file. A tree is taken before the first effect since the last
checkpoint that may change any file, so every checkpoint can be reached.

Source:
    DESIGN 4, "Snapshots".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from a3s_code.errors import A3SError, InvalidValue, SnapshotLost, WorkspaceError
from a3s_code.kernel.events import SnapshotsOff
from a3s_code.kernel.fold import fold
from a3s_code.kernel.log import Log
from a3s_code.kernel.ports import Action, Sink
from a3s_code.kernel.records import SnapshotTaken
from a3s_code.kernel.snapshots import FileState, Restored, Snapshots
from a3s_code.kernel.state import Checkpoint, FileChange, SessionState
from a3s_code.kernel.store import session_digest
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool

MAX_NAMED = 100
"""Paths that a snapshot leaves out and that its record names."""


@dataclass(slots=True)
class Checkpoints:
    """
    Args:
        open_snapshots: Called when the first tree is needed.
        session: By which name its trees are kept.
        is_kept: Trees are kept beside the records, so they are taken without being asked for.
    """

    log: Log
    session: str
    open_snapshots: Callable[[], Snapshots]
    is_kept: bool = False
    _snapshots: Snapshots | None = field(default=None, init=False)
    _off: str = field(default="", init=False)

    @property
    def snapshots(self) -> Snapshots:
        self._snapshots = self._snapshots or self.open_snapshots()
        return self._snapshots

    # Places

    def find(self, name: str) -> Checkpoint:
        """
        Find a checkpoint by its id or by the id of the run that began there.

        Raises:
            InvalidValue: there is none.
        """
        for place in self.log.state.checkpoints:
            if name in (place.id, place.run) and name:
                return place
        raise InvalidValue(
            f"There is no checkpoint {name!r} in this session.",
            hint="see checkpoints() for those there are",
        )

    def state_at(self, sequence: int) -> SessionState:
        """Give what the session was before a record."""
        return fold(self.log.records[:sequence])

    # Files

    async def before_effect(self, action: Action, sink: Sink) -> None:
        """
        Take the workspace when the last checkpoint could not be reached otherwise.

        What keeps it from being taken is shown, and nothing is taken from then on.
        """
        state = self.log.state
        if self._off or not state.checkpoints:
            return
        if state.snapshots and state.snapshots[-1][0] >= state.checkpoints[-1].sequence:
            return
        await self._try_to_take(action.tool.name, sink)

    async def after_run(self, sink: Sink) -> None:
        """Take the workspace at the end of a run that may have changed it; failures as above."""
        state = self.log.state
        if not self.is_kept or self._off or not state.checkpoints:
            return
        since = state.checkpoints[-1].sequence
        if state.snapshots:
            since = max(since, state.snapshots[-1][0])
        last = max(
            [*state.unknown[-1:], *(each.sequence for each in state.changes[-1:])], default=-1
        )
        if last > since:
            await self._try_to_take("end", sink)

    async def _try_to_take(self, why: str, sink: Sink) -> None:
        try:
            await self.take(why, sink)
        except WorkspaceError as error:
            self._off = error.message
            sink.emit(SnapshotsOff(reason=str(error)))

    async def take(self, why: str, sink: Sink) -> str:
        """
        Take the workspace as it is, and record it; gives the tree.

        Raises:
            SnapshotRefused: it is too large.
            WorkspaceError: git is missing, or failed.
        """
        taken = await self.snapshots.tree()
        await self.keep(taken.id)
        skipped = tuple(left.path for left in taken.skipped[:MAX_NAMED])
        sink.emit(SnapshotTaken(tree=taken.id, why=why, skipped=skipped))
        return taken.id

    async def keep(self, tree: str) -> None:
        """Hold on to a tree as long as the session is kept."""
        await self.snapshots.keep(tree, f"{session_digest(self.session)}-{tree}")

    async def tree_at(self, place: Checkpoint, sink: Sink, why: str) -> str:
        """
        Give the tree of the workspace as it was at a checkpoint.

        Raises:
            SnapshotLost: nobody can tell it any more; says why.
            SnapshotRefused, WorkspaceError: as `take`.
            StoreError: what a file was cannot be read.
        """
        state = self.log.state
        later = [taken for taken in state.snapshots if taken[0] >= place.sequence]
        if not later:
            await self.take(why, sink)
            later = state.snapshots[-1:]
        until, tree = later[0]
        if place.runs_across:
            raise self._lost(place, "a command was at work just then")
        if any(place.sequence <= sequence < until for sequence in state.unknown):
            raise self._lost(place, f"a command ran before the workspace was taken{self._why()}")
        files = await self._before(
            [each for each in state.changes if place.sequence <= each.sequence < until]
        )
        return await self.snapshots.edited(tree, files) if files else tree

    def _lost(self, place: Checkpoint, why: str) -> SnapshotLost:
        return SnapshotLost(
            f"Nobody can tell what the files were at {place.id}: {why}.",
            hint="rewind the conversation alone, with files=False",
        )

    def _why(self) -> str:
        return f", since {self._off[:1].lower()}{self._off[1:].rstrip('.')}" if self._off else ""

    async def _before(self, changes: list[FileChange]) -> Mapping[str, FileState | None]:
        """Give what files were before the first of their changes; those below `.git` are left."""
        first: dict[str, FileChange] = {}
        for change in changes:
            first.setdefault(change.what.path, change)
        return {
            path: await self._content(change)
            for path, change in first.items()
            if ".git" not in path.lower().split("/")
        }

    async def _content(self, change: FileChange) -> FileState | None:
        before = change.what.before
        if not before.sha256:
            return None
        data = await self.log.get_blob(before.sha256) if before.is_kept else None
        if data is None:
            raise SnapshotLost(
                f"What {change.what.path} was is not kept any more.",
                hint="rewind the conversation alone, with files=False",
            )
        return FileState(data)


class RewindArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checkpoint: str
    tree: str


def rewinding(snapshots: Snapshots, given: list[Restored | A3SError]) -> Tool:
    """
    Make the tool that makes the workspace a tree; the host calls it, and no model sees it.

    Args:
        given: Gets what was done, or why not.
    """

    @tool(RewindArgs, effect=Effect.EXECUTE)
    async def rewind(args: RewindArgs, context: ToolContext) -> Observation:  # noqa: ARG001 - a tool's
        """Make the files of the workspace those of a tree."""
        try:
            done = await snapshots.restore(args.tree)
        except A3SError as error:
            given.append(error)
            raise
        given.append(done)
        count = len(done.written) + len(done.removed)
        left = f" {len(done.left)} were left as they are." if done.left else ""
        return Observation(f"{count} files went back.{left}")

    return rewind
