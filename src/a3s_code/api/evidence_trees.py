"""
What became of the files that the checks of a session ran on.

Trees are taken and compared only for a session in which a check ran on one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from a3s_code.api.checkpoints import Checkpoints
from a3s_code.errors import SnapshotLost, WorkspaceError
from a3s_code.harness.verification.freshness import Step, Trail, doubts
from a3s_code.harness.verification.summary import Summary, in_force, summarise
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.snapshots import Difference, Snapshots
from a3s_code.kernel.state import SessionState, Verified
from a3s_code.kernel.verification import Ran, Risk


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
        if pair not in self._known:
            try:
                self._known[pair] = await self.snapshots.differences(before, after)
            except (SnapshotLost, WorkspaceError):
                self._known[pair] = None
        return self._known[pair]

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

    async def take(self, sink: Sink) -> tuple[str, str]:
        """Take the files of now; without a tree (empty) with why there is none."""
        try:
            return await self.checkpoints.take("evidence", sink), ""
        except WorkspaceError as error:
            return "", error.message

    async def summary(self, reports: Sequence[Verified], sink: Sink) -> Summary:
        """Say what reports come to on the files of now."""
        if not needs_tree(reports):
            return summarise(reports)
        now, _ = await self.take(sink)
        trail = await self.comparison.trail(self.checkpoints.log.state)

        def doubted(verified: Verified) -> tuple[Risk, ...]:
            return doubts(verified.report, trail, now) if verified.made_by == "harness" else ()

        return summarise(reports, doubted)


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
