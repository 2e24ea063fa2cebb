"""
The skills of a directory that the host named.

What cannot be read is a fault, and the rest is loaded. All of it is blocking work, for a thread.

Source:
    SPEC 10.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from a3s_code.capabilities.skills.skill import Skill
from a3s_code.capabilities.skills.text import skill_of
from a3s_code.capabilities.skills.tree import FileFault, Found, Tree, said
from a3s_code.errors import A3SError, InvalidValue

T = TypeVar("T")

MAX_FILE_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Loaded:
    """`faults` are in the order of their paths."""

    skills: tuple[Skill, ...]
    faults: tuple[FileFault, ...]


def load(tree: Tree) -> Loaded:
    """Read the skills of a tree; of two of one name the one that is listed later counts."""
    skills: dict[str, Skill] = {}
    read, faults = read_each(tree, _skill)
    for found, skill in read:
        other = skills.pop(skill.name, None)
        if other is not None:
            faults.append(same_name(other.source, found.path, skill.name))
        skills[skill.name] = skill
    return Loaded(tuple(skills.values()), in_order(faults))


def read_each(
    tree: Tree, take: Callable[[Found, bytes], T | None]
) -> tuple[list[tuple[Found, T]], list[FileFault]]:
    """
    Read the files of a tree, and say of those that nothing comes of why.

    Args:
        take: Makes something of a file; None for one that is not meant. Raises an error of ours
            for one that is wrong.
    """
    taken: list[tuple[Found, T]] = []
    faults = list(tree.faults)
    left = MAX_TOTAL_BYTES
    for found in tree.files:
        try:
            data = _read(found.path, left)
            made = take(found, data)
        except A3SError as error:
            faults.append(FileFault(str(found.path), str(error)))
            continue
        except OSError as error:
            faults.append(FileFault(str(found.path), said(error)))
            continue
        left -= len(data)
        if made is not None:
            taken.append((found, made))
    return taken, faults


def same_name(path: str, counts: Path | str, name: str) -> FileFault:
    """Say of a file that another one of the same name counts."""
    return FileFault(path, f"{counts} has the same name, {name!r}, and counts.")


def in_order(faults: list[FileFault]) -> tuple[FileFault, ...]:
    return tuple(sorted(faults, key=lambda fault: fault.path))


def digests(tree: Tree) -> dict[str, str]:
    """Give the SHA-256 of each file of a tree by its path; empty for one that is not loaded."""
    found: dict[str, str] = {}
    left = MAX_TOTAL_BYTES
    for each in tree.files:
        try:
            data = _read(each.path, left)
        except (A3SError, OSError):
            found[str(each.path)] = ""
            continue
        left -= len(data)
        found[str(each.path)] = hashlib.sha256(data).hexdigest()
    return found


def _skill(found: Found, data: bytes) -> Skill | None:
    path, source = found.path, str(found.path)
    if not found.is_skill:
        return skill_of(data, name=path.stem, source=source)
    return skill_of(data, name=path.parent.name, source=source, directory=str(path.parent))


def _read(path: Path, left: int) -> bytes:
    """
    Raises:
        InvalidValue: it is too large, or no file any more.
        OSError: it cannot be opened.
    """
    most = min(MAX_FILE_BYTES, left)
    descriptor = os.open(path, _OPEN)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidValue("It is not a file.")
        data = b"".join(_chunks(descriptor, most + 1))
    finally:
        os.close(descriptor)
    if len(data) > MAX_FILE_BYTES:
        raise InvalidValue(f"It has more than {MAX_FILE_BYTES} bytes.")
    if len(data) > most:
        raise InvalidValue(f"All files together have more than {MAX_TOTAL_BYTES} bytes.")
    return data


def _chunks(descriptor: int, most: int) -> Iterator[bytes]:
    while most > 0 and (chunk := os.read(descriptor, most)):
        most -= len(chunk)
        yield chunk
