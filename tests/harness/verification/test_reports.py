"""Reports of others: what is accepted, and what of it is believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.verification.reports import (
    MAX_REPORT_BYTES,
    report_of,
    report_row,
    reports_of,
)
from a3s_code.kernel.verification import REPORT_SCHEMA, status_of

CHECK = {"id": "c", "kind": "test", "description": "d", "status": "passed"}


def written(**fields: Any) -> dict[str, Any]:
    return {"schema": REPORT_SCHEMA, "subject": "s", "checks": [CHECK], **fields}


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"x": 1}, "unknown field `x`|missing required field"),
        ({"subject": "s"}, "missing required field `schema`"),
        (written(schema="a3s.verification_report.v2"), "schema"),
        (written(subject=""), "subject"),
        (written(subject=None), "subject"),
        (written(status="fine"), "status"),
        (written(extra=1), "unknown field `extra`"),
        (written(checks=[{**CHECK, "ran": {"command": "x"}}]), "unknown field `ran`"),
        (written(checks=[{**CHECK, "status": "ok"}]), "status"),
        (written(checks=[{"id": "c"}]), "missing required field `kind`"),
        (written(checks=[CHECK, CHECK]), "the id 'c'"),
        (written(checks={"c": CHECK}), "checks"),
        (written(residual_risks=[{"kind": "stale", "text": "t"}]), "unknown field `kind`"),
        ("passed", "Expected `object`"),
        (None, "Expected `object`"),
        (written(subject="\ud800"), "surrogates"),
        (object(), "form in JSON|unsupported|Encoding"),
    ],
)
def test_what_is_no_report_is_refused_with_what_is_wrong(given_: Any, said: str) -> None:
    with pytest.raises(InvalidValue, match=said) as refused:
        report_of(given_)
    assert "subject" in str(refused.value) or "id" in str(refused.value)


def test_a_report_of_more_than_a_mebibyte_is_refused() -> None:
    uris = ["x" * 1000] * (MAX_REPORT_BYTES // 1000)
    with pytest.raises(InvalidValue, match="bytes"):
        report_of(written(checks=[{**CHECK, "evidence_uris": uris}]))


@pytest.mark.parametrize("given_", ["x", written(), None, 1, b"x"])
def test_reports_are_a_list(given_: Any) -> None:
    with pytest.raises(InvalidType, match="not a list"):
        reports_of(given_)


@pytest.mark.parametrize(
    ("claimed", "check", "comes_to"),
    [
        ("passed", "passed", "passed"),
        ("passed", "failed", "failed"),
        ("passed", "skipped", "needs_review"),
        ("failed", "failed", "failed"),
        ("failed", "passed", "needs_review"),
        (None, "passed", "passed"),
        ("needs_review", "passed", "needs_review"),
    ],
)
def test_a_status_that_is_claimed_is_not_believed(
    claimed: str | None, check: str, comes_to: str
) -> None:
    report = report_of(written(status=claimed, checks=[{**CHECK, "status": check}]))

    assert status_of(report) == comes_to
    said = [risk.text for risk in report.residual_risks]
    contradicts = claimed not in {None, "failed"} and (claimed, check) != ("passed", "passed")
    assert bool(said) == (contradicts or (claimed, check) == ("failed", "passed"))


def test_passed_without_a_check_is_not_passed() -> None:
    assert status_of(report_of(written(status="passed", checks=[]))) == "needs_review"


STATUSES = st.sampled_from(["passed", "failed", "needs_review", "skipped"])


@given(STATUSES, st.lists(st.tuples(STATUSES, st.booleans()), max_size=4))
def test_no_claim_makes_a_report_better_than_its_checks(
    claimed: str, checks: list[tuple[str, bool]]
) -> None:
    rows = [
        {**CHECK, "id": str(at), "status": status, "required": required}
        for at, (status, required) in enumerate(checks)
    ]
    without = status_of(report_of(written(checks=rows)))
    with_ = status_of(report_of(written(checks=rows, status=claimed)))

    order = ["passed", "skipped", "needs_review", "failed"]
    assert order.index(with_) >= order.index(without)


def test_risks_are_texts_or_objects_and_those_of_checks_count_once() -> None:
    check = {**CHECK, "residual_risk": "flaky"}
    report = report_of(
        written(
            checks=[check, {**CHECK, "id": "d", "residual_risk": "slow"}],
            residual_risks=["flaky", {"text": "only on Linux", "check": "c"}],
        )
    )

    told = [(risk.kind, risk.text, risk.check) for risk in report.residual_risks]
    assert told == [
        ("reported", "flaky", ""),
        ("reported", "only on Linux", "c"),
        ("reported", "slow", "d"),
    ]
    assert status_of(report) == "needs_review"


def test_an_optional_check_that_was_left_out_leaves_nothing_uncertain() -> None:
    left_out = {
        **CHECK,
        "id": "d",
        "status": "skipped",
        "required": False,
        "residual_risk": "not installed",
    }
    assert status_of(report_of(written(checks=[CHECK, left_out]))) == "passed"


def test_a_report_is_read_as_the_schema_has_it() -> None:
    row = report_row(report_of(written(residual_risks=["r"])))

    assert row == {
        "schema": REPORT_SCHEMA,
        "subject": "s",
        "status": "needs_review",
        "checks": [
            {
                **CHECK,
                "required": True,
                "suggested_tools": [],
                "evidence_uris": [],
                "residual_risk": None,
            }
        ],
        "residual_risks": ["r"],
        "risks": [{"kind": "reported", "text": "r", "check": ""}],
    }
