"""What a report comes to follows from its checks, and a log gives it back as it was."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.kernel.events import RunId, Verification
from a3s_code.kernel.fold import fold, is_needed
from a3s_code.kernel.records import Record
from a3s_code.kernel.verification import (
    Check,
    CheckStatus,
    Ran,
    Report,
    Risk,
    claimed,
    status_of,
)

STATUSES: tuple[CheckStatus, ...] = get_args(CheckStatus)


def check(status: CheckStatus, *, required: bool = True) -> Check:
    return Check(id="c", kind="test", description="d", status=status, required=required)


def report(*checks: Check, risks: tuple[Risk, ...] = ()) -> Report:
    return Report(subject="s", checks=checks, residual_risks=risks)


@pytest.mark.parametrize(
    ("given", "comes_to"),
    [
        (report(), "skipped"),
        (report(check("passed")), "passed"),
        (report(check("passed"), check("failed", required=False)), "failed"),
        (report(check("passed"), check("skipped")), "needs_review"),
        (report(check("passed"), check("needs_review")), "needs_review"),
        (report(check("passed"), check("skipped", required=False)), "passed"),
        (report(check("passed"), risks=(Risk(kind="reported", text="t"),)), "needs_review"),
        (report(check("skipped", required=False)), "skipped"),
        (report(check("needs_review", required=False)), "needs_review"),
    ],
)
def test_what_a_report_comes_to(given: Report, comes_to: str) -> None:
    assert status_of(given) == comes_to


checks_of_reports = st.lists(st.builds(check, st.sampled_from(STATUSES), required=st.booleans()))


@given(checks_of_reports)
def test_nothing_is_passed_of_which_nothing_has_passed(checks: list[Check]) -> None:
    if status_of(report(*checks)) == "passed":
        assert any(each.status == "passed" for each in checks)
        assert all(each.status == "passed" for each in checks if each.required)


def test_every_report_stays_in_the_state_with_its_place() -> None:
    ran = Ran(command="make", exit_code=0, tree="a" * 40, tree_after="a" * 40)
    first = report(check("failed"))
    second = report(Check(id="c", kind="test", description="d", status="passed", ran=ran))
    records = [
        Record(0, 10, RunId("r"), Verification(report=first, made_by="host")),
        Record(1, 11, RunId(""), Verification(report=second, made_by="harness")),
    ]

    state = fold(records)

    told = [(each.sequence, each.run, each.made_by, each.report) for each in state.verifications]
    assert told == [(0, "r", "host", first), (1, "", "harness", second)]
    assert all(is_needed(state, record.event) for record in records)


def test_what_something_the_model_ran_says_is_never_passed_by_itself() -> None:
    ran = Ran(command="make", exit_code=0, tree="a" * 40, tree_after="a" * 40)
    said = report(Check(id="c", kind="test", description="d", status="passed", ran=ran))

    assert status_of(claimed(said)) == "needs_review"
    assert claimed(said).checks[0].ran is None
    assert claimed(claimed(said)) == claimed(said)
    assert status_of(claimed(report(check("failed")))) == "failed"
