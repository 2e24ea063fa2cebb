"""Approval is what a reviewer means, not a word that stands somewhere in its answer."""

from __future__ import annotations

import pytest

from a3s_code.delegation.team_verdict import is_approval

APPROVALS = (
    "APPROVED",
    "Approved.",
    "approved",
    "**APPROVED**",
    "## Verdict: APPROVED\nAll tests pass.",
    "✅ APPROVED - the tests pass",
    "Verdict is **Approved**.",
    "The change does what was asked. APPROVED",
    "The change does what was asked, and so it is APPROVED.",
    "I looked at src/auth.py and ran the tests.\n\nAPPROVED: both pass.",
    "APPROVED: the old code would have been REJECTED.",
    "At first I meant to say no, since a test was missing. It is there.\nAPPROVED",
    "Rejected tasks of the round before were mended. APPROVED",
    '{"verdict": "APPROVED"}',
    "REJECTED? No: it is complete. APPROVED",
    "This does not break anything, APPROVED",
    "审查结论：APPROVED",
)

REJECTIONS = (
    "",
    "   \n",
    "REJECTED",
    "REJECTED: the tests were never approved by anybody",
    "REJECTED: it says APPROVED in the file, which nobody asked for",
    "Rejected: APPROVED is missing from the header",
    "NOT APPROVED",
    "Not approved.",
    "This is NOT APPROVED because the tests fail.",
    "It can't be APPROVED as it is.",
    "I cannot say that this is APPROVED.",
    "This would be APPROVED if the tests passed.",
    "It has to be complete before it is APPROVED.",
    "APPROVED? No.",
    "APPROVED: no",
    '{"APPROVED": false}',
    "APPROVED only if the migration is reverted",
    "I have to answer APPROVED or REJECTED: I cannot tell.",
    "APPROVED / REJECTED",
    "Approved parts: the parser. The printer is missing.",
    "DISAPPROVED",
    "UNAPPROVED",
    "Looks good to me.",
    "The result was approved by the worker itself.",
    "未APPROVED",
    "My verdict is REJECTED, although the worker wrote APPROVED in its report.",
    "The worker claims that it was APPROVED by the lead.\nREJECTED: no test was run.",
)


@pytest.mark.parametrize("sign", ["* ", "> ", " ", "APPROVED? ", "not ", "\n", ": "])
def test_a_flood_is_read_in_no_time(sign: str) -> None:
    """A pattern that tries every split of it would take minutes."""
    assert not is_approval(sign * 30_000 + "REJECTED")


@pytest.mark.parametrize("said", APPROVALS)
def test_words_that_approve(said: str) -> None:
    assert is_approval(said)


@pytest.mark.parametrize("said", REJECTIONS)
def test_words_that_do_not_approve(said: str) -> None:
    assert not is_approval(said)
