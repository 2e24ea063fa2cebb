"""
The skills of a directory that the host named.

Every Markdown file with front matter below it is a skill, and every directory with a `SKILL.md` is
one: its other Markdown files are what that skill refers to. Nothing outside of the directory is
read, whatever links say. What cannot be read is a fault, and the rest is loaded.

All of it is blocking work, for a thread.

Source:
    SPEC 10; DESIGN 8.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from a3s_code.capabilities.skills.skill import Skill
from a3s_code.capabilities.skills.text import skill_of
from a3s_code.errors import A3SError, InvalidValue

MAX_FILES = 5_000
MAX_ENTRIES = 100_000
MAX_DEPTH = 16
MAX_FILE_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024

SKILL_FILE = "skill.md"
"""Compared without case, as public repositories write it."""

_PASSED_OVER = frozenset({".git", ".hg", ".svn", ".venv", "__pycache__", "node_modules"})
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW


class SkillFault(msgspec.Struct, frozen=True):
    """
    Why a file, a link or a directory is not there as a skill.

    Attributes:
        kind: That of `SkillRefused`, when the validator does not accept it.
    """

    path: str
    reason: str
    kind: str = ""


class Found(NamedTuple):
    """
    A Markdown file that may be a skill.

    Attributes:
        path: Its real path.
        directory: Where it is the `SKILL.md` of; empty for a file of its own.
        state: What changes when the file does: inode, size, and when it was changed.
    """

    path: str
    directory: str
    state: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Tree:
    """What a directory holds, before any of it is read. Equal when nothing has changed."""

    files: tuple[Found, ...]
    faults: tuple[SkillFault, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """`faults` are in the order of their paths."""

    skills: tuple[Skill, ...]
    faults: tuple[SkillFault, ...]


def look(path: str) -> Tree:
    """List a directory, or take a file for one with only this in it; reads no file."""
    walk = _Walk(os.path.realpath(path))
    try:
        walk.begin(path)
    except OSError as error:
        walk.fault(path, _said(error))
    return Tree(tuple(walk.files), tuple(walk.faults))


def load(tree: Tree) -> Loaded:
    """Read the skills of a tree; of two of one name the one that is listed later counts."""
    skills: dict[str, Skill] = {}
    faults = list(tree.faults)
    left = MAX_TOTAL_BYTES
    for found in tree.files:
        try:
            data = _read(found.path, left)
            left -= len(data)
            skill = skill_of(data, name=_name(found), source=found.path, directory=found.directory)
        except (A3SError, OSError) as error:
            faults.append(SkillFault(found.path, _said(error)))
            continue
        if skill is None:
            continue
        other = skills.pop(skill.name, None)
        if other is not None:
            reason = f"{found.path} has the same name, {skill.name!r}, and counts."
            faults.append(SkillFault(other.source, reason))
        skills[skill.name] = skill
    return Loaded(tuple(skills.values()), tuple(sorted(faults, key=lambda fault: fault.path)))


def _name(found: Found) -> str:
    named = found.directory or os.path.splitext(found.path)[0]
    return os.path.basename(named)


@dataclass(slots=True)
class _Walk:
    """
    Attributes:
        root: The real path that nothing may lead out of.
        entered: Directories that were looked into, by device and inode.
    """

    root: str
    files: list[Found] = field(default_factory=list[Found])
    faults: list[SkillFault] = field(default_factory=list[SkillFault])
    entered: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    seen: int = 0

    def begin(self, path: str) -> None:
        state = os.stat(self.root)
        if stat.S_ISDIR(state.st_mode):
            self.directory(self.root, 0, inside_skill=False)
        elif stat.S_ISREG(state.st_mode):
            self.take(self.root, is_skill=os.path.basename(path).lower() == SKILL_FILE)
        else:
            self.fault(path, "It is neither a directory nor a file.")

    def fault(self, path: str, reason: str) -> None:
        self.faults.append(SkillFault(path, reason))

    def directory(self, path: str, depth: int, *, inside_skill: bool) -> None:
        """Look into a directory, once, whatever links lead to it."""
        state = os.stat(path)
        if (state.st_dev, state.st_ino) in self.entered:
            return
        self.entered.add((state.st_dev, state.st_ino))
        if depth > MAX_DEPTH:
            self.fault(path, f"It is deeper than {MAX_DEPTH} directories.")
            return
        names = self._names(path)
        own = next((name for name in names if name.lower() == SKILL_FILE), "")
        if own:
            self.entry(os.path.join(path, own), depth, inside_skill=False)
        for name in names:
            if name not in (own, *_PASSED_OVER):
                self.entry(os.path.join(path, name), depth, inside_skill=inside_skill or bool(own))

    def _names(self, path: str) -> list[str]:
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            self.fault(path, _said(error))
            return []
        left = MAX_ENTRIES - self.seen
        self.seen += len(names)
        if len(names) > left:
            self.fault(path, f"There are more than {MAX_ENTRIES} files; the rest is left out.")
        return names[: max(left, 0)]

    def entry(self, path: str, depth: int, *, inside_skill: bool) -> None:
        """Take a file, or look into a directory, when it lies below the root."""
        is_text = path.lower().endswith(".md")
        try:
            mode = os.lstat(path).st_mode
            real = os.path.realpath(path) if stat.S_ISLNK(mode) else path
            mode = os.stat(real).st_mode if real != path else mode
        except OSError as error:
            if is_text:
                self.fault(path, _said(error))
            return
        if stat.S_ISDIR(mode) or is_text:
            if not _is_below(real, self.root):
                self.fault(path, "The link leads outside of the directory.")
            elif stat.S_ISDIR(mode):
                self.directory(real, depth + 1, inside_skill=inside_skill)
            elif not stat.S_ISREG(mode):
                self.fault(path, "It is not a file.")
            elif (is_skill := os.path.basename(path).lower() == SKILL_FILE) or not inside_skill:
                self.take(path if real == path else real, is_skill=is_skill)

    def take(self, path: str, *, is_skill: bool) -> None:
        if len(self.files) >= MAX_FILES:
            if len(self.files) == MAX_FILES:
                self.fault(path, f"There are more than {MAX_FILES} skills; the rest is left out.")
            return
        now = os.stat(path)
        state = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        self.files.append(Found(path, os.path.dirname(path) if is_skill else "", state))


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _read(path: str, left: int) -> bytes:
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
    if len(data) > most:
        what = "It has" if most == MAX_FILE_BYTES else "All skills together have"
        bound = MAX_FILE_BYTES if most == MAX_FILE_BYTES else MAX_TOTAL_BYTES
        raise InvalidValue(f"{what} more than {bound} bytes.")
    return data


def _chunks(descriptor: int, most: int) -> Iterator[bytes]:
    while most > 0 and (chunk := os.read(descriptor, most)):
        most -= len(chunk)
        yield chunk


def _said(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.ELOOP:
        return "Its links lead in a circle."
    if error.errno == errno.ENOENT:
        return "There is no such file or directory."
    return f"It cannot be read: {error.strerror}."
