"""
Reports as hosts write and read them.

What somebody else reports is kept as a report, never as something that the harness has run;
and a status that it claims is not believed: what it comes to follows from its checks.

Source:
    Python SDK 3.1, "Evidence"; SPEC 4.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.harness.verification.commands import MAX_NAME_CHARS, Name, check_ids, items_of
from a3s_code.kernel.choices import with_choices
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import plain
from a3s_code.kernel.state import Verified
from a3s_code.kernel.tool import schema_of
from a3s_code.kernel.verification import (
    REPORT_SCHEMA,
    Check,
    CheckStatus,
    Report,
    Risk,
    status_of,
)

MAX_REPORT_BYTES = 1024 * 1024
"""Of the JSON of one; every report stays in memory as long as its session."""

_Text = Annotated[str, msgspec.Meta(max_length=10_000)]


class _GivenCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Name
    kind: Name
    description: _Text
    status: CheckStatus
    required: bool = True
    suggested_tools: tuple[str, ...] = ()
    evidence_uris: tuple[str, ...] = ()
    residual_risk: _Text | None = None


class _GivenRisk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: _Text
    check: Annotated[str, msgspec.Meta(max_length=MAX_NAME_CHARS)] = ""


class _GivenReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Literal["a3s.verification_report.v1"]
    subject: Name
    status: CheckStatus | None = None
    checks: tuple[_GivenCheck, ...] = ()
    residual_risks: tuple[_Text | _GivenRisk, ...] = ()


# What somebody reports


def reports_of(given: object) -> list[Report]:
    """
    Take a list of reports as objects of the schema, or as `Report`.

    Raises:
        InvalidType: it is no list.
        InvalidValue: one of them is not as the schema has it; says which and why.
    """
    found = items_of(given, "reports", "give a list of reports, also of one")
    return [report_of(one, f"Verification report {at}") for at, one in enumerate(found, 1)]


def report_of(given: object, name: str = "The verification report") -> Report:
    """
    Take one report of somebody else.

    Args:
        name: What it is called when it is not accepted.

    Raises:
        InvalidValue: it is not as the schema has it; says why.
    """
    try:
        plain_ = plain(_written(given) if isinstance(given, Report) else given)
        decoded = msgspec.convert(plain_, _GivenReport)
        size = len(msgspec.json.encode(plain_))
    except (msgspec.ValidationError, TypeError, RecursionError, UnicodeError) as error:
        raise InvalidValue(
            f"{name} is not accepted: {with_choices(str(error), schema_of(_GivenReport))}.",
            hint=f"see {REPORT_SCHEMA}: {', '.join(_GivenReport.__struct_fields__)}; a check has "
            f"{', '.join(_GivenCheck.__struct_fields__)}",
        ) from error
    if size > MAX_REPORT_BYTES:
        raise InvalidValue(
            f"{name} has more than {MAX_REPORT_BYTES} bytes.",
            hint="put outputs into files, and their places into evidence_uris",
        )
    check_ids(check.id for check in decoded.checks)
    return _report(decoded)


def _written(report: Report) -> JsonObject:
    """Write a report as a host would."""
    risks = [{"text": risk.text, "check": risk.check} for risk in report.residual_risks]
    checks = [msgspec.to_builtins(check) for check in report.checks]
    return {
        "schema": REPORT_SCHEMA,
        "subject": report.subject,
        "checks": checks,
        "residual_risks": risks,
    }


def _report(given: _GivenReport) -> Report:
    report = Report(
        subject=given.subject,
        checks=tuple(Check(**msgspec.structs.asdict(check)) for check in given.checks),
        residual_risks=tuple(_risks(given)),
    )
    comes_to = status_of(report)
    if given.status in {None, comes_to}:
        return report
    said = f"It was reported as {given.status}, and its checks come to {comes_to}."
    return _with_risk(report, said)


def _risks(given: _GivenReport) -> Iterable[Risk]:
    """Give what is uncertain; an optional check that was left out makes nothing uncertain."""
    texts = {risk if isinstance(risk, str) else risk.text for risk in given.residual_risks}
    for risk in given.residual_risks:
        text, check = (risk, "") if isinstance(risk, str) else (risk.text, risk.check)
        yield Risk(kind="reported", text=text, check=check)
    for check in given.checks:
        is_left_out = check.status == "skipped" and not check.required
        if check.residual_risk and check.residual_risk not in texts and not is_left_out:
            yield Risk(kind="reported", text=check.residual_risk, check=check.id)


def _with_risk(report: Report, text: str) -> Report:
    risk = Risk(kind="reported", text=text)
    return msgspec.structs.replace(report, residual_risks=(*report.residual_risks, risk))


# What is read


def report_row(report: Report) -> JsonObject:
    """
    Give a report as the schema has it, with what it comes to.

    Beside the schema: `risks`, the residual risks with their kind and check, and in each check
    that the harness ran `ran` (and `base`), with the fields of `Ran`.
    """
    return {
        "schema": REPORT_SCHEMA,
        "subject": report.subject,
        "status": status_of(report),
        "checks": [_check_row(check) for check in report.checks],
        "residual_risks": [risk.text for risk in report.residual_risks],
        "risks": [msgspec.structs.asdict(risk) for risk in report.residual_risks],
    }


def _check_row(check: Check) -> JsonObject:
    row = msgspec.structs.asdict(check)
    row["suggested_tools"] = list(check.suggested_tools)
    row["evidence_uris"] = list(check.evidence_uris)
    for name in ("ran", "base"):
        ran = row.pop(name)
        if ran is not None:
            row[name] = msgspec.structs.asdict(ran)
    return row


def verified_row(verified: Verified) -> JsonObject:
    """Give `report_row` with `made_by`, and where the log has it."""
    return {
        **report_row(verified.report),
        "made_by": verified.made_by,
        "run_id": verified.run or None,
        "sequence": verified.sequence,
        "timestamp_ms": verified.timestamp_ms,
    }
