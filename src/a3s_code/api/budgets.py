"""
The budgets of a session that is awake.

A session that has none, and in which nothing else is bounded, has no meter, and its models and
calls pass by without one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_code.api.budgeting import BudgetTerms
from a3s_code.api.costs import PriceOf
from a3s_code.api.outlet import Outlet
from a3s_code.delegation.household import MAX_DEPTH
from a3s_code.errors import SessionClosed
from a3s_code.harness.budgets.guards import guards_here
from a3s_code.harness.budgets.usage import BudgetUsage, usage_of
from a3s_code.kernel.budget import Budget
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.ports import Model
from a3s_code.kernel.records import BudgetSettled, TokensSpent

if TYPE_CHECKING:  # few sessions have a ledger
    from a3s_code.harness.budgets.meter import Meter
    from a3s_code.harness.budgets.scope import Scope

T = TypeVar("T")

ANYWHERE: AbstractContextManager[Scope | None] = nullcontext()


class Budgets:
    """
    Args:
        telling: Gives where events are told.

    Attributes:
        meter: None while nothing is bounded.
    """

    __slots__ = ("_clock", "_executor", "_log", "_price", "_telling", "_terms", "meter")

    def __init__(
        self,
        terms: BudgetTerms,
        log: Log,
        executor: Executor,
        clock: Clock,
        price: PriceOf,
        telling: Callable[[], Outlet],
    ) -> None:
        self._terms, self._log, self._executor = terms, log, executor
        self._clock, self._price, self._telling = clock, price, telling
        self.meter: Meter | None = None
        if terms.bounds:
            self.need()

    def need(self) -> Meter:
        """Give the meter of the session; from the first time on all its calls are counted."""
        if self.meter is None:
            from a3s_code.api.used_before import used_before
            from a3s_code.harness.budgets.guarding import TIMEOUT_MS, Guarding
            from a3s_code.harness.budgets.meter import Meter
            from a3s_code.harness.budgets.scope import Scope

            terms = self._terms
            timeout_ms = terms.guard_timeout_ms or TIMEOUT_MS
            before, elapsed_ms = used_before(self._log.records, self._price)
            outer = terms.tenant.scope if terms.tenant is not None else None
            name = str(self._log.session)
            scope = Scope("session", name, terms.budget, outer, before)
            scope.elapsed_ms = elapsed_ms
            self.meter = Meter(
                name,
                self._clock,
                self._price,
                scope,
                self._telling,
                Guarding(terms.guard, timeout_ms) if terms.guard is not None else None,
            )
            self._executor.budget = self.meter
        return self.meter

    @property
    def depth(self) -> int:
        """How deep children may stand inside each other: as the budget has it, else one deep."""
        own = self._terms.budget
        if own is None:
            return MAX_DEPTH
        said = [each.depth for each in (own, own.per_run) if each is not None]
        bounds = [depth for depth in said if depth is not None] or [MAX_DEPTH]
        if own.per_child is not None and own.per_child.depth is not None:
            bounds.append(1 + own.per_child.depth)
        return min(bounds)

    # What is bounded

    def around(self, model: Model) -> Model:
        """Give a model that is asked only when what it may take is there."""
        if self.meter is None and not guards_here():
            return model
        from a3s_code.harness.budgets.metered_model import MeteredModel

        return MeteredModel(model, self.need())

    def run(self, run_id: str) -> AbstractContextManager[Scope | None]:
        """Be in the scope of a run."""
        return ANYWHERE if self.meter is None else self.meter.run(run_id)

    def child(self, child_id: str, budget: Budget | None) -> AbstractContextManager[Scope | None]:
        """Be in the scope of a child of what runs now."""
        if self.meter is None and budget is None:
            return ANYWHERE
        return self.need().child(child_id, budget)

    def around_child(self) -> AbstractContextManager[Scope | None]:
        """Be in the scope that the child which runs now stands in."""
        return ANYWHERE if self.meter is None else self.meter.around()

    async def timed(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Do the work of a run or a child within its time.

        Raises:
            BudgetExhausted: it took longer than there is left, and was stopped.
        """
        return await (begin() if self.meter is None else self.meter.timed(begin))

    def charge(self, spent: TokensSpent) -> None:
        """Book what was used without being asked about before."""
        if self.meter is not None:
            self.meter.charge(spent.model or self._log.state.model, spent.usage)

    # What is told of it

    def settle(self, sink: Outlet) -> None:
        """Record what the session has used up so far, where somebody will ask for it."""
        if self.meter is None:
            return
        used, _, _ = self.meter.session.now()
        spent = BudgetSettled(
            tokens=used.tokens,
            nano_usd=used.nano_usd,
            tool_calls=used.tool_calls,
            wall_time_ms=round(self.meter.elapsed_ms(self.meter.session)),
        )
        with suppress(SessionClosed):
            sink.emit(spent)

    def usage(self) -> BudgetUsage:
        """Say what the session has used up."""
        if self.meter is not None:
            return usage_of(self.meter.session, self.meter.elapsed_ms)
        from a3s_code.api.used_before import used_before
        from a3s_code.harness.budgets.scope import NANO

        used, elapsed_ms = used_before(self._log.records, self._price)
        return BudgetUsage(
            scope="session",
            id=str(self._log.session),
            tokens=used.tokens,
            usd=used.nano_usd / NANO,
            tool_calls=used.tool_calls,
            wall_time_ms=round(elapsed_ms),
        )
