"""
What the reports of a session come to, taken together, and how that is said.

Of each subject the latest report counts, so that a check which passes at last is not failed
for ever; all of them stay in the log. A report never takes the place of a stronger one: what
the harness has run is not undone by what somebody says.

Source:
    SPEC 4.4 and 3.3; the names of the counts are those of `agent_end` there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import plain
from a3s_code.kernel.state import Verified
from a3s_code.kernel.verification import Check, CheckStatus, Reporter, Risk, RiskKind, status_of
from a3s_code.kernel.visible import on_one_line

Doubts: TypeAlias = Callable[[Verified], tuple[Risk, ...]]
"""Says what is uncertain of a report because the files may be others now; see `freshness`."""

MAX_RISKS = 20
"""Residual risks that a summary spells out; the others are counted."""
MAX_RISK_CHARS = 500

_WEIGHT: dict[Reporter, int] = {"program": 0, "host": 1, "harness": 2}


class SubjectRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A residual risk, and the subject of the report that it belongs to."""

    subject: str
    kind: RiskKind
    text: str
    check: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        report_count: That count: the latest of each subject.
        failed_check_count: Also of checks that are not required.
        pending_required_check_count: Required checks that have neither passed nor failed, or
            have passed on files that have changed since.
        run_check_count, reported_check_count: How many of the checks the harness has run, and
            how many somebody else reported.
        pending_subjects, failed_subjects: Of reports that need a review, and that failed.
        risks: The first `MAX_RISKS` of `residual_risk_count`.
    """

    status: CheckStatus
    report_count: int = 0
    check_count: int = 0
    required_check_count: int = 0
    passed_check_count: int = 0
    failed_check_count: int = 0
    pending_required_check_count: int = 0
    run_check_count: int = 0
    reported_check_count: int = 0
    stale_report_count: int = 0
    residual_risk_count: int = 0
    pending_subjects: tuple[str, ...] = ()
    failed_subjects: tuple[str, ...] = ()
    risks: tuple[SubjectRisk, ...] = ()

    def as_json(self) -> JsonObject:
        return {
            **msgspec.structs.asdict(self),
            "pending_subjects": list(self.pending_subjects),
            "failed_subjects": list(self.failed_subjects),
            "risks": [msgspec.structs.asdict(risk) for risk in self.risks],
        }


NOTHING = Summary(status="skipped")
"""The summary of a session in which nothing was checked."""


def no_doubts(verified: Verified) -> tuple[Risk, ...]:  # noqa: ARG001 - a `Doubts`
    """Say that a report is about the files of now."""
    return ()


def in_force(reports: Iterable[Verified]) -> list[Verified]:
    """
    Give the reports that count, oldest first.

    Args:
        reports: All of a session, oldest first.
    """
    latest: dict[tuple[str, int], Verified] = {}
    for verified in reports:
        weight = _WEIGHT[verified.made_by]
        for weaker in range(weight + 1):
            latest.pop((verified.report.subject, weaker), None)
        latest[verified.report.subject, weight] = verified
    return list(latest.values())


def summarise(reports: Sequence[Verified], doubts: Doubts = no_doubts) -> Summary:
    """
    Say what reports come to, together.

    Args:
        reports: All of a session, oldest first.
        doubts: Asked once for each report that counts.
    """
    if not reports:
        return NOTHING
    found = [_Standing(verified, doubts(verified)) for verified in in_force(reports)]
    checks = [(each, check) for each in found for check in each.verified.report.checks]
    risks = [risk for each in found for risk in each.risks()]
    ran = sum(check.ran is not None and each.is_run for each, check in checks)
    return Summary(
        status=_worst([each.status for each in found]),
        report_count=len(found),
        check_count=len(checks),
        required_check_count=sum(check.required for _, check in checks),
        passed_check_count=sum(check.status == "passed" for _, check in checks),
        failed_check_count=sum(check.status == "failed" for _, check in checks),
        pending_required_check_count=sum(each.is_pending(check) for each, check in checks),
        run_check_count=ran,
        reported_check_count=sum(not each.is_run for each, _ in checks),
        stale_report_count=sum(bool(each.doubts) for each in found),
        residual_risk_count=len(risks),
        pending_subjects=_subjects(found, "needs_review"),
        failed_subjects=_subjects(found, "failed"),
        risks=tuple(risks[:MAX_RISKS]),
    )


class _Standing:
    """A report that counts, and how it stands now."""

    __slots__ = ("doubts", "status", "verified")

    def __init__(self, verified: Verified, doubts: tuple[Risk, ...]) -> None:
        self.verified, self.doubts = verified, doubts
        status = status_of(verified.report)
        self.status: CheckStatus = "needs_review" if doubts and status == "passed" else status

    @property
    def is_run(self) -> bool:
        return self.verified.made_by == "harness"

    def is_pending(self, check: Check) -> bool:
        is_open = check.status in {"needs_review", "skipped"}
        is_doubted = any(risk.check == check.id for risk in self.doubts)
        return check.required and (is_open or (is_doubted and check.status == "passed"))

    def risks(self) -> list[SubjectRisk]:
        all_ = (*self.verified.report.residual_risks, *self.doubts)
        subject = self.verified.report.subject
        return [
            SubjectRisk(
                subject=subject,
                kind=risk.kind,
                text=_short(risk.text),
                check=risk.check,
            )
            for risk in all_
        ]


def _short(text: str) -> str:
    return text if len(text) <= MAX_RISK_CHARS else f"{text[: MAX_RISK_CHARS - 1]}…"


def _worst(statuses: Sequence[CheckStatus]) -> CheckStatus:
    order: tuple[CheckStatus, ...] = ("failed", "needs_review", "passed", "skipped")
    return next(status for status in order if status in statuses)


def _subjects(found: Iterable[_Standing], status: CheckStatus) -> tuple[str, ...]:
    return tuple(each.verified.report.subject for each in found if each.status == status)


def text_of(summary: Summary) -> str:
    """
    Say it in words: one line, and below it one for each risk that it spells out.

    Counts that are 0 are left out, so a summary that has fewer of them reads as well.
    """
    if not summary.report_count:
        return f"Verification {summary.status}: no reports."
    said = [_count(summary.report_count, "report"), *_counts(summary)]
    lines = [f"Verification {summary.status}: {', '.join(said)}.", *map(_line, summary.risks)]
    more = summary.residual_risk_count - len(summary.risks)
    if summary.risks and more > 0:
        lines.append(f"- and {more} more")
    return "\n".join(lines)


def format_verification_summary(summary: Mapping[str, Any] | str | bytes) -> str:
    """
    Say a summary in words, as `Session.verification_summary_text` does.

    Args:
        summary: Such as `Session.verification_summary()`, or its JSON. Only `status` is needed;
            what is not known of it is left out.

    Raises:
        InvalidType: it is neither an object nor JSON.
        InvalidValue: it is no summary; says why.

    Source:
        SPEC 1.10.
    """
    if not isinstance(summary, str | bytes | Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(
            f"A verification summary is an object or its JSON, not a {type(summary).__name__}."
        )
    try:
        if isinstance(summary, str | bytes):
            return text_of(msgspec.json.decode(summary, type=Summary))
        return text_of(msgspec.convert(plain(summary), Summary))
    except (msgspec.DecodeError, TypeError, RecursionError, UnicodeError) as error:
        raise InvalidValue(
            f"This is no verification summary: {error}.",
            hint="give what verification_summary() gives, or its JSON",
        ) from error


def _counts(summary: Summary) -> Iterable[str]:
    if summary.required_check_count:
        yield _count(summary.required_check_count, "required check")
    if summary.failed_check_count:
        yield f"{summary.failed_check_count} failed"
    if summary.pending_required_check_count:
        yield f"{summary.pending_required_check_count} pending"
    if summary.run_check_count:
        yield f"{summary.run_check_count} run by the harness"
    if summary.reported_check_count:
        yield f"{summary.reported_check_count} reported but not run by it"
    if summary.stale_report_count:
        yield f"{_count(summary.stale_report_count, 'report')} stale"
    if summary.residual_risk_count:
        yield _count(summary.residual_risk_count, "residual risk")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(risk: SubjectRisk) -> str:
    about = f"{risk.subject}, {risk.check}" if risk.check else risk.subject
    return on_one_line(f"- {about} ({risk.kind}): {risk.text}")
