"""
The lane queue of a session, as it is configured.

Source:
    SPEC 13.2; A3S Code README, "Lane queue".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from a3s_code.checks import check_limits, check_positive
from a3s_code.errors import InvalidValue
from a3s_code.harness.confirm import LANES, check_lane

MODES = ("internal", "external", "hybrid")

TIMEOUT_MS = 60_000
"""What an external action may take."""
DLQ_SIZE = 1_000
"""Failed actions that are kept."""


class LaneHandler(msgspec.Struct, frozen=True):
    """
    Who runs the actions of a lane.

    Attributes:
        mode: `internal`: the session; `external`: workers of the host; `hybrid`: the
            session, and the host is told.
        timeout_ms: How long an external action may take.
    """

    mode: str = "internal"
    timeout_ms: int = TIMEOUT_MS


@dataclass(slots=True, kw_only=True)
class SessionQueueConfig:
    """
    The lane queue of a session, for the option `queue_config`.

    Attributes:
        control_max_concurrency, query_max_concurrency, execute_max_concurrency,
            generate_max_concurrency: Actions of a lane that run at once.
        lane_handlers: By lane; a lane that is missing is `internal`.
        dlq_max_size: Failed actions that are kept; None = none are.
        metrics: Count and time actions.
        alerts: Tell when a line grows long.
        default_timeout_ms: For an action of a lane without its own; None = no limit.

    Creating one, `validate` and every setter check what they are given.

    Raises:
        InvalidValue: a number is not positive, or there is no such lane or mode.
    """

    control_max_concurrency: int = 2
    query_max_concurrency: int = 4
    execute_max_concurrency: int = 2
    generate_max_concurrency: int = 1
    lane_handlers: dict[str, LaneHandler] = field(default_factory=dict[str, LaneHandler])
    dlq_max_size: int | None = None
    metrics: bool = False
    alerts: bool = False
    default_timeout_ms: int | None = None

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """
        Check everything, which creating a session does once more: attributes may have changed.

        Raises:
            InvalidValue: a number is not positive, or there is no such lane or mode.
        """
        for lane in LANES:
            name = f"{lane}_max_concurrency"
            _positive(name, getattr(self, name))
        check_limits(
            "the queue", dlq_max_size=self.dlq_max_size, default_timeout_ms=self.default_timeout_ms
        )
        for lane, handler in self.lane_handlers.items():
            _check_handler(lane, handler)

    def with_lane_features(self) -> None:
        """Keep up to 1,000 failed actions, measure, alert, and limit actions to 60 s."""
        self.enable_dlq()
        self.enable_metrics()
        self.enable_alerts()
        self.set_timeout(TIMEOUT_MS)

    def set_query_concurrency(self, n: int) -> None:
        """Let `n` actions of the lane `query` run at once."""
        self.query_max_concurrency = _positive("query_max_concurrency", n)

    def set_execute_concurrency(self, n: int) -> None:
        """Let `n` actions of the lane `execute` run at once."""
        self.execute_max_concurrency = _positive("execute_max_concurrency", n)

    def set_generate_concurrency(self, n: int) -> None:
        """Let `n` actions of the lane `generate` run at once."""
        self.generate_max_concurrency = _positive("generate_max_concurrency", n)

    def enable_dlq(self, max_size: int | None = None) -> None:
        """Keep failed actions; `max_size` of them, 1,000 by default."""
        self.dlq_max_size = _positive("dlq_max_size", DLQ_SIZE if max_size is None else max_size)

    def enable_metrics(self) -> None:
        """Count and time actions."""
        self.metrics = True

    def enable_alerts(self) -> None:
        """Tell when a line grows long."""
        self.alerts = True

    def set_timeout(self, timeout_ms: int) -> None:
        """Limit an action of a lane without its own limit."""
        self.default_timeout_ms = _positive("default_timeout_ms", timeout_ms)

    def set_lane_handler(self, lane: str, mode: str, timeout_ms: int = TIMEOUT_MS) -> None:
        """
        Say who runs the actions of `lane`; see `LaneHandler`.

        Raises:
            InvalidValue: there is no such lane or mode, or the time is not positive.
        """
        handler = LaneHandler(mode, timeout_ms)
        _check_handler(lane, handler)
        self.lane_handlers[lane] = handler


def _check_handler(lane: str, handler: LaneHandler) -> None:
    check_lane(lane)
    if handler.mode not in MODES:
        raise InvalidValue(
            f"{handler.mode!r} is no mode of a lane.", hint=f"use one of {', '.join(MODES)}"
        )
    _positive(f"timeout_ms of lane {lane}", handler.timeout_ms)


def _positive(name: str, value: int) -> int:
    check_positive(f"{name} of the queue", value)
    return value
