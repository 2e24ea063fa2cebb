"""What options do: each one by the difference that somebody outside can see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code import (
    Agent,
    LocalWorkspaceBackend,
    S3WorkspaceBackend,
    SessionOptions,
    SystemPromptSlots,
    WorkerAgentSpec,
)
from a3s_code.errors import (
    CapabilityMissing,
    ConfigError,
    InvalidValue,
    ModelUnavailable,
    UnknownModel,
)
from a3s_code.testing import breaks, calls, says
from api.house import WIRES, House

BAD_OPTIONS = [
    ("budget_guard", object()),
]


def system_of(house: House, at: int = -1) -> str:
    body = house.bodies[at]
    return str(body["system"] if "system" in body else body["messages"][0]["content"])


# What is not there yet


@pytest.mark.parametrize(("name", "value"), BAD_OPTIONS)
def test_an_option_that_keeps_somebody_safe_is_never_quietly_without_effect(
    name: str, value: Any, house: House
) -> None:
    agent = house.employ()
    with pytest.raises(CapabilityMissing, match=name):
        agent.session(house.root, **{name: value})


def test_other_options_without_effect_are_announced_once(house: House) -> None:
    session = house.session(default=says("Hello."), agent_dirs=["agents"], max_parallel_tasks=2)

    assert session.init_warning is not None
    for name in ("agent_dirs", "max_parallel_tasks"):
        assert name in session.init_warning
    runs = [list(session.stream(prompt)) for prompt in ("one", "two")]
    told = [[e for e in events if e.event_type == "capability_missing"] for events in runs]
    assert [len(each) for each in told] == [1, 0]
    names = msgspec.json.decode(told[0][0].data or "")["names"]
    assert names == ["agent_dirs", "max_parallel_tasks"]
    assert runs[0][1].event_type == "capability_missing"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"goal_tracking": False, "builtin_skills": False, "planning_mode": "auto"},
        {"planning": False},
        {"planning_mode": "off", "planning": True},
        {"planning_mode": "enabled", "goal_tracking": True},
        {"temperature": 0.5, "role": "x", "auto_save": True},
    ],
)
def test_what_has_its_effect_or_asks_for_none_is_not_announced(
    options: dict[str, Any], house: House
) -> None:
    assert house.session(**options).init_warning is None


def test_a_worker_is_announced_too(house: House) -> None:
    options = SessionOptions()
    options.add_worker_agent(WorkerAgentSpec("tester", "Runs tests"))
    warned = house.employ().session(house.root, options).init_warning

    assert "worker_agents" in (warned or "")


def test_a_workspace_that_this_build_cannot_serve_is_refused(house: House) -> None:
    backend = S3WorkspaceBackend("bucket", "prefix", "id", "key")
    with pytest.raises(CapabilityMissing, match="S3WorkspaceBackend"):
        house.session(workspace_backend=backend)
    with pytest.raises(InvalidValue, match="s3://"):
        house.employ().session("s3://bucket/prefix")


def test_a_local_workspace_can_be_given_as_an_object(house: House) -> None:
    house.put("a.txt", "alpha")
    agent = house.employ()
    session = agent.session("/nowhere", workspace_backend=LocalWorkspaceBackend(str(house.root)))

    assert "alpha" in session.read_file("a.txt")


# The model


def test_a_model_that_no_provider_serves_is_refused_at_once(house: House) -> None:
    agent = house.employ()
    for wrong in ("nobody/m1", "m1"):
        with pytest.raises((UnknownModel, InvalidValue)):
            agent.session(house.root, model=wrong)


def test_a_model_that_is_not_listed_works_by_its_id(house: House) -> None:
    session = house.session(says("Hello."), model="openai/other-model")
    session.send("hi")

    assert house.bodies[0]["model"] == "other-model"


def test_a_missing_key_is_said_when_the_session_is_created(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    agent = Agent('default_model = "openai/m"\nproviders "openai" { api_key = env("NO_SUCH_KEY") }')
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        agent.session(house.root)


def test_a_configuration_without_a_default_model_needs_one_for_each_session(house: House) -> None:
    agent = Agent('providers "openai" { api_key = "k" }')
    with pytest.raises(InvalidValue, match="default_model"):
        agent.session(house.root)
    assert agent.session(house.root, model="openai/m").session_id


def test_temperature_and_thinking_reach_the_model_without_naming_it(house: House) -> None:
    session = house.session(says("a"), kind="anthropic", thinking_budget=2_000)
    session.send("hi")
    assert house.bodies[0]["thinking"]["budget_tokens"] == 2_000

    session = house.session(says("a"), temperature=0.25)
    session.send("hi")
    assert house.bodies[0]["temperature"] == 0.25


def test_a_provider_that_never_answers_is_given_up_in_time(house: House) -> None:
    session = house.session(breaks("hang"), llm_api_timeout_ms=300)
    with pytest.raises(ModelUnavailable):
        session.send("hi")


def test_a_provider_that_is_down_is_left_alone_after_so_many_failures(house: House) -> None:
    session = house.session(
        default=breaks("hang"), llm_api_timeout_ms=150, circuit_breaker_threshold=2
    )
    kinds: list[str] = []
    for _ in range(3):
        with pytest.raises(ModelUnavailable) as caught:
            session.send("hi")
        kinds.append(caught.value.kind)

    assert kinds[2] == "breaker_open"
    assert len(house.server.requests) == 2


# The system prompt


@pytest.mark.parametrize("kind", WIRES)
def test_the_slots_of_the_prompt_are_filled(kind: str, house: House) -> None:
    session = house.session(
        says("ok"),
        kind=kind,
        role="You are a cook.",
        guidelines="Taste first.",
        response_style="In rhymes.",
        extra="The kitchen closes at ten.",
    )
    session.send("hi")
    prompt = system_of(house)

    order = ["You are a cook.", "## How to work", "## Guidelines", "Taste first.", "In rhymes."]
    places = [prompt.index(text) for text in [*order, "The kitchen closes at ten."]]
    assert places == sorted(places)
    assert "You are A3S Code" not in prompt


def test_flat_slots_win_over_the_object(house: House) -> None:
    slots = SystemPromptSlots(role="You are a cook.", extra="Kept.")
    session = house.session(says("ok"), prompt_slots=slots, role="You are a baker.")
    session.send("hi")

    assert "You are a baker." in system_of(house)
    assert "a cook" not in system_of(house)
    assert "Kept." in system_of(house)


def test_agents_md_of_the_workspace_is_shown_as_what_it_is(house: House) -> None:
    house.put("AGENTS.md", "Use tabs. TOKEN-4711")
    house.put("sub/AGENTS.md", "TOKEN-4712")
    session = house.session(says("a"), says("b"))
    session.send("hi")
    assert '<context source="file://AGENTS.md" trust="workspace">' in system_of(house)
    assert "TOKEN-4711" in system_of(house)
    assert "TOKEN-4712" not in system_of(house)

    house.put("AGENTS.md", "TOKEN-4713")
    session.send("and now?")
    assert "TOKEN-4713" in system_of(house)


def test_an_agents_md_that_leads_outside_is_not_read(house: House, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("TOKEN-4714")
    (house.root / "AGENTS.md").symlink_to(tmp_path / "secret.md")
    session = house.session(says("a"))
    assert session.send("hi").text == "a"

    assert "TOKEN-4714" not in system_of(house)


# Limits


def test_the_configuration_sets_limits_and_the_session_may_change_them(house: House) -> None:
    rounds = [calls("glob", pattern=str(n)) for n in range(3)]
    agent = house.employ(*rounds, says("Done."), extra="max_tool_rounds = 1")
    with pytest.raises(RuntimeError, match=r"Max tool rounds \(1\)"):
        agent.session(house.root).send("look")
    assert agent.session(house.root, max_tool_rounds=9).send("look").text == "Done."


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({}, "Done."),
        ({"continuation_enabled": False}, "Let me look:"),
        ({"max_continuation_turns": 0}, "Let me look:"),
        ({"max_continuation_turns": 1}, "Done."),
    ],
)
def test_unfinished_answers_are_continued_as_far_as_allowed(
    options: dict[str, Any], answer: str, house: House
) -> None:
    session = house.session(says("Let me look:"), says("Done."), **options)

    assert session.send("look").text == answer


def test_a_tool_has_the_time_that_it_is_given(house: House) -> None:
    session = house.session(
        calls("bash", command="exec sleep 600"), says("Late."), tool_timeout_ms=300, permissive=True
    )
    assert session.send("sleep").text == "Late."
    assert "timed out" in str(house.bodies[1]["messages"][-1])


# Permissions


@pytest.mark.parametrize(
    ("options", "runs"), [({}, False), ({"permissive": True}, True), ({"permissive": False}, False)]
)
def test_commands_that_no_sandbox_confines_run_unasked_only_where_everything_is_allowed(
    options: dict[str, Any], runs: bool, house: House
) -> None:
    turns = calls("bash", command="touch made"), says("ok")
    session = house.session(*turns, sandbox="hygiene", **options)
    session.send("make it")

    assert house.has("made") is runs


def test_files_inside_the_workspace_may_be_changed_by_default(house: House) -> None:
    session = house.session(calls("write", file_path="a.txt", content="x"), says("ok"))
    session.send("write it")

    assert house.get("a.txt") == "x"


def test_a_denial_is_an_event_with_its_reason(house: House) -> None:
    turns = calls("bash", command="touch made"), says("ok")
    session = house.session(*turns, sandbox="hygiene")
    (denied,) = [e for e in session.stream("go") if e.event_type == "permission_denied"]

    assert denied.tool_name == "bash"
    assert "nobody is there" in msgspec.json.decode(denied.data or "")["reason"]


# Labels


def test_labels_are_recorded_and_never_sent(house: House) -> None:
    labels = {"tenant_id": "TENANT-1", "principal": "USER-1", "correlation_id": "REQ-1"}
    session = house.session(says("ok"), agent_template_id="TEMPLATE-1", **labels)
    session.send("hi")

    sent = str([(request.headers, request.body) for request in house.server.requests])
    assert not any(label in sent for label in [*labels.values(), "TEMPLATE-1"])
    opened = session._inner._engine.log.records[0].event
    assert opened.settings["identity"] == {**labels, "agent_template_id": "TEMPLATE-1"}


def test_two_open_sessions_cannot_have_one_id(house: House) -> None:
    agent = house.employ()
    first = agent.session(house.root, session_id="same")
    with pytest.raises(InvalidValue, match="same"):
        agent.session(house.root, session_id="same")
    first.close()
    assert agent.session(house.root, session_id="same").session_id == "same"
