"""
What one session uses up: in which scope, and who is told.

Whatever runs is in the innermost scope of the task that it is part of: that of its run, or of its
child. Tasks and threads that are started inside are in the same one, and so is what they start.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from a3s_code.errors import BudgetExhausted
from a3s_code.harness.budgets.guarding import Denied, Guarding, Soft
from a3s_code.harness.budgets.guards import guards_here, unguarded
from a3s_code.harness.budgets.scope import NANO, Amount, Mark, Scope
from a3s_code.harness.time_limit import within_limit
from a3s_code.kernel.budget import Budget
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.events import BudgetThresholdHit
from a3s_code.kernel.messages import ToolCall, Usage
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.tool import Observation, failure

T = TypeVar("T")
PriceOf: TypeAlias = Callable[[str, Usage], "float | None"]

GUARD = "budget_guard"
MAX_REFUSALS = 3
"""Calls that a guard would not have, after which a run asks its model no more."""
_ONE_CALL = Amount(tool_calls=1)
_UNITS = {"tokens": "tokens", "usd": "US dollars", "tool_calls": "tool calls", "wall_time_ms": "ms"}

_HERE: ContextVar[tuple[Meter, Scope] | None] = ContextVar("a3s_budget", default=None)


@contextmanager
def on_its_own() -> Generator[None]:
    """Have what is done in the block belong to nothing around it: neither its scope nor guards."""
    here = _HERE.set(None)
    try:
        with unguarded():
            yield
    finally:
        _HERE.reset(here)


@dataclass(slots=True)
class Meter:
    """
    Of one session.

    Attributes:
        price: US dollars for the tokens of an answer; None when nobody knows.
        session: Its own scope; `elapsed_ms` has the time of its runs.
        guard: The host's; None when it gave none.
        telling: Gives where events are told.
        ratios: Tokens that a provider counted last for each that was estimated, by model.
    """

    session_id: str
    clock: Clock
    price: PriceOf
    session: Scope
    telling: Callable[[], Sink]
    guard: Guarding | None = None
    ratios: dict[str, float] = field(default_factory=dict[str, float])

    # Where

    @property
    def here(self) -> Scope:
        """The scope of what runs now."""
        inside = _HERE.get()
        return inside[1] if inside is not None and inside[0] is self else self.session

    @contextmanager
    def run(self, run_id: str) -> Generator[Scope]:
        """Be in the scope of a run."""
        budget = self.session.budget
        scope = Scope("run", run_id, budget.per_run if budget is not None else None, self.session)
        with self._in(scope):
            yield scope

    @contextmanager
    def child(self, child_id: str, budget: Budget | None) -> Generator[Scope]:
        """Be in the scope of a child of what runs now."""
        default = self.session.budget
        own = budget if budget is not None else default.per_child if default is not None else None
        with self._in(Scope("child", child_id, own, self.here)) as scope:
            yield scope

    def around(self) -> AbstractContextManager[Scope]:
        """Be in the scope that the child which runs now stands in."""
        scope = self.here
        outer = scope.parent if scope.kind == "child" else None
        return self._in(outer or scope)

    @contextmanager
    def _in(self, scope: Scope) -> Generator[Scope]:
        token = _HERE.set((self, scope))
        try:
            yield scope
        finally:
            _HERE.reset(token)

    # Requests

    async def admit_request(self, scope: Scope, tokens: int) -> None:
        """
        See that nothing speaks against a request before it is reserved.

        Raises:
            BudgetExhausted: a guard says no, or failed; or a call of before had to be refused.
        """
        if scope.stopped is not None:
            raise exhausted(scope.stopped)
        for guard in self.guards():
            verdict = await guard.check_llm(self.session_id, tokens)
            if isinstance(verdict, Denied):
                raise self._denied(verdict)
            self._tell_soft(verdict)

    def guards(self) -> Iterable[Guarding]:
        """Give the guards that are asked about what runs now."""
        inside = guards_here()
        return inside if self.guard is None else (self.guard, *inside)

    def refused(self, mark: Mark) -> BudgetExhausted:
        """Tell of a limit that is in the way, and give the error that says so."""
        error = exhausted(mark)
        if mark.scope.tells("hard", mark.resource):
            self._tell(mark, "hard", error.message)
        return error

    def nano(self, ref: str, usage: Usage) -> int | None:
        """Give what tokens cost, in billionths of a dollar; None when nobody knows."""
        price = self.price(ref, usage)
        return None if price is None else math.ceil(price * NANO)

    def charge(self, ref: str, usage: Usage) -> None:
        """Book what was used without being asked about before, such as by embeddings."""
        hold = self.here.reserve(Amount())
        assert not isinstance(hold, Mark), "nothing is always there"
        cost = self.nano(ref, usage) or 0
        self.tell_crossed(hold.settle(Amount(usage.total_tokens, cost)))

    # Calls

    async def admit(self, call: ToolCall) -> Observation | None:
        """Take up one call, or say why not; see `kernel.ports.CallBudget`."""
        scope = self.here
        for guard in self.guards():
            verdict = await guard.check_tool(self.session_id, call.name)
            if isinstance(verdict, Denied):
                return self._not_allowed(scope, verdict)
            self._tell_soft(verdict)
        taken = scope.spend(_ONE_CALL)
        if not isinstance(taken, Mark):
            self.tell_crossed(taken)
            return None
        error = self.refused(taken)
        self._stop(scope, taken)
        return failure(str(error), BudgetExhausted.code)

    def _not_allowed(self, scope: Scope, denied: Denied) -> Observation:
        error = self._denied(denied)
        scope.refusals += 1
        if scope.refusals >= MAX_REFUSALS:
            self._stop(scope, Mark(Scope(GUARD, GUARD), "tool_calls", 0, 0))
        return failure(str(error), BudgetExhausted.code)

    def _stop(self, scope: Scope, mark: Mark) -> None:
        """Ask no more in a run or child whose calls are refused: it would only make others."""
        if scope is not self.session:
            scope.stopped = scope.stopped or mark

    # Time

    async def timed(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Do the work of a run or a child within its time.

        Raises:
            BudgetExhausted: it took longer than there is left, and was stopped.
        """
        scope = self.here
        mark = self._time_left(scope)
        scope.since = self.clock.monotonic()
        soft = self._soft_timer(scope, mark)
        try:
            if mark is None:
                return await begin()
            left_ms = mark.limit - mark.consumed
            if left_ms <= 0:
                raise self.refused(mark)
            late = Mark(mark.scope, "wall_time_ms", mark.limit, mark.limit)
            return await within_limit(left_ms, "", begin(), lambda: self.refused(late))
        finally:
            if soft is not None:
                soft.cancel()
            self._take_time(scope)

    def elapsed_ms(self, scope: Scope) -> float:
        """Give the time that a scope has taken up to now."""
        _, _, inside = scope.now()  # others may begin runs meanwhile, in other threads
        runs = [each for each in inside if each.kind == "run"]
        going_on = [each.since for each in (scope, *runs) if each.since is not None]
        now = self.clock.monotonic()
        return scope.elapsed_ms + sum((now - since) * 1000 for since in going_on)

    def _take_time(self, scope: Scope) -> None:
        spent_ms = 0.0 if scope.since is None else (self.clock.monotonic() - scope.since) * 1000
        scope.since = None
        scope.elapsed_ms += spent_ms
        if scope.kind == "run":
            self.session.elapsed_ms += spent_ms

    def _time_left(self, scope: Scope) -> Mark | None:
        """Give the limit of time that is come to first; a parent ends its children anyway."""
        bounded = (scope, self.session) if scope.kind == "run" else (scope,)
        marks = [
            Mark(each, "wall_time_ms", each.elapsed_ms, each.budget.wall_time_ms)
            for each in bounded
            if each.budget is not None and each.budget.wall_time_ms is not None
        ]
        return min(marks, key=lambda mark: mark.limit - mark.consumed, default=None)

    def _soft_timer(self, scope: Scope, mark: Mark | None) -> asyncio.TimerHandle | None:
        budget = mark.scope.budget if mark is not None else None
        if mark is None or budget is None:
            return None
        left_ms = max(budget.soft * mark.limit - mark.consumed, 0)
        reached = Mark(mark.scope, "wall_time_ms", mark.consumed + left_ms, mark.limit)

        def tell() -> None:
            if scope.since is not None and mark.scope.tells("soft", "wall_time_ms"):
                self.tell_crossed((reached,))

        return asyncio.get_running_loop().call_later(left_ms / 1000, tell)

    # Who is told

    def tell_crossed(self, marks: Iterable[Mark]) -> None:
        """Tell of soft limits that were come to."""
        for mark in marks:
            self._tell(mark, "soft", f"{_amounts(mark)} of the {mark.scope.kind} are used.")

    def tell_lost(self, reason: str) -> None:
        """Tell that a guard could not be told what was used."""
        event = BudgetThresholdHit(
            resource=GUARD, kind="hard", consumed=0, limit=0, message=reason, scope=GUARD
        )
        self.telling().emit(event)

    def _tell(self, mark: Mark, kind: str, message: str) -> None:
        event = BudgetThresholdHit(
            resource=mark.resource,
            kind=kind,
            consumed=mark.consumed,
            limit=mark.limit,
            message=message,
            scope=mark.scope.kind,
        )
        self.telling().emit(event)

    def _tell_soft(self, soft: Soft | None) -> None:
        if soft is not None:
            event = BudgetThresholdHit(
                resource=soft.resource,
                kind="soft",
                consumed=soft.consumed,
                limit=soft.limit,
                message=soft.message,
                scope=GUARD,
            )
            self.telling().emit(event)

    def _denied(self, denied: Denied) -> BudgetExhausted:
        self.telling().emit(
            BudgetThresholdHit(
                resource=denied.resource or GUARD,
                kind="hard",
                consumed=0,
                limit=0,
                message=denied.reason,
                scope=GUARD,
            )
        )
        return BudgetExhausted(
            f"Budget exhausted: {denied.reason}.",
            resource=denied.resource or GUARD,
            scope=GUARD,
            hint="the budget_guard of the host decides",
        )


def exhausted(mark: Mark) -> BudgetExhausted:
    """Give the error that says which limit is in the way."""
    kind = mark.scope.kind
    if kind == GUARD:
        text = f"Budget exhausted: the budget_guard refused {MAX_REFUSALS} calls."
    else:
        text = (
            f"Budget exhausted: {_amounts(mark)} of the {kind} are used or reserved{_more(mark)}."
        )
    return BudgetExhausted(
        text,
        resource=mark.resource,
        consumed=mark.consumed,
        limit=mark.limit,
        scope=kind,
        hint="raise the budget, or ask for less",
    )


def _more(mark: Mark) -> str:
    """Say what did not fit, where it is no single call."""
    if not mark.asked or mark.resource == "tool_calls":
        return ""
    return f", and the next request may take {mark.asked:,.10g}"


def _amounts(mark: Mark) -> str:
    return f"{mark.consumed:,.10g} of {mark.limit:,.10g} {_UNITS.get(mark.resource, mark.resource)}"
