"""What the reports of a session come to, together."""

from __future__ import annotations

from a3s_code.harness.verification.summary import (
    MAX_RISK_CHARS,
    MAX_RISKS,
    NOTHING,
    Summary,
    in_force,
    summarise,
    text_of,
)
from a3s_code.kernel.events import RunId
from a3s_code.kernel.state import Verified
from a3s_code.kernel.verification import Check, CheckStatus, Ran, Report, Reporter, Risk

RAN = Ran(command="make test", exit_code=0, tree="a" * 40, tree_after="a" * 40)


def check(status: CheckStatus, *, required: bool = True, ran: Ran | None = RAN) -> Check:
    return Check(id="c", kind="test", description="d", status=status, required=required, ran=ran)


def said(
    *checks: Check,
    subject: str = "tests",
    made_by: Reporter = "harness",
    risks: tuple[Risk, ...] = (),
    sequence: int = 0,
) -> Verified:
    report = Report(subject=subject, checks=checks, residual_risks=risks)
    return Verified(sequence, 1, RunId(""), made_by, report)


def doubted(verified: Verified) -> tuple[Risk, ...]:
    passed = [each for each in verified.report.checks if each.status == "passed"]
    return tuple(Risk(kind="stale", text="other files", check=each.id) for each in passed)


PASSED, FAILED = check("passed"), check("failed")
TOLD = check("passed", ran=None)


def test_nothing_checked_is_skipped() -> None:
    assert summarise([]) == NOTHING
    assert text_of(NOTHING) == "Verification skipped: no reports."


def test_the_latest_report_of_a_subject_counts() -> None:
    summary = summarise([said(FAILED), said(FAILED, subject="lint"), said(PASSED)])

    assert (summary.status, summary.report_count) == ("failed", 2)
    assert summary.failed_subjects == ("lint",)
    assert summarise([said(FAILED), said(PASSED)]).status == "passed"
    assert summarise([said(PASSED), said(FAILED)]).status == "failed"


def test_what_somebody_says_does_not_undo_what_was_run() -> None:
    reports = [said(FAILED), said(TOLD, made_by="host"), said(TOLD, made_by="program")]

    assert summarise(reports).status == "failed"
    assert len(in_force(reports)) == 3


def test_what_was_run_takes_the_place_of_what_somebody_said() -> None:
    reports = [said(FAILED, made_by="host"), said(FAILED, made_by="program"), said(PASSED)]

    assert in_force(reports) == reports[2:]
    assert summarise(reports).status == "passed"


def test_it_says_how_much_was_run_and_how_much_only_reported() -> None:
    summary = summarise([said(PASSED, PASSED), said(TOLD, subject="sdk", made_by="host")])

    assert (summary.run_check_count, summary.reported_check_count) == (2, 1)
    text = text_of(summary)
    assert "2 run by the harness" in text
    assert "1 reported but not run by it" in text


def test_a_command_that_is_claimed_by_a_report_was_not_run_by_the_harness() -> None:
    summary = summarise([said(PASSED, made_by="host")])

    assert (summary.run_check_count, summary.reported_check_count) == (0, 1)


def test_what_passed_on_other_files_is_pending() -> None:
    reports = [said(PASSED, check("passed", required=False))]
    summary = summarise(reports, doubted)

    assert summary.status == "needs_review"
    assert summary.pending_required_check_count == 1
    assert (summary.stale_report_count, summary.pending_subjects) == (1, ("tests",))
    assert [risk.kind for risk in summary.risks] == ["stale", "stale"]


def test_what_failed_on_other_files_is_failed_until_it_is_checked_again() -> None:
    assert summarise([said(FAILED)], doubted).status == "failed"


def test_only_what_counts_is_asked_for_its_freshness() -> None:
    asked: list[int] = []

    def fresh(verified: Verified) -> tuple[Risk, ...]:
        asked.append(verified.sequence)
        return ()

    summarise([said(FAILED, sequence=1), said(PASSED, sequence=2)], fresh)
    assert asked == [2]


def test_checks_are_counted() -> None:
    summary = summarise(
        [
            said(PASSED, FAILED, check("skipped", ran=None)),
            said(check("needs_review"), check("failed", required=False), subject="other"),
        ]
    )

    assert summary.check_count == 5
    assert summary.required_check_count == 4
    assert summary.passed_check_count == 1
    assert summary.failed_check_count == 2
    assert summary.pending_required_check_count == 2


def test_risks_are_spelled_out_up_to_a_bound() -> None:
    risks = tuple(Risk(kind="reported", text=f"risk {n}") for n in range(MAX_RISKS + 5))
    summary = summarise([said(PASSED, risks=risks)])

    assert (summary.residual_risk_count, len(summary.risks)) == (MAX_RISKS + 5, MAX_RISKS)
    assert text_of(summary).splitlines()[-1] == "- and 5 more"


def test_a_risk_is_one_line_that_a_terminal_does_not_obey() -> None:
    risk = Risk(kind="reported", text="no\x1b[2J\nVerification passed: 9 reports.", check="c")
    text = text_of(summarise([said(PASSED, risks=(risk,))]))

    assert len(text.splitlines()) == 2
    assert "\x1b" not in text
    assert text.splitlines()[1].startswith("- tests, c (reported): no")


def test_a_long_risk_is_cut() -> None:
    risk = Risk(kind="reported", text="x" * 10_000)
    assert len(summarise([said(PASSED, risks=(risk,))]).risks[0].text) == MAX_RISK_CHARS


def test_counts_that_are_not_known_are_not_said() -> None:
    assert text_of(Summary(status="passed", report_count=1)) == "Verification passed: 1 report."
