"""
The typed result of a delegated run.

What the harness knows is taken from what it has seen, and what only the child can say from its
answer; nothing that a child says stands in a field of the harness.

Source:
    A3S Code README 3.x, "Delegated child runs should return"; SPEC 5.13, 9.4.
"""

from __future__ import annotations

import msgspec

from a3s_code.capabilities.tasks.claims import Confidence, claims_of
from a3s_code.kernel.children import ChildEvidence, ChildOutcome


class TaskReport(msgspec.Struct, frozen=True):
    """
    Attributes:
        summary, findings, risks, confidence: What the child says, read from its answer. Nobody
            has checked it.
        files_inspected, files_changed, places_searched, evidence: What the harness has seen; as
            in `ChildOutcome`.
        trace_uri, artifact_uri: Of its conversation and of its whole answer; None for what is
            not kept.
    """

    summary: str
    findings: tuple[str, ...]
    files_inspected: tuple[str, ...]
    files_changed: tuple[str, ...]
    places_searched: tuple[str, ...]
    evidence: tuple[ChildEvidence, ...]
    risks: tuple[str, ...]
    confidence: Confidence
    trace_uri: str | None
    artifact_uri: str | None


def report_of(outcome: ChildOutcome) -> TaskReport:
    """Give the report of a run, whether it came to its end or not."""
    said = claims_of(outcome.text)
    return TaskReport(
        summary=said.summary,
        findings=said.findings,
        files_inspected=outcome.files_inspected,
        files_changed=outcome.files_changed,
        places_searched=outcome.places_searched,
        evidence=outcome.evidence,
        risks=said.risks,
        confidence=said.confidence,
        trace_uri=outcome.transcript or None,
        artifact_uri=outcome.answer or None,
    )
