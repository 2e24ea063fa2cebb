"""Real session directories of A3S Code 3, and what a kill leaves of them."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("earlier")

WHOLE = frozenset(
    {
        "cancelled",
        "compacted",
        "empty",
        "failed",
        "image",
        "interrupted",
        "long-output",
        "odd/../id with space",
        "planned",
        "tools",
    }
)
"""The ids of all sessions in `KEPT`."""


def directory_at(place: Path) -> Path:
    """Make a copy of all of them at `place`."""
    shutil.copytree(KEPT, place, ignore=shutil.ignore_patterns("README.md", "*.zip"))
    with zipfile.ZipFile(KEPT / "larger.zip") as packed:
        packed.extractall(place)
    return place


def files_of(directory: Path) -> dict[str, bytes]:
    """Give everything in a directory, by path."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


def rewrite(file: Path, change: Callable[[Any], None]) -> None:
    """Change the JSON in a file."""
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content, indent=2))
