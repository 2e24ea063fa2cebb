"""The files that a life left, compared with those of a life that was not killed."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

Sight = dict[str, str]
"""What there is at a relative path: the digest of a file, where a link leads, or `directory`."""


class Files(msgspec.Struct, frozen=True):
    """
    Attributes:
        counters: The lines of each counter file, with how often they are there.
    """

    sight: Sight
    counters: dict[str, dict[str, int]]


def look(workspace: Path, counters: Sequence[str], differs: Sequence[str]) -> Files:
    """
    Look at all files below `workspace`.

    Args:
        counters: Relative paths of files in which each line stands for one effect.
        differs: Patterns, as of `fnmatch`, of relative paths that are left out.
    """
    sight = {
        name: _seen(workspace / name)
        for name in _names(workspace)
        if name not in counters and not any(fnmatchcase(name, each) for each in differs)
    }
    return Files(sight, {name: _lines(workspace / name) for name in counters})


def _names(workspace: Path) -> Iterator[str]:
    for place, directories, files in os.walk(workspace):
        for name in (*directories, *files):
            yield (Path(place) / name).relative_to(workspace).as_posix()


def _seen(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_dir():
        return "directory"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lines(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    return dict(Counter(path.read_text(encoding="utf-8").splitlines()))


def differences(found: Sight, expected: Sight) -> list[str]:
    """Say which files are too many, too few, or not the same."""
    faults = [f"{name} should not be there" for name in sorted(found.keys() - expected.keys())]
    faults += [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    both = sorted(found.keys() & expected.keys())
    return faults + [
        f"{name} has another content" for name in both if found[name] != expected[name]
    ]


def repeats(files: Files) -> list[str]:
    """List the lines of counter files that are there more than once, as often as too many."""
    return [
        f"{line!r} of {name}"
        for name, lines in files.counters.items()
        for line, times in lines.items()
        for _ in range(times - 1)
    ]


def omissions(found: Files, expected: Files) -> list[str]:
    """List the lines of counter files that are not there."""
    return [
        f"{line!r} of {name}"
        for name, lines in expected.counters.items()
        for line in lines.keys() - found.counters[name].keys()
    ]


def additions(found: Files, expected: Files) -> list[str]:
    """List the lines of counter files that should not be there."""
    return omissions(expected, found)
