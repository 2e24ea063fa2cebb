"""A check is proof of a change when it fails without it, and not for want of the place."""

from __future__ import annotations

import pytest

from a3s_code.harness.verification.base_run import Copies, asked, is_test, judged, unjudged
from a3s_code.kernel.verification import Check, CheckStatus, Ran, Report, status_of


def check(id_: str = "t", kind: str = "test", status: CheckStatus = "passed") -> Check:
    ran = Ran(command="make", exit_code=0, tree="a", tree_after="a")
    return Check(id=id_, kind=kind, description="", status=status, ran=ran)


def report(*checks: Check) -> Report:
    return Report(subject="s", checks=checks or (check(),))


def ended(status: int | None) -> Ran:
    return Ran(command="make", exit_code=status)


RED = Copies(ended(1), ended(0))
GREEN = Copies(ended(0))


def kinds(of: Report) -> list[str]:
    return [risk.kind for risk in of.residual_risks]


def test_what_failed_before_and_passes_now_is_proof() -> None:
    found = judged(report(), {"t": RED})
    assert kinds(found) == []
    assert found.checks[0].base == ended(1)
    assert status_of(found) == "passed"


@pytest.mark.parametrize(
    ("copies", "kind"),
    [
        (GREEN, "was_green"),
        (Copies(ended(1), ended(1)), "not_run"),
        (Copies(ended(1), ended(None)), "not_run"),
        (Copies(ended(None)), "not_run"),
        (Copies(why="no git"), "not_run"),
    ],
)
def test_what_shows_nothing_of_the_change_needs_a_review(copies: Copies, kind: str) -> None:
    found = judged(report(), {"t": copies})
    assert kinds(found) == [kind]
    assert status_of(found) == "needs_review"


def test_one_proof_is_enough() -> None:
    found = judged(report(check("a"), check("b")), {"a": GREEN, "b": RED})
    assert kinds(found) == []
    assert [each.base for each in found.checks] == [ended(0), ended(1)]


def test_what_was_stopped_before_is_no_proof() -> None:
    assert kinds(unjudged(report())) == ["not_run"]


def test_tests_are_asked_and_all_checks_where_there_are_none() -> None:
    lint, test = check("lint", "lint"), check("test")
    assert asked(report(lint, test)) == [test]
    assert asked(report(lint)) == [lint]
    assert asked(report(check(status="failed"))) == []


@pytest.mark.parametrize(
    "path",
    [
        "tests/data.json",
        "pkg/test_a.py",
        "pkg/a_test.go",
        "src/a.test.ts",
        "src/__tests__/a.js",
        "spec/a_spec.rb",
        "conftest.py",
        "src/main/ATest.java",
    ],
)
def test_tests_are_known_by_the_customs_of_languages(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize(
    "path", ["src/a.py", "latest.py", "contest/a.py", "testing.md", "attest.go"]
)
def test_other_files_are_not(path: str) -> None:
    assert not is_test(path)
