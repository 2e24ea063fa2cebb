from __future__ import annotations

from datetime import date

import pytest

from a3s_code.kernel.messages import Usage
from a3s_code.llm.pricing import PRICES_AS_OF, Price, cost_usd, price_of

MILLION_EACH = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("claude-sonnet-4-20250514", 18.0),
        ("anthropic/claude-3-5-sonnet", 18.0),
        ("claude-3-5-sonnet-20241022", 18.0),
        ("claude-3-5-sonnet-latest", 18.0),
        ("claude-3-haiku-20240307", 1.5),
        ("claude-3-opus", 90.0),
        ("gpt-4o", 12.5),
        ("gpt-4o-2024-08-06", 12.5),
        ("openai/gpt-4o-mini", 0.75),
        ("gpt-4-turbo-2024-04-09", 40.0),
        ("gpt-4o-realtime", 0.0),
        ("gpt-4", 0.0),
        ("llama", 0.0),
        ("", 0.0),
    ],
)
def test_a_million_tokens_each_way_cost(model: str, usd: float) -> None:
    assert cost_usd(model, MILLION_EACH) == pytest.approx(usd)


def test_the_configurations_price_wins_over_the_table() -> None:
    assert cost_usd("gpt-4o", MILLION_EACH, Price(1.0, 2.0)) == pytest.approx(3.0)


def test_cached_tokens_are_priced_as_prompt_tokens() -> None:
    usage = Usage(prompt_tokens=1000, cache_read_tokens=900)
    assert cost_usd("gpt-4o", usage) == pytest.approx(0.0025)


def test_the_rows_of_the_documents_stay_as_they_are_there() -> None:
    rows = {
        "claude-sonnet-4-20250514": Price(3.0, 15.0),
        "claude-3-5-sonnet": Price(3.0, 15.0),
        "claude-3-haiku": Price(0.25, 1.25),
        "claude-3-opus": Price(15.0, 75.0),
        "gpt-4o": Price(2.5, 10.0),
        "gpt-4o-mini": Price(0.15, 0.6),
        "gpt-4-turbo": Price(10.0, 30.0),
    }
    assert {name: price_of(name) for name in rows} == rows


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(1_000_000, 0), 2.0),
        (Usage(1_000_000, 0, cache_read_tokens=1_000_000), 0.5),
        (Usage(1_000_000, 0, cache_read_tokens=400_000), 0.6 * 2 + 0.4 * 0.5),
        (Usage(1_000_000, 0, cache_write_tokens=400_000), 2.0),  # nothing is said of writing
        (Usage(0, 500_000), 4.0),
        (Usage(10, 0, cache_read_tokens=1_000_000), 0.5),  # of what a provider counts wrongly
    ],
)
def test_cached_tokens_have_their_own_price_where_there_is_one(usage: Usage, usd: float) -> None:
    assert cost_usd("openai/gpt-4.1", usage) == pytest.approx(usd)


def test_what_is_written_into_a_cache_has_its_own_price() -> None:
    usage = Usage(1000, 100, cache_read_tokens=300, cache_write_tokens=500)
    expected = (200 * 5.0 + 300 * 0.5 + 500 * 6.25 + 100 * 25.0) / 1e6

    assert cost_usd("anthropic/claude-opus-4-5-20251101", usage) == pytest.approx(expected)


def test_a_long_request_has_the_price_of_long_ones() -> None:
    assert cost_usd("claude-sonnet-4-5", Usage(200_000, 0)) == pytest.approx(0.6)
    assert cost_usd("claude-sonnet-4-5", Usage(200_001, 0)) == pytest.approx(1.200006)


@pytest.mark.parametrize("model", ["claude-opus-4-9", "gpt-5-turbo", "gpt-5.9"])
def test_a_model_that_is_not_in_the_table_is_not_taken_for_its_elder(model: str) -> None:
    assert price_of(model) is None


def test_the_table_says_of_which_day_it_is() -> None:
    assert date.fromisoformat(PRICES_AS_OF) > date(2026, 1, 1)
