"""
Red before green: a check is proof of a change only when it fails without it.

One that fails without it is enough: a formatter, or the tests of another part, passes before as
after. Asked are the tests, and all checks where none of them is one.

The command runs on two copies, outside of the workspace: the files from before the run with the
tests of now, and the files of now. It has to fail on the first and to pass on the second. The
second tells a failure for want of the change from one for want of the place: what git ignores,
such as installed dependencies, is in no copy.

Source:
    DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from a3s_code.kernel.verification import Check, Ran, Report, Risk

DEPENDENCIES = ("node_modules", ".venv", "venv")
"""Directories that a copy has as links, where programs cannot write outside of it."""

_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs", "testdata", "fixtures"})
_STARTS = ("test_",)
_PARTS = (".test.", ".spec.")
_STEM_ENDS = ("_test", "_spec", "_tests")
_NAMES = frozenset({"conftest.py"})
_JAVA = ("Test.java", "Tests.java", "Test.kt", "Tests.cs")


def is_test(path: str) -> bool:
    """Say whether a file is a test, or belongs to tests, by the customs of common languages."""
    *folders, name = path.split("/")
    if _FOLDERS.intersection(folders) or name in _NAMES or name.startswith(_STARTS):
        return True
    stem = name.rpartition(".")[0] or name
    return any(part in name for part in _PARTS) or stem.endswith(_STEM_ENDS) or name.endswith(_JAVA)


class Copies(msgspec.Struct, frozen=True):
    """
    How one command ended on the two copies.

    Attributes:
        base: On the files from before, with the tests of now; None when it did not run.
        now: On the files of now; None when it was not asked.
        why: Why it did not run.
    """

    base: Ran | None = None
    now: Ran | None = None
    why: str = ""


def judged(report: Report, copies: dict[str, Copies]) -> Report:
    """
    Put into a report what its checks came to without the change.

    Args:
        copies: By the ids of its checks; those of which there are none stay as they are.
    """
    if not copies:
        return report
    checks = tuple(
        msgspec.structs.replace(check, base=copies[check.id].base) if check.id in copies else check
        for check in report.checks
    )
    is_proven = any(map(_was_red, copies.values()))
    risks = () if is_proven else tuple(_risks(report.checks, copies))
    return msgspec.structs.replace(
        report, checks=checks, residual_risks=(*report.residual_risks, *risks)
    )


def unjudged(report: Report) -> Report:
    """Give a report whose checks were not run without the change, since somebody stopped it."""
    stopped = Copies(why="it was stopped before")
    return judged(report, {check.id: stopped for check in asked(report)})


def _risks(checks: Iterable[Check], copies: dict[str, Copies]) -> Iterable[Risk]:
    for check in checks:
        if check.id in copies and (risk := _risk(check, copies[check.id])) is not None:
            yield risk


def _was_red(copies: Copies) -> bool:
    base, now = copies.base, copies.now
    if base is None or now is None:
        return False
    return base.exit_code not in {None, 0} and now.exit_code == 0


def asked(report: Report) -> list[Check]:
    """Give the checks that are to be run without the change."""
    passed = [each for each in report.checks if each.required and each.status == "passed"]
    return [each for each in passed if each.kind == "test"] or passed


def _risk(check: Check, copies: Copies) -> Risk | None:
    base, now = copies.base, copies.now
    if base is None or base.exit_code is None:
        why = copies.why or "it took too long there"
        text = f"Nobody can tell whether it failed before the change: {why}."
        return Risk(kind="not_run", text=text, check=check.id)
    if base.exit_code == 0:
        text = "It passed before the change as well, so it is no proof of it."
        return Risk(kind="was_green", text=text, check=check.id)
    if now is None or now.exit_code != 0:
        text = (
            "Nobody can tell whether it failed before the change: outside of the workspace it "
            "fails on the files of now as well. What git ignores is not there."
        )
        return Risk(kind="not_run", text=text, check=check.id)
    return None
