"""Prompts that are handed to agents unasked, and who may delegate at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from a3s_code import (
    Agent,
    AutoDelegationConfig,
    FileSessionStore,
    PermissionPolicy,
    RunCancelled,
    Session,
)
from a3s_code.api.event import AgentEvent
from a3s_code.testing import Fault, Rule, When, breaks, calls, on, refuses, says
from api.house import House, come, meanwhile

ON = AutoDelegationConfig(enabled=True)
ALL = PermissionPolicy(default_decision="allow")
PROMPT = "Where are the timeouts configured?"
BOTH = "Where are the timeouts configured? Review my changes."
CHILD = When(last_user="Somebody else answers this request as a whole")
EXPLORER = When(last_user="Somebody else answers", system="You look")
MAIN = When(body="the harness let the agents named below")


def rules(child: str = "FOUND in config.py:3", answer: str = "In config.py.") -> tuple[Rule, ...]:
    return (on(CHILD, says(child)), on(MAIN, says(answer)))


def session(house: House, **options: Any) -> Session:
    given: dict[str, Any] = {
        "rules": rules(),
        "default": says("plain answer"),
        "auto_delegation": ON,
        "permission_policy": ALL,
        **options,
    }
    return house.session(**given)


def streamed(made: Session, prompt: str = PROMPT) -> list[AgentEvent]:
    return list(made.stream(prompt))


def kinds(events: list[AgentEvent], *names: str) -> list[str]:
    return [event.event_type for event in events if event.event_type in names]


def shown(house: House, at: int = -1) -> str:
    return json.dumps(house.bodies[at], ensure_ascii=False)


def test_nothing_is_handed_on_unless_it_was_asked_for(house: House) -> None:
    assert session(house, auto_delegation=None).send(PROMPT).text == "plain answer"
    assert len(house.bodies) == 1


def test_what_an_agent_brought_stands_beside_the_words_of_the_user(house: House) -> None:
    made = session(house)
    assert made.send(PROMPT).text == "In config.py."
    assert len(house.bodies) == 2, "one request for the agent, and one for the answer"
    messages = house.bodies[-1]["messages"]
    words = [each for each in messages if each["role"] == "user"]
    assert str(words[0]["content"]).endswith(PROMPT) or PROMPT in json.dumps(words[0])
    assert "FOUND" not in json.dumps(words[0]), "nothing is pasted into them"
    assert "FOUND in config.py:3" in shown(house)
    assert '<context source=\\"task://auto-run-' in shown(house)
    assert made.history()[0]["content"][-1] == {"type": "text", "text": PROMPT}


def test_a_receipt_says_who_was_chosen_how_sure_and_why(house: House) -> None:
    made = session(house)
    made.send(PROMPT)
    (run,) = made.runs()
    receipt = made.context_receipt(run["id"])
    assert receipt is not None
    brought = [item for item in receipt.parts if "auto-run" in item.source]
    assert [item.trust for item in brought] == ["host", "external"]
    assert brought[1].why == (
        "explore was chosen unasked (0.84): the prompt says: where are the timeouts configured"
    )


def test_the_events_of_the_agents_are_in_the_stream_of_the_run(house: House) -> None:
    events = streamed(session(house), BOTH)
    assert kinds(events, "subagent_start", "subagent_end", "turn_start", "end") == [
        *("subagent_start", "subagent_start", "subagent_end", "subagent_end"),
        *("turn_start", "end"),
    ]
    begun = [each for each in events if each.event_type == "subagent_start"]
    assert {each.tool_name for each in begun} == {"explore", "review"}
    said = " ".join(str(each.prompt or each.data or each.text) for each in begun)
    assert "unasked (0.84)" in said
    assert "unasked (0.86)" in said


def test_what_agents_cost_is_part_of_the_run(house: House) -> None:
    made = session(house)
    result = made.send(PROMPT)
    alone = session(house, auto_delegation=None).send("hello")
    assert result.total_tokens == 2 * alone.total_tokens
    assert result.tool_calls_count == 0, "the model has called nothing"


def test_a_prompt_for_nobody_costs_one_request(house: House) -> None:
    assert session(house).send("Fix the typo in a.txt").text == "plain answer"
    assert len(house.bodies) == 1


@pytest.mark.parametrize(
    ("options", "agents"),
    [
        ({}, {"explore", "review"}),
        ({"auto_parallel": False}, {"review"}),
        ({"auto_parallel": True}, {"explore", "review"}),
        ({"auto_delegation": AutoDelegationConfig(enabled=True, max_tasks=1)}, {"review"}),
        ({"auto_delegation": AutoDelegationConfig(True, auto_parallel=False)}, {"review"}),
        ({"auto_delegation": AutoDelegationConfig(True, min_confidence=0.85)}, {"review"}),
        ({"auto_delegation": AutoDelegationConfig(True, min_confidence=0.99)}, set[str]()),
        ({"auto_delegation": AutoDelegationConfig(False)}, set[str]()),
        ({"auto_delegation": None, "auto_parallel": True}, set[str]()),
    ],
)
def test_the_options_bound_who_is_chosen(
    options: dict[str, Any], agents: set[str], house: House
) -> None:
    events = streamed(session(house, **options), BOTH)
    begun = [each.tool_name for each in events if each.event_type == "subagent_start"]
    assert set(begun) == agents


@pytest.mark.parametrize(
    ("block", "agents"),
    [
        ("auto_delegation { enabled = true }", 2),
        ("auto_delegation { enabled = true\n max_tasks = 1 }", 1),
        ("auto_delegation { enabled = true\n auto_parallel = false }", 1),
        ("auto_parallel = false\nauto_delegation { enabled = true }", 1),
        ("auto_parallel = true\nauto_delegation { enabled = true\n auto_parallel = false }", 2),
        ("auto_delegation { enabled = true\n min_confidence = 0.85 }", 1),
        ("auto_delegation { enabled = false }", 0),
    ],
)
def test_the_configuration_bounds_who_is_chosen(block: str, agents: int, house: House) -> None:
    agent = house.employ(rules=rules(), default=says("plain answer"), extra=block)
    made = agent.session(house.root, permission_policy=ALL)
    assert made.init_warning is None
    assert len(kinds(streamed(made, BOTH), "subagent_start")) == agents


def test_an_agent_that_fails_is_told_of_and_the_run_goes_on(house: House) -> None:
    made = session(house, rules=(on(CHILD, refuses(401)), on(MAIN, says("I looked myself."))))
    assert made.send(PROMPT).text == "I looked myself."
    assert "It failed:" in shown(house)


def test_a_policy_that_denies_task_denies_it_unasked_as_well(house: House) -> None:
    policy = PermissionPolicy(deny=["task(*)"], default_decision="allow")
    made = session(house, permission_policy=policy)
    events = streamed(made)
    assert kinds(events, "subagent_start") == []
    (ended,) = (each for each in events if each.event_type == "tool_end")
    assert ended.tool_name == "task"
    assert ended.exit_code != 0
    assert "It failed:" in shown(house)


def test_an_agent_that_was_chosen_unasked_has_no_more_rights_than_its_session(
    house: House,
) -> None:
    policy = PermissionPolicy(deny=["read(*)"], default_decision="allow")
    house.put("secret.txt", "ZEBRA")
    made = session(
        house,
        permission_policy=policy,
        rules=(
            on(CHILD, calls("read", file_path="secret.txt"), says("I could not read it.")),
            on(MAIN, says("done")),
        ),
    )
    made.send(PROMPT)
    assert not any("ZEBRA" in json.dumps(body) for body in house.bodies)


def test_a_flood_of_an_agent_is_cut_and_the_model_is_told_so(house: House) -> None:
    made = session(house, rules=rules(child="x" * 60_000))
    made.send(PROMPT)
    assert len(shown(house)) < 60_000
    assert "characters left out" in shown(house)


def test_cancelling_the_run_ends_its_agents(house: House) -> None:
    made = session(house, rules=(on(CHILD, breaks(Fault.HANG, says("never"))),))
    with meanwhile(lambda: made.send(PROMPT)) as came:
        come(made.active_tools)
        assert made.cancel()
    assert isinstance(came[0], RunCancelled)
    (run,) = made.runs()
    events = [each["event"]["type"] for each in made.run_events(run["id"])]
    assert "subagent_end" in events
    assert made.active_tools() == []


def test_a_resumed_run_hands_nothing_on_again(house: House) -> None:
    made = session(
        house,
        rules=(
            on(CHILD, says("FOUND")),
            on(MAIN, refuses(401), times=1),
            on(MAIN, says("resumed")),
        ),
    )
    with pytest.raises(RuntimeError):
        made.send(PROMPT)
    (run,) = made.runs()
    assert made.resume_run(run["id"]).text == "resumed"
    assert sum("Somebody else answers" in json.dumps(body) for body in house.bodies) == 1


PLANNED = (
    "Where are the timeouts configured?\n1. Rename the option in the parser\n"
    "2. Write a test for the parser\n3. Update the page in the docs"
)


def test_a_request_that_a_planner_looks_at_is_handed_on_by_name_alone(house: House) -> None:
    asked: list[str] = []

    def planner(request: Any) -> None:
        asked.append(request.prompt)

    made = session(house, planner=planner)
    assert kinds(streamed(made, PLANNED), "subagent_start") == []
    named = f"{PLANNED}\nUse the explore agent first."
    assert kinds(streamed(made, named), "subagent_start") == ["subagent_start"]
    assert asked == [PLANNED, named]


# Who may delegate


def delegating(house: House, **options: Any) -> Session:
    given: dict[str, Any] = {"permission_policy": ALL, **options}
    return house.session(
        calls("task", agent="explore", description="d", prompt="CHILD"),
        says("I did it myself."),
        default=says("a child"),
        **given,
    )


def listed(house: House) -> set[str]:
    return {each["function"]["name"] for each in house.bodies[0]["tools"]}


def test_a_model_may_delegate_unless_it_is_said_otherwise(house: House) -> None:
    made = delegating(house)
    assert kinds(streamed(made, "go"), "subagent_start") == ["subagent_start"]
    assert "task" in listed(house)


def test_a_model_that_may_not_delegate_is_shown_no_such_tool_and_told_why(house: House) -> None:
    made = delegating(house, manual_delegation_enabled=False)
    events = streamed(made, "go")
    assert kinds(events, "subagent_start") == []
    assert not listed(house) & {"task", "parallel_task"}
    (ended,) = (each for each in events if each.event_type == "tool_end")
    assert "the model does not delegate by itself" in (ended.tool_output or "")
    assert made.init_warning is None


def test_a_host_delegates_where_its_model_may_not(house: House) -> None:
    made = house.session(default=says("a child"), manual_delegation_enabled=False)
    done = made.tool("task", {"agent": "explore", "description": "d", "prompt": "p"})
    assert (done.output, done.exit_code) == ("a child", 0)
    assert "task" in made.tool_names()


def test_prompts_are_handed_on_where_the_model_may_not_delegate(house: House) -> None:
    made = session(house, manual_delegation_enabled=False)
    assert made.send(PROMPT).text == "In config.py."


def test_the_configuration_says_whether_a_model_may_delegate(house: House) -> None:
    agent = house.employ(
        says("done"),
        default=says("done"),
        extra="auto_delegation { allow_manual_delegation = false }",
    )
    agent.session(house.root).send("go")
    assert "task" not in listed(house)
    before = len(house.bodies)
    agent.session(house.root, manual_delegation_enabled=True).send("go")
    names = {each["function"]["name"] for each in house.bodies[before]["tools"]}
    assert "task" in names


def test_what_was_said_of_delegation_holds_when_a_session_goes_on(house: House) -> None:
    store = FileSessionStore(house.root / ".store")
    agent = house.employ(default=says("done"))
    first = agent.session(
        house.root, session_id="one", session_store=store, manual_delegation_enabled=False
    )
    first.send("go")
    agent.close()
    again = Agent(house.server.acl("openai"))
    resumed = again.resume_session("one", session_store=FileSessionStore(house.root / ".store"))
    said = resumed.explain("task", {"agent": "explore", "description": "d", "prompt": "p"})
    assert (said["decision"], said["rule"]) == ("deny", "manual_delegation_enabled=False")
    again.close()
