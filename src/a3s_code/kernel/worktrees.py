"""
Copies of a workspace that children have for themselves: the port that they meet, and its values.

A copy begins as the tree of the workspace at one moment. What its child left is a tree again, and
the three trees (base, ours, theirs) tell what can be merged without anything being overwritten.

Source:
    DESIGN 4, "Snapshots".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from a3s_code.kernel.records import Unmerged, WorktreeMade


class Left(msgspec.Struct, frozen=True):
    """
    What stands in a copy.

    Attributes:
        tree: Its files. One that is there and cannot be taken is as the copy began with it.
        missed: What could not be taken, and so cannot be merged.
    """

    tree: str
    missed: tuple[Unmerged, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """
    One file to be merged.

    Attributes:
        path: Below the root of the workspace.
        before: The mode and the blob of git of what stands there now; empty for nothing.
        after: Of what it becomes; empty when it goes.
    """

    path: str
    before: str = ""
    after: str = ""

    @property
    def is_program(self) -> bool:
        return self.after.startswith("100755")


class Plan(msgspec.Struct, frozen=True):
    """
    Attributes:
        steps: In the order in which there is room for each: what goes comes first.
        conflicts: What was changed on both sides, or cannot be merged.
    """

    steps: tuple[Step, ...] = ()
    conflicts: tuple[Unmerged, ...] = ()


class Worktrees(Protocol):
    """
    The copies of one workspace, and what puts files into it.

    Every method may raise `WorkspaceError` when the system or git refuses, `ProgramMissing`
    without git, and `SnapshotLost` when a tree is not there as a whole.
    """

    @property
    def root(self) -> str:
        """The workspace, absolute."""
        ...

    @property
    def objects(self) -> str:
        """The directory of git that has the trees."""
        ...

    async def name(self, child: str, base: str) -> WorktreeMade:
        """
        Choose a place for a copy of the tree `base`, outside of the workspace; none is made.

        Raises:
            SnapshotRefused: it is too large.
        """
        ...

    async def make(self, worktree: WorktreeMade) -> str:
        """
        Make it, with all files of its tree and no others.

        Where the workspace is the top of a git repository with a commit, it is a linked worktree
        of that, at the same commit and with the same index.

        Returns:
            Why it is no repository; empty when it is one.

        Raises:
            SnapshotRefused: it took too long.
        """
        ...

    async def take(self, worktree: WorktreeMade) -> Left:
        """
        Take what stands in a copy.

        Raises:
            SnapshotRefused: it has become too large, or took too long.
        """
        ...

    async def plan(self, base: str, ours: str, theirs: str) -> Plan:
        """Say what of the way from `base` to `theirs` can be gone from `ours`, file by file."""
        ...

    def contents(self, steps: tuple[Step, ...]) -> AsyncIterator[tuple[Step, bytes | None]]:
        """Give each step with the content that the file gets; None when it goes."""
        ...

    async def put(self, step: Step, data: bytes | None) -> None:
        """
        Make what stands at a path `data`, if it still is what the step says.

        Raises:
            FileConflict: it is something else, or the system refuses; nothing was changed.
        """
        ...

    async def remove(self, worktree: WorktreeMade) -> None:
        """Remove a copy with all that stands in it, also one that was made only in part."""
        ...

    def is_left(self, worktree: WorktreeMade) -> bool:
        """Say whether nobody works in a copy any more; its process has ended. May block."""
        ...

    def within(self, worktree: WorktreeMade) -> Worktrees:
        """Give the copies of a copy."""
        ...
