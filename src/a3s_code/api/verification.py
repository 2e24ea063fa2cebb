"""
What was checked in a session: running it, reporting it, and what it comes to.

`SessionVerification` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from a3s_code.harness.verification.summary import NOTHING, text_of
from a3s_code.kernel.events import Verification
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.verification import Report

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.harness.verification.summary import Summary
    from a3s_code.kernel.log import Log


class SessionVerification(ABC):
    """Gives `AsyncSession` its checks, over what its log has recorded of them."""

    __slots__ = ()

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    async def verify_commands(
        self, subject: str, commands: Sequence[Mapping[str, Any]]
    ) -> JsonObject:
        """
        Run checks in the workspace, one after the other, and record one report about them.

        Each runs with bash as `bash` does, on the caller's own authority, and is passed only
        if it ended with 0. It goes on after one that failed. Recorded is how each ran: the
        command, its exit status, the tree of the files before and after it, and its whole
        output as an artifact. `cancel` stops it; what did not run then is in the report, too.

        Args:
            subject: What is checked, such as `sdk:tests`. A later report of the same subject
                takes the place of this one in the summary.
            commands: Objects of `id`, `command`, and optional `kind`, `description`,
                `required` (True) and `timeout_ms` (120,000; at most 600,000), such as the
                commands of `verification_presets`.

        Returns:
            The report, as `verification_reports` has it. A check that failed or took too long
            is `failed`, and one that could not run `needs_review`; an optional one whose
            program is missing is `skipped`. Files that changed meanwhile, and files that
            nobody can name, are residual risks.

        Raises:
            InvalidType, InvalidValue: a command is not as it should be; nothing ran.
            RunCancelled: somebody stopped it.
            StoreError: it could not be recorded; what was not, did not run.
            SessionClosed: the session was closed.

        Source:
            SPEC 4.4.
        """
        from a3s_code.harness.verification.commands import check_subject, commands_of
        from a3s_code.harness.verification.reports import verified_row

        subject, checked = check_subject(subject), commands_of(commands)
        return verified_row(await (await self._awake()).verify(subject, checked))

    async def record_verification_reports(
        self, reports: Sequence[Mapping[str, Any] | Report]
    ) -> None:
        """
        Add what somebody else has checked, such as a job of the host; all of them, or none.

        They count in the summary, which says how many checks were reported and not run by
        the harness. A `status` that a report claims is compared and never believed: what it
        comes to follows from its checks, and a contradiction is a residual risk. It does not
        take the place of what the harness has run for the same subject.

        Args:
            reports: Objects of `schema` (`a3s.verification_report.v1`), `subject`, and optional
                `status`, `checks`, `residual_risks` (texts, or objects of `text` and
                `check`). A check has `id`, `kind`, `description`, `status` (passed, failed,
                needs_review, skipped), and optional `required` (True), `suggested_tools`,
                `evidence_uris`, `residual_risk`. At most 1 MiB each.

        Raises:
            InvalidType, InvalidValue: one of them is not as it should be; says which and why.
            StoreError: they could not be made durable.
            SessionClosed: the session was closed.

        Source:
            Python SDK 3.1, "Evidence".
        """
        from a3s_code.harness.verification.reports import reports_of

        checked = reports_of(reports)
        engine = await self._awake()
        await engine.aside(partial(_record, engine, checked))

    def verification_reports(self) -> list[JsonObject]:
        """
        List every report of the session, oldest first.

        Returns:
            Objects of the schema (`schema`, `subject`, `status`, `checks`,
            `residual_risks`) with `risks` (objects of `kind`, `text`, `check`), `made_by`
            (`harness`: it was run here; `host`, `program`: it was reported), `run_id`,
            `sequence` and `timestamp_ms`. A check that was run has `ran`: `command`,
            `exit_code`, `tree`, `tree_after`, `output_uri` (see `get_artifact`),
            `duration_ms`.

        Raises:
            SessionClosed: the session was closed.
        """
        from a3s_code.harness.verification.reports import verified_row

        log = self._log()
        return [verified_row(each) for each in log.state.verifications] if log else []

    async def verification_summary(self) -> JsonObject:
        """
        Say what was checked comes to: the latest report of each subject counts.

        Where the harness ran checks the files of now are taken: what passed on others is
        stale, and needs a review.

        Returns:
            `status` (failed, needs_review, passed, or skipped when nothing was checked),
            `report_count`, `check_count`, `required_check_count`, `passed_check_count`,
            `failed_check_count`, `pending_required_check_count`, `run_check_count` (by the
            harness), `reported_check_count` (by others), `stale_report_count`,
            `residual_risk_count`, `pending_subjects`, `failed_subjects`, and `risks`: the
            first 20, objects of `subject`, `kind`, `text`, `check`.

        Raises:
            SessionClosed: the session was closed.

        Source:
            SPEC 4.4 and 3.3.
        """
        return (await self._summary()).as_json()

    async def verification_summary_text(self) -> str:
        """
        Say the summary in words: one line, and below it one for each risk.

        Raises:
            SessionClosed: the session was closed.
        """
        return text_of(await self._summary())

    async def verification_presets(self) -> list[JsonObject]:
        """
        Propose what can be checked, by the files in the root of the workspace; runs nothing.

        Returns:
            Objects of `id`, `project_kind` (`rust`, `node`, `python`, `go`), `description` and
            `commands`, which `verify_commands` takes.

        Raises:
            SessionClosed: the session was closed.

        Source:
            SPEC 4.4.
        """
        from a3s_code.harness.verification.presets import presets_of

        files = (await self._awake()).executor.space.files
        return [preset.as_json() for preset in await presets_of(files)]

    async def _summary(self) -> Summary:
        log = self._log()
        if log is None or not log.state.verifications:
            return NOTHING
        return await (await self._awake()).verification_summary()


async def _record(engine: Engine, reports: Sequence[Report]) -> None:
    sink = engine.telling()
    for report in reports:
        sink.emit(Verification(report=report, made_by="host"))
    await sink.barrier()
