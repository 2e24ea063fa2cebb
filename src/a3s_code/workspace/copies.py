"""Copies of a workspace outside of it, and what they borrow from it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def link_dependencies(directory: str, root: str, names: Iterable[str]) -> None:
    """
    Link directories in the root of a workspace into a copy of its files.

    What the copy has itself stays, and a link in the workspace is not followed.
    """
    for name in names:
        there, here = Path(root) / name, Path(directory) / name
        if there.is_dir() and not there.is_symlink() and not os.path.lexists(here):
            here.symlink_to(there, target_is_directory=True)
