"""What a user demands is found wherever it stands in what they say."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.constraints import (
    MAX_SENTENCE_CHARS,
    constraints_in,
    normalised,
    sentences,
)
from harness.planted import FILLER, RULES, message_with


def found(text: str) -> list[str]:
    return [each.text for each in constraints_in(text)]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_found_in_every_phrasing(rule: str) -> None:
    assert found(rule) == [rule]


@given(st.sampled_from(RULES), st.integers(0, 10_000))
def test_a_rule_is_found_anywhere_in_a_long_message(rule: str, seed: int) -> None:
    said = found(message_with(rule, random.Random(seed)))

    assert any(rule.rstrip(".。") in each for each in said)


@pytest.mark.parametrize("said", FILLER)
def test_what_only_tells_something_is_no_rule(said: str) -> None:
    assert found(said) == []


def test_a_rule_that_is_wrapped_over_lines_is_one() -> None:
    assert found("You must never\nchange the\npublic API.") == [
        "You must never change the public API."
    ]


def test_every_item_under_a_heading_of_rules_is_one() -> None:
    text = "Hello.\n\nRules:\n- tabs, four wide\n2) port 8443\n\nThe weather is fine."
    assert found(text) == ["Rules:", "tabs, four wide", "port 8443"]


def test_a_list_of_something_else_is_none() -> None:
    assert found("I saw:\n- three tables\n- a dashboard") == []


def test_rules_in_a_pasted_block_are_found_and_code_is_not() -> None:
    text = "See:\n```\nif not done: only(x)\nDo not rename the table users\n```\nok"
    assert found(text) == ["Do not rename the table users"]


def test_a_pasted_log_holds_no_rules() -> None:
    text = "I saw:\n2024-03-07 12:00:01 cannot open file\n12:00:02 must retry\nDo not retry."
    assert found(text) == ["Do not retry."]


@pytest.mark.parametrize(
    "said",
    [
        "Write tests with pytest.",
        "Line length: 88.",
        "Respond in JSON.",
        "Assume UTC.",
        "Everything goes through the gateway.",
        "Run mypy on every change.",
    ],
)
def test_what_tells_how_to_work_is_a_likely_rule(said: str) -> None:
    assert [each.weak for each in constraints_in(said)] == [True]


def test_an_abbreviation_ends_no_sentence() -> None:
    assert sentences("Never use e.g. Jquery. It is old.") == [
        "Never use e.g. Jquery.",
        "It is old.",
    ]


def test_a_polite_question_is_a_rule_when_it_forbids() -> None:
    assert found("Could you please never touch vendor/?")
    assert found("Could you please look at vendor/?") == []


def test_of_an_endless_sentence_only_what_is_around_the_rule_is_kept() -> None:
    text = f"{'lorem ' * 2000}never touch vendor/ {'ipsum ' * 2000}"
    (only,) = found(text)

    assert "never touch vendor/" in only
    assert len(only) <= 2 * MAX_SENTENCE_CHARS


@given(st.text(max_size=400))
def test_any_text_can_be_looked_through(text: str) -> None:
    for each in found(text):
        assert each.strip()


@given(st.text(max_size=200))
def test_sentences_lose_nothing_but_blanks(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_the_same_rule_is_the_same_however_it_is_written() -> None:
    assert normalised("  - Never  touch X. ") == normalised("never touch x")


def test_a_comparison_in_a_rule_stays_as_it_was_written() -> None:
    assert found("Latency must be < 5 ms and uptime > 99 %.") == [
        "Latency must be < 5 ms and uptime > 99 %."
    ]
    assert found("> Never > 5.") == ["Never > 5."]


HOSTILE = {
    "calls": "a(",
    "stops": ".",
    "quoted stops": '."',
    "stops apart": "… ",
    "blanks": " ",
    "colons": ": ",
    "braces": "{ ",
    "marks of quotations": "> ",
    "marks of items": "- ",
    "dotted names": "a.b[",
    "stars": ":*",
    "half a phrase": "make  no ",
    "a word of a rule": "never ",
    "lines": "x\n",
    "fences": "```\n",
    "bars": "| ",
    "signs": "用",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_very_much_of_anything_is_looked_through(piece: str) -> None:
    """In a time that grows with its length alone: with its square, this would take hours."""
    text = piece * (400_000 // len(piece)) + "x"
    for each in constraints_in(text):
        assert each.text
