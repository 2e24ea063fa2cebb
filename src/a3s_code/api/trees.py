"""
Trees of files without their workspace: those kept beside a store, and those of a bundle.

The one place that knows in which directory a store keeps the trees of a workspace.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from a3s_code.api.memories import memory_files
from a3s_code.api.stores import own_files, place_of
from a3s_code.kernel.snapshots import Snapshots
from a3s_code.kernel.store import Store, session_digest
from a3s_code.workspace.shadow_objects import ShadowObjects
from a3s_code.workspace.snapshot_restore import export
from a3s_code.workspace.snapshots import ShadowGit


def shadow_directory(place: Path, root: str) -> Path:
    """Name the directory of the trees of the workspace `root` beside a store at `place`."""
    return place / "snapshots" / hashlib.sha256(os.fsencode(root)).hexdigest()[:32]


def fork_directory(place: Path, session_id: str) -> Path:
    """Name the directory of a fork's files beside a store at `place`."""
    return place / "forks" / session_digest(session_id)


def trees_beside(store: Store, root: str) -> ShadowObjects | None:
    """Give the trees that a store keeps of a workspace; None where there are none."""
    place = place_of(store)
    shadow = shadow_directory(place, root) if place is not None else None
    return ShadowObjects(shadow) if shadow is not None and shadow.is_dir() else None


def snapshots_beside(
    store: Store, root: str, memory_dir: str = "", directory: Path | None = None
) -> Snapshots | None:
    """
    Give the snapshots of a workspace with what a store keeps of it.

    Args:
        memory_dir: Where its session remembers; like the store's files it is in no tree.
        directory: Where trees are kept instead; None = beside the store.

    Returns:
        None where the store keeps none of it.
    """
    place = place_of(store)
    if place is None:
        return None
    shadow = shadow_directory(place, root)
    if directory is None and not shadow.is_dir():
        return None
    never = [*own_files(place), *(memory_files(Path(memory_dir)) if memory_dir else ())]
    return ShadowGit(root, directory or shadow, never=never)


async def write_tree(trees: ShadowObjects, tree: str, directory: str) -> None:
    """
    Write a tree into a new or empty directory.

    Raises:
        WorkspaceError: the directory is not empty, or the system refuses.
        SnapshotLost: the tree is not there as a whole.
    """
    await export(trees, tree, directory)
