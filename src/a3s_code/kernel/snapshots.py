"""The files of a workspace as they were: the port that snapshots meet, and its values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec


class LeftOut(msgspec.Struct, frozen=True):
    """
    A file that was not taken, or not put back.

    Attributes:
        path: Below the workspace root; bytes that are no UTF-8 are U+FFFD.
    """

    path: str
    reason: str


class Taken(msgspec.Struct, frozen=True):
    """
    A snapshot of a workspace.

    Attributes:
        id: Of the tree, as git has it: 40 lower-case hex digits. Equal content, equal id.
        files: How many it holds; a link is one.
        read_bytes: What had to be read, because it was new or had changed.
        skipped: What a snapshot should hold, and this one does not.
    """

    id: str
    files: int
    read_bytes: int
    skipped: tuple[LeftOut, ...] = ()


class Restored(msgspec.Struct, frozen=True):
    """
    What going back to a tree did. Paths as in `LeftOut`.

    Attributes:
        before: The tree of what was there before; restoring it undoes this.
        left: What differs from the tree still.
    """

    before: str
    written: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[LeftOut, ...] = ()


class Difference(msgspec.Struct, frozen=True):
    """
    A path, and what two trees have there.

    Attributes:
        path: As in `LeftOut`.
        before, after: The mode and the blob of git, such as `100644 ce013625…`; empty for nothing.
    """

    path: str
    before: str = ""
    after: str = ""


class FileState(msgspec.Struct, frozen=True):
    """
    Attributes:
        data: The content; of a link, where it points.
        mode: 0o100644, 0o100755 for a program, 0o120000 for a link; None for that which the
            tree has there, or else the first of these.
    """

    data: bytes
    mode: int | None = None


class Snapshots(Protocol):
    """
    The files of a workspace as they were, as trees of git.

    Taken are regular files (their bytes, and whether they are programs) and links (where they
    point), also those of submodules and repositories inside; not what git ignores, unless the
    user's repository tracks it, not `.git`, and no empty directory. Sockets and pipes are not
    files, and are not named either.

    Every method may raise `SnapshotLost` when a tree that it is given is not there as a
    whole, `ProgramMissing` without git, and `WorkspaceError` with what git said.
    """

    async def tree(self) -> Taken:
        """
        Take the workspace as it is now.

        Raises:
            SnapshotRefused: that would be too many files or bytes, or took too long.
        """
        ...

    async def restore(self, tree: str) -> Restored:
        """
        Make the files of the workspace those of `tree`, as far as that can be undone.

        What is equal is not touched. Something that no snapshot holds (ignored, too large, no
        file, changed meanwhile) is never overwritten or removed: it is left, and named. Mode
        bits other than "is a program" stay. A directory that became empty goes.

        Raises:
            SnapshotRefused: the workspace could not be taken first; nothing was changed.
            SnapshotLost: as above; nothing was changed.
        """
        ...

    async def edited(self, tree: str, files: Mapping[str, FileState | None]) -> str:
        """Give the id of `tree` with these files put there, or taken out (None)."""
        ...

    async def export(self, tree: str, directory: str) -> None:
        """
        Write `tree` into a new or empty directory of the host.

        Raises:
            WorkspaceError: it is not empty, or the system refuses.
        """
        ...

    async def diff(self, before: str, after: str) -> str:
        """
        Give a unified diff as `git diff` has it; binary files are named only.

        Raises:
            SnapshotRefused: it would be too long.
        """
        ...

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Give the paths that differ, as in `LeftOut`, in the order of their bytes."""
        ...

    async def differences(self, before: str, after: str) -> tuple[Difference, ...]:
        """Give the paths that differ and what is there, in the order of `changed`."""
        ...

    async def with_paths(self, tree: str, other: str, paths: Collection[str]) -> str:
        """Give the id of `tree` with these paths as `other` has them."""
        ...

    async def paths(self, tree: str) -> frozenset[str]:
        """Give the paths that `tree` holds, as the system has them."""
        ...

    async def marked(self, tree: str, beside: Collection[str]) -> str:
        """
        Give the id of `tree` with a mark in place of files of now that it does not hold.

        A mark is a file that tells of another one what changes when that does. Marked are what
        was left out when `tree` was taken, and those of `beside` (paths as in `paths`, or as
        tools have them) that are there and not in it. Without such files it is `tree` itself.
        A tree with marks is for comparing only, never to go back to.

        Raises:
            SnapshotRefused: looking at them took too long.
        """
        ...

    async def pack(self, trees: Sequence[str]) -> bytes:
        """Give one pack of git that holds these trees whole, to be sent elsewhere."""
        ...

    async def keep(self, tree: str, name: str) -> None:
        """Hold on to `tree` under `name`, whatever is cleaned up, in place of an earlier one."""
        ...

    async def drop(self, name: str) -> None:
        """Let go of what `name` holds, if anything."""
        ...
