"""
What a session may use up, and what a host may decide of it by itself.

Source:
    DESIGN 1, "nothing overspends"; SPEC 6.7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import JsonObject

Resource: TypeAlias = Literal["tokens", "usd", "tool_calls", "wall_time_ms", "depth"]

SOFT = 0.8
_WHOLE = ("tokens", "tool_calls", "wall_time_ms", "depth")


class Budget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Limits; None = none. What is used inside a scope is used in all scopes around it.

    Attributes:
        tokens: Of all requests, what is sent and what is answered; cached ones count as others.
        usd: What they cost, in US dollars. A model whose price nobody knows is not asked then.
        tool_calls: That are taken up, also inside programs, batches and children, and those of
            the host. One that is denied or fails was one.
        wall_time_ms: Of a session, the time of all its runs together.
        depth: How deep children may stand inside each other; 0 = none are started, None = 1 deep.
            Who starts one inside a child has to be an agent that may.
        soft: Share of each limit from which on an event tells of it, over 0 and up to 1.
        per_run: For each run of a session by itself.
        per_child: For each child by itself.

    Raises:
        InvalidType, InvalidValue: names the limit, and what it takes.
    """

    tokens: int | None = None
    usd: float | None = None
    tool_calls: int | None = None
    wall_time_ms: int | None = None
    depth: int | None = None
    soft: float = SOFT
    per_run: Budget | None = None
    per_child: Budget | None = None

    def __post_init__(self) -> None:
        for name in _WHOLE:
            _check_whole(name, getattr(self, name))
        _check_usd(self.usd)
        if not _is_number(self.soft) or not 0 < self.soft <= 1:
            raise InvalidValue(f"soft is {self.soft!r}.", hint="give a share, such as 0.8")
        for name in ("per_run", "per_child"):
            _check_inner(name, getattr(self, name))

    @property
    def has_limits(self) -> bool:
        """Whether this bounds anything by itself, its inner ones left aside."""
        return any(getattr(self, name) is not None for name in (*_WHOLE, "usd"))

    @property
    def prices(self) -> bool:
        """Whether prices have to be known to hold it."""
        inner = (self.per_run, self.per_child)
        return self.usd is not None or any(each is not None and each.prices for each in inner)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool


def _check_whole(name: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not int:
        raise InvalidType(f"{name} of a budget is a {type(value).__name__}, not int.")
    if value < 0:
        raise InvalidValue(f"{name} of a budget is {value}.", hint="give at least 0")


def _check_usd(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, int | float) or type(value) is bool:
        raise InvalidType(f"usd of a budget is a {type(value).__name__}, not a number.")
    if not math.isfinite(value) or value < 0:
        raise InvalidValue(f"usd of a budget is {value}.", hint="give US dollars, at least 0")


def _check_inner(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Budget):
        raise InvalidType(f"{name} of a budget is a {type(value).__name__}, not Budget.")
    if value.per_run is not None or (name == "per_run" and value.per_child is not None):
        raise InvalidValue(f"{name} of a budget has inner ones.", hint="give them one level up")


GuardAnswer: TypeAlias = "Mapping[str, Any] | None"
"""
None or `{"decision": "allow"}`; `{"decision": "soft", "resource", "consumed", "limit",
"message"?}`, which an event tells; `{"decision": "deny", "resource", "reason"}`.
"""


CHECK_LLM, RECORD_LLM, CHECK_TOOL = "check_before_llm", "record_after_llm", "check_before_tool"
GUARD_METHODS = (CHECK_LLM, RECORD_LLM, CHECK_TOOL)
"""Of a `BudgetGuard`."""


@runtime_checkable
class BudgetGuard(Protocol):
    """
    What the option `budget_guard` takes: an object with one or more of these methods.

    Each may be async or not, which is told once; one that is not runs in a thread. A method that
    is missing allows. One that raises, is late (`budget_guard_timeout_ms`) or answers anything
    else denies, with the reason; after a `record_after_llm` that failed so does every check.

    Source:
        SPEC 6.7; DESIGN 6, row "budget guard that fails".
    """

    def check_before_llm(self, session_id: str, estimated_tokens: int) -> GuardAnswer:
        """
        Say whether a request may be made.

        Args:
            estimated_tokens: Of the request, and the most that its answer can bring.
        """
        ...

    def record_after_llm(self, session_id: str, usage: JsonObject) -> None:
        """
        Learn what a request has used.

        Args:
            usage: `prompt_tokens`, `completion_tokens`, `total_tokens`, `cache_read_tokens`,
                `cache_write_tokens`; of a request that was cut off an estimate, with
                `estimated`: True.
        """
        ...

    def check_before_tool(self, session_id: str, tool_name: str) -> GuardAnswer:
        """Say whether a call may be taken up."""
        ...
