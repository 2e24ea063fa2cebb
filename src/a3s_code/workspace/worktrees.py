"""
Copies of a workspace in directories of their own, each for one child.

A copy is filled by the shadow git: the files as they were when the snapshot was taken, byte for
byte, with what is not committed and without what is ignored. Where the workspace is the top of a
repository, the copy is a linked worktree of that (`git worktree add --no-checkout`), so that git
works in it; only its registration stands in the user's `.git`, and goes with it. Hooks, filters
and the file system monitor are off in all of this.

Each copy lies in a directory of the system's temporary one, whose file `lock` is held locked by
the process that works there. What a killed process left is known by that.

Source: DESIGN 4, Snapshots; INVARIANTS 15; git-worktree(1).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from a3s_code.errors import FileConflict, SnapshotRefused, WorkspaceError
from a3s_code.kernel.records import Unmerged, WorktreeMade
from a3s_code.kernel.visible import on_one_line
from a3s_code.kernel.worktrees import Left, Plan, Step
from a3s_code.workspace.guard import Guard
from a3s_code.workspace.location import readable
from a3s_code.workspace.paths import Root
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.shadow_index import Place, ShadowIndex, find_place, open_index
from a3s_code.workspace.shadow_objects import ShadowObjects
from a3s_code.workspace.shadow_program import ShadowProgram, too_much
from a3s_code.workspace.snapshot_files import Content, Tree, Unfit
from a3s_code.workspace.snapshot_take import SnapshotLimits, Taking, beneath
from a3s_code.workspace.spares import MIN_FILES, Spare, Spares, clean, remove
from a3s_code.workspace.tree_merge import TreeMerge, ids_of

PREFIX = "a3s-code-worktree-"
FILLING = "filling"
SLOWER = 2
"""To write all files may take so many times as long as to read them."""
_ANY_SIZE = 1 << 62
_LOCK, _DURABLE, _FLEETING = "lock", b"durable ", b"fleeting"
_PARALLEL = ("-c", "checkout.workers=0", "-c", "checkout.thresholdForParallelism=1000")

NO_REPOSITORY = "the workspace is not the top of a git repository"
NO_COMMIT = "its repository has no commit"


class LocalWorktrees:
    """
    `Worktrees` of a local workspace.

    Args:
        root: The workspace.
        objects: Where its trees are kept.
        is_durable: The records of its session outlive this process, and so does what a killed
            process left: whoever goes on with the session takes it. Otherwise it is swept.
        guard: Kills git when this process dies.
        spares: Directories to use again; whoever made them closes them.
    """

    def __init__(
        self,
        root: str,
        objects: ShadowObjects,
        *,
        is_durable: bool = False,
        limits: SnapshotLimits | None = None,
        guard: Guard | None = None,
        spares: Spares | None = None,
    ) -> None:
        self._spares = spares or Spares()
        self.root = root
        self._top, self._objects, self._limits = Root(root), objects, limits or SnapshotLimits()
        self._is_durable, self._guard = is_durable, guard
        self._locks: dict[str, int] = {}
        self._is_swept = False

    @property
    def objects(self) -> str:
        return self._objects.directory

    async def name(self, child: str, base: str) -> WorktreeMade:
        """See `Worktrees.name`."""
        await self._check_size(base)
        return await asyncio.to_thread(self._named, child, base)

    def _named(self, child: str, base: str) -> WorktreeMade:
        temporary = os.path.realpath(tempfile.gettempdir())
        if f"{temporary}/".startswith(f"{self._top.real.rstrip('/')}/"):
            raise WorkspaceError(
                "The system's temporary directory lies in the workspace.",
                hint="set TMPDIR to a directory outside of it",
            )
        own, spare = secrets.token_hex(8), self._spares.take()
        outer = str(spare.outer) if spare is not None else f"{temporary}/{PREFIX}{own}"
        directory = f"{outer}/a3s-{own}"
        if spare is not None:
            self._locks[directory] = spare.lock
        git = f"{self._top.real.rstrip('/')}/.git"
        repository = git if os.path.lexists(git) else ""
        return WorktreeMade(child=child, directory=directory, base=base, repository=repository)

    async def _check_size(self, base: str) -> None:
        states = (await self._objects.files(base)).values()
        if len(states) > self._limits.max_files:
            raise too_much(f"there are more than {self._limits.max_files:,} files")
        sizes = await self._objects.sizes(state.id for state in states)
        if sum(sizes[state.id] for state in states) > self._limits.max_bytes:
            raise too_much(f"there are more than {self._limits.max_bytes:,} bytes")

    # Made

    async def make(self, worktree: WorktreeMade) -> str:
        """See `Worktrees.make`."""
        await asyncio.to_thread(self._sweep)
        try:
            async with self._in_time(SLOWER):
                await asyncio.to_thread(self._claim, worktree)
                return await self._made(worktree)
        except OSError as error:
            raise WorkspaceError(f"The copy cannot be made: {error.strerror or error}.") from error

    async def _made(self, worktree: WorktreeMade) -> str:
        place = Path(worktree.directory)
        filling = place.with_name(FILLING)
        await asyncio.to_thread(filling.mkdir, exist_ok=True)
        async with self._index(worktree, Place(str(filling))) as index:
            await index.git.run(*_PARALLEL, "read-tree", "--reset", "-u", worktree.base)
        why = await self._register(worktree)
        await asyncio.to_thread(_join, filling, place)
        if not why:
            await self._copy_index(worktree)
        return why

    def _claim(self, worktree: WorktreeMade) -> None:
        fd = self._locks.get(worktree.directory)
        if fd is None:
            outer = Path(worktree.directory).parent
            outer.mkdir(mode=0o700)
            outer.chmod(0o711)  # programs may have other rights
            fd = os.open(outer / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._locks[worktree.directory] = fd
        os.pwrite(fd, _DURABLE if self._is_durable else _FLEETING, 0)

    async def _register(self, worktree: WorktreeMade) -> str:
        """Link the place of a copy to the user's repository; say why it is not."""
        if not worktree.repository:
            return NO_REPOSITORY
        git = self._users(worktree)
        try:
            asked = ("rev-parse", "--verify", "-q", "HEAD^{commit}")
            head = (await git.run(*asked)).decode().strip()
        except SnapshotRefused:
            raise
        except WorkspaceError:
            return NO_COMMIT
        options = ("--no-checkout", "--detach")
        try:
            await git.run("worktree", "add", *options, "--", worktree.directory, head)
        except SnapshotRefused:
            raise
        except WorkspaceError as error:  # such as a repository that may not be written
            await asyncio.to_thread(shutil.rmtree, worktree.directory, ignore_errors=True)
            return f"it could not be linked to the repository: {error.message}"
        return ""

    def _users(self, worktree: WorktreeMade) -> ShadowProgram:
        """Give git on the user's repository, for its registrations."""
        processes = LocalProcesses(self.root, guard=self._guard)
        return ShadowProgram(processes, worktree.repository)

    async def _copy_index(self, worktree: WorktreeMade) -> None:
        """Have the copy know as staged what the workspace has staged."""
        git = self._users(worktree)
        told = await git.run("rev-parse", "--git-path", "index", "--git-path", "sharedindex")
        mine, shared = (os.path.join(self.root, name) for name in os.fsdecode(told).splitlines())  # noqa: PTH118 - may be absolute
        own = replace(git, directory=f"{worktree.directory}/.git", work_tree=worktree.directory)
        if not await asyncio.to_thread(_is_whole, Path(mine), Path(shared)):
            await own.run("read-tree", "HEAD")
            return
        there = os.fsdecode(await own.run("rev-parse", "--absolute-git-dir")).removesuffix("\n")
        await asyncio.to_thread(shutil.copyfile, mine, f"{there}/index")

    # Taken

    async def take(self, worktree: WorktreeMade) -> Left:
        """See `Worktrees.take`."""
        await asyncio.to_thread(_check_place, worktree.directory)
        root = Root(worktree.directory)
        filling = Path(worktree.directory).with_name(FILLING)
        if await asyncio.to_thread(filling.exists):  # its process ended before all was there
            return Left(worktree.base)
        async with self._in_time():
            place = Place(worktree.directory)
            if await asyncio.to_thread(os.path.lexists, f"{worktree.directory}/.git"):
                processes = LocalProcesses(worktree.directory, guard=self._guard)
                place = await find_place(self._objects, processes, worktree.directory)
            async with self._index(worktree, place) as index:
                taken = await Taking(self._objects, index, root, (), self._limits).run()
            tree = await self._with_present(worktree.base, taken.id, root)
        missed = tuple(Unmerged(left.path, left.reason) for left in taken.skipped)
        return Left(tree, missed)

    async def _with_present(self, base: str, tree: str, root: Root) -> str:
        """Put back into a tree what is there and is not in it: it is ignored now, or too large."""
        out = [each.path for each in await self._objects.changes(base, tree) if not each.after]
        if not out:
            return tree
        present = await beneath(root.open(), lambda at, _: [p for p in out if _stands(at, p)], 0)
        known = [readable(path) for path in present]
        return await self._objects.with_paths(tree, base, known) if known else tree

    # Merged

    async def plan(self, base: str, ours: str, theirs: str) -> Plan:
        """See `Worktrees.plan`."""
        return await TreeMerge(self._objects).run(base, ours, theirs)

    async def contents(self, steps: tuple[Step, ...]) -> AsyncIterator[tuple[Step, bytes | None]]:
        """See `Worktrees.contents`."""
        for step in steps:
            if not step.after:
                yield step, None
        wanted = ids_of(steps)
        async for found in self._objects.contents(wanted):
            for name, data in found.items():
                for step in wanted[name]:
                    yield step, data

    async def put(self, step: Step, data: bytes | None) -> None:
        """See `Worktrees.put`."""
        expected = _state(step.before)
        after = _state(step.after)

        def work(tree: Tree, _: object) -> None:
            if data is None and expected is not None:
                tree.remove(step.path, expected)
            elif data is not None and after is not None:
                tree.put(step.path, Content(after[0], data), expected)

        try:
            await beneath(self._top.open(), work, _ANY_SIZE)
        except Unfit as unfit:
            text = f"{on_one_line(step.path)} was not merged: {unfit}."
            raise FileConflict(text, hint="look at what stands there now") from None

    # Removed

    async def remove(self, worktree: WorktreeMade) -> None:
        """See `Worktrees.remove`. What was filled is kept as a spare, where there is none."""
        lock = self._locks.pop(worktree.directory, None)
        is_spare = lock is not None and await self._is_spare(worktree, lock)
        if not is_spare:
            await asyncio.to_thread(self._discard, worktree)
        if worktree.repository:
            with suppress(WorkspaceError):  # it may have no registration, or be gone as a whole
                gone = ("worktree", "remove", "--force", "--force", "--", worktree.directory)
                await self._users(worktree).run(*gone)
        if lock is None:
            return
        if is_spare:
            if self._spares.keep(Spare(Path(worktree.directory).parent, lock)):
                return
            await asyncio.to_thread(self._discard, worktree)  # others came first
        os.close(lock)

    def _discard(self, worktree: WorktreeMade) -> None:
        remove(Path(worktree.directory).parent)
        (Path(self._objects.directory) / _index_name(worktree)).unlink(missing_ok=True)

    async def _is_spare(self, worktree: WorktreeMade, lock: int) -> bool:
        """Make what is there a spare, which is of no session any more; False when it is none."""
        if self._spares.is_full:
            return False
        try:
            paths = await self._objects.paths(worktree.base)
        except WorkspaceError:
            return False
        return len(paths) >= MIN_FILES and await asyncio.to_thread(_emptied, worktree, paths, lock)

    def is_left(self, worktree: WorktreeMade) -> bool:
        """See `Worktrees.is_left`."""
        return _is_left(Path(worktree.directory).parent)

    def _sweep(self) -> None:
        """Remove what killed processes left of sessions that nobody can go on with."""
        if self._is_swept:
            return
        self._is_swept = True
        for outer in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError):
                facts = outer.lstat()
                is_own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
                fleeting = is_own and (outer / _LOCK).read_bytes() == _FLEETING
                if fleeting and _is_left(outer):
                    remove(outer)

    def within(self, worktree: WorktreeMade) -> LocalWorktrees:
        """See `Worktrees.within`."""
        return LocalWorktrees(
            worktree.directory,
            self._objects,
            is_durable=self._is_durable,
            limits=self._limits,
            guard=self._guard,
            spares=self._spares,
        )

    @asynccontextmanager
    async def _index(self, worktree: WorktreeMade, place: Place) -> AsyncGenerator[ShadowIndex]:
        await self._objects.ready()
        processes = LocalProcesses(place.top, guard=self._guard)
        kept = _index_name(worktree)
        async with open_index(self._objects, processes, place, kept=kept) as index:
            yield index

    @asynccontextmanager
    async def _in_time(self, times: int = 1) -> AsyncGenerator[None]:
        limit_s = times * self._limits.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                yield
        except TimeoutError:
            raise too_much(f"it took more than {limit_s:g} s") from None


def _index_name(worktree: WorktreeMade) -> str:
    return Path(worktree.directory).parent.name


def _state(named: str) -> tuple[int, str] | None:
    mode, _, blob = named.partition(" ")
    return (int(mode, 8), blob) if named else None


def _stands(tree: Tree, path: str) -> bool:
    try:
        return tree.read(path) is not None
    except Unfit:
        return True


def _check_place(directory: str) -> None:
    """
    See that no link of the child's leads from the place of a copy to files that are none of it.

    Raises:
        WorkspaceError: one does.
    """
    if os.path.realpath(directory) != directory:
        raise WorkspaceError("Its directory was moved away, and a link stands in its place.")


def _emptied(worktree: WorktreeMade, paths: Collection[str], lock: int) -> bool:
    place = Path(worktree.directory)
    try:
        _check_place(worktree.directory)
        clean(place, paths)
        place.rename(place.with_name(FILLING))
        os.pwrite(lock, _FLEETING, 0)
    except (OSError, WorkspaceError):  # such as a directory that may not be entered
        return False
    return True


def _join(filling: Path, place: Path) -> None:
    """Put the files where git has registered the place, which holds its `.git` alone."""
    if place.exists():
        (place / ".git").rename(filling / ".git")
        place.rmdir()
    filling.rename(place)


def _is_whole(index: Path, shared: Path) -> bool:
    """Say whether an index is there, and all of it."""
    return index.is_file() and not any(shared.parent.glob(f"{shared.name}.*"))


def _is_left(outer: Path) -> bool:
    try:
        fd = os.open(outer / _LOCK, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(fd)
