"""
What a session has cost.

`SessionCosts` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from a3s_code.api.costs import CostSummary, LlmCostRecord, aggregate_cost_records

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
            run_id: Only those of one run; none for an unknown one.

        Raises:
            SessionClosed: the session was closed.

        Source:
            SPEC 12.4.
        """
        log, engine = self._log(), self._engine
        if log is None or engine is None:
            return []
        from a3s_code.api.cost_log import cost_records

        rows = cost_records(log, engine.price)
        return [row for row in rows if run_id in (None, row.run_id)]

    def cost_summary(self, run_id: str | None = None) -> CostSummary:
        """
        Give what the session, or one run of it, has cost: in all, by model, run, child and day.

        Raises:
            SessionClosed: the session was closed.
        """
        return aggregate_cost_records(self.cost_records(run_id))
