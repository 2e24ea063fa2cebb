"""
A block of the configuration and the option of a session for the same thing agree.

They are two borders with types of their own, and neither may import the other.
"""

from __future__ import annotations

from typing import get_args

import pytest

from a3s_code import (
    AutoDelegationConfig,
    SearchConfig,
    SearchEngineConfig,
    SearchHealthConfig,
    SessionQueueConfig,
)
from a3s_code.config import schema
from a3s_code.config.record import Record
from a3s_code.harness.confirm import LANES
from a3s_code.lanes import queue


@pytest.mark.parametrize(
    ("block", "option", "keys"),
    [
        (
            schema.Queue(),
            SessionQueueConfig(),
            """
            control_max_concurrency query_max_concurrency execute_max_concurrency
            generate_max_concurrency lane_handlers default_timeout_ms
            """,
        ),
        (schema.LaneHandler(), queue.LaneHandler(), "mode timeout_ms"),
        (schema.Search(), SearchConfig(), "timeout headless"),
        (schema.SearchHealth(), SearchHealthConfig(), "max_failures suspend_seconds"),
        (schema.SearchEngine(), SearchEngineConfig(), "enabled weight timeout"),
        (
            schema.AutoDelegation(),
            AutoDelegationConfig(),
            "enabled auto_parallel min_confidence max_tasks",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_left_out_means_the_same_in_both(block: Record, option: object, keys: str) -> None:
    for key in keys.split():
        assert getattr(option, key) == getattr(block, key), key


def test_a_queue_that_keeps_failed_actions_keeps_as_many_in_both() -> None:
    option = SessionQueueConfig()
    option.enable_dlq()

    assert option.dlq_max_size == schema.Queue().dlq_max_size


def test_lanes_and_their_modes_have_the_same_names_in_both() -> None:
    assert get_args(schema.Lane) == LANES
    assert get_args(schema.LaneMode) == queue.MODES
