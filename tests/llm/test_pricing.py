from __future__ import annotations

import pytest

from a3s_code.kernel.messages import Usage
from a3s_code.llm.pricing import Price, cost_usd

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
