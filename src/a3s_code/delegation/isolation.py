"""
A child that works in a copy of the workspace, and the merge of what it did there.

    tree -> make -> child -> take -> merge -> remove

The copy is the child's workspace: its files, its search and its programs are there, and a path of
its parent's leads out of it. What decides about its calls decides as if they were in the parent's
workspace, and records of what it does there name the copy. When the child ends well, what it
changed is merged into the workspace as it is by then; what both sides changed is left, and named.
Merges into one workspace take turns.

Source:
    DESIGN 3 (`Snapshots`), 4; SPEC 9.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from a3s_code.delegation.merging import Merging
from a3s_code.errors import A3SError, NotIsolated, StoreError
from a3s_code.kernel.children import ChildOutcome, ChildSpec
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.perseverance import to_its_end
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import Unmerged, WorktreeEnded, WorktreeMade
from a3s_code.kernel.space import Space
from a3s_code.kernel.worktrees import Left, Worktrees

NO_PLACE = "the commands of this session run in a system of their own"
STOPPED, FAILED = "the child was stopped", "the child failed"
NOT_MERGED = "child.not_merged"
"""The kind of an outcome whose work is not in the workspace, or in part."""
MAX_SAID = 8
"""Files that the error of an outcome names."""
CUT_SHORT = "the merge was stopped"
MAX_NAMED = 200
"""Files and conflicts that an outcome names, each; the log has all of them."""
TIDY_S = 10.0
"""How long a cancelled call waits for its copy to be taken and removed."""

T = TypeVar("T")


@dataclass(slots=True)
class Ground:
    """
    A workspace that children can have copies of.

    Attributes:
        tree: Takes the workspace as it is, and records that: why, and where.
        keep: Holds on to a tree as long as the session.
        space_at: Gives what programs may use in a directory; blocks on the disk.
    """

    worktrees: Worktrees
    tree: Callable[[str, Sink], Awaitable[str]]
    keep: Callable[[str], Awaitable[None]]
    space_at: Callable[[str], Space]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def within(self, worktree: WorktreeMade) -> Ground:
        """Give the ground of the children of a child."""
        worktrees = self.worktrees

        async def tree(_: str, __: Sink) -> str:
            tree = (await worktrees.take(worktree)).tree
            await self.keep(tree)
            return tree

        return replace(self, worktrees=worktrees.within(worktree), tree=tree, turn=asyncio.Lock())


@dataclass(frozen=True, slots=True)
class Isolation:
    """
    Made for one child.

    Attributes:
        parent: The executor of the call that starts it, with the rights of its parent.
        session: The executor whose tools the child has, where the parent works.
        sink: Of the call that starts it.
        new_id: Gives ids inside that call.
    """

    id: str
    spec: ChildSpec
    ground: Ground | None
    parent: Executor
    session: Executor
    sink: Sink
    new_id: Callable[[], str]

    async def begin(self) -> Apart:
        """
        Make the copy.

        Raises:
            NotIsolated: there can be none, and the child is not run; says why.
            StoreError: that it is there could not be recorded.
        """
        ground = self.ground
        if ground is None:
            raise self._refused(NO_PLACE)
        copy = _Copy(self, ground)
        try:
            space = await copy.make()
        except StoreError:
            raise
        except A3SError as error:
            raise self._refused(error.message) from error
        return Apart(copy, replace(self.session, space=space), ground.within(copy.made))

    def _refused(self, why: str) -> NotIsolated:
        text = f"{self.spec.agent} was not started: it has no worktree of its own, because {why}"
        return NotIsolated(f"{text.rstrip('. ')}.")


@dataclass(frozen=True, slots=True)
class Apart:
    """
    A child in its copy.

    Attributes:
        executor: Of the calls in the copy, with the rights of the session.
        ground: Of the children of the child.
    """

    _copy: _Copy
    executor: Executor
    ground: Ground

    async def conduct(self, run: Callable[[], Coroutine[Any, Any, ChildOutcome]]) -> ChildOutcome:
        """Run the child to its end; its copy goes with it, also when it never began."""
        async with self.kept_tidy():
            return await run()

    @asynccontextmanager
    async def kept_tidy(self) -> AsyncGenerator[None]:
        """Take and remove the copy when the block is cut short."""
        try:
            yield
        except BaseException:
            await self.left()
            raise

    async def settled(self, outcome: ChildOutcome) -> ChildOutcome:
        """
        Merge what the child did when it ended well, and tell it with its outcome.

        Work that is not in the workspace, or not all of it, is no success.

        Raises:
            StoreError: it could not be recorded.
        """
        if outcome.kind:
            merge = await _settled(self._copy.leave(f"{FAILED}: {outcome.error}"))
            return msgspec.structs.replace(outcome, merge=merge)
        merge = await self._copy.merge()
        error = _unmerged(outcome.agent, merge)
        kind = NOT_MERGED if error else ""
        return msgspec.structs.replace(outcome, merge=merge, kind=kind, error=error)

    async def left(self) -> JsonObject | None:
        """Take and remove the copy of a child that was cut short, and say what became of it."""
        with suppress(A3SError):  # what ended the child is what there is to say
            await _settled(self._copy.leave(STOPPED))
        return self._copy.told


class _Copy:
    """The copy of one child, from its making to its end."""

    __slots__ = ("_ground", "_note", "_of", "_worktrees", "made", "told")

    def __init__(self, of: Isolation, ground: Ground) -> None:
        self._of, self._ground, self._worktrees = of, ground, ground.worktrees
        self._note = ""
        self.made: WorktreeMade
        self.told: JsonObject | None = None

    async def make(self) -> Space:
        """
        Make it; when that does not come about, nothing of it stays.

        Raises:
            WorkspaceError, ProgramMissing, SandboxUnavailable: it cannot be made; says why.
            StoreError: that it is there could not be recorded; it is not.
        """
        of = self._of
        base = await self._ground.tree("worktree", of.sink)
        named = await self._worktrees.name(of.id, base)
        self.made = msgspec.structs.replace(named, apart=of.session.space.apart)
        of.sink.emit(self.made)
        try:
            await of.sink.barrier()
            self._note = await self._worktrees.make(self.made)
            space = await asyncio.to_thread(self._ground.space_at, self.made.directory)
        except BaseException:
            with suppress(A3SError):
                await _settled(self._removed("failed", reason="it could not be made"))
            raise
        return replace(space, exits=of.session.space.exits, direct=None, is_apart=True)

    # Its end

    async def leave(self, why: str) -> JsonObject:
        """Keep what stands in it as a tree, and remove it; nothing is merged from now on."""
        if self.told is not None:
            return self.told
        left = await self._taken()
        if isinstance(left, str):
            return self._lost(left)
        status = "kept" if left.tree != self.made.base or left.missed else "nothing"
        return await self._removed(status, left, reason=why, conflicts=left.missed)

    async def merge(self) -> JsonObject:
        """Merge what stands in it, and remove it; what was not merged stays as a tree."""
        left = await self._left()
        if isinstance(left, str):
            return self._lost(left)
        merging = self._merging()
        try:
            reason = await self._merged(left, merging)
        except BaseException:
            with suppress(A3SError):
                await _settled(self._removed("kept", left, merging, CUT_SHORT, left.missed))
            raise
        if reason:
            return await _settled(self._removed("kept", left, merging, reason, left.missed))
        conflicts = (*merging.conflicts, *left.missed)
        status = "conflicts" if conflicts else "merged" if merging.files else "nothing"
        return await _settled(self._removed(status, left, merging, conflicts=conflicts))

    async def _left(self) -> Left | str:
        """Take what stands in it; when this is cancelled meanwhile, remove it as well."""
        try:
            return await _settled(self._taken())
        except BaseException:
            with suppress(A3SError):
                await _settled(self.leave(CUT_SHORT))
            raise

    async def _merged(self, left: Left, merging: Merging) -> str:
        """Merge what can be; says why nothing could, where that is so."""
        base = self.made.base
        if left.tree == base:
            return ""
        try:
            async with self._ground.turn:
                ours = await self._ground.tree("merge", self._of.sink)
                await merging.run(await self._worktrees.plan(base, ours, left.tree))
        except StoreError:
            raise
        except A3SError as error:
            return error.message
        return ""

    def _merging(self) -> Merging:
        of = self._of
        return Merging(of.parent, of.sink, of.new_id, self._worktrees, of.id)

    async def _taken(self) -> Left | str:
        """Take what stands in it, for as long as the session is kept; or say why not."""
        try:
            left = await self._worktrees.take(self.made)
            await self._ground.keep(left.tree)
        except A3SError as error:
            return error.message
        return left

    def _lost(self, why: str) -> JsonObject:
        """Leave the directory, since nothing else has what the child did."""
        ended = WorktreeEnded(child=self.made.child, status="failed", reason=why)
        self._of.sink.emit(ended)
        told = self._told(ended)
        told["directory"] = self.made.directory
        return told

    async def _removed(
        self,
        status: str,
        left: Left | None = None,
        merging: Merging | None = None,
        reason: str = "",
        conflicts: tuple[Unmerged, ...] = (),
    ) -> JsonObject:
        ended = WorktreeEnded(
            child=self.made.child,
            status=status,
            tree=left.tree if left is not None else "",
            files=tuple(merging.files) if merging is not None else (),
            conflicts=conflicts,
            reason=reason,
        )
        await self._worktrees.remove(self.made)
        self._of.sink.emit(ended)
        return self._told(ended)

    def _told(self, ended: WorktreeEnded) -> JsonObject:
        """Give what the outcome of the child says of it."""
        told: JsonObject = {
            "status": ended.status,
            "files": list(ended.files[:MAX_NAMED]),
            "conflicts": [
                {"path": each.path, "reason": each.reason} for each in ended.conflicts[:MAX_NAMED]
            ],
            "base": self.made.base,
            "tree": ended.tree,
        }
        more = max(0, len(ended.files) - MAX_NAMED) + max(0, len(ended.conflicts) - MAX_NAMED)
        if more:
            told["not_named"] = more
        if ended.reason:
            told["reason"] = ended.reason
        if self._note:
            told["without_git"] = self._note
        self.told = told
        if ended.tree and ended.status in ("conflicts", "kept"):
            see = f"git --git-dir={self._worktrees.objects} diff {self.made.base} {ended.tree}"
            told["see"] = see
        return told


def _unmerged(agent: str, merge: JsonObject) -> str:
    """Say why the work of a child that ended well is not in the workspace; empty when it is."""
    match merge["status"]:
        case "conflicts":
            paths = [each["path"] for each in merge["conflicts"]]
            more = f" and {len(paths) - MAX_SAID} more" if len(paths) > MAX_SAID else ""
            return (
                f"{agent} came to its end, but not merged is {', '.join(paths[:MAX_SAID])}{more}."
            )
        case "kept" | "failed":
            return f"{agent} came to its end, but nothing was merged: {merge['reason']}"
        case _:
            return ""


async def _settled(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; when cancelled meanwhile, let it come to its end first."""
    return await to_its_end(asyncio.ensure_future(work), TIDY_S)
