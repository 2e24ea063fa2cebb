"""
Merging three trees, file by file: what one side changed wins, and what both did is a conflict.

Where both changed a text file, their lines are merged when they do not touch. Nothing is ever
written with marks of a conflict in it: a file is merged as a whole, or left.

Source: git-merge-file(1); DESIGN 4, Snapshots.
"""

from __future__ import annotations

import asyncio
import posixpath
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from a3s_code.errors import SnapshotLost, SnapshotRefused, WorkspaceError
from a3s_code.kernel.records import Unmerged
from a3s_code.kernel.worktrees import Plan, Step
from a3s_code.workspace.location import readable
from a3s_code.workspace.shadow_formats import Change, State, named
from a3s_code.workspace.shadow_objects import ShadowObjects
from a3s_code.workspace.snapshot_files import LINK, blob_id

BINARY_BYTES = 8_000
"""A file with a zero byte among its first so many is no text; as git has it."""

MADE_TWICE = "it was made on both sides, with different content"
REMOVED_HERE = "it was removed from the workspace, and the child changed it"
CHANGED_HERE = "the child removed it, and it was changed in the workspace"
SAME_LINES = "both sides changed the same lines"
NO_TEXT = "both sides changed it, and it is no text"
A_LINK = "it is a link on one side, and links are not merged"
NO_NAME = "its name is no UTF-8"
A_DIRECTORY = "the workspace has a directory of this name"
A_FILE = "the workspace has a file where its directory would be"
ANOTHER_CASE = "the workspace has a new file whose name differs in case alone"


class TreeMerge:
    """One merge; used once."""

    def __init__(self, objects: ShadowObjects) -> None:
        self._objects = objects
        self._steps: dict[str, Step] = {}
        self._conflicts: dict[str, str] = {}

    async def run(self, base: str, ours: str, theirs: str) -> Plan:
        """See `Worktrees.plan`."""
        wanted = {change.path: change for change in await self._objects.changes(base, theirs)}
        if not wanted:
            return Plan()
        here = {change.path: change for change in await self._objects.changes(base, ours)}
        for path, change in wanted.items():
            if path not in here:
                self._take(path, change.before, change.after)
            elif here[path].after != change.after:
                await self._both(change, here[path].after)
        there = await self._objects.files(ours)
        await asyncio.to_thread(
            self._make_room, there, {p for p, c in here.items() if not c.before}
        )
        return self._plan()

    def _take(self, path: str, now: State | None, then: State | None) -> None:
        if any(state is not None and state.mode == LINK for state in (now, then)):
            self._conflicts[path] = A_LINK
        elif not _is_text(path):
            self._conflicts[path] = NO_NAME
        else:
            self._steps[path] = Step(path, named(now), named(then))

    async def _both(self, theirs: Change, ours: State | None) -> None:
        """Both sides changed a file, and not to the same."""
        path, base, then = theirs.path, theirs.before, theirs.after
        why = _apart(base, ours, then)
        if why or base is None or ours is None or then is None:
            self._conflicts[path] = why
            return
        mode = then.mode if ours.mode == base.mode else ours.mode
        if base.id in (ours.id, then.id) or ours.id == then.id:
            kept = ours.id if then.id == base.id else then.id
            self._take(path, ours, State(mode, kept))
            return
        merged = await self._lines(base.id, ours.id, then.id)
        if isinstance(merged, str):
            self._conflicts[path] = merged
            return
        await self._objects.store({blob_id(merged): merged})
        self._take(path, ours, State(mode, blob_id(merged)))

    async def _lines(self, base: str, ours: str, theirs: str) -> bytes | str:
        """Merge lines; gives why that cannot be done where it cannot."""
        texts: dict[str, bytes] = {}
        async for found in self._objects.contents([base, ours, theirs]):
            texts |= found
        if any(b"\0" in text[:BINARY_BYTES] for text in texts.values()):
            return NO_TEXT
        with tempfile.TemporaryDirectory(prefix="a3s-code-merge-") as place:
            files = [Path(place) / name for name in ("ours", "base", "theirs")]
            for file, name in zip(files, (ours, base, theirs), strict=True):
                await asyncio.to_thread(file.write_bytes, texts[name])
            try:
                return await self._objects.git.run("merge-file", "-q", "-p", *map(str, files))
            except (SnapshotLost, SnapshotRefused):
                raise
            except WorkspaceError:  # its status is the number of conflicts
                return SAME_LINES

    # What stands in the way

    def _make_room(self, there: Mapping[str, State], new: set[str]) -> None:
        """
        Find where a file would stand in the way of a directory, or the other way round.

        Args:
            there: What the workspace has.
            new: What it has and had not when the copy was made.
        """
        gone = {path for path, step in self._steps.items() if not step.after}
        stay = there.keys() - gone
        directories = {above for path in stay for above in _above(path)}
        cases = {path.casefold() for path in new}
        for path, step in [*self._steps.items()]:
            if not step.after or step.before:
                continue
            why = ""
            if path in directories:
                why = A_DIRECTORY
            elif any(above in stay for above in _above(path)):
                why = A_FILE
            elif path not in there and path.casefold() in cases:
                why = ANOTHER_CASE
            if why:
                del self._steps[path]
                self._conflicts[path] = why

    def _plan(self) -> Plan:
        steps = sorted(self._steps.values(), key=lambda step: (bool(step.after), step.path))
        conflicts = (Unmerged(readable(path), why) for path, why in sorted(self._conflicts.items()))
        return Plan(tuple(steps), tuple(conflicts))


def _apart(base: State | None, ours: State | None, theirs: State | None) -> str:
    """Say why what both sides made of a file cannot be one; empty when its lines may tell."""
    if base is None:
        return MADE_TWICE
    if ours is None:
        return REMOVED_HERE
    if theirs is None:
        return CHANGED_HERE
    return A_LINK if LINK in (base.mode, ours.mode, theirs.mode) else ""


def _above(path: str) -> Iterator[str]:
    """Name the directories that a path stands in, the innermost first."""
    directory = posixpath.dirname(path)
    while directory:
        yield directory
        directory = posixpath.dirname(directory)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def ids_of(steps: Iterable[Step]) -> dict[str, list[Step]]:
    """Group the steps that put something there by the blob that they put."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.after:
            found.setdefault(step.after.partition(" ")[2], []).append(step)
    return found
