"""The files of a run, out of trees and the record of what its tools changed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from a3s_code.api.run_record import RunTrees
from a3s_code.api.trees import ShadowObjects
from a3s_code.kernel.file_changes import UNSEEN
from a3s_code.kernel.records import FileChanging
from a3s_code.kernel.snapshots import FileState

GetBlob = Callable[[str], Awaitable[bytes | None]]

_LINK = 0o120000


async def begin_of(trees: ShadowObjects, told: RunTrees, blob: GetBlob) -> tuple[str, str]:
    """
    Give the tree at the beginning of a run: the first that was taken in it, with the changes
    of its tools before that undone. Files that git ignores are in neither.

    Returns:
        The tree, or nothing and why nobody can tell it.

    Raises:
        SnapshotLost, WorkspaceError: a tree cannot be read or made.
    """
    if told.begin_why:
        return "", told.begin_why
    first = told.taken[0][1]
    there = await trees.files(first)
    files: dict[str, FileState | None] = {}
    for path, change in told.undo.items():
        if path in there:
            files[path] = state = await _before(change, blob)
            if state is None and change.before.sha256:
                return "", f"what {path} was is not kept any more"
    return (await trees.edited(first, files) if files else first), ""


async def _before(change: FileChanging, blob: GetBlob) -> FileState | None:
    data = await blob(change.before.sha256) if change.before.is_kept else None
    return None if data is None else FileState(data)


async def first_unlike(
    trees: ShadowObjects, tree: str, left: Mapping[str, str]
) -> tuple[str, str] | None:
    """
    Find a file of a tree that is not what it was left as.

    Args:
        left: SHA-256 of files by path; what the tree does not hold is passed over.

    Returns:
        Its path, and the SHA-256 of what the tree has; None when there is none.

    Raises:
        SnapshotLost, WorkspaceError: the tree cannot be read.
    """
    there = await trees.files(tree)
    ids = {path: there[path].id for path in left if path in there and there[path].mode != _LINK}
    found = await _digests(trees, list(ids.values()))
    for path, name in ids.items():
        if left[path] not in ("", UNSEEN, found[name]):
            return path, found[name]
    return None


async def _digests(trees: ShadowObjects, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    async for group in trees.contents(names):
        found |= {name: hashlib.sha256(data).hexdigest() for name, data in group.items()}
    return found
