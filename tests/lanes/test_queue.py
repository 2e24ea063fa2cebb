from __future__ import annotations

from collections.abc import Callable

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.lanes.queue import LaneHandler, SessionQueueConfig


def test_the_defaults_are_those_of_the_documents() -> None:
    config = SessionQueueConfig()

    assert config.query_max_concurrency == 4
    assert (config.execute_max_concurrency, config.generate_max_concurrency) == (2, 1)
    assert (config.dlq_max_size, config.metrics, config.alerts) == (None, False, False)
    assert config.default_timeout_ms is None


def test_lane_features_are_the_four_together() -> None:
    config = SessionQueueConfig()
    config.with_lane_features()

    assert (config.dlq_max_size, config.metrics, config.alerts) == (1_000, True, True)
    assert config.default_timeout_ms == 60_000


def test_setters_set_what_they_name() -> None:
    config = SessionQueueConfig()
    config.set_query_concurrency(10)
    config.set_execute_concurrency(5)
    config.set_generate_concurrency(3)
    config.enable_dlq(7)
    config.set_timeout(1_500)
    config.set_lane_handler("execute", "external", 8_000)
    config.set_lane_handler("query", "hybrid")

    assert config == SessionQueueConfig(
        query_max_concurrency=10,
        execute_max_concurrency=5,
        generate_max_concurrency=3,
        dlq_max_size=7,
        default_timeout_ms=1_500,
        lane_handlers={
            "execute": LaneHandler("external", 8_000),
            "query": LaneHandler("hybrid", 60_000),
        },
    )


def test_two_configurations_do_not_share_their_lanes() -> None:
    SessionQueueConfig().set_lane_handler("query", "external")

    assert SessionQueueConfig().lane_handlers == {}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda config: config.set_lane_handler("bogus", "external"),
        lambda config: config.set_lane_handler("execute", "bogus"),
        lambda config: config.set_lane_handler("execute", "external", 0),
        lambda config: config.set_query_concurrency(0),
        lambda config: config.enable_dlq(0),
        lambda config: config.set_timeout(-1),
    ],
)
def test_wrong_values_are_refused_and_change_nothing(
    wrong: Callable[[SessionQueueConfig], None],
) -> None:
    config = SessionQueueConfig()
    with pytest.raises(InvalidValue):
        wrong(config)

    assert config == SessionQueueConfig()


def test_a_value_that_was_assigned_is_checked_by_validate() -> None:
    config = SessionQueueConfig()
    config.lane_handlers["execute"] = LaneHandler("bogus")

    with pytest.raises(InvalidValue, match="bogus"):
        config.validate()
    with pytest.raises(InvalidValue):
        SessionQueueConfig(control_max_concurrency=0)
