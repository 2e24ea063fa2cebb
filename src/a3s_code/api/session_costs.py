"""
What a session has cost.

`SessionCosts` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING

from a3s_code.api.costs import CostSummary, LlmCostRecord, aggregate_cost_records
from a3s_code.errors import InvalidValue

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.log import Log


class SessionCosts(ABC):
    """Gives `AsyncSession` what it has cost; all of it is counted anew from the log."""

    __slots__ = ()

    _engine: Engine | None

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    def cost_records(self, run_id: str | None = None) -> list[LlmCostRecord]:
        """
        List what each request of a model cost, oldest first: turns, summaries, children.

        Args:
            run_id: Only those of one run, or with "" those of what belongs to none.

        Raises:
            InvalidValue: there is no such run; names the nearest one.
            SessionClosed: the session was closed.

        Source:
            SPEC 12.4.
        """
        log, engine = self._log(), self._engine
        rows: list[LlmCostRecord] = []
        if log is not None and engine is not None:
            from a3s_code.api.cost_log import cost_records

            rows = cost_records(log, engine.price)
        if run_id is None:
            return rows
        found = [row for row in rows if row.run_id == run_id]
        if not found and run_id:
            _check_known(run_id, log.state.runs if log is not None else ())
        return found

    def cost_summary(self, run_id: str | None = None) -> CostSummary:
        """
        Give what the session, or one run of it, has cost: in all, by model, run, child and day.

        Raises:
            InvalidValue: there is no such run; names the nearest one.
            SessionClosed: the session was closed.
        """
        return aggregate_cost_records(self.cost_records(run_id))


def _check_known(run_id: str, runs: Collection[str]) -> None:
    """
    Refuse an id that is none: nothing would be a sum, and read as if the run had been free.

    Raises:
        InvalidValue: names the nearest one.
    """
    if run_id in runs:
        return
    near = get_close_matches(run_id, runs, n=1)
    raise InvalidValue(
        f"This session has no run {run_id!r}, or has dropped it.",
        hint=f"did you mean {near[0]!r}?" if near else "runs() lists them",
    )
