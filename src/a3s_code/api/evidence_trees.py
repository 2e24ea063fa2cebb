"""
What became of the files that the checks of a session ran on.

Trees are taken and compared only for a session in which a check ran on one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from a3s_code.api.checkpoints import Checkpoints
from a3s_code.errors import SnapshotLost, WorkspaceError
from a3s_code.harness.verification.freshness import Step, Trail, doubts
from a3s_code.harness.verification.summary import Summary, in_force, summarise
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.snapshots import Difference, Snapshots
from a3s_code.kernel.state import SessionState, Verified
from a3s_code.kernel.verification import Ran, Risk, status_of

MAX_COMPARED = 256
"""Pairs of trees whose differences are remembered."""


@dataclass(slots=True)
class Comparison:
    """
    Compares trees; what it was once told stays so.

    Attributes:
        snapshots: None where trees can only be told apart by their ids.
    """

    snapshots: Snapshots | None
    _known: dict[tuple[str, str], tuple[Difference, ...] | None] = field(
        default_factory=dict[tuple[str, str], "tuple[Difference, ...] | None"]
    )

    async def between(self, before: str, after: str) -> tuple[Difference, ...] | None:
        """Give what differs; None when nobody can tell."""
        if before == after and before:
            return ()
        if not before or not after or self.snapshots is None:
            return None
        pair = before, after
        if pair in self._known:
            return self._known[pair]
        found: tuple[Difference, ...] | None = None
        with contextlib.suppress(SnapshotLost, WorkspaceError):
            found = await self.snapshots.differences(before, after)
        if len(self._known) >= MAX_COMPARED:
            del self._known[next(iter(self._known))]
        self._known[pair] = found
        return found

    async def trail(self, state: SessionState) -> Trail:
        """Give what all checks of a session did to the files, and others between them."""
        steps: list[Step] = []
        left = state.snapshots[0][1] if state.snapshots else ""
        for ran in runs_of(state.verifications):
            steps.append(await self.step(left, ran.tree, ran.tree_after))
            left = ran.tree_after or ran.tree or left
        return Trail(steps, {change.what.path for change in state.changes})

    async def step(self, left: str, before: str, after: str) -> Step:
        """Give what a check did; `left` is the tree that the one before it left."""
        meanwhile = await self.between(left, before) if left else ()
        return Step(before, after, meanwhile, await self.between(before, after))


def runs_of(reports: Iterable[Verified]) -> list[Ran]:
    """Give how the harness ran checks, oldest first."""
    return [
        check.ran
        for verified in reports
        if verified.made_by == "harness"
        for check in verified.report.checks
        if check.ran is not None
    ]


def needs_tree(reports: Sequence[Verified]) -> bool:
    """Say whether what counts of these reports is about files at all."""
    return any(ran.tree for ran in runs_of(in_force(reports)))


def beside(state: SessionState) -> tuple[set[str], tuple[str, ...]]:
    """
    Say which files evidence is about even where git ignores them by now.

    Who hides a file from trees shall not hide what becomes of it. Given are the paths that
    tools of the session have written, and trees whose files count: what the last check left,
    and those that were taken since.
    """
    written = {change.what.path for change in state.changes}
    left, since = "", -1
    for verified in reversed(state.verifications):
        ran = [ran for ran in runs_of([verified]) if ran.tree_after]
        if ran:
            left, since = ran[-1].tree_after, verified.sequence
            break
    taken = [tree for sequence, tree in state.snapshots if sequence > since]
    return written, tuple(dict.fromkeys(tree for tree in (left, *taken[:1], *taken[-2:]) if tree))


async def marked(tree: str, state: SessionState, kept: Snapshots | None, here: Snapshots) -> str:
    """
    Give the tree that evidence is about: `tree`, with marks of what it does not hold.

    Args:
        kept: Where the trees of the session are; None = nowhere.
        here: Where `tree` was taken.

    Raises:
        WorkspaceError: nobody can tell.
    """
    wanted, trees = beside(state)
    for each in trees:
        if each != tree and kept is not None:
            with contextlib.suppress(SnapshotLost):
                wanted |= await kept.paths(each)
    return await here.marked(tree, wanted)


@dataclass(frozen=True, slots=True)
class FilesNow:
    """
    Attributes:
        tree: What evidence is about; empty when nobody can tell.
        plain: The same without marks, as snapshots are recorded.
        trouble: Why nobody can tell.
    """

    tree: str = ""
    plain: str = ""
    trouble: str = ""


@dataclass(slots=True)
class EvidenceTrees:
    """Of a session that is awake."""

    checkpoints: Checkpoints
    _comparison: Comparison | None = None

    @property
    def comparison(self) -> Comparison:
        """Opened when it is first needed."""
        self._comparison = self._comparison or Comparison(self.checkpoints.snapshots)
        return self._comparison

    async def take(self, sink: Sink) -> FilesNow:
        """Take the files of now, or say why not."""
        try:
            return await self.now("evidence", sink)
        except WorkspaceError as error:
            return FilesNow(trouble=error.message)

    async def now(self, why: str, sink: Sink) -> FilesNow:
        """
        Take the files of now.

        Raises:
            WorkspaceError: nobody can tell.
        """
        checkpoints = self.checkpoints
        plain = await checkpoints.take(why, sink)
        tree = await marked(
            plain, checkpoints.log.state, checkpoints.snapshots, checkpoints.snapshots
        )
        if tree != plain:
            await checkpoints.keep(tree)
        return FilesNow(tree, plain)

    async def summary(
        self, reports: Sequence[Verified], sink: Sink, own: Sequence[Verified] = ()
    ) -> Summary:
        """
        Say what reports come to on the files of now.

        Args:
            own: Those of one run that it is about. Where the harness has run checks in it, an
                older one that passed on other files does not count: it is not about this run.
        """
        if not needs_tree(reports):
            return summarise(reports)
        now = (await self.take(sink)).tree
        trail = await self.comparison.trail(self.checkpoints.log.state)

        def doubted(verified: Verified) -> tuple[Risk, ...]:
            return doubts(verified.report, trail, now) if verified.made_by == "harness" else ()

        counted = in_force(reports)
        if runs_of(own):
            is_own = {verified.sequence for verified in own}
            counted = [
                it
                for it in counted
                if it.sequence in is_own or status_of(it.report) != "passed" or not doubted(it)
            ]
        return summarise(counted, doubted)


@dataclass(slots=True)
class Footprints:
    """What checks change that run now, one after the other, and are not recorded yet."""

    trees: EvidenceTrees
    _trail: Trail | None = None
    _left: str = ""

    async def touched(self, before: str, after: str) -> tuple[str, ...]:
        """
        Name the files that the next check has changed, without its by-products.

        Raises:
            SnapshotLost: nobody can tell.
        """
        state, comparison = self.trees.checkpoints.log.state, self.trees.comparison
        if self._trail is None:
            self._trail = await comparison.trail(state)
            ended = [ran.tree_after for ran in runs_of(state.verifications) if ran.tree_after]
            self._left = ended[-1] if ended else before
        step = await comparison.step(self._left, before, after)
        self._left = after
        touched = self._trail.touched(step)
        if step.made is None:
            raise SnapshotLost("Nobody can tell any more what the check changed.")
        return touched
