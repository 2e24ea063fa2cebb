"""
What tokens cost.

Prices are USD per million tokens. A price that says nothing about cached tokens counts them like
others; one that does counts what was read from a provider's cache and what was written into it at
their own prices. `Usage.prompt_tokens` includes both.

Source:
    A3S Code docs, "Telemetry: cost tracking" (SPEC 12.4), for the formula and the rows of the
    documents, which stay as they are there. The other rows: public list prices as genai-prices
    has them, `PRICES_AS_OF`, https://github.com/pydantic/genai-prices (MIT).
"""

from __future__ import annotations

import re

import msgspec

from a3s_code.kernel.messages import Usage

_TOKENS_PER_PRICE = 1_000_000
_EDITION = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$")

PRICES_AS_OF = "2026-08-21"
"""Of which day the rows of the table are that are not of the documents."""


class Price(msgspec.Struct, frozen=True):
    """
    USD per million tokens.

    Attributes:
        cache_read_usd, cache_write_usd: Of tokens that a provider's cache gave or took; None =
            as others.
        long_from: A request of more prompt tokens than this costs `long` instead; 0 = none does.
    """

    input_usd: float
    output_usd: float
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    long_from: int = 0
    long: Price | None = None

    def of(self, usage: Usage) -> float:
        """Price the tokens of one request, in USD."""
        if self.long is not None and usage.prompt_tokens > self.long_from:
            return self.long.of(usage)
        plain, spent = usage.prompt_tokens, usage.completion_tokens * self.output_usd
        if self.cache_read_usd is not None:
            plain -= usage.cache_read_tokens
            spent += usage.cache_read_tokens * self.cache_read_usd
        if self.cache_write_usd is not None:
            plain -= usage.cache_write_tokens
            spent += usage.cache_write_tokens * self.cache_write_usd
        return (spent + max(plain, 0) * self.input_usd) / _TOKENS_PER_PRICE


_OF_THE_DOCUMENTS = {
    "claude-sonnet-4-20250514": Price(3.0, 15.0),
    "claude-3-5-sonnet": Price(3.0, 15.0),
    "claude-3-haiku": Price(0.25, 1.25),
    "claude-3-opus": Price(15.0, 75.0),
    "gpt-4o": Price(2.5, 10.0),
    "gpt-4o-mini": Price(0.15, 0.6),
    "gpt-4-turbo": Price(10.0, 30.0),
}

_HAIKU_3_5 = Price(0.8, 4.0, 0.08, 1.0)
_HAIKU = Price(1.0, 5.0, 0.1, 1.25)
_SONNET = Price(3.0, 15.0, 0.3, 3.75)
_SONNET_4_5 = Price(3.0, 15.0, 0.3, 3.75, 200_000, Price(6.0, 22.5, 0.6, 7.5))
_OPUS_4 = Price(15.0, 75.0, 1.5, 18.75)
_OPUS = Price(5.0, 25.0, 0.5, 6.25)
_GPT_5_4 = Price(2.5, 15.0, 0.25, None, 272_000, Price(5.0, 22.5, 0.5))

PRICES: dict[str, Price] = {
    "claude-3-5-haiku": _HAIKU_3_5,
    "claude-3-7-sonnet": _SONNET,
    "claude-haiku-4-5": _HAIKU,
    "claude-sonnet-4": _SONNET,
    "claude-sonnet-4-0": _SONNET,
    "claude-sonnet-4-5": _SONNET_4_5,
    "claude-sonnet-4-6": _SONNET,
    "claude-sonnet-5": _SONNET,  # from 2026-09-01 on; two thirds of it before
    "claude-opus-4": _OPUS_4,
    "claude-opus-4-0": _OPUS_4,
    "claude-opus-4-1": _OPUS_4,
    "claude-opus-4-5": _OPUS,
    "claude-opus-4-6": _OPUS,
    "claude-opus-4-7": _OPUS,
    "claude-opus-4-8": _OPUS,
    "claude-opus-5": _OPUS,
    "gpt-4.1": Price(2.0, 8.0, 0.5),
    "gpt-4.1-mini": Price(0.4, 1.6, 0.1),
    "gpt-4.1-nano": Price(0.1, 0.4, 0.025),
    "gpt-5": Price(1.25, 10.0, 0.125),
    "gpt-5-codex": Price(1.25, 10.0, 0.125),
    "gpt-5-mini": Price(0.25, 2.0, 0.025),
    "gpt-5-nano": Price(0.05, 0.4, 0.005),
    "gpt-5.1": Price(1.25, 10.0, 0.125),
    "gpt-5.1-codex": Price(1.25, 10.0, 0.125),
    "gpt-5.2": Price(1.75, 14.0, 0.175),
    "gpt-5.3": Price(1.75, 14.0, 0.175),
    "gpt-5.3-codex": Price(1.75, 14.0, 0.175),
    "gpt-5.4": _GPT_5_4,
    "gpt-5.4-mini": Price(0.75, 4.5, 0.075),
    "gpt-5.4-nano": Price(0.2, 1.25, 0.02),
    "gpt-5.5": Price(5.0, 30.0, 0.5),
    "o1": Price(15.0, 60.0, 7.5),
    "o3": Price(2.0, 8.0, 0.5),
    "o3-mini": Price(1.1, 4.4, 0.55),
    "o4-mini": Price(1.1, 4.4, 0.275),
    **_OF_THE_DOCUMENTS,
}


def price_of(model: str) -> Price | None:
    """
    Find the price of a model id, with or without `provider/` before it.

    A dated id such as `claude-3-opus-20240229` costs what the name without its date costs.
    """
    name = model.rpartition("/")[2]
    return PRICES.get(name) or PRICES.get(_EDITION.sub("", name))


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
    return price.of(usage) if price is not None else 0.0
