"""Whether what a child has answered is an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.kernel.loop import WITHHELD, Answer, Loop

if TYPE_CHECKING:  # few children answer with an object
    from a3s_code.delegation.fitting import Fitting


class Verdict(msgspec.Struct, frozen=True):
    """
    Attributes:
        kind, error: As of `ChildOutcome`; `error` goes on from the name of the child.
        structured: Its answer as plain JSON, where that was asked for.
    """

    kind: str = ""
    error: str = ""
    structured: Any = None


def verdict(loop: Loop, answer: Answer, fitting: Fitting | None) -> Verdict:
    """
    Look at how a loop has ended that has ended well.

    Args:
        fitting: Judged its answers; None where any text is one.
    """
    if loop.stop in WITHHELD:
        return Verdict("child.refused", "gave no answer: its model refused to.")
    if not answer.text.strip():
        return Verdict("child.empty_answer", "ended without an answer.")
    if fitting is None:
        return Verdict()
    if fitting.is_met:
        return Verdict(structured=fitting.value)
    return Verdict("child.output_invalid", f"gave no valid answer. {fitting.wrong}")
