from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.ahp import (
    GATING_EVENTS,
    NOTIFYING_EVENTS,
    AhpEventContext,
    AhpEventType,
    Fact,
    HttpTransport,
    IdleDecision,
    IntentDetectionDecision,
    IntentDetectionEvent,
    MemorySummary,
    SessionStats,
    StdioTransport,
    TargetHints,
    UnixSocketTransport,
    WebSocketTransport,
)
from a3s_code.errors import InvalidType, InvalidValue


def test_a_transport_holds_where_the_harness_is() -> None:
    assert HttpTransport("http://127.0.0.1:9/ahp", "t").auth_token == "t"
    assert WebSocketTransport("wss://h/ahp").url == "wss://h/ahp"
    assert UnixSocketTransport("/run/ahp.sock").path == "/run/ahp.sock"
    assert StdioTransport("harness", ["--quiet"]).args == ["--quiet"]


@pytest.mark.parametrize("transport", [HttpTransport, WebSocketTransport])
def test_a_token_is_an_attribute_and_is_never_shown(transport: Callable[..., Any]) -> None:
    scheme = "http" if transport is HttpTransport else "ws"
    made = transport(f"{scheme}://h/ahp", auth_token="s3cret")

    assert made.auth_token == "s3cret"
    assert "s3cret" not in repr(made)


@pytest.mark.parametrize("url", ["", "h/ahp", "ftp://h", "http://", "http://[", "ws://h"])
def test_an_address_of_another_kind_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        HttpTransport(url)
    assert url == "" or url not in caught.value.message


def test_a_web_socket_has_an_address_of_its_own_kind() -> None:
    with pytest.raises(InvalidValue, match="ws or wss"):
        WebSocketTransport("http://h/ahp")


def test_a_program_has_a_name_and_a_list_of_arguments() -> None:
    with pytest.raises(InvalidValue):
        StdioTransport("", [])
    with pytest.raises(InvalidType):
        StdioTransport("p", "-v")
    with pytest.raises(InvalidValue):
        UnixSocketTransport("")


def test_the_arguments_of_a_program_are_its_own() -> None:
    given_args = ["a"]
    transport = StdioTransport("p", given_args)
    given_args.append("b")

    assert transport.args == ["a"]


@given(st.sampled_from(GATING_EVENTS + NOTIFYING_EVENTS))
def test_an_event_type_is_the_name_that_it_is(name: str) -> None:
    kind = AhpEventType(name)

    assert str(kind) == name == kind
    assert kind == AhpEventType(event_type=name)
    assert f"{kind}" == name
    assert kind.is_gating == (name in GATING_EVENTS)


def test_event_types_sort_by_name() -> None:
    kinds = [AhpEventType("pre_prompt"), AhpEventType("idle")]

    assert sorted(kinds) == ["idle", "pre_prompt"]


def test_an_unknown_event_type_is_refused_and_the_nearest_is_named() -> None:
    with pytest.raises(InvalidValue, match="pre_action"):
        AhpEventType("preaction")


def test_facts_and_figures_hold_their_arguments() -> None:
    stats = SessionStats(1, 2, 3, 4)
    memory = MemorySummary("episodic", 5, ["auth"])
    fact = Fact("c", "s", 0.5)
    context = AhpEventContext([fact], memory, stats, "task", ["x"])

    assert (fact.content, fact.source, fact.confidence) == ("c", "s", 0.5)
    assert (stats.total_actions, stats.error_count) == (1, 4)
    assert context.memory_summary == memory
    assert AhpEventContext().recent_facts is None
    assert TargetHints(domain="web").domain == "web"
    assert IntentDetectionEvent("s", "p", "w").language_hint is None


@pytest.mark.parametrize("confidence", [0, 1])
def test_no_confidence_and_full_confidence_are_shares(confidence: float) -> None:
    assert Fact("c", "s", confidence).confidence == confidence


@pytest.mark.parametrize("confidence", [-0.1, 1.1, 2.0, float("nan")])
def test_confidence_is_a_share_of_one(confidence: float) -> None:
    with pytest.raises(InvalidValue):
        Fact("c", "s", confidence)
    with pytest.raises(InvalidValue):
        IntentDetectionDecision("allow", confidence=confidence)


def test_a_decision_on_idleness_says_what_it_is() -> None:
    allow, defer = IdleDecision("allow"), IdleDecision("defer", "busy")

    assert (allow.is_allow(), allow.is_defer(), allow.get_reason()) == (True, False, None)
    assert (defer.is_allow(), defer.is_defer(), defer.get_reason()) == (False, True, "busy")
    assert allow < defer
    assert allow == IdleDecision("allow") != defer
    assert str(defer) == "defer"


def test_a_decision_on_an_intent_says_what_it_is() -> None:
    hints = TargetHints("file", "a.py")
    allow = IntentDetectionDecision("allow", "refactor", 0.9, hints)
    block = IntentDetectionDecision("block", block_reason="no")

    assert (allow.is_allow(), allow.is_block()) == (True, False)
    assert (allow.get_detected_intent(), allow.get_confidence()) == ("refactor", 0.9)
    assert allow.get_target_hints() is hints
    assert block.is_block()
    assert block.get_block_reason() == "no"
    assert allow < block
    assert str(block) == "block"


@pytest.mark.parametrize("decision", ["", "Allow", "maybe"])
def test_decisions_that_do_not_exist_are_refused(decision: str) -> None:
    with pytest.raises(InvalidValue):
        IdleDecision(decision)
    with pytest.raises(InvalidValue):
        IntentDetectionDecision(decision)
