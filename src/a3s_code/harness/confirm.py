"""
Confirmations: how long somebody is asked, and what happens when nobody answers.

`ConfirmationPolicy` holds what was given; `validate` gives the checked `Confirmations`.

Source:
    A3S Code Python SDK, "HITL Confirmations"; SPEC 6.2; DESIGN 6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from a3s_code.checks import check_list
from a3s_code.errors import InvalidValue

LANES = ("control", "query", "execute", "generate")
"""Kinds of action that wait in lines of their own, most urgent first; SPEC 13.1."""

TimeoutAction: TypeAlias = Literal["reject", "auto_approve"]

_ACTIONS: dict[str, TimeoutAction] = {
    "reject": "reject",
    "deny": "reject",
    "auto_approve": "auto_approve",
    "autoapprove": "auto_approve",
    "approve": "auto_approve",
    "allow": "auto_approve",
}


class Confirmations(msgspec.Struct, frozen=True):
    """
    A checked policy.

    Attributes:
        on_timeout: What happens to a call that nobody answered for in time.
        yolo_lanes: Lanes whose calls are approved without asking.
    """

    enabled: bool = False
    timeout_s: float = 30.0
    on_timeout: TimeoutAction = "reject"
    yolo_lanes: frozenset[str] = frozenset()


@dataclass(init=False, slots=True)
class ConfirmationPolicy:
    """
    How calls that a permission policy puts to somebody are settled.

    Attributes:
        enabled: Ask; False denies such calls, because nobody is there.
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
            InvalidValue: the timeout is not positive, or there is no such action or lane.
        """
        action = _ACTIONS.get(str(self.timeout_action).strip().lower().replace("-", "_"))
        if action is None:
            raise InvalidValue(
                f"{self.timeout_action!r} is no timeout_action of a ConfirmationPolicy.",
                hint="use 'reject' or 'auto_approve'",
            )
        for lane in self.yolo_lanes:
            check_lane(lane)
        if not _is_positive(self.default_timeout_ms):
            raise InvalidValue(
                f"default_timeout_ms of a ConfirmationPolicy is {self.default_timeout_ms!r}.",
                hint="give a number of milliseconds above 0",
            )
        return Confirmations(
            enabled=bool(self.enabled),
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


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value > 0
