"""A long run, page by page."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.events import RunId
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.kernel.log import Log


def event_page(
    log: Log | None, run_id: str, after_sequence: int | None, limit: int
) -> JsonObject | None:
    """
    Give the events of a run behind `after_sequence`; see `AsyncSession.run_event_page`.

    Only what is on the page is expanded from its batches.

    Raises:
        InvalidType, InvalidValue: a number is none, or outside what is accepted.
    """
    _check("limit", limit, least=1)
    if after_sequence is not None:
        _check("after_sequence", after_sequence, least=0)
    run = RunId(run_id)
    if log is None or run not in log.state.runs:
        return None
    known, end = log.state.events.get(run), log.event_count(run)
    first = known.first if known is not None else 0
    wanted = 0 if after_sequence is None else after_sequence + 1
    rows = list(islice(log.run_events(run, wanted), limit))
    following = max(wanted, first) + len(rows)
    return {
        "events": [msgspec.to_builtins(row) for row in rows],
        "first_available_sequence": first,
        "latest_sequence_exclusive": end,
        "next_after_sequence": following - 1 if following else None,
        "retention_gap": wanted < first,
        "has_more": following < end,
    }


def _check(name: str, value: object, least: int) -> None:
    if type(value) is not int:
        raise InvalidType(f"{name} is {value!r}.", hint="give a whole number")
    if value < least:
        raise InvalidValue(f"{name} is {value}.", hint=f"give at least {least}")
