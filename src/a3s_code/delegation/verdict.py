"""Whether what a child has answered is an answer."""

from __future__ import annotations

from typing import Any

import msgspec

from a3s_code.delegation.fitting import Fitting
from a3s_code.kernel.loop import WITHHELD, Answer, Loop


class Verdict(msgspec.Struct, frozen=True):
    """
    Attributes:
        kind, error: As of `ChildOutcome`; `error` goes on from the name of the child.
        structured: Its answer as plain JSON, where that was asked for.
    """

    kind: str = ""
    error: str = ""
    structured: Any = None


def verdict(loop: Loop, answer: Answer) -> Verdict:
    """Look at how a loop has ended that has ended well."""
    if loop.stop in WITHHELD:
        return Verdict("child.refused", "gave no answer: its model refused to.")
    if not answer.text.strip():
        return Verdict("child.empty_answer", "ended without an answer.")
    if not isinstance(loop.review, Fitting):
        return Verdict()
    if loop.review.is_met:
        return Verdict(structured=loop.review.value)
    return Verdict("child.output_invalid", f"gave no valid answer. {loop.review.wrong}")
