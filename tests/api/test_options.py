from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    Agent,
    ArtifactStoreLimits,
    AutoDelegationConfig,
    ConfirmationPolicy,
    FileMemoryStore,
    MemorySessionStore,
    PermissionPolicy,
    SessionOptions,
    SessionQueueConfig,
    SystemPromptSlots,
    WorkerAgentSpec,
)
from a3s_code.api.settings import fold
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.testing import Scripted, calls, says
from api.house import House, listed

SPEC_1_9 = listed(
    """
    model builtin_skills skill_dirs agent_dirs worker_agents queue_config search_config
    permission_policy confirmation_policy auto_compact auto_compact_threshold
    max_context_tokens artifact_store_limits memory_store session_store security_provider
    workspace_backend remote_git role guidelines response_style extra max_tool_rounds
    max_parallel_tasks auto_delegation auto_parallel manual_delegation_enabled planning_mode
    planning goal_tracking max_parse_retries tool_timeout_ms llm_api_timeout_ms
    circuit_breaker_threshold duplicate_tool_call_threshold temperature thinking_budget
    continuation_enabled max_continuation_turns max_execution_time_ms session_id tenant_id
    principal agent_template_id correlation_id host_env auto_save command_env budget_guard
    budget_guard_timeout_ms retention_limits enforce_active_skill_tool_restrictions
    ahp_transport ahp_executor sandbox permissive default_security memory_dir fs_context
    parse_retries retry_config context_threshold
    """
)
BUILDER_OF_DOCUMENT_001 = listed(
    """
    model skills_from_dir skill_registry file_session_store file_memory fs_context
    permission_checker confirmation_manager prompt_slots default_security parse_retries
    tool_timeout circuit_breaker hook_engine
    """
)


@pytest.mark.parametrize("name", sorted({*SPEC_1_9, *BUILDER_OF_DOCUMENT_001}))
def test_every_documented_name_is_accepted_in_every_form(name: str) -> None:
    value: Any = "auto" if name == "planning_mode" else None
    options = SessionOptions(**{name: value})
    setattr(options, name, value)

    assert getattr(options, name) == value
    assert options.given() == {name: value}
    assert name in repr(options)


@pytest.mark.parametrize("name", sorted({*SPEC_1_9, *BUILDER_OF_DOCUMENT_001}))
def test_every_documented_name_is_a_keyword_of_session(name: str, tmp_path: Path) -> None:
    agent = Agent('default_model = "openai/m"\nproviders "openai" { api_key = "k" }')

    assert agent.session(tmp_path, **{name: None}).init_warning is None


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("max_tool_round", "max_tool_rounds"),
        ("permision_policy", "permission_policy"),
        ("modle", "model"),
    ],
)
def test_a_name_that_does_not_exist_is_a_type_error_that_knows_the_nearest(
    wrong: str, near: str, tmp_path: Path
) -> None:
    agent = Agent('default_model = "openai/m"\nproviders "openai" { api_key = "k" }')
    options = SessionOptions()
    for attempt in (
        lambda: SessionOptions(**{wrong: 1}),
        lambda: setattr(options, wrong, 1),
        lambda: agent.session(tmp_path, **{wrong: 1}),
    ):
        with pytest.raises(TypeError, match=f"did you mean '{near}'"):
            attempt()


def test_options_that_are_no_options_are_a_type_error(tmp_path: Path) -> None:
    agent = Agent('default_model = "openai/m"\nproviders "openai" { api_key = "k" }')
    with pytest.raises(InvalidType, match="dict"):
        agent.session(tmp_path, {"model": "openai/m"})  # pyright: ignore[reportArgumentType] - the claim


def test_keywords_win_over_options_and_none_leaves_them(house: House) -> None:
    agent = house.employ()
    options = SessionOptions(session_id="a", role="A cook.")
    session = agent.session(house.root, options, session_id="b", role=None)

    assert session.session_id == "b"
    assert options.session_id == "a"


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        *((word, "enabled") for word in ("enabled", "enable", "on", "force", "forced", "True")),
        *((word, "disabled") for word in ("disabled", "disable", "off", " FALSE ")),
        ("Auto", "auto"),
    ],
)
def test_planning_modes_have_synonyms(given: str, mode: str) -> None:
    assert SessionOptions(planning_mode=given).planning_mode == mode


def test_a_planning_mode_that_is_none_is_refused_when_it_is_set() -> None:
    with pytest.raises(ValueError, match="'auto', 'enabled' or 'disabled'"):
        SessionOptions().planning_mode = "maybe"


@pytest.mark.parametrize(
    ("old", "value", "read"),
    [
        ("circuit_breaker", 7, lambda s: s.limits.breaker_threshold),
        ("parse_retries", 7, lambda s: s.limits.max_parse_retries),
        ("tool_timeout", 7, lambda s: s.limits.tool_timeout_ms),
    ],
)
def test_older_names_mean_the_newer_ones(old: str, value: int, read: Any) -> None:
    assert read(fold(SessionOptions(**{old: value}))) == value


def test_an_older_name_does_not_win_over_the_newer_one() -> None:
    settings = fold(SessionOptions(tool_timeout=1, tool_timeout_ms=2))

    assert settings.limits.tool_timeout_ms == 2


def test_permission_checker_is_permission_policy() -> None:
    policy = PermissionPolicy(allow=["read"])

    assert fold(SessionOptions(permission_checker=policy)).safety.policy == policy.compile()


def test_options_given_to_a_session_are_not_changed_by_it(house: House) -> None:
    agent = house.employ()
    options = SessionOptions(parse_retries=3, tools=[_tool])
    agent.session(house.root, options)

    assert options.given() == {"parse_retries": 3, "tools": [_tool]}
    assert SessionOptions().given() == {}


def _tool(a: int) -> int:
    """Give it back."""
    return a


def test_additions_are_kept_apart_for_each_options_object() -> None:
    first, second = SessionOptions(), SessionOptions()
    first.add_instruction("style", "Be brief.")
    first.add_persona("cook", "You cook.")
    first.add_worker_agent(WorkerAgentSpec.read_only("scout", "Looks around."))

    assert [skill.kind for skill in first.inline_skills] == ["instruction", "persona"]
    assert len(first.worker_agents or ()) == 1
    assert second.given() == {}


@pytest.mark.parametrize(
    "value",
    [
        ArtifactStoreLimits(max_artifacts=64, max_bytes=8 * 1024 * 1024),
        AutoDelegationConfig(),
        ConfirmationPolicy(enabled=True),
        MemorySessionStore(),
        PermissionPolicy(),
        SessionQueueConfig(),
        SystemPromptSlots(role="x"),
        Scripted(says("x")),
        FileMemoryStore("m"),
    ],
)
def test_documented_values_can_be_made_as_documented(value: object) -> None:
    assert value is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tool_rounds": 0},
        {"max_tool_rounds": "many"},
        {"max_tool_rounds": True},
        {"max_parse_retries": -1},
        {"duplicate_tool_call_threshold": 1},
        {"max_execution_time_ms": 0},
        {"tool_timeout_ms": -5},
        {"llm_api_timeout_ms": 0},
        {"circuit_breaker_threshold": 0},
        {"max_continuation_turns": -1},
        {"temperature": 3},
        {"temperature": -0.1},
        {"thinking_budget": 0},
        {"model": 3},
        {"artifact_store_limits": {"max_bytes": 3}},
        {"permission_policy": {"allow": []}},
        {"permissive": True, "permission_policy": PermissionPolicy()},
        {"permission_policy": PermissionPolicy(default_decision="maybe")},
        {"permission_policy": PermissionPolicy(allow=["bash(ls"])},
    ],
)
def test_a_wrong_value_is_refused_when_the_session_is_created(
    wrong: dict[str, Any], house: House
) -> None:
    agent = house.employ()
    with pytest.raises((InvalidValue, InvalidType)) as caught:
        agent.session(house.root, **wrong)

    assert any(name in str(caught.value) for name in [*wrong, "'maybe'", "bash(ls"])
    assert house.server.requests == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"permission_mode": "plann"}, "did you mean 'plan'"),
        ({"permission_mode": "plan", "permissive": True}, "choose one"),
        ({"permission_mode": "permissive", "permissive": False}, "choose one"),
        ({"permission_mode": 5}, "permission_mode is a int"),
    ],
)
def test_a_mode_that_is_none_is_refused_when_the_session_is_made(
    given: dict[str, Any], said: str, house: House
) -> None:
    with pytest.raises((InvalidValue, InvalidType), match=said):
        house.session(**given)


def test_in_plan_the_model_changes_nothing_and_is_told_why(house: House) -> None:
    session = house.session(
        calls("write", file_path="made", content="x"),
        calls("bash", command="touch made"),
        says("ok"),
        permission_mode="plan",
    )
    session.send("go")
    assert not house.has("made")
    assert "mode plan, which only reads" in str(house.bodies[-1]["messages"])
