"""Checks on files that cannot be told, or with hooks that make something else of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from a3s_code.errors import SnapshotRefused, StoreError
from a3s_code.harness.verification.checks import Checking, Done
from a3s_code.harness.verification.commands import CheckCommand
from a3s_code.harness.verification.freshness import NAMED_PATHS
from a3s_code.kernel.tool import Observation, failure
from a3s_code.kernel.verification import Report, status_of

FINE = Observation("", metadata={"exit_code": 0})


@dataclass
class Files:
    """Files whose trees are told in advance; None is one that cannot be told."""

    trees: list[str | None]
    observed: Observation = FINE
    command: str = "true"
    ran: list[str] = field(default_factory=list[str])

    async def tree(self) -> str:
        tree = self.trees.pop(0)
        if tree is None:
            raise SnapshotRefused("The workspace is too large.")
        return tree

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        if "?" in after:
            raise SnapshotRefused("The trees are gone.")
        return tuple(f"{before}-{after}-{n}" for n in range(NAMED_PATHS + 2))

    async def run(self, command: CheckCommand) -> Done:
        if command.command == "lost":
            raise StoreError("The disk is full.")
        self.ran.append(command.id)
        return Done(self.command, self.observed, "a3s://o", 7)


def commands(*ids: str) -> list[CheckCommand]:
    return [CheckCommand(id=id_, command="true") for id_ in ids]


async def report_on(files: Files, *ids: str) -> Report:
    return await Checking("s", commands(*ids), files).run()


def kinds(report: Report) -> list[str]:
    return [risk.kind for risk in report.residual_risks]


async def test_one_tree_is_taken_between_two_checks() -> None:
    files = Files(["a", "a", "a"])
    report = await report_on(files, "x", "y")

    assert status_of(report) == "passed"
    assert files.trees == []


async def test_from_the_first_tree_on_that_cannot_be_told_none_is_asked_for() -> None:
    files = Files(["a", "a", None])
    report = await report_on(files, "x", "y", "z")

    trees = [(check.ran.tree, check.ran.tree_after) for check in report.checks if check.ran]
    assert trees == [("a", "a"), ("", ""), ("", "")]
    assert (kinds(report), status_of(report)) == (["no_tree"], "needs_review")
    assert "too large" in report.residual_risks[0].text


async def test_a_few_of_the_files_that_changed_are_named() -> None:
    (risk,) = (await report_on(Files(["a", "b"]), "x")).residual_risks

    assert risk.text.count("a-b-") == NAMED_PATHS
    assert "and 2 more" in risk.text


async def test_files_that_changed_are_a_risk_also_when_nobody_can_name_them() -> None:
    assert kinds(await report_on(Files(["a", "?"]), "x")) == ["changed_files"]


async def test_a_check_that_a_hook_made_another_call_of_did_not_run() -> None:
    report = await report_on(Files(["a", "a"], command=""), "x")

    assert (kinds(report), report.checks[0].ran) == (["not_run"], None)


async def test_an_exit_status_of_0_of_a_call_that_failed_is_no_pass() -> None:
    observed = Observation("", failed=True, metadata={"exit_code": 0})
    assert status_of(await report_on(Files(["a", "a"], observed), "x")) == "failed"


async def test_a_call_that_does_not_tell_its_status_did_not_run() -> None:
    for observed in (Observation("ok"), failure("no bash here", "unsupported", exit_code=0)):
        report = await report_on(Files(["a", "a"], observed), "x")
        assert (kinds(report), status_of(report)) == (["not_run"], "needs_review")


async def test_a_report_that_was_cut_off_says_what_did_not_run() -> None:
    given = [*commands("x"), CheckCommand(id="y", command="lost"), *commands("z")]
    files = Files(["a", "a", "a"])
    checking = Checking("s", given, files)
    with pytest.raises(StoreError):
        await checking.run()
    report = checking.report

    assert files.ran == ["x"]
    assert [check.status for check in report.checks] == ["passed", "needs_review", "needs_review"]
    assert kinds(report) == ["not_run", "not_run"]
