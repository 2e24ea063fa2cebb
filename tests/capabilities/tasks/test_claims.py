"""What a child says of its work is read from any text, and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.tasks.claims import (
    MAX_ITEM_CHARS,
    MAX_ITEMS,
    MAX_SUMMARY_CHARS,
    claims_of,
)

ANSWER = """The token is refreshed too late.

It happens in one place only.

## Findings
- `refresh` runs after the request
2. nobody retries,
   which was meant to be done

**Risks**: the cache may be stale

### Files changed
- auth.py

- **Confidence:** High, since the test shows it
"""


def test_sections_are_read_in_any_form_of_a_heading() -> None:
    said = claims_of(ANSWER)

    assert said.summary == "The token is refreshed too late."
    assert said.findings == (
        "`refresh` runs after the request",
        "nobody retries, which was meant to be done",
    )
    assert said.risks == ("the cache may be stale",)
    assert said.confidence == "high"


@pytest.mark.parametrize(
    "heading",
    [
        "Risks:",
        "risks :",
        "## Risks",
        "###### **Risks**",
        "**Risks**",
        "**Risks:**",
        "__Risks__:",
        "- Risks:",
        "3. **Residual risks**:",
        "## 4. Risks",
    ],
)
def test_a_heading_may_stand_in_any_of_these_forms(heading: str) -> None:
    assert claims_of(f"Done.\n\n{heading}\n- it may break\n").risks == ("it may break",)


@pytest.mark.parametrize(
    "text",
    [
        "Risks are low here.",
        "The findings of last year.",
        "no risk: none at all",
        "# Risky business\n- x",
        "Findings",
    ],
)
def test_a_sentence_with_such_a_word_is_no_section(text: str) -> None:
    said = claims_of(text)
    assert (said.findings, said.risks) == ((), ())


@pytest.mark.parametrize("none", ["none", "None.", "- none", "n/a", "**None**", "- Nothing"])
def test_no_risks_are_no_risk(none: str) -> None:
    assert claims_of(f"Fine.\n\nRisks: {none}\n").risks == ()


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("high", "high"),
        ("**Very high**", "high"),
        ("Moderate (no test)", "medium"),
        ("low", "low"),
        ("0.9", "high"),
        ("55 %", "medium"),
        ("2/10", "low"),
        ("100%", "high"),
        ("12", ""),
        ("who knows", ""),
        ("", ""),
    ],
)
def test_confidence_is_one_of_three_levels_or_unsaid(said: str, level: str) -> None:
    assert claims_of(f"Done.\n\nConfidence: {said}").confidence == level


def test_of_a_section_that_stands_there_twice_the_last_one_counts() -> None:
    assert claims_of("Risks: old\n\nRisks: new").risks == ("new",)


def test_a_summary_of_its_own_counts_over_the_first_paragraph() -> None:
    assert claims_of("Well.\n\n## Summary\nIt works.\n\n## Findings\n- a").summary == "It works."


_HEADINGS = ["Findings", "Risks", "Confidence", "Summary", "#", "##", "**", "__", ":"]
_PARTS = [
    "- ",
    "1. ",
    "\n",
    "\n\n",
    " ",
    "high",
    "0.9",
    "%",
    "/10",
    "none",
    "x",
    "\u2028",
    "\0",
    "é",
]
_WORDS = st.sampled_from([*_HEADINGS, *_PARTS, chr(0xD800)])


@given(st.one_of(st.text(), st.lists(_WORDS, max_size=80).map("".join)))
def test_any_text_can_be_read_and_what_is_read_is_bounded(text: str) -> None:
    said = claims_of(text)

    assert len(said.summary) <= MAX_SUMMARY_CHARS
    for items in (said.findings, said.risks):
        assert len(items) <= MAX_ITEMS
        assert all(item and len(item) <= MAX_ITEM_CHARS for item in items)
    assert said.confidence in {"high", "medium", "low", ""}


@pytest.mark.parametrize(
    "text",
    ["#" * 3_000_000, "Risks:\n" + "- a\n" * 500_000, "**" * 1_500_000, "Risks:" * 400_000],
)
def test_a_flood_of_text_is_read_in_bounded_work(text: str) -> None:
    said = claims_of(text)
    assert len(said.risks) <= MAX_ITEMS
