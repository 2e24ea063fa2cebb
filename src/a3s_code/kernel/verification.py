"""
What was checked, how, and on which state of the files.

A check that the harness has run names the command, its exit status, where its output is kept and
the tree of the workspace that it ran on; one that was reported by somebody else names none of
these. What a report comes to follows from its checks, never from what somebody says it is.

Source:
    A3S Code docs, "Verification" (SPEC 4.4); DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

REPORT_SCHEMA = "a3s.verification_report.v1"

CheckStatus: TypeAlias = Literal["passed", "failed", "needs_review", "skipped"]
RiskKind: TypeAlias = Literal[
    "reported",
    "check_failed",
    "not_run",
    "timed_out",
    "no_tree",
    "stale",
    "changed_files",
    "was_green",
]
"""
`reported` is a text of somebody else's; the others are found by the harness: a check that failed,
did not run, took too long, ran on files that nobody can name, ran on other files than those of
now, changed the files itself, or passed already before the change that it was to prove.
"""
Reporter: TypeAlias = Literal["harness", "host", "program"]
"""
Who made a report: the harness that ran its checks, the embedding program that says what it
knows, or something that a call of the model ran. What the latter two say the harness has not seen.
"""

CLAIMED = "Something that the model ran says so; the harness has not checked it."


class Risk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is left uncertain; `check` is the id of the check that it is about, if any."""

    kind: RiskKind
    text: str
    check: str = ""


class Ran(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    How the harness ran a check.

    Attributes:
        exit_code: None when it did not come to its end.
        tree: The files that it ran on, as `SnapshotTaken.tree`; empty when nobody could tell.
        tree_after: The files when it had ended; the same, unless it changed some.
        output_uri: Its complete output, redacted.
        duration_ms: Milliseconds.
    """

    command: str
    exit_code: int | None = None
    tree: str = ""
    tree_after: str = ""
    output_uri: str = ""
    duration_ms: int = 0


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Attributes:
        kind: Such as `test`, `lint`, `type_check`, `format`.
        suggested_tools: What could settle it where it was not run.
        residual_risk: What is left uncertain, in a sentence.
        ran: None for what the harness has not run.
        base: The same command on the files before the change; None when that was not asked.
    """

    id: str
    kind: str
    description: str
    status: CheckStatus
    required: bool = True
    suggested_tools: tuple[str, ...] = ()
    evidence_uris: tuple[str, ...] = ()
    residual_risk: str | None = None
    ran: Ran | None = None
    base: Ran | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The checks of one subject, such as `sdk:tests`."""

    subject: str
    checks: tuple[Check, ...] = ()
    residual_risks: tuple[Risk, ...] = ()


def status_of(report: Report) -> CheckStatus:
    """
    Say what a report comes to: failed, needs_review, skipped or passed, in this order.

    It is passed only when something was, and nothing that is required is open.
    """
    statuses = {check.status for check in report.checks}
    if "failed" in statuses:
        return "failed"
    open_ = any(check.required and check.status in _OPEN for check in report.checks)
    if open_ or report.residual_risks:
        return "needs_review"
    if "passed" in statuses:
        return "passed"
    return "needs_review" if "needs_review" in statuses else "skipped"


def claimed(report: Report) -> Report:
    """Give a report as something that the model ran may make it: never passed by itself."""
    checks = tuple(msgspec.structs.replace(each, ran=None, base=None) for each in report.checks)
    risk = Risk(kind="reported", text=CLAIMED)
    risks = (
        report.residual_risks if risk in report.residual_risks else (risk, *report.residual_risks)
    )
    return msgspec.structs.replace(report, checks=checks, residual_risks=risks)


_OPEN = frozenset({"needs_review", "skipped"})
