"""
Finding files and lines in a local workspace.

Ignore files are respected, `.git` is never entered, links are never followed; other names
that begin with a dot are searched, since a project's workflows and settings are there.

Files are found by our own walk, which is as fast as ripgrep and cannot be led outside by
whoever renames directories meanwhile (20,000 files: 16 ms against 15). Lines are found by
ripgrep, the program; where there is none by `plain_grep`, another program that prints the
same.

Source: SPEC 5.5, 5.6; LIBRARIES 5.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.kernel.workspace import (
    Command,
    Exit,
    Files,
    GrepHits,
    GrepQuery,
    Processes,
    Resolved,
    Tally,
)
from a3s_code.workspace import plain_grep
from a3s_code.workspace.beneath import step_by_step
from a3s_code.workspace.globs import Glob
from a3s_code.workspace.grep_check import really_there
from a3s_code.workspace.grep_output import (
    MAX_LINE_CHARS,
    MAX_TEXT_CHARS,
    read_lines,
    show,
    tallied,
)
from a3s_code.workspace.ignore import Surroundings, surroundings
from a3s_code.workspace.location import Location, apart, local, readable, shown
from a3s_code.workspace.tree_walk import MAX_DEPTH, TreeWalk

MAX_PATHS = 100_000
"""That `glob` gives; the rest is left out."""

MAX_CONTEXT = 100
TIMEOUT_S = 60.0

MAX_TALLIED_LINES = 20
"""Of one file; more of them make a word hardly more telling."""
TALLY_S = 3.0

_TALLY_BYTES = 8 * 1024 * 1024
_RAW_BYTES = MAX_TEXT_CHARS + 128 * 1024
_INVALID = 2
_MESSAGE_CHARS = 500
_RIPGREP = (
    "--no-config",
    "--no-heading",
    "--with-filename",
    "--line-number",
    "--null",
    "--color=never",
    "--no-messages",
    "--hidden",
    "--glob=!.git",
    "--no-ignore-global",
    "--max-columns-preview",
)
_OF_BOTH = ("--only-matching", "--max-count")
_PLAIN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    " from a3s_code.workspace.plain_grep import main; sys.exit(main(sys.argv[1:]))"
)


class LocalSearch:
    """
    `Search` on the local disk.

    Args:
        files: Where single files are read from.
        ripgrep: Path of the program; None looks for it at the first use, empty does without.
    """

    def __init__(self, files: Files, processes: Processes, *, ripgrep: str | None = None) -> None:
        self._files, self._processes = files, processes
        self._ripgrep = ripgrep

    async def glob(self, under: Resolved, pattern: str) -> list[str]:
        """
        Give at most `MAX_PATHS` paths of files, relative to the root, sorted.

        The pattern is taken from `under`. One without `**` looks no deeper than it has segments.

        Raises:
            FileNotFoundError: `under` does not exist.
            InvalidValue: the pattern is not closed somewhere, or could lead out of `under`.
        """
        if pattern.startswith("/"):
            raise InvalidValue(
                f"The glob pattern {shown(pattern)} is an absolute path.",
                hint="give the directory to search as the path instead",
            )
        glob = Glob(pattern)
        walk = TreeWalk(max_depth=MAX_DEPTH if glob.depth is None else glob.depth)
        try:
            return await apart(local(under), _glob, glob, walk)
        finally:
            walk.stopped = True

    async def grep(self, under: Resolved, query: GrepQuery) -> GrepHits:
        """
        Search one file or all below a directory. No line is added past `MAX_TEXT_CHARS`.

        A glob without `/` is matched against names, one with it against paths below `under`
        or below the root; `!` in front leaves out what matches.

        Raises:
            FileNotFoundError: `under` does not exist.
            InvalidValue: `query.pattern` or `query.glob` is not valid; says where.
            ProgramMissing: there is neither ripgrep nor a Python to replace it.
        """
        location = local(under)
        chosen = _Chosen(query.glob, location.path)
        above = await apart(location, _above)
        if above is None:
            return await self._grep_file(location, query)
        scope = () if above.in_repository else ("--no-require-git", "--no-ignore-parent")
        argv = self._argv(query, location.root, scope, chosen)
        output, whole = await self._run(Command((*argv, "./"), TIMEOUT_S, cwd=location.path))
        found = read_lines(output)
        if self._ripgrep:
            found = await apart(location, really_there, found)
        return show(
            found,
            lambda name: chosen.place(name, above),
            context=query.context > 0,
            truncated=not whole,
        )

    async def tally(self, under: Resolved, words: Sequence[str]) -> list[Tally]:
        """
        Count words as the port says: `MAX_TALLIED_LINES` of each file, for `TALLY_S` at most.

        Raises:
            FileNotFoundError: `under` does not exist.
            NotADirectoryError: it is a file.
            ProgramMissing: as `grep`.
        """
        location = local(under)
        longest_first = sorted(map(str.lower, words), key=len, reverse=True)
        if not longest_first:
            return []
        above = await apart(location, _above)
        if above is None:
            raise NotADirectoryError(f"{shown(location.spelled)} is no directory.")
        query = GrepQuery("|".join(map(re.escape, longest_first)), ignore_case=True)
        scope = () if above.in_repository else ("--no-require-git", "--no-ignore-parent")
        counting = ("--only-matching", f"--max-count={MAX_TALLIED_LINES}", *scope)
        argv = self._argv(query, location.root, counting)
        command = Command((*argv, "./"), TALLY_S, cwd=location.path)
        output, _ = await self._run(command, _TALLY_BYTES)
        chosen = _Chosen("", location.path)
        sought = frozenset(longest_first)
        return tallied(read_lines(output), sought, lambda name: chosen.place(name, above))

    async def _grep_file(self, location: Location, query: GrepQuery) -> GrepHits:
        """Search a file that we read ourselves: a path could have become a link by now."""
        data = await self._files.read(location, limit=plain_grep.MAX_FILE_BYTES)
        argv = self._argv(query, location.root)
        output, whole = await self._run(Command((*argv, "-"), TIMEOUT_S, stdin=data))
        return show(
            read_lines(output),
            lambda _: location.path,
            context=query.context > 0,
            truncated=not whole,
        )

    async def _run(self, command: Command, limit: int = _RAW_BYTES) -> tuple[bytes, bool]:
        """Give at most `limit` bytes of what the program printed, and whether that is all."""
        output = bytearray()

        def collect(piece: bytes) -> None:
            output.extend(piece)
            if len(output) > limit:
                raise _Enough

        command = msgspec.structs.replace(command, separate_stderr=True, max_output_bytes=limit)
        try:
            end = await self._processes.run(command, collect)
        except _Enough:
            return bytes(output), False
        if end.status == _INVALID and end.stderr:
            raise _invalid(end)
        return bytes(output), not end.timed_out

    def _argv(
        self,
        query: GrepQuery,
        root: str,
        scope: tuple[str, ...] = (),
        chosen: _Chosen | None = None,
    ) -> tuple[str, ...]:
        """Give the command without what it searches."""
        if self._ripgrep is None:
            self._ripgrep = find_ripgrep(root)
        names = chosen.names if chosen else ()
        common = (
            *(("--ignore-case",) if query.ignore_case else ()),
            f"--context={min(max(query.context, 0), MAX_CONTEXT)}",
            f"--max-columns={4 * MAX_LINE_CHARS}",  # bytes; no character has more than four
            f"--regexp={query.pattern}",
        )
        if not self._ripgrep:
            package = str(Path(plain_grep.__file__).parents[2])
            wanted = (f"--name={name}" for name in names)
            python = (sys.executable, "-I", "-c", _PLAIN, package)
            only = tuple(flag for flag in scope if flag.startswith(_OF_BOTH))
            return (*python, f"--root={root}", *only, *wanted, *common)
        wanted = tuple(f"--type-add=wanted:{name}" for name in names)
        unwanted = (f"--glob=!{chosen.unwanted}",) if chosen and chosen.unwanted else ()
        only = ("--type=wanted",) if wanted else ()
        place = ("--byte-offset",) if chosen else ()
        return (self._ripgrep, *_RIPGREP, *scope, *place, *unwanted, *wanted, *only, *common, "--")


class _Enough(Exception):
    """Raised while a program prints more than is wanted, which ends it."""


class _Chosen:
    """
    Which files a search is about.

    Attributes:
        names: Patterns of their names, one of which holds; empty when any may do.
        unwanted: A pattern of what is left out.
    """

    def __init__(self, glob: str, under: str) -> None:
        self.unwanted = glob[1:] if glob.startswith("!") else ""
        self._under = "" if under == "." else f"{under}/"
        self._glob = Glob(glob.removeprefix("!")) if glob else None
        self._by_name = "/" not in glob
        self.names: tuple[str, ...] = ()
        if self._glob and not self.unwanted and "*" not in self._glob.names:
            self.names = tuple(self._glob.names)

    def place(self, name: str, above: Surroundings) -> str | None:
        """Give the path from the root of a file below the start; None when it is left out."""
        path = f"{self._under}{name}"
        if self._glob and self._matches(name, path) == bool(self.unwanted):
            return None
        if not above.in_repository and above.ignores.covers(f"{above.prefix}{name}", above.prefix):
            return None
        return path

    def _matches(self, name: str, path: str) -> bool:
        assert self._glob is not None
        if self._by_name:
            return bool(self._glob.matches(name.rpartition("/")[2]))
        return bool(self._glob.matches(name) or self._glob.matches(path))


def find_ripgrep(root: str) -> str:
    """Find `rg` beside this Python or on PATH, never in the workspace; empty when there is none."""
    beside = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
    for place in [*beside, None]:
        found = shutil.which("rg", path=place)
        if found and not Path(found).resolve().is_relative_to(root):
            return os.path.abspath(found)  # noqa: PTH100 - keeps links, which `resolve` follows
    return ""


def _invalid(end: Exit) -> InvalidValue:
    text = end.stderr.decode("utf-8", "replace").removeprefix("rg: ").strip()
    return InvalidValue(
        f"The pattern cannot be searched for: {text[:_MESSAGE_CHARS]}",
        hint="put a backslash before characters that are meant literally",
    )


def _above(location: Location) -> Surroundings | None:
    """Collect the rules above a directory; None for a file."""
    try:
        fd = location.open_directory()
    except NotADirectoryError:
        return None
    try:
        return surroundings(fd, location.absolute, location.root)
    finally:
        os.close(fd)


def _glob(location: Location, glob: Glob, walk: TreeWalk) -> list[str]:
    fd = location.open_directory()
    try:
        start = step_by_step(fd, glob.literal)
    except OSError:  # nothing of that name, or a link
        return []
    finally:
        os.close(fd)
    try:
        return _matching(start, location, glob, walk)
    finally:
        os.close(start)


def _matching(start: int, location: Location, glob: Glob, walk: TreeWalk) -> list[str]:
    under = "" if location.path == "." else f"{location.path}/"
    base = "".join(f"{name}/" for name in glob.literal)
    above = surroundings(start, "/".join([location.absolute, *glob.literal]), location.root)
    readable_fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=start)
    found: list[str] = []
    try:
        for directory, names in walk.files(readable_fd, above.prefix, above.ignores):
            here = base + directory[len(above.prefix) :]
            found.extend(under + path for name in names if glob.matches(path := here + name))
            if len(found) >= MAX_PATHS:
                break
    finally:
        os.close(readable_fd)
    return sorted(map(readable, found))[:MAX_PATHS]
