"""What `verification="required"` asks of one run: its checks, run and recorded in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from msgspec.structs import replace as changed

from a3s_code.api.behaviour import Behaviour
from a3s_code.api.context import RunContext
from a3s_code.api.evidence_copies import CopyRuns
from a3s_code.api.evidence_trees import FilesNow, runs_of
from a3s_code.api.outlet import Outlet
from a3s_code.api.verification_runs import Workshop, WorkspaceGround, verify
from a3s_code.errors import WorkspaceError
from a3s_code.harness.verification.commands import CheckCommand
from a3s_code.harness.verification.evidence import Reach, reach_of
from a3s_code.harness.verification.named import NamedByHost
from a3s_code.harness.verification.presets import presets_of
from a3s_code.harness.verification.required import SUBJECT, Finding, Required, Verification
from a3s_code.harness.verification.summary import SubjectRisk, Summary
from a3s_code.kernel.artifacts import Artifact
from a3s_code.kernel.events import Verification as Verified
from a3s_code.kernel.ports import Authority, Review
from a3s_code.kernel.records import RunStatusChanged
from a3s_code.kernel.space import Space
from a3s_code.kernel.verification import Report, Risk, status_of

SETTLING = 3
"""How often checks run at once, when they change files themselves: the last must not."""

NO_CHECKS = "No check is known for this project. Name some: Verification(commands=[...])."
NOT_PASSED = "The run ended before its required checks passed on the files as they are."
NOT_CHECKED = "The run changed files, and ended before they were checked."


class Place(Workshop, Protocol):
    """What required checks use of the session."""

    @property
    def behaviour(self) -> Behaviour: ...
    @property
    def space_of_copy(self) -> Callable[[str], Space] | None: ...
    async def artifact(self, uri: str) -> Artifact | None: ...


class RequiredChecks:
    """
    Made for one run.

    Attributes:
        review: What the loop asks.
    """

    __slots__ = (
        "_base",
        "_commands",
        "_copies",
        "_last",
        "_reach",
        "_session",
        "_sink",
        "_wanted",
        "review",
    )

    def __init__(
        self,
        session: Place,
        sink: Outlet,
        wanted: Verification,
        context: RunContext,
        before: Review,
    ) -> None:
        self._session, self._sink, self._wanted = session, sink, wanted
        self._commands: tuple[CheckCommand, ...] = wanted.commands
        self._reach: Reach | None = None
        self._base: str | None = None
        self._last: tuple[str, Finding] | None = None
        self._copies: CopyRuns | None = None
        enter = partial(context.enter, "verification")
        self.review = Required(before, self, wanted.max_rounds, enter)

    @property
    def is_settled(self) -> bool:
        """Say whether the checks have passed, as far as the run has come, or none was needed."""
        finding = self.review.finding
        return not self._has_acted() if finding is None else finding.is_settled

    async def begin(self) -> None:
        """Look what the project is known to have, before the run can make it less."""
        if not self._wanted.commands:
            self._commands = await self._presets()

    async def find(self) -> Finding:
        """See `Proof.find`."""
        now = await self._session.evidence.take(self._sink) if self._has_acted() else FilesNow()
        if not await self._has_changed(now):
            return Finding()
        if self._last is not None and now.tree and self._last[0] == now.tree:
            return self._last[1]
        if not self._wanted.commands:
            known = {each.command for each in self._commands}
            more = [each for each in await self._presets() if each.command not in known]
            self._commands = (*self._commands, *more)
        self._sink.emit(RunStatusChanged(status="verifying"))
        finding = await self._check()
        self._sink.emit(RunStatusChanged(status="executing"))
        self._last = (await self._session.evidence.take(self._sink)).tree, finding
        return finding

    def finish(self, summary: Summary) -> Summary:
        """Say what the run comes to when it ends now; it is not passed before its checks are."""
        finding = self.review.finding
        if finding is not None and finding.is_settled:
            return summary
        if finding is None and not self._has_acted():
            return summary
        text = NOT_CHECKED if finding is None else NOT_PASSED
        risk = SubjectRisk(subject=SUBJECT, kind="not_run", text=text)
        return changed(
            summary,
            status="needs_review",
            risks=(risk, *summary.risks),
            residual_risk_count=summary.residual_risk_count + 1,
        )

    # What has changed

    @property
    def _own(self) -> Reach:
        if self._reach is None:
            log = self._session.log
            self._reach = reach_of(log.state, log.at, self._sink.run)
        return self._reach

    def _has_acted(self) -> bool:
        """Say whether the run did anything that may have changed a file."""
        state = self._session.log.state
        return bool(self._own.changes(state)) or self._own.has_unknown(state)

    async def _has_changed(self, now: FilesNow) -> bool:
        if not self._has_acted():
            return False
        base = await self._base_tree()
        if not base or not now.tree or base != now.plain:
            return True
        return now.tree != now.plain and now.tree not in self._seen_before()

    def _seen_before(self) -> set[str]:
        """Give the trees that checks ran on, or left, before the run began."""
        verifications = self._session.log.state.verifications
        before = [each for each in verifications if each.sequence < self._own.begin]
        return {tree for ran in runs_of(before) for tree in (ran.tree, ran.tree_after)}

    async def _base_tree(self) -> str:
        """Give the files from before the run; empty when nobody can tell."""
        if self._base is None:
            checkpoints = self._session.checkpoints
            place = checkpoints.find(self._first_run())
            try:
                self._base = await checkpoints.tree_at(place, self._sink, "verification")
            except WorkspaceError:
                self._base = ""
        return self._base

    def _first_run(self) -> str:
        places = self._session.log.state.checkpoints
        return next(each.run for each in places if each.sequence == self._own.begin)

    # Checks

    async def _presets(self) -> tuple[CheckCommand, ...]:
        found = await presets_of(self._session.executor.space.files)
        several = len(found) > 1
        return tuple(
            changed(each, id=f"{preset.id}:{each.id}") if several else each
            for preset in found
            for each in preset.commands
        )

    async def _check(self) -> Finding:
        """Run the checks, and again when they changed files themselves, a few times at most."""
        if not self._commands:
            risk = Risk(kind="not_run", text=NO_CHECKS)
            report = Report(subject=SUBJECT, residual_risks=(risk,))
            self._sink.emit(Verified(report=report, made_by="harness"))
            return Finding(report, is_settled=False)
        report, is_settled = await self._run()
        for _ in range(SETTLING - 1):
            if is_settled or not _changed_files(report):
                break
            report, is_settled = await self._run()
        return Finding(report, is_settled, await self._outputs(report))

    async def _run(self) -> tuple[Report, bool]:
        session, sink = self._session, self._sink
        executor = session.executor
        named = NamedByHost(executor.gate, frozenset(each.command for each in self._commands))
        executor = replace(executor, gate=named)
        self._copies = self._copies or CopyRuns(
            session,
            executor,
            sink,
            session.space_of_copy,
            {each.id: each.timeout_ms for each in self._commands},
        )
        ground = WorkspaceGround(session, sink, executor, Authority.SESSION)
        judge = self._judge if self._wanted.red_before_green else None
        done = await verify(session, sink, SUBJECT, self._commands, ground, judge)
        summary = await session.evidence.summary((done,), sink)
        return done.report, summary.status == "passed"

    async def _judge(self, report: Report) -> Report:
        if status_of(report) != "passed" or self._copies is None:
            return report
        now = (await self._session.evidence.take(self._sink)).plain
        return await self._copies.judge(report, await self._base_tree(), now)

    async def _outputs(self, report: Report) -> dict[str, str]:
        found: dict[str, str] = {}
        for check in report.checks:
            if check.required and check.status == "failed" and check.ran is not None:
                kept = await self._session.artifact(check.ran.output_uri)
                if kept is not None:
                    found[check.id] = kept.content
        return found


def _changed_files(report: Report) -> bool:
    """Say whether all passed, and only what the checks did to the files is left."""
    is_passed = all(check.status == "passed" for check in report.checks if check.required)
    return is_passed and any(risk.kind == "changed_files" for risk in report.residual_risks)


def required_checks(
    session: Place, sink: Outlet, context: RunContext, before: Review
) -> RequiredChecks | None:
    """Give what a run of the session has to pass; None when nothing is required."""
    wanted = session.behaviour.verification
    if wanted is None or wanted.mode == "off":
        return None
    return RequiredChecks(session, sink, wanted, context, before)
