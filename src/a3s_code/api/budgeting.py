"""The budgets among the options of a session: which there are, and what a resume keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from a3s_code.api.costs import PriceOf
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.budgets.tenant import TenantBudget
from a3s_code.kernel.budget import GUARD_METHODS, Budget
from a3s_code.kernel.messages import Usage

_OPTIONS = frozenset({"budget", "tenant_budget", "budget_guard", "budget_guard_timeout_ms"})


class KeptBudgets(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What the log keeps of the budgets of a session.

    Attributes:
        is_guarded, has_tenant: It had an object of the host, which has to be given again.
    """

    budget: Budget | None = None
    is_guarded: bool = False
    guard_timeout_ms: int | None = None
    has_tenant: bool = False


NONE_KEPT = KeptBudgets()


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """
    Attributes:
        guard: Of the host; has one or more of the methods of `BudgetGuard`.
        guard_timeout_ms: None for our default.
    """

    budget: Budget | None = None
    tenant: TenantBudget | None = None
    guard: object = None
    guard_timeout_ms: int | None = None

    @property
    def kept(self) -> KeptBudgets:
        """What a log keeps of it."""
        if self.is_silent:
            return NONE_KEPT
        guarded, shared = self.guard is not None, self.tenant is not None
        return KeptBudgets(self.budget, guarded, self.guard_timeout_ms, shared)

    @property
    def bounds(self) -> bool:
        """Whether there is something that anything is held to."""
        return any(each is not None for each in (self.budget, self.tenant, self.guard))

    @property
    def is_silent(self) -> bool:
        """Nothing was said."""
        return not self.bounds and self.guard_timeout_ms is None

    @property
    def prices(self) -> bool:
        """Whether the prices of models have to be known."""
        shared = self.tenant is not None and self.tenant.scope.has_usd
        return shared or (self.budget is not None and self.budget.prices)

    def over(self, kept: KeptBudgets) -> BudgetTerms:
        """
        Give the budgets of a session that goes on: those that are given again win.

        Raises:
            InvalidValue: it had an object of the host, and was given none now.
        """
        for name, had, given in (
            ("budget_guard", kept.is_guarded, self.guard),
            ("tenant_budget", kept.has_tenant, self.tenant),
        ):
            if had and given is None:
                raise InvalidValue(
                    f"This session had a {name}, and none was given now.",
                    hint="give it again, or another one",
                )
        timeout_ms = self.guard_timeout_ms or kept.guard_timeout_ms
        return replace(self, budget=self.budget or kept.budget, guard_timeout_ms=timeout_ms)

    def check_price(self, ref: str, price: PriceOf) -> None:
        """
        Raises:
            InvalidValue: there is a limit in US dollars, and nobody knows what a model costs.
        """
        if self.prices and price(ref, Usage(1, 1)) is None:
            raise InvalidValue(
                f"Nobody knows the price of {ref}, so no budget in usd can hold.",
                hint="state its cost in the configuration, or bound tokens instead",
            )


NO_TERMS = BudgetTerms()


def terms_of(given: Mapping[str, Any]) -> BudgetTerms:
    """Give the budgets that options ask for."""
    if _OPTIONS.isdisjoint(given):
        return NO_TERMS
    return BudgetTerms(
        given.get("budget"),
        given.get("tenant_budget"),
        given.get("budget_guard"),
        given.get("budget_guard_timeout_ms"),
    )


def check_guard(guard: object) -> None:
    """
    Raises:
        InvalidType: it has none of the methods, or what it is called by is no function.
    """
    found: dict[str, Callable[..., object] | None] = {
        name: getattr(guard, name, None) for name in GUARD_METHODS
    }
    if isinstance(guard, type) or all(method is None for method in found.values()):
        raise InvalidType(
            f"budget_guard is a {type(guard).__name__} without {', '.join(GUARD_METHODS)}.",
            hint="give an object with one or more of these methods",
        )
    for name, method in found.items():
        if method is not None and not callable(method):
            raise InvalidType(f"budget_guard.{name} is a {type(method).__name__}.")
