"""
What the requests of a session cost, as its log tells it.

Nothing is kept besides the log, so a session that goes on says the same as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from a3s_code.api.costs import LlmCostRecord, PriceOf
from a3s_code.api.unfinished import resumed_by
from a3s_code.kernel.events import RunId, TurnEnd
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import ModelSwitched, Record, RunStarted, SessionOpened, TokensSpent

_COSTLY = frozenset((SessionOpened, ModelSwitched, TurnEnd, TokensSpent))
"""What is looked at; most records are something else."""


def cost_records(log: Log, price: PriceOf) -> list[LlmCostRecord]:
    """Give a row for every request of a session, oldest first."""
    return list(_rows(log.records, str(log.session), price))


def costs_of_run(log: Log, price: PriceOf, run: RunId) -> list[LlmCostRecord]:
    """Give the rows of the run that began last, and of those that it goes on with."""
    begin, resumes = _beginning(log, run)
    model, runs = log.state.model, {run}
    if resumes:
        begin, model, runs = 0, "", resumed_by(log, run)
    records = reversed(list(islice(log.backwards(), log.length - begin)))
    rows = _rows(records, str(log.session), price, model)
    return [row for row in rows if row.run_id in runs]


def _beginning(log: Log, run: RunId) -> tuple[int, RunId]:
    """Find the record that begins a run, and say which one it goes on with."""
    for back, record in enumerate(log.backwards(), 1):
        event = record.event
        if type(event) is RunStarted and record.run == run:
            return log.length - back, event.resumes
    return log.length, RunId("")


def _rows(
    records: Iterable[Record], session_id: str, price: PriceOf, model: str = ""
) -> Iterator[LlmCostRecord]:
    """
    Args:
        model: That answered before the first record.
    """
    for record in records:
        if type(record.event) not in _COSTLY:
            continue
        match record.event:
            case SessionOpened(model=opened):
                model = opened
            case ModelSwitched(model=switched):
                model = switched
            case TurnEnd(usage=usage):
                yield _row(record, model, usage, session_id, price)
            case TokensSpent(usage=usage) as spent:
                row = _row(record, spent.model or model, usage, session_id, price)
                yield msgspec.structs.replace(row, child=spent.child, purpose=spent.purpose)
            case _:
                pass


def _row(
    record: Record, model: str, usage: Usage, session_id: str, price: PriceOf
) -> LlmCostRecord:
    cost = price(model, usage)
    return LlmCostRecord(
        model=model,
        provider=model.partition("/")[0],
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        cost_usd=cost or 0.0,
        timestamp_ms=record.timestamp_ms,
        session_id=session_id,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        is_priced=cost is not None,
        run_id=record.run,
    )
