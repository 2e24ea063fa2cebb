"""
Which files of a workspace differ from what the shadow directory knows of them.

The index of git keeps, for each file, what the system said of it when it was read, so that
the next snapshot reads only what has changed. Each operation works on an index file of its
own, a second name of the kept one, and puts it in place when it is done: two at a time do not
see each other, and a killed one leaves nothing that stops the next.

What is ignored is decided as git decides it in the user's repository: by the ignore files
from its top on, `.git/info/exclude`, and what the user's own index tracks. Excludes of the
user's configuration are not read. The user's repository is only ever asked for names.

Source: gitignore(5), git-ls-files(1), git-update-index(1).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from a3s_code.errors import SnapshotRefused, WorkspaceError
from a3s_code.kernel.workspace import Processes
from a3s_code.workspace.shadow_formats import EMPTY_TREE, PUT, State, row, rows_since
from a3s_code.workspace.shadow_objects import ShadowObjects, write_tree
from a3s_code.workspace.shadow_program import ShadowProgram, explained, too_much
from a3s_code.workspace.snapshot_files import FILE

MAX_NESTED = 50
"""Repositories inside each other."""

MANY = 100
"""So many new files are worth a second look at all of them, so that none is read again."""

_NOW = float("inf")
_CLOCK_S = 0.05
"""The system's clock for files may lag behind by this."""

_EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
_PLACEHOLDER = ".a3s-placeholder"
_ROWS_AT = slice(8, 12)


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a workspace lies.

    Attributes:
        top: The real path from which ignore files count: of its repository, else its own.
        prefix: From there to the workspace, with `/`; empty when that is the top.
        repository: The `.git` of the user's repository; empty for none.
        excludes: Its `info/exclude`; empty for none.
    """

    top: str
    prefix: str = ""
    repository: str = ""
    excludes: str = ""


class Listing(NamedTuple):
    """
    Paths relative to the workspace.

    Attributes:
        known: Held by the index; changed or gone.
        new: Not held.
        forget: Held, and ignored by now.
    """

    known: list[str]
    new: list[str]
    forget: list[str]


class ShadowIndex:
    """One operation on one workspace: what has changed, and the tree of it."""

    def __init__(self, git: ShadowProgram, users: ShadowProgram | None, place: Place) -> None:
        self.git, self._users, self._place = git, users, place

    @property
    def count(self) -> int:
        """How many files it holds."""
        with (
            explained("read"),
            suppress(FileNotFoundError),
            Path(self.git.index).open("rb") as file,
        ):
            return int.from_bytes(file.read(12)[_ROWS_AT], "big")
        return 0

    async def listing(self) -> Listing:
        """Compare with the workspace. The private index may get placeholders by this."""
        (known, new), ignored, tracked = await _together(
            self._changed(), self._ignored(self.git), self._tracked()
        )
        return await asyncio.to_thread(_listing, known, new, ignored, tracked)

    async def _changed(self) -> tuple[set[str], set[str]]:
        """Give known paths that changed or went, and new ones."""
        for _ in range(MAX_NESTED):
            rows = await self._list("-t", "-m", "-d", "-o")
            known, found, nested = await asyncio.to_thread(_sorted_out, rows)
            if not nested:
                return known, found
            marks = [f"{path}{_PLACEHOLDER}" for path in nested]
            await self.update([row(self.full(path), State(FILE, _EMPTY_BLOB)) for path in marks])
        raise too_much(f"more than {MAX_NESTED} repositories lie inside each other")

    async def _list(self, *options: str) -> list[str]:
        return await _paths(await self.git.run("ls-files", "-z", *options, *self._rules()))

    def _rules(self) -> tuple[str, ...]:
        also = (f"--exclude-from={self._place.excludes}",) if self._place.excludes else ()
        return (*also, "--exclude-standard")

    async def _ignored(self, git: ShadowProgram) -> set[str]:
        """Give what an index holds although it is ignored."""
        return set(await _paths(await git.run("ls-files", "-z", "-c", "-i", *self._rules())))

    async def _tracked(self) -> set[str]:
        if self._users is None:
            return set()
        try:
            return await self._ignored(self._users)
        except SnapshotRefused:
            raise
        except WorkspaceError:  # no repository that git can read, whatever `.git` says
            return set()

    async def are_ignored(self, paths: Sequence[str]) -> set[str]:
        """Give those of `paths` that the ignore files of now ignore."""
        asked = await asyncio.to_thread(_asked, paths)
        out = await self.git.run(
            "check-ignore", "--no-index", "-z", "--stdin", stdin=asked, good=(0, 1)
        )
        ignored = await _paths(out)
        return await asyncio.to_thread(lambda: {path.removeprefix("./") for path in ignored})

    def full(self, path: str) -> str:
        """Give the path as the index has it."""
        return f"{self._place.prefix}{path}"

    async def update(self, rows: Sequence[bytes], newest_s: float = _NOW) -> None:
        """
        Put in rows of `row`, with paths as `full` gives them.

        Git compares times in whole seconds. So what the system says of a file is kept only
        when its last change lies in a second that is over; until then its content is read.

        Args:
            newest_s: When a file of `rows` changed last, as the system's clock has it.
        """
        if not rows:
            return
        over = int(time.time() - _CLOCK_S)
        refresh = ("-q", "--refresh") if self._written_s() < over else ()
        await self.git.run("update-index", *refresh, *PUT, stdin=b"".join(rows), good=(0, 1))
        is_again = len(rows) > MANY and newest_s < over
        if is_again:
            await self.git.run("update-index", "-q", "--refresh", good=(0, 1))
        if refresh or is_again:
            await self._distrust(over)

    async def _distrust(self, since_s: int) -> None:
        """
        Have files read again that changed in a second that was not over when git looked.

        Git looks at all files, also at some that no row is about. A time that was set back
        deceives it within that second, since it holds only its own file against the clock.
        """
        fresh = await asyncio.to_thread(self._rows_since, since_s)
        if fresh:
            await self.git.run("update-index", *PUT, stdin=b"".join(fresh))

    def _rows_since(self, since_s: int) -> list[bytes]:
        with explained("read"):
            return rows_since(Path(self.git.index).read_bytes(), since_s)

    def _written_s(self) -> float:
        try:
            return int(Path(self.git.index).stat().st_mtime)
        except FileNotFoundError:
            return _NOW

    def start_over(self) -> None:
        """Forget all of it."""
        Path(self.git.index).unlink(missing_ok=True)

    async def tree(self) -> str:
        """Give the id of the tree."""
        if not self.count:
            await self.git.run("hash-object", "-t", "tree", "-w", "--stdin")
            return EMPTY_TREE
        return await write_tree(self.git, self._place.prefix)


@asynccontextmanager
async def open_index(
    objects: ShadowObjects, processes: Processes, place: Place, *, kept: str = "index"
) -> AsyncGenerator[ShadowIndex]:
    """
    Work on the index of a workspace. It is kept when the block ends without an error.

    Args:
        kept: By which name, beside the objects; each workspace has its own.
    """
    return_to, own = Path(objects.directory) / kept, Path(objects.private_index())
    users = None
    git = replace(objects.git, processes=processes, work_tree=place.top, index=str(own))
    if place.repository:
        users = replace(git, directory=place.repository, index="")
    try:
        with explained("written"):
            _second_name(return_to, own)
        yield ShadowIndex(git, users, place)
        with explained("written"), suppress(FileNotFoundError):
            os.replace(own, return_to)  # noqa: PTH105 - quick enough for the loop
    finally:
        for path in (str(own), f"{own}.lock"):
            with suppress(OSError):  # what stays is swept later
                os.unlink(path)  # noqa: PTH108 - quick enough for the loop


def _second_name(kept: Path, own: Path) -> None:
    """Git never writes into an index: it puts another in its place."""
    try:
        os.link(kept, own)
    except FileNotFoundError:
        return
    except OSError:
        with suppress(FileNotFoundError):
            shutil.copy2(kept, own)  # with its time, from which git tells what it may trust


async def find_place(objects: ShadowObjects, processes: Processes, real: str) -> Place:
    """
    Find what decides which files of the workspace are ignored.

    A workspace that its repository ignores is looked at by itself.

    Args:
        real: The path of the workspace, without links.
    """
    top = _top(real)
    if not top:
        return Place(real)
    repository = f"{top.rstrip('/')}/.git"
    users = replace(objects.git, processes=processes, directory=repository, work_tree=top)
    prefix = f"{real[len(top.rstrip('/')) + 1 :]}/" if top != real else ""
    try:
        excludes = os.fsdecode(await users.run("rev-parse", "--git-path", "info/exclude"))
        if prefix and await users.run("check-ignore", "--no-index", f"{real}/", good=(0, 1)):
            return Place(real)
    except SnapshotRefused:
        raise
    except WorkspaceError:  # a `.git` that git cannot use
        return Place(real)
    return Place(top, prefix, repository, _file(real, excludes.removesuffix("\n")))


def _top(real: str) -> str:
    """Give the directory at or above `real` that has a `.git`; empty for none."""
    at = Path(real)
    return next((str(top) for top in (at, *at.parents) if os.path.lexists(top / ".git")), "")


def _file(base: str, name: str) -> str:
    path = Path(base) / name
    return str(path) if path.is_file() else ""


async def _together(
    first: Coroutine[None, None, tuple[set[str], set[str]]],
    second: Coroutine[None, None, set[str]],
    third: Coroutine[None, None, set[str]],
) -> tuple[tuple[set[str], set[str]], set[str], set[str]]:
    """
    Wait for all three; when one fails, the others are ended.

    A `TaskGroup` that fails leaves the task that waits for it marked as cancelled, before
    Python 3.13, and what is asked next would stop.
    """
    tasks = (
        asyncio.ensure_future(first),
        asyncio.ensure_future(second),
        asyncio.ensure_future(third),
    )
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            if not task.cancelling():  # a second time would cut short how it ends its git
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _sorted_out(rows: Sequence[str]) -> tuple[set[str], set[str], set[str]]:
    """Part what `ls-files -t` says: known paths, new ones, and those that are repositories."""
    found = {path[2:] for path in rows if path[0] == "?"}
    nested = {path for path in found if path.endswith("/")}
    return {path[2:] for path in rows} - found, found, nested


def _listing(known: set[str], new: set[str], ignored: set[str], tracked: set[str]) -> Listing:
    forget = ignored - tracked
    return Listing(
        known=sorted(known - forget),
        new=sorted(new | (tracked - ignored - known)),
        forget=sorted(forget),
    )


def _asked(paths: Sequence[str]) -> bytes:
    return b"".join(b"./%b\0" % os.fsencode(path) for path in paths)  # `:` begins no magic


async def _paths(out: bytes) -> list[str]:
    return await asyncio.to_thread(lambda: [os.fsdecode(word) for word in out.split(b"\0")[:-1]])
