"""
The tokens of a workflow: one count for all its steps, and a soft cap.

Source:
    Document 003, `WorkflowBudget`, `BudgetSnapshot`; SPEC 9.6, 9.7.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from a3s_code.checks import check_positive
from a3s_code.errors import InvalidType
from a3s_code.kernel.messages import JsonObject, Usage

RESOURCE = "workflow_tokens"


class BudgetSnapshot(msgspec.Struct, frozen=True):
    """
    Attributes:
        consumed_tokens: Prompt and completion tokens of all requests so far.
        limit_tokens: The cap; None when there is none.
    """

    consumed_tokens: int
    limit_tokens: int | None = None


class WorkflowBudget:
    """
    Counts what the steps of a workflow spend. Any thread may tell and ask.

    The cap is soft: what is on its way when it is reached ends as it would, and what begins
    after that is refused.

    Args:
        limit: Tokens; None = they are only counted.

    Raises:
        InvalidType, InvalidValue: the limit is no whole number above 0.
    """

    __slots__ = ("_consumed", "_limit", "_lock")

    def __init__(self, limit: int | None = None) -> None:
        if limit is not None:
            if type(limit) is not int:
                raise InvalidType(f"A token budget is {limit!r}, not a whole number.")
            check_positive("A token budget", limit)
        self._limit = limit
        self._consumed = 0
        self._lock = threading.Lock()

    @property
    def limit(self) -> int | None:
        return self._limit

    @property
    def consumed(self) -> int:
        return self._consumed

    @property
    def is_exhausted(self) -> bool:
        """The cap is reached; never without one."""
        return self._limit is not None and self._consumed >= self._limit

    @property
    def reason(self) -> str:
        """Says how far it is spent."""
        return f"workflow token budget exhausted ({self._consumed} / {self._limit or 0} tokens)"

    def snapshot(self) -> BudgetSnapshot:
        """Give consumption and cap of now."""
        return BudgetSnapshot(self._consumed, self._limit)

    def check_before_llm(self, session_id: str, estimated_tokens: int = 0) -> JsonObject | None:
        """
        Say whether a request may be made.

        Returns:
            None when it may; else `{"decision": "deny", "resource", "reason"}`.
        """
        del session_id, estimated_tokens
        if not self.is_exhausted:
            return None
        return {"decision": "deny", "resource": RESOURCE, "reason": self.reason}

    def record_after_llm(self, session_id: str, usage: Usage | Mapping[str, Any]) -> None:
        """
        Count what a request has used.

        Args:
            usage: With `total_tokens`, or with `prompt_tokens` and `completion_tokens`.
        """
        del session_id
        tokens = usage.total_tokens if isinstance(usage, Usage) else _total(usage)
        with self._lock:
            self._consumed += max(tokens, 0)


def _total(usage: Mapping[str, Any]) -> int:
    total: object = usage.get("total_tokens")
    if total is None:
        total = int(usage.get("prompt_tokens", 0)) + int(usage.get("completion_tokens", 0))
    return int(str(total))
