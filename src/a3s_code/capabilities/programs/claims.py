"""
What a program says that it has checked: recorded as its claim, and never passed by itself.

`ctx.verify(subject, checks)`, or one object as `session.record_verification_reports` takes it.

Source:
    SPEC 5.15, "ctx API"; DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.script import ScriptCallFailed
from a3s_code.kernel.verification import REPORT_SCHEMA, Report, claimed, status_of

VERIFY = "verify"
MAX_CLAIM_BYTES = 32 * 1024
"""Of one; each stays in memory as long as its session."""
MAX_CLAIMS = 32
"""Of one program."""


def read_claim(args: Sequence[Any]) -> Report:
    """
    Read the arguments of one call.

    Raises:
        ScriptCallFailed: they are no report; says what is wrong.
    """
    # Most sessions run no program, and most programs report nothing.
    from a3s_code.harness.verification.reports import report_of

    given = _object(args)
    if len(canonical(given)) > MAX_CLAIM_BYTES:
        raise ScriptCallFailed(f"{VERIFY}: a report has {MAX_CLAIM_BYTES // 1024} KiB at most.")
    try:
        return report_of({"schema": REPORT_SCHEMA, **given}, f"{VERIFY}: the report")
    except InvalidValue as error:
        raise ScriptCallFailed(str(error)) from None


def told(report: Report) -> JsonObject:
    """Say what a claim comes to."""
    return {"subject": report.subject, "status": status_of(claimed(report))}


def _object(args: Sequence[Any]) -> JsonObject:
    first: object = args[0] if args else None
    if isinstance(first, dict):
        return cast("JsonObject", first)
    return {"subject": first, "checks": args[1] if len(args) > 1 else ()}
