"""Taking a snapshot: reading what has changed, and making the tree."""

from __future__ import annotations

import asyncio
import os
import posixpath
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from a3s_code.errors import InvalidValue, SnapshotLost
from a3s_code.kernel.perseverance import to_its_end
from a3s_code.kernel.snapshots import LeftOut, Taken
from a3s_code.workspace.local import SETTLE_S
from a3s_code.workspace.location import readable
from a3s_code.workspace.paths import Root
from a3s_code.workspace.shadow_formats import Change, State, row
from a3s_code.workspace.shadow_index import ShadowIndex
from a3s_code.workspace.shadow_objects import BATCH_BYTES, ShadowObjects
from a3s_code.workspace.shadow_program import too_much
from a3s_code.workspace.snapshot_files import LINK, Content, Tree, Unfit, blob_id, check_path

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SnapshotLimits:
    """
    Attributes:
        max_files: In one snapshot.
        max_bytes: Read for one snapshot: all of them the first time, then what has changed.
        max_file_bytes: A larger file is not taken.
        timeout_s: For one snapshot, or for going back to one.
    """

    max_files: int = 100_000
    max_bytes: int = 2 * 1024 * 1024 * 1024
    max_file_bytes: int = 10 * 1024 * 1024
    timeout_s: float = 30.0


@dataclass(slots=True)
class _Batch:
    """What one thread read: rows for the index, the content for them, and what was unfit."""

    rows: list[bytes] = field(default_factory=list[bytes])
    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    read_bytes: int = 0
    newest_s: float = 0.0


class Taking:
    """
    One snapshot of a workspace.

    Args:
        never: What is not to be taken or written; `reserved_below` gives it.
    """

    def __init__(
        self,
        objects: ShadowObjects,
        index: ShadowIndex,
        root: Root,
        never: Sequence[str],
        limits: SnapshotLimits,
    ) -> None:
        self.objects, self.index, self._root, self._limits = objects, index, root, limits
        self._never = frozenset(never)
        self._below_never = tuple(f"{path}/" for path in never)
        self._skipped: dict[str, str] = {}
        self._read_bytes, self._newest_s = 0, 0.0

    async def run(self) -> Taken:
        """See `Snapshots.tree`. Objects that were lost are made again."""
        try:
            return await self._run()
        except SnapshotLost:
            self.index.start_over()
            return await self._run()

    async def _run(self) -> Taken:
        listing = await self.index.listing()
        if self.index.count + len(listing.new) > self._limits.max_files:
            raise too_much(f"there are more than {self._limits.max_files:,} files")
        rows = await asyncio.to_thread(self._without, listing.forget)
        rows += await self._read(listing.known, is_known=True)
        rows += await self._read(listing.new, is_known=False)
        await self.index.update(rows, self._newest_s)
        return await self._taken()

    def _without(self, paths: Sequence[str]) -> list[bytes]:
        return [row(self.index.full(path), None) for path in paths]

    async def before(self, tree: str) -> tuple[Taken, list[Change]]:
        """
        Take what is there before `tree` is put in its place; say what will change.

        Taken as well is what stands where `tree` has a file, ignored or not.
        """
        taken = await self.run()
        changes = await self.objects.changes(taken.id, tree)
        rows = await self._read([c.path for c in changes if c.before is None], is_known=False)
        if not rows:
            return taken, changes
        await self.index.update(rows)
        taken = await self._taken()
        return taken, await self.objects.changes(taken.id, tree)

    async def _taken(self) -> Taken:
        tree = await self.index.tree()
        return await asyncio.to_thread(self._noted, tree)

    def _noted(self, tree: str) -> Taken:
        self.objects.note_skipped(tree, self._skipped)
        skipped = (LeftOut(readable(path), why) for path, why in sorted(self._skipped.items()))
        return Taken(tree, self.index.count, self._read_bytes, tuple(skipped))

    async def _read(self, paths: Sequence[str], *, is_known: bool) -> list[bytes]:
        """Read and store what stands at `paths`; give the rows for the index."""
        rows: list[bytes] = []
        rest = iter(paths)
        while (batch := await self._batch(rest, is_known=is_known)) is not None:
            self._read_bytes += batch.read_bytes
            if self._read_bytes > self._limits.max_bytes:
                raise too_much(f"there are more than {self._limits.max_bytes:,} bytes to read")
            await self.objects.store(batch.blobs)
            self._newest_s = max(self._newest_s, batch.newest_s)
            self._skipped |= batch.skipped
            rows += batch.rows
        return rows

    async def _batch(self, paths: Iterator[str], *, is_known: bool) -> _Batch | None:
        first = next(paths, None)
        if first is None:
            return None
        batch = _Batch()

        def read(tree: Tree, stop: threading.Event) -> _Batch:
            path: str | None = first
            while path is not None and not stop.is_set():
                self._look(tree, path, batch, is_known=is_known)
                path = next(paths, None) if batch.read_bytes < BATCH_BYTES else None
            return batch

        return await self.beneath(read)

    def _look(self, tree: Tree, path: str, batch: _Batch, *, is_known: bool) -> None:
        try:
            content = self._content(tree, path)
        except Unfit as unfit:
            batch.skipped[path] = str(unfit)
            content = None
        if content is not None:
            state = State(content.mode, blob_id(content.data))
            batch.blobs[state.id] = content.data
            batch.read_bytes += len(content.data)
            batch.newest_s = max(batch.newest_s, content.changed_s)
            batch.rows.append(row(self.index.full(path), state))
        elif is_known:
            batch.rows.append(row(self.index.full(path), None))

    def _content(self, tree: Tree, path: str) -> Content | None:
        if self.is_reserved(path):
            return None
        try:
            check_path(path)
        except InvalidValue:
            raise Unfit("git does not hold a file of this name") from None
        content = tree.read(path)
        if content and content.mode == LINK and posixpath.basename(path) == ".gitmodules":
            raise Unfit("git does not hold a link of this name")
        return content

    def is_reserved(self, path: str) -> bool:
        """Tell whether `path` is not for snapshots: the shadow's own, or the host said so."""
        return path in self._never or path.startswith(self._below_never)

    async def beneath(self, work: Callable[[Tree, threading.Event], T]) -> T:
        """
        Run `work` on the files of the workspace, in a thread.

        When cancelled meanwhile, the event is set, and the end of `work` is waited for.
        """
        return await beneath(self._root.open(), work, self._limits.max_file_bytes)


async def beneath(root_fd: int, work: Callable[[Tree, threading.Event], T], limit: int) -> T:
    """Run `work` on the files beneath a directory, which is closed after it."""
    stop = threading.Event()

    def job() -> T:
        tree = Tree(root_fd, limit)
        try:
            return work(tree, stop)
        finally:
            tree.close()

    task = asyncio.ensure_future(asyncio.to_thread(job))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        with suppress(Exception):  # somebody else asked for the end; its failure is no news
            await to_its_end(task, SETTLE_S)
        raise


def reserved_below(root: str, never: Sequence[str]) -> list[str]:
    """
    Give what of `never` lies below `root`, relative to it, by its own name and where it leads.

    Args:
        root: A real path. It is not reserved itself: nothing would be left to be taken.
    """
    base = f"{root.rstrip('/')}/"
    real = [os.path.realpath(path) for path in never]
    split = [posixpath.split(path) for path in never]
    real += [f"{os.path.realpath(above).rstrip('/')}/{name}" for above, name in split]
    return [path.removeprefix(base) for path in real if path.startswith(base)]
