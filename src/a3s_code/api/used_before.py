"""What a session has used up so far, as its log says."""

from __future__ import annotations

from collections.abc import Iterable

from a3s_code.api.costs import PriceOf
from a3s_code.harness.budgets.scope import NANO, Amount
from a3s_code.kernel.events import RunId, ToolEnd, TurnEnd
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import (
    BudgetSettled,
    ModelSwitched,
    Record,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    TokensSpent,
)
from a3s_code.kernel.state import TERMINAL


def used_before(records: Iterable[Record], price: PriceOf) -> tuple[Amount, float]:
    """Give what a log says was used up, and the milliseconds that its runs took."""
    past = _Past(price)
    for record in records:
        past.take(record)
    return past.used, past.elapsed_ms


class _Past:
    """Adds up records; what a record says of all before it takes their place."""

    __slots__ = ("_model", "_price", "_runs", "elapsed_ms", "used")

    def __init__(self, price: PriceOf) -> None:
        self._price, self._model = price, ""
        self._runs: dict[RunId, tuple[int, int]] = {}
        self.used, self.elapsed_ms = Amount(), 0.0

    def take(self, record: Record) -> None:
        event = record.event
        match event:
            case BudgetSettled():
                self.used = Amount(event.tokens, event.nano_usd, event.tool_calls)
                self.elapsed_ms = event.wall_time_ms
            case SessionOpened(model=model) | ModelSwitched(model=model):
                self._model = model
            case TurnEnd(usage=usage):
                self._spend(self._model, usage)
            case TokensSpent(usage=usage, model=model):
                self._spend(model or self._model, usage)
            case ToolEnd():
                self.used = self.used._replace(tool_calls=self.used.tool_calls + 1)
            case RunStarted():
                self._runs[record.run] = record.timestamp_ms, record.timestamp_ms
            case RunStatusChanged(status=status) if status in TERMINAL:
                began, last = self._runs.pop(record.run, (0, 0))
                self.elapsed_ms += last - began
            case _ if record.run in self._runs:
                self._runs[record.run] = self._runs[record.run][0], record.timestamp_ms
            case _:
                pass

    def _spend(self, model: str, usage: Usage) -> None:
        cost = round((self._price(model, usage) or 0.0) * NANO)
        tokens, nano, calls = self.used
        self.used = Amount(tokens + usage.total_tokens, nano + cost, calls)
