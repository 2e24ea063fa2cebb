"""
What requests cost: a row for each, and what rows add up to.

Source:
    A3S Code docs, "Telemetry: cost tracking" (SPEC 12.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from a3s_code.kernel.messages import Usage

PriceOf: TypeAlias = Callable[[str, Usage], "float | None"]
"""US dollars for the tokens of one request of `provider/model`; None when nobody knows."""


class LlmCostRecord(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one request cost.

    Attributes:
        model: `provider/model` that answered.
        prompt_tokens: All of them; `cache_read_tokens` and `cache_write_tokens` are parts of it.
        cost_usd: US dollars; 0 when nobody knows, and `is_priced` is then False.
        timestamp_ms: Unix time of the answer.
        run_id: Empty for what belongs to no run, such as a summary that was asked for.
        child: The child run that asked; empty for the session itself.
        purpose: `turn`, or what else the request was for, such as `compact`.
    """

    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: float
    timestamp_ms: int
    session_id: str
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    is_priced: bool = True
    run_id: str = ""
    child: str = ""
    purpose: str = "turn"

    @property
    def usage(self) -> Usage:
        return Usage(
            self.prompt_tokens,
            self.completion_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
        )


class CostSummary(msgspec.Struct, frozen=True, kw_only=True):
    """
    What some requests cost together, in US dollars.

    Attributes:
        requests: How many were answered.
        usage: Their tokens.
        by_run: By run id; "" for what belongs to no run. The costs of its children are in it.
        by_child: By child run.
        by_day: By day in UTC, such as `2026-02-28`.
        unpriced: Models without a known price; their requests count 0 here, and were not free.
    """

    total_usd: float = 0.0
    requests: int = 0
    usage: Usage = Usage()
    by_model: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    by_run: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    by_child: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    by_day: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    unpriced: tuple[str, ...] = ()


def aggregate_cost_records(
    records: Iterable[LlmCostRecord],
    session_id: str | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> CostSummary:
    """
    Add up rows, also of several sessions.

    Args:
        session_id: Only of this session.
        start_ms, end_ms: Only from this Unix time on, and before that one.
    """
    chosen = [
        row
        for row in records
        if session_id in (None, row.session_id)
        and (start_ms is None or row.timestamp_ms >= start_ms)
        and (end_ms is None or row.timestamp_ms < end_ms)
    ]
    return CostSummary(
        total_usd=sum(row.cost_usd for row in chosen),
        requests=len(chosen),
        usage=sum((row.usage for row in chosen), Usage()),
        by_model=_by(chosen, lambda row: row.model),
        by_run=_by(chosen, lambda row: row.run_id),
        by_child=_by([row for row in chosen if row.child], lambda row: row.child),
        by_day=_by(chosen, lambda row: _day(row.timestamp_ms)),
        unpriced=tuple(dict.fromkeys(row.model for row in chosen if not row.is_priced)),
    )


def _by(rows: Iterable[LlmCostRecord], key: Callable[[LlmCostRecord], str]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for row in rows:
        sums[key(row)] = sums.get(key(row), 0.0) + row.cost_usd
    return sums


def _day(timestamp_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).date().isoformat()
