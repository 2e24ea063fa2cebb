from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.retrieval.words import MAX_TERMS, stems_of, terms_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("retry_after", "retryAfter"),
        ("retries", "retry"),
        ("caching", "caches"),
        ("HTTPServer", "http server"),
        ("parsed rules", "parse rule"),
        ("parse2Rule", "parse rule"),
    ],
)
def test_spellings_of_one_thing_have_the_same_stems(one: str, other: str) -> None:
    assert stems_of(one) == stems_of(other)


def test_words_that_stand_in_any_question_are_no_terms() -> None:
    assert terms_of("Where is the function that handles expired Tokens, and handled?") == {
        "handl": "handles",
        "expir": "expired",
        "token": "tokens",
    }
    assert terms_of("What does this do, and how?") == {}


def test_scripts_without_blanks_are_taken_in_pairs() -> None:
    assert list(terms_of("重试策略 retry")) == ["重试", "试策", "策略", "retry"]


@given(st.text(max_size=300))
def test_any_question_has_a_bounded_number_of_terms(question: str) -> None:
    terms = terms_of(question)

    assert len(terms) <= MAX_TERMS
    assert all(terms)
