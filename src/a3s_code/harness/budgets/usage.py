"""What was used up, as users read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from a3s_code.kernel.budget import Budget

if TYPE_CHECKING:  # few sessions have a ledger
    from a3s_code.harness.budgets.scope import Scope


class BudgetUsage(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was used up in one scope, and in those inside.

    Attributes:
        scope: `tenant`, `session`, `run` or `child`; `id` says which.
        usd: US dollars; a model whose price nobody knows counts 0.
        tool_calls: That were taken up.
        wall_time_ms: Of a session, the time of its runs together.
        reserved_tokens, reserved_usd: For requests that are being made now; they are not in
            `tokens` and `usd`.
        limits: None where it has none of its own.
        children: Of a session, its latest runs; of a run or a child, the children inside; the
            latest 256.
    """

    scope: str
    id: str
    tokens: int = 0
    usd: float = 0.0
    tool_calls: int = 0
    wall_time_ms: int = 0
    reserved_tokens: int = 0
    reserved_usd: float = 0.0
    limits: Budget | None = None
    children: tuple[BudgetUsage, ...] = ()


def usage_of(scope: Scope, elapsed_ms: Callable[[Scope], float], depth: int = 64) -> BudgetUsage:
    """
    Args:
        elapsed_ms: Gives the time that a scope has taken.
        depth: How many levels inside are given.
    """
    from a3s_code.harness.budgets.scope import NANO

    used, reserved, inside = scope.now()
    return BudgetUsage(
        scope=scope.kind,
        id=scope.id,
        tokens=used.tokens,
        usd=used.nano_usd / NANO,
        tool_calls=used.tool_calls,
        wall_time_ms=round(elapsed_ms(scope)),
        reserved_tokens=reserved.tokens,
        reserved_usd=reserved.nano_usd / NANO,
        limits=scope.budget,
        children=tuple(usage_of(each, elapsed_ms, depth - 1) for each in inside) if depth else (),
    )
