"""Putting a tree back into a workspace, or into a new directory."""

from __future__ import annotations

import asyncio
import os
import posixpath
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from a3s_code.errors import WorkspaceError
from a3s_code.kernel.snapshots import LeftOut, Restored, Taken
from a3s_code.workspace.location import readable, shown
from a3s_code.workspace.shadow_formats import Change, State
from a3s_code.workspace.shadow_objects import ShadowObjects
from a3s_code.workspace.snapshot_files import Content, Tree, Unfit, open_root
from a3s_code.workspace.snapshot_take import Taking, beneath

_RULES = ".gitignore"
_ANY_SIZE = 1 << 62


class Restoring:
    """
    One way back.

    Ignore files go first: what they ignore then is not removed, although they may not have
    said so when the workspace was looked at. Then what is not in the tree goes, so that there
    is room for what is.
    """

    def __init__(self, taking: Taking, tree: str) -> None:
        self._taking, self._tree = taking, tree
        self._left: dict[str, str] = {}
        self._written: list[str] = []
        self._removed: list[str] = []

    async def run(self, before: Taken, changes: Sequence[Change]) -> Restored:
        """
        Make the changes, as far as they can be undone.

        Raises:
            SnapshotLost: the content of the tree is not there; nothing was changed.
        """
        await self._taking.objects.sizes([c.after.id for c in changes if c.after])
        changes, rules = await asyncio.to_thread(self._parted, changes)
        await self._go(rules)
        done = {*self._written, *self._removed}
        rest = [c for c in changes if c.path not in done]
        await self._spare([c.path for c in rest if c.after is None], has_rules=bool(rules))
        await self._go(rest)
        return await asyncio.to_thread(self._restored, before.id)

    def _parted(self, changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
        """Give what may be changed at all, and the ignore files of that."""
        reserved = {c.path for c in changes if self._taking.is_reserved(c.path)}
        self._left.update(dict.fromkeys(reserved, "it is not for snapshots"))
        free = [c for c in changes if c.path not in reserved]
        return free, [c for c in free if posixpath.basename(c.path) == _RULES]

    def _restored(self, before: str) -> Restored:
        return Restored(
            before,
            tuple(map(readable, sorted(self._written))),
            tuple(map(readable, sorted(self._removed))),
            tuple(LeftOut(readable(path), why) for path, why in sorted(self._left.items())),
        )

    async def _spare(self, removals: Sequence[str], *, has_rules: bool) -> None:
        """Leave what was there when the tree was taken, and is not in it."""
        skipped = await asyncio.to_thread(self._taking.objects.skipped, self._tree)
        ignored = await self._taking.index.are_ignored(removals) if has_rules else set[str]()
        for path in removals:
            if path in skipped:
                self._left[path] = "it could not be taken then"
            elif path in ignored:
                self._left[path] = "it was ignored then"

    async def _go(self, changes: Sequence[Change]) -> None:
        gone = [c for c in changes if c.after is None and c.path not in self._left]
        if gone:
            await self._taking.beneath(lambda tree, stop: self._remove(tree, gone, stop))
        put = [c for c in changes if c.after is not None]
        async for found in self._taking.objects.contents([c.after.id for c in put if c.after]):
            await self._taking.beneath(
                lambda tree, stop, found=found: self._put(tree, put, found, stop)
            )

    def _remove(self, tree: Tree, changes: Sequence[Change], stop: threading.Event) -> None:
        for change in changes:
            if stop.is_set():
                return
            assert change.before is not None
            try:
                tree.remove(change.path, change.before)
                self._removed.append(change.path)
            except Unfit as unfit:
                self._left[change.path] = str(unfit)

    def _put(
        self, tree: Tree, changes: Sequence[Change], found: dict[str, bytes], stop: threading.Event
    ) -> None:
        for change in changes:
            if stop.is_set():
                return
            assert change.after is not None
            mode, name = change.after
            if name not in found:
                continue
            try:
                tree.put(change.path, Content(mode, found[name]), change.before)
                self._written.append(change.path)
                self._left.pop(change.path, None)
            except Unfit as unfit:
                self._left[change.path] = str(unfit)


async def export(objects: ShadowObjects, tree: str, directory: str) -> None:
    """See `Snapshots.export`."""
    files = await objects.files(tree)
    root_fd = await asyncio.to_thread(_empty_directory, directory)
    try:
        async for found in objects.contents([state.id for state in files.values()]):
            await beneath(
                os.dup(root_fd),
                lambda into, stop, found=found: _write(into, files, found, stop),
                _ANY_SIZE,
            )
    finally:
        os.close(root_fd)


def _write(
    into: Tree, files: Mapping[str, State], found: Mapping[str, bytes], stop: threading.Event
) -> None:
    """Write those of `files` whose content is `found`."""
    for path, state in files.items():
        if stop.is_set():
            return
        if state.id not in found:
            continue
        try:
            into.put(path, Content(state.mode, found[state.id]), None)
        except Unfit as unfit:
            raise WorkspaceError(f"{shown(path)} was not written: {unfit}.") from None


def _empty_directory(path: str) -> int:
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        fd = open_root(path)
        if any(Path(path).iterdir()):
            os.close(fd)
            raise WorkspaceError(f"{shown(path)} is not empty.", hint="name a new directory")
    except OSError as error:
        raise WorkspaceError(f"{shown(path)} cannot be used: {error.strerror}.") from None
    return fd
