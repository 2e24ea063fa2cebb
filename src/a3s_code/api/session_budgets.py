"""
What a session has used up, and what it may.

`SessionBudgets` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from a3s_code.harness.budgets.usage import BudgetUsage

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.api.settings import Opening
    from a3s_code.kernel.log import Log


class SessionBudgets(ABC):
    """Gives `AsyncSession` what it has used up."""

    __slots__ = ()

    _engine: Engine | None
    _opening: Opening

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    def budget(self) -> BudgetUsage:
        """
        Say what the session has used up and what it may, with its latest runs and children.

        Tokens of requests that were cut off are estimates, and only in a session with a budget.

        Raises:
            SessionClosed: the session was closed.

        Source:
            DESIGN 1, "nothing overspends".
        """
        if self._log() is None or self._engine is None:
            budget = self._opening.settings.budgets.budget
            return BudgetUsage(scope="session", id=self._opening.session_id, limits=budget)
        return self._engine.budgets.usage()
