"""
Ignore files: `.gitignore`, `.ignore` and `.git/info/exclude`.

Source: gitignore(5). As ripgrep has it, the rules of a directory apply whether or not it
belongs to a repository, `.ignore` is stronger than `.gitignore`, and `.git` is never entered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

from a3s_code.errors import InvalidValue
from a3s_code.workspace.beneath import DIRECTORY, step_by_step
from a3s_code.workspace.globs import name_regex, path_regex

FILES = (".gitignore", ".ignore")
"""Weaker one first; `.git/info/exclude` is weaker still."""

MAX_FILE_BYTES = 1024 * 1024
SKIPPED = ".git"

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class _Rule(NamedTuple):
    matches: re.Pattern[str]
    keeps: bool
    only_directories: bool


class Rules:
    """The rules of one directory, for paths relative to it."""

    __slots__ = ("_any", "_rules")

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text.splitlines() if (rule := _rule(line))][::-1]
        everything = "|".join(rule.matches.pattern for rule in self._rules)
        self._any = re.compile(everything or "(?!)", re.DOTALL)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, path: str, *, is_directory: bool) -> bool | None:
        """Give True for ignored, False for kept in spite of earlier rules, None for neither."""
        if self._any.fullmatch(path) is None:
            return None
        for rule in self._rules:
            if (is_directory or not rule.only_directories) and rule.matches.fullmatch(path):
                return not rule.keeps
        return None


class Ignores(NamedTuple):
    """
    The rules that hold in one directory, innermost first.

    Attributes:
        layers: Pairs of the rules and of the length of their directory's path, with `/`.
    """

    layers: tuple[tuple[Rules, int], ...] = ()

    def entering(self, fd: int, path_length: int, names: Container[str] = FILES) -> Ignores:
        """
        Add the rules of the directory open at `fd`.

        Args:
            path_length: Of its path, with `/`; what `ignored` is asked begins with that path.
            names: What is in the directory, when that is known.
        """
        outer = () if SKIPPED in names else self.layers  # a repository is a world of its own
        texts = [_text(fd, name) for name in (SKIPPED, *FILES) if name in names]
        rules = Rules("\n".join(texts))
        return Ignores(((rules, path_length), *outer) if rules else outer)

    def ignored(self, path: str, *, is_directory: bool) -> bool:
        for rules, start in self.layers:
            verdict = rules.verdict(path[start:], is_directory=is_directory)
            if verdict is not None:
                return verdict
        return False

    def covers(self, path: str, start: str) -> bool:
        """Tell whether `path`, or a directory between `start` and it, is ignored."""
        at = path.find("/", len(start))
        while at >= 0:
            if self.ignored(path[:at], is_directory=True):
                return True
            at = path.find("/", at + 1)
        return self.ignored(path, is_directory=False)


class Surroundings(NamedTuple):
    """
    What lies above a directory.

    Attributes:
        ignores: The rules of its parents, for paths that begin with `prefix`.
        prefix: The directory's path below the topmost of those parents, with `/`.
        in_repository: It belongs to a git repository.
    """

    ignores: Ignores
    prefix: str
    in_repository: bool


def surroundings(fd: int, directory: str, root: str) -> Surroundings:
    """
    Collect the rules above the directory open at `fd`: up to the top of its repository, else
    up to `root`. The way up is by descriptors, so no name of it is looked up again.

    Args:
        directory, root: Real paths; the first is that of `fd`, and is the second or below it.
    """
    with ExitStack() as opened:
        parents = [(fd, directory)]
        with suppress(OSError):  # a directory above that is closed to us says nothing
            while not _has(parents[-1][0], SKIPPED) and parents[-1][1] != "/":
                below, path = parents[-1]
                above = os.open("..", DIRECTORY, dir_fd=below)
                opened.callback(os.close, above)
                parents.append((above, path.rpartition("/")[0] or "/"))
        in_repository = _has(parents[-1][0], SKIPPED)
        if not in_repository:
            parents = [parent for parent in parents if len(parent[1]) >= len(root)]
        ignores = _rules_of(parents, in_repository=in_repository)
    prefix = directory[len(parents[-1][1].rstrip("/")) + 1 :]
    return Surroundings(ignores, f"{prefix}/" if prefix else "", in_repository)


def _rules_of(parents: Sequence[tuple[int, str]], *, in_repository: bool) -> Ignores:
    """Read the rules of directories, the innermost first, but for that one's own."""
    top = parents[-1][1].rstrip("/")
    ignores = Ignores()
    for fd, path in reversed(parents[1:]):
        names = (SKIPPED, *FILES) if in_repository and path == parents[-1][1] else FILES
        ignores = ignores.entering(fd, len(path.rstrip("/")) - len(top), names)
    return ignores


def _has(fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    return True


def _text(fd: int, name: str) -> str:
    """Read the rules of one file in the directory at `fd`; empty when there are none."""
    if name == SKIPPED:
        return _excludes(fd)
    try:
        file = os.open(name, _READ_FLAGS, dir_fd=fd)
    except OSError:
        return ""
    try:
        return os.read(file, MAX_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(file)


def _excludes(fd: int) -> str:
    """Read `.git/info/exclude`, of a repository that is really here."""
    try:
        info = step_by_step(fd, (SKIPPED, "info"))
    except OSError:
        return ""
    try:
        return _text(info, "exclude")
    finally:
        os.close(info)


def _rule(line: str) -> _Rule | None:
    """Read one line; None for a blank one, a comment, and what is no valid pattern."""
    line = re.sub(r"(?<!\\) +$", "", line.rstrip("\r"))
    if not line or line.startswith("#"):
        return None
    keeps = line.startswith("!")
    pattern = line[1:] if keeps else line
    only_directories = pattern.endswith("/")
    pattern = pattern.rstrip("/") if only_directories else pattern
    if not pattern:
        return None
    segments = [segment for segment in pattern.split("/") if segment]
    try:
        text = path_regex(segments) if "/" in pattern else f"(?:.*/)?{name_regex(pattern)}"
        return _Rule(re.compile(text, re.DOTALL), keeps, only_directories)
    except (InvalidValue, re.error):
        return None
