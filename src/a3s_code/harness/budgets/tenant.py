"""What several sessions may use up together."""

from __future__ import annotations

from a3s_code.checks import check_text
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.budgets.usage import BudgetUsage, usage_of
from a3s_code.kernel.budget import Budget

_SHARED = ("tokens", "usd", "tool_calls", "soft")


class TenantBudget:
    """
    A budget that a host makes once and gives to many sessions (`tenant_budget`).

    They may be of several agents, threads and event loops of one process. It is never over its
    limits, however many ask at once: what each request may take is reserved before it is made.

    Args:
        budget: Tokens, US dollars and tool calls of all its sessions together, and `soft`. Time and
            depth belong to a session, and what each run or child may to its own `budget`.
        name: Says whose it is, in `usage()`.
        used: What was used up before, such as in a process that has ended.

    Raises:
        InvalidType: `budget` is no `Budget`, `name` no text, or `used` no `BudgetUsage`.
        InvalidValue: it bounds nothing, or what does not belong to a tenant.
    """

    __slots__ = ("scope",)

    def __init__(
        self, budget: Budget, *, name: str = "tenant", used: BudgetUsage | None = None
    ) -> None:
        if not isinstance(budget, Budget):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"A TenantBudget takes a Budget, not {type(budget).__name__}.")
        check_text("name of a TenantBudget", name)
        if budget != Budget(**{name: getattr(budget, name) for name in _SHARED}):
            raise InvalidValue(
                "A TenantBudget bounds tokens, usd and tool_calls.",
                hint="give the rest as the budget of each session",
            )
        if not budget.has_limits:
            raise InvalidValue("A TenantBudget without a limit bounds nothing.", hint="give tokens")
        from a3s_code.harness.budgets.scope import NANO, NOTHING, Amount, Scope

        before = NOTHING
        if used is not None and not isinstance(used, BudgetUsage):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"used of a TenantBudget is a {type(used).__name__}, not BudgetUsage.",
                hint="give what usage() said",
            )
        if used is not None:
            before = Amount(used.tokens, round(used.usd * NANO), used.tool_calls)
        self.scope = Scope("tenant", name, budget, before=before)

    def usage(self) -> BudgetUsage:
        """Give what all its sessions have used up, and what they have reserved now."""
        return usage_of(self.scope, lambda scope: scope.elapsed_ms, depth=1)

    def __repr__(self) -> str:
        return f"TenantBudget({self.scope.id!r}, {self.scope.used})"
