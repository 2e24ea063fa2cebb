"""
What tokens cost.

Prices are USD per million tokens. Only prompt and completion tokens are priced; cached
tokens cost like others in this formula.

Source:
    A3S Code docs, "Telemetry: cost tracking" (SPEC 12.4).
"""

from __future__ import annotations

import msgspec

from a3s_code.kernel.messages import Usage

_TOKENS_PER_PRICE = 1_000_000


class Price(msgspec.Struct, frozen=True):
    """USD per million tokens."""

    input_usd: float
    output_usd: float


PRICES: dict[str, Price] = {
    "claude-sonnet-4-20250514": Price(3.0, 15.0),
    "claude-3-5-sonnet": Price(3.0, 15.0),
    "claude-3-haiku": Price(0.25, 1.25),
    "claude-3-opus": Price(15.0, 75.0),
    "gpt-4o": Price(2.5, 10.0),
    "gpt-4o-mini": Price(0.15, 0.6),
    "gpt-4-turbo": Price(10.0, 30.0),
}


def price_of(model: str) -> Price | None:
    """
    Find the price of a model id, with or without `provider/` before it.

    A dated id such as `claude-3-opus-20240229` costs what the name without its date costs.
    """
    name = model.rpartition("/")[2]
    while name:
        if name in PRICES:
            return PRICES[name]
        name, _, last = name.rpartition("-")
        if not (last.isdecimal() or last == "latest"):
            return None
    return None


def cost_usd(model: str, usage: Usage, override: Price | None = None) -> float:
    """
    Price one answer, in USD.

    Args:
        model: The id, with or without `provider/`.
        override: The price that the configuration states; it wins over the table.

    Returns:
        0.0 for a model whose price nobody knows.
    """
    price = override or price_of(model)
    if price is None:
        return 0.0
    spent = usage.prompt_tokens * price.input_usd + usage.completion_tokens * price.output_usd
    return spent / _TOKENS_PER_PRICE
