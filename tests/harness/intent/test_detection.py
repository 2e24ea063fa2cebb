"""Which style the words of a prompt ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.intent.detection import MAX_CHARS, detected
from a3s_code.harness.intent.own_words import own_words
from a3s_code.harness.intent.styles import GENERAL
from harness.intent.prompts import ORDINARY, SHOWN, STYLED


@pytest.mark.parametrize("prompt", ORDINARY)
def test_an_ordinary_prompt_stays_general(prompt: str) -> None:
    assert detected(prompt).style is GENERAL, detected(prompt)


def test_the_table_of_ordinary_prompts_is_no_short_one() -> None:
    assert len(set(ORDINARY)) >= 120


@pytest.mark.parametrize("prompt", SHOWN)
def test_words_that_are_only_shown_ask_for_nothing(prompt: str) -> None:
    assert detected(prompt).style is GENERAL, detected(prompt)


@pytest.mark.parametrize(("agent", "confidence", "prompt"), STYLED)
def test_a_prompt_that_asks_for_a_style_has_it(agent: str, confidence: str, prompt: str) -> None:
    found = detected(prompt)

    assert (found.style.agent, found.confidence) == (agent, confidence)
    assert found.term


@pytest.mark.parametrize(("agent", "_", "prompt"), STYLED)
def test_a_change_that_is_asked_for_as_well_makes_it_general(
    agent: str, _: str, prompt: str
) -> None:
    assert detected(f"{prompt}\nThen fix what you found.").style is GENERAL
    assert detected(prompt).style.agent == agent


def test_what_is_said_with_high_confidence_counts_before_the_rest() -> None:
    found = detected("Review my changes. Then try to break the parser.")

    assert (found.style.agent, found.confidence) == ("verification", "high")


def test_a_prompt_that_is_mostly_material_is_general() -> None:
    assert detected("Find all files.\n" + "x " * MAX_CHARS).style is GENERAL


def test_a_name_or_a_quotation_is_one_word() -> None:
    assert own_words('Review src/a/b.py, please: "this one" of foo()!') == (
        "review it, please: it of it!"
    )


@given(st.text(alphabet="<`>\"'a .\n~/", max_size=400))
def test_any_text_is_read(text: str) -> None:
    assert detected(f"find {text} review").confidence in {"high", "medium", "low"}


@pytest.mark.parametrize(
    "unit", ["<a", "a", "`", "'", '"', "<a>", "```\n", "a.", "find all ", "> "]
)
def test_a_hostile_text_is_read_in_a_moment(unit: str) -> None:
    text = "find " + unit * (MAX_CHARS // len(unit))

    assert detected(text[:MAX_CHARS]) is not None
