from __future__ import annotations

from typing import Any

import pytest

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.confirm import LANES, ConfirmationPolicy, Confirmations


def test_the_defaults_are_those_of_the_documents() -> None:
    policy = ConfirmationPolicy()

    assert (policy.enabled, policy.default_timeout_ms) == (False, 30_000)
    assert (policy.timeout_action, policy.yolo_lanes) == ("reject", [])
    assert policy.validate() == Confirmations()


def test_a_checked_policy_says_what_was_meant() -> None:
    policy = ConfirmationPolicy(True, 1_500, "auto_approve", ["query"])

    assert policy.validate() == Confirmations(True, 1.5, "auto_approve", frozenset({"query"}))


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("reject", "reject"),
        ("Reject", "reject"),
        ("auto_approve", "auto_approve"),
        ("AutoApprove", "auto_approve"),
        ("auto-approve", "auto_approve"),
        ("Approve", "auto_approve"),
        ("Allow", "auto_approve"),
    ],
)
def test_older_names_of_timeout_actions_are_understood(name: str, meaning: str) -> None:
    assert ConfirmationPolicy(timeout_action=name).validate().on_timeout == meaning


@pytest.mark.parametrize("lane", LANES)
def test_every_lane_may_be_approved_without_asking(lane: str) -> None:
    assert ConfirmationPolicy(yolo_lanes=(lane,)).validate().yolo_lanes == {lane}


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout_action": "explode"},
        {"timeout_action": ""},
        {"yolo_lanes": ["bogus"]},
        {"default_timeout_ms": 0},
        {"default_timeout_ms": -5},
        {"default_timeout_ms": "soon"},
        {"default_timeout_ms": True},
    ],
)
def test_wrong_values_wait_until_the_policy_is_checked(wrong: dict[str, Any]) -> None:
    policy = ConfirmationPolicy(enabled=True, **wrong)

    with pytest.raises(ValueError, match=r".") as caught:
        policy.validate()
    assert isinstance(caught.value, InvalidValue)


def test_a_value_that_was_assigned_is_checked_too() -> None:
    policy = ConfirmationPolicy()
    policy.yolo_lanes.append("bogus")

    with pytest.raises(InvalidValue, match=r"'bogus'.*control, query, execute, generate"):
        policy.validate()


def test_a_single_text_is_no_list_of_lanes() -> None:
    with pytest.raises(InvalidType):
        ConfirmationPolicy(yolo_lanes="query")
