"""
Confirmations: how long somebody is asked, and what happens when nobody answers.

`ConfirmationPolicy` holds what was given; `validate` gives the checked `Confirmations`.

Source:
    A3S Code Python SDK, "HITL Confirmations"; SPEC 6.2; DESIGN 6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from a3s_code.checks import check_bool, check_list
from a3s_code.errors import InvalidValue
from a3s_code.kernel.ports import Action, Allow, Ask, Deny
from a3s_code.kernel.tool import Effect

LANES = ("control", "query", "execute", "generate")
"""Kinds of action that wait in lines of their own, most urgent first; SPEC 13.1."""

MAX_TIMEOUT_MS = 365 * 24 * 3600 * 1000
"""A year: who means longer means a `confirmation_manager` without a policy."""

TimeoutAction: TypeAlias = Literal["reject", "auto_approve"]

Verdict: TypeAlias = Allow | Deny | bool
"""Of a function that is asked: True is yes, False is no."""
Confirmer: TypeAlias = Callable[[Action, Ask], Verdict | Awaitable[Verdict]]
"""A function for the option `confirmation_manager`: it is given the call, and why it is asked."""

_ACTIONS: dict[str, TimeoutAction] = {
    "reject": "reject",
    "deny": "reject",
    "auto_approve": "auto_approve",
    "autoapprove": "auto_approve",
    "approve": "auto_approve",
    "allow": "auto_approve",
}


QUERIES = frozenset(
    {"read", "glob", "grep", "ls", "list_files", "search", "web_fetch", "web_search"}
)
"""Tools of the lane `query`; SPEC 13.1."""


def lane_of(action: Action) -> str:
    """
    Name the lane that a tool call waits in: `query` or `execute`.

    A tool of another kind that has the name of a query is none.
    """
    looks = action.effect in (Effect.READ, Effect.NETWORK)
    return "query" if looks and action.tool.name in QUERIES else "execute"


class Confirmations(msgspec.Struct, frozen=True):
    """
    A checked policy; `Terms` of the kernel's approvals.

    Attributes:
        on_timeout: What happens to a call that nobody answered for in time.
        yolo_lanes: Lanes whose calls are approved without asking.
    """

    enabled: bool = False
    timeout_s: float = 30.0
    on_timeout: TimeoutAction = "reject"
    yolo_lanes: frozenset[str] = frozenset()

    @property
    def approves_late(self) -> bool:
        return self.on_timeout == "auto_approve"

    def waived(self, action: Action) -> str:
        """Say that the lane of an action is a yolo lane; nothing when it is none."""
        lane = lane_of(action)
        return f"{lane} is a yolo lane" if lane in self.yolo_lanes else ""


@dataclass(init=False, slots=True)
class ConfirmationPolicy:
    """
    How calls that a permission policy puts to somebody are settled.

    Only those are: what the permission policy allows runs, and what it denies does not. In
    this order: `enabled=False` denies; a yolo lane approves, and the log says so; then a
    question is put, to the `confirmation_manager` and to whoever calls `confirm_tool_use`.
    The first answer counts, and without one `timeout_action` does. A call whose like may
    have taken effect before a crash, or that writes a protected place, is never approved by a
    lane or by time.

    Attributes:
        enabled: Ask; False denies such calls without asking, also a `confirmation_manager`.
        default_timeout_ms: How long one call waits for an answer.
        timeout_action: `reject` or `auto_approve`; older names (`deny`, `approve`,
            `allow`, in any case) are accepted.
        yolo_lanes: Lanes whose calls are approved without asking; see `LANES`.

    Wrong values are refused by `validate`, which creating a session does.
    """

    enabled: bool
    default_timeout_ms: int
    timeout_action: str
    yolo_lanes: list[str]

    def __init__(
        self,
        enabled: bool = False,
        default_timeout_ms: int = 30_000,
        timeout_action: str | None = None,
        yolo_lanes: Iterable[str] | None = None,
    ) -> None:
        check_list("yolo_lanes", yolo_lanes)
        self.enabled = enabled
        self.default_timeout_ms = default_timeout_ms
        self.timeout_action = "reject" if timeout_action is None else timeout_action
        self.yolo_lanes = list(yolo_lanes or ())

    def validate(self) -> Confirmations:
        """
        Check the policy and give what is meant.

        Raises:
            InvalidValue: the timeout is below 1 ms or above a year, or there is no such action
                or lane.
            InvalidType: `enabled` is no bool.
        """
        check_bool("enabled of a ConfirmationPolicy", self.enabled)
        action = _ACTIONS.get(str(self.timeout_action).strip().lower().replace("-", "_"))
        if action is None:
            raise InvalidValue(
                f"{self.timeout_action!r} is no timeout_action of a ConfirmationPolicy.",
                hint="use 'reject' or 'auto_approve'",
            )
        for lane in self.yolo_lanes:
            check_lane(lane)
        if not _is_time(self.default_timeout_ms):
            raise InvalidValue(
                f"default_timeout_ms of a ConfirmationPolicy is {self.default_timeout_ms!r}.",
                hint=f"give a number of milliseconds from 1 to {MAX_TIMEOUT_MS}",
            )
        return Confirmations(
            enabled=self.enabled,
            timeout_s=self.default_timeout_ms / 1000,
            on_timeout=action,
            yolo_lanes=frozenset(self.yolo_lanes),
        )


def check_lane(name: str) -> None:
    """
    Raises:
        InvalidValue: there is no lane `name`.
    """
    if name not in LANES:
        raise InvalidValue(f"There is no lane {name!r}.", hint=f"use one of {', '.join(LANES)}")


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 1 <= value <= MAX_TIMEOUT_MS
