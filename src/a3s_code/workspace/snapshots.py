"""
Snapshots of a workspace, in a shadow directory of git outside of it.

Git tells what has changed and keeps the trees; the files of the workspace are read and
written here, by descriptors. The shadow directory holds all content itself, byte for byte. It
borrows no object from the user's repository: those lie behind filters and conversions of line
ends, and may be pruned any time.

After a crash of the machine the last trees may lack objects; they are then `SnapshotLost`.

Source: DESIGN 4, Snapshots; INVARIANTS 1 to 3 and 15.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from a3s_code.kernel.snapshots import Difference, FileState, Restored, Taken
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.paths import Root
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.shadow_formats import check_id
from a3s_code.workspace.shadow_index import ShadowIndex, find_place, open_index
from a3s_code.workspace.shadow_objects import ShadowObjects
from a3s_code.workspace.shadow_program import too_much
from a3s_code.workspace.snapshot_marks import Marks
from a3s_code.workspace.snapshot_restore import Restoring, export
from a3s_code.workspace.snapshot_take import SnapshotLimits, Taking, reserved_below


class ShadowGit:
    """
    `Snapshots` of a local workspace.

    Args:
        root: The workspace.
        directory: Of the shadow; made when it is first needed. One workspace each.
        never: Paths of the host that are not taken when they lie in the workspace, such as
            the directory of the store. The shadow itself never is. The workspace as a whole
            cannot be left out: where it is the store's directory, name what that holds.
        guard: Kills git when this process dies.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        directory: str | os.PathLike[str],
        *,
        limits: SnapshotLimits | None = None,
        never: Sequence[str | os.PathLike[str]] = (),
        guard: Guard | None = None,
    ) -> None:
        self._root, self._limits = Root(root), limits or SnapshotLimits()
        self._processes = LocalProcesses(root, guard=guard)
        self.objects = ShadowObjects(directory, guard=guard)
        self._marks = Marks()
        self._never = (self.objects.directory, *(os.fspath(path) for path in never))

    async def tree(self) -> Taken:
        """See `Snapshots.tree`."""
        async with self._in_time(), self._index() as index:
            return await (await self._taking(index)).run()

    async def restore(self, tree: str) -> Restored:
        """See `Snapshots.restore`."""
        check_id(tree)
        async with self._index() as index:
            taking = await self._taking(index)
            async with self._in_time():
                before, changes = await taking.before(tree)
            return await Restoring(taking, tree).run(before, changes)

    async def edited(self, tree: str, files: Mapping[str, FileState | None]) -> str:
        """See `Snapshots.edited`."""
        edited = await self.objects.edited(tree, files)
        await asyncio.to_thread(self.objects.note_skipped, edited, self.objects.skipped(tree))
        return edited

    async def export(self, tree: str, directory: str) -> None:
        """See `Snapshots.export`."""
        await export(self.objects, tree, directory)

    async def diff(self, before: str, after: str) -> str:
        """See `Snapshots.diff`."""
        return await self.objects.diff(before, after)

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        """See `Snapshots.changed`."""
        return await self.objects.changed(before, after)

    async def differences(self, before: str, after: str) -> tuple[Difference, ...]:
        """See `Snapshots.differences`."""
        return await self.objects.differences(before, after)

    async def with_paths(self, tree: str, other: str, paths: Collection[str]) -> str:
        """See `Snapshots.with_paths`."""
        return await self.objects.with_paths(tree, other, paths)

    async def paths(self, tree: str) -> frozenset[str]:
        """See `Snapshots.paths`."""
        return await self.objects.paths(tree)

    async def marked(self, tree: str, beside: Collection[str]) -> str:
        """See `Snapshots.marked`."""
        out = await asyncio.to_thread(self.objects.skipped, tree)
        wanted = {path for path in out.union(beside) if path}
        if wanted:
            wanted -= await self.objects.paths(tree)
        if not wanted:
            return tree
        never = await asyncio.to_thread(reserved_below, self._root.real, self._never)
        async with self._in_time():
            marks = await self._marks.of(self._root.open, wanted, never)
        return await self.objects.edited(tree, marks) if marks else tree

    async def pack(self, trees: Sequence[str]) -> bytes:
        """See `Snapshots.pack`."""
        return await self.objects.pack(trees)

    async def keep(self, tree: str, name: str) -> None:
        """See `Snapshots.keep`."""
        await self.objects.keep(tree, name)

    async def drop(self, name: str) -> None:
        """See `Snapshots.drop`."""
        await self.objects.drop(name)

    async def _taking(self, index: ShadowIndex) -> Taking:
        never = await asyncio.to_thread(reserved_below, self._root.real, self._never)
        return Taking(self.objects, index, self._root, never, self._limits)

    @asynccontextmanager
    async def _index(self) -> AsyncGenerator[ShadowIndex]:
        await self.objects.ready()
        place = await find_place(self.objects, self._processes, self._root.real)
        async with open_index(self.objects, self._processes, place) as index:
            yield index

    @asynccontextmanager
    async def _in_time(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                yield
        except TimeoutError:
            raise too_much(f"it took more than {self._limits.timeout_s:g} s") from None
