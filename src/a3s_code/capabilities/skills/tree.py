"""
What texts lie below a directory that the host named, before any of them is read.

Every Markdown file may be a skill, and every directory with a `SKILL.md` is one: its other Markdown
files are what that skill refers to. Agents lie in directories as well, and there are none of these
for them. Nothing outside of the directory counts, whatever links say.

Source:
    SPEC 10.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

MAX_FILES = 5_000
MAX_ENTRIES = 100_000
MAX_DEPTH = 16

SKILL_FILE = "skill.md"
"""Compared without case, as public repositories write it."""

_PASSED_OVER = frozenset({".git", ".hg", ".svn", ".venv", "__pycache__", "node_modules"})


class FileFault(msgspec.Struct, frozen=True):
    """
    Why a file, a link or a directory is not there as a skill, or as an agent.

    Attributes:
        kind: That of `SkillRefused`, when the validator does not accept it.
    """

    path: str
    reason: str
    kind: str = ""


class Found(NamedTuple):
    """
    A file that may be a skill, or an agent.

    Attributes:
        path: Its real path.
        is_skill: It is a `SKILL.md`.
        state: What changes when the file does: inode, size, and when it was changed.
    """

    path: Path
    is_skill: bool
    state: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Tree:
    """What a directory holds. Two looks give equal trees when nothing has changed between them."""

    files: tuple[Found, ...]
    faults: tuple[FileFault, ...]


SKILLS = frozenset({".md"})
"""How the files end that may be skills."""


def look(path: str, suffixes: frozenset[str] = SKILLS, *, has_skills: bool = True) -> Tree:
    """
    List a directory, or take a file for one with only this in it.

    Reads no file. Blocking work, for a thread: a stat for each file.

    Args:
        suffixes: In lower case; files that end otherwise are not in it.
        has_skills: A directory with a `SKILL.md` is one thing. Otherwise each file is one.
    """
    walk = _Walk(Path(os.path.realpath(path)), suffixes, has_skills=has_skills)
    try:
        walk.begin(Path(path))
    except OSError as error:
        walk.fault(Path(path), said(error))
    return Tree(tuple(walk.files), tuple(walk.faults))


def said(error: OSError) -> str:
    """Say why something cannot be read, in a sentence."""
    known = {
        errno.ELOOP: "Its links lead in a circle.",
        errno.ENOENT: "There is no such file or directory.",
    }
    return known.get(error.errno or 0, f"It cannot be read: {error.strerror}.")


@dataclass(slots=True)
class _Walk:
    """
    Attributes:
        root: The real path that nothing may lead out of.
        suffixes, has_skills: As of `look`.
        entered: Directories that were looked into, by device and inode.
        seen: Entries of directories so far.
    """

    root: Path
    suffixes: frozenset[str]
    has_skills: bool = field(kw_only=True)
    files: list[Found] = field(default_factory=list[Found])
    faults: list[FileFault] = field(default_factory=list[FileFault])
    entered: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    seen: int = 0

    def begin(self, path: Path) -> None:
        state = self.root.stat()
        if stat.S_ISDIR(state.st_mode):
            self.directory(self.root, state, 0, inside_skill=False)
        elif stat.S_ISREG(state.st_mode):
            self.take(self.root, state, is_skill=self.is_skill(path))
        else:
            self.fault(path, "It is neither a directory nor a file.")

    def fault(self, path: Path, reason: str) -> None:
        self.faults.append(FileFault(str(path), reason))

    def directory(
        self, path: Path, state: os.stat_result, depth: int, *, inside_skill: bool
    ) -> None:
        """Look into a directory, once, whatever links lead to it."""
        if (state.st_dev, state.st_ino) in self.entered:
            return
        self.entered.add((state.st_dev, state.st_ino))
        if depth > MAX_DEPTH:
            self.fault(path, f"It is deeper than {MAX_DEPTH} directories.")
            return
        inner = self._inner(path)
        inside_skill = inside_skill or any(map(self.is_skill, inner))
        for each in inner:
            self.entry(each, depth, inside_skill=inside_skill)

    def _inner(self, path: Path) -> list[Path]:
        try:
            inner = sorted(each for each in path.iterdir() if each.name not in _PASSED_OVER)
        except OSError as error:
            self.fault(path, said(error))
            return []
        left = max(MAX_ENTRIES - self.seen, 0)
        self.seen += len(inner)
        if len(inner) > left:
            self.fault(path, f"There are more than {MAX_ENTRIES} files; the rest is left out.")
        return inner[:left]

    def entry(self, path: Path, depth: int, *, inside_skill: bool) -> None:
        """Look into a directory, or take a Markdown file, if it lies below the root."""
        is_text = path.suffix.lower() in self.suffixes
        is_text = is_text and (self.is_skill(path) or not inside_skill)
        try:
            real, state = path, path.lstat()
            if stat.S_ISLNK(state.st_mode):
                real = Path(os.path.realpath(path))
                state = real.stat()
            mode = state.st_mode
            if not stat.S_ISDIR(mode) and not is_text:
                return
            if not real.is_relative_to(self.root):
                self.fault(path, "The link leads outside of the directory.")
            elif stat.S_ISDIR(mode):
                self.directory(real, state, depth + 1, inside_skill=inside_skill)
            elif stat.S_ISREG(mode):
                self.take(real, state, is_skill=self.is_skill(path))
            else:
                self.fault(path, "It is not a file.")
        except OSError as error:
            if is_text:
                self.fault(path, said(error))

    def take(self, path: Path, now: os.stat_result, *, is_skill: bool) -> None:
        if len(self.files) < MAX_FILES:
            state = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
            self.files.append(Found(path, is_skill, state))
        elif not self.faults or "more than" not in self.faults[-1].reason:
            self.fault(path, f"There are more than {MAX_FILES} files; the rest is left out.")

    def is_skill(self, path: Path) -> bool:
        return self.has_skills and path.name.lower() == SKILL_FILE
