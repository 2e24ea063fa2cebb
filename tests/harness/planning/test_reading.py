"""What a model gives as a plan is read in any of its forms; what is none is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_code.harness.planning.plan import ExecutionPlan
from a3s_code.harness.planning.reading import MAX_STEPS, plan_in, read_goal, read_plan
from a3s_code.kernel.asking import Said
from a3s_code.kernel.messages import Message, Text, Thinking, ToolCall, Usage

STEPS = [
    {"id": "s1", "description": "look", "tool": "grep", "dependencies": []},
    {"id": "s2", "description": "change", "dependencies": ["s1"], "success_criteria": "it runs"},
]
BARE = {"goal": "a better one", "complexity": "Simple", "steps": STEPS, "required_tools": ["grep"]}
ENVELOPE = {
    "intent": "GeneralPurpose",
    "requires_planning": True,
    "goal": {"description": "a better one", "success_criteria": ["it runs"]},
    "execution_plan": {"complexity": "Complex", "steps": STEPS, "required_tools": []},
    "optimized_input": "NEVER SEEN",
}


def said(*blocks: Any) -> Said:
    return Said(Message("assistant", blocks), Usage())


FORMS = {
    "arguments": lambda given: said(ToolCall("c1", "plan", given)),
    "arguments of another tool": lambda given: said(ToolCall("c1", "other", given)),
    "text": lambda given: said(Text(json.dumps(given))),
    "a fence": lambda given: said(Text(f"Here:\n```json\n{json.dumps(given)}\n```\nGood luck.")),
    "prose": lambda given: said(Text(f"The plan is {json.dumps(given)}, as you see.")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given", [BARE, ENVELOPE], ids=["bare", "envelope"])
def test_a_plan_is_found_in_every_form(form: str, given: dict[str, Any]) -> None:
    plan = plan_in(FORMS[form](given), forced=True)
    assert plan is not None
    assert plan.goal.description == "a better one"
    assert [(step.id, step.content) for step in plan.steps] == [("s1", "look"), ("s2", "change")]
    assert plan.steps[0].tool == "grep"
    assert plan.steps[1].dependencies == ("s1",)
    assert plan.steps[1].success_criteria == "it runs"


def test_a_plan_is_read_again_from_what_the_log_has_of_it() -> None:
    plan = read_plan(ENVELOPE)
    assert plan is not None
    again = read_plan(plan.written_form())
    assert again is not None
    assert again.steps == plan.steps
    assert again.complexity == "Complex"


@pytest.mark.parametrize("name", ["description", "content", "title"])
def test_what_is_to_be_done_has_three_names(name: str) -> None:
    plan = read_plan({"steps": [{"id": 1, name: "look"}, {name: "go on", "depends_on": [1]}]})
    assert plan is not None
    assert [step.id for step in plan.steps] == ["1", "step-2"]
    assert plan.steps[1].dependencies == ("1",)


def test_steps_may_be_sentences_and_ids_may_come_twice() -> None:
    plan = read_plan({"steps": ["look", "change"]})
    assert plan is not None
    assert [step.id for step in plan.steps] == ["step-1", "step-2"]
    twice = read_plan({"steps": [{"id": "a", "title": "x"}, {"id": "a", "title": "y"}]})
    assert twice is not None
    assert [step.id for step in twice.steps] == ["a", "a-2"]
    ExecutionPlan(twice.steps)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"steps": []},
        {"steps": "look, change"},
        {"steps": [{"id": "a"}]},
        {"steps": [{"id": "a", "description": "  "}]},
        {"steps": [{"id": "a", "description": "x"}, 7]},
        {"steps": [{"description": "x"}] * (MAX_STEPS + 1)},
        {"requires_planning": True, "goal": {"description": "x"}, "execution_plan": {}},
        {"plan": "look, then change"},
    ],
)
def test_what_has_no_steps_that_can_be_read_is_no_plan(given: dict[str, Any]) -> None:
    assert read_plan(given) is None


def test_a_request_that_needs_none_has_no_steps_even_if_some_are_given() -> None:
    needless = {**ENVELOPE, "requires_planning": False}
    plan = plan_in(FORMS["text"](needless), forced=False)
    assert plan is not None
    assert plan.steps == ()
    forced = plan_in(FORMS["text"](needless), forced=True)
    assert forced is not None
    assert len(forced.steps) == 2
    empty = {"requires_planning": False, "goal": "x", "execution_plan": {"steps": []}}
    assert plan_in(FORMS["text"](empty), forced=True) is None


def test_thoughts_are_no_answer() -> None:
    assert plan_in(said(Thinking(json.dumps(BARE)), Text("no")), forced=True) is None


def test_words_alone_are_no_plan() -> None:
    assert plan_in(said(Text("I will not answer in JSON")), forced=True) is None
    assert plan_in(said(Text("")), forced=True) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"goal": "x"}, "x"),
        ({"goal": {"description": "x"}}, "x"),
        ({"description": "x", "success_criteria": ["y"]}, "x"),
        ({"goal": {"title": "x"}}, "x"),
    ],
)
def test_goals_are_read_in_every_form(given: dict[str, Any], words: str) -> None:
    goal = read_goal(given)
    assert goal is not None
    assert goal.description == words


@pytest.mark.parametrize("given", [{}, {"goal": 7}, {"goal": ""}, {"goal": {}}, {"other": "x"}])
def test_what_says_no_goal_has_none(given: dict[str, Any]) -> None:
    assert read_goal(given) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "description", "steps", "goal", "dependencies", "plan", "tool"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["steps", "goal", "execution_plan", "plan"]), JSON))
def test_nothing_that_a_model_gives_breaks_the_reader(given: dict[str, Any]) -> None:
    for forced in (True, False):
        plan = read_plan(given, forced=forced)
        if plan is not None:
            again = read_plan(plan.written_form(), forced=True)
            assert not plan.steps or again is not None
            assert again is None or again.steps == plan.steps
            ExecutionPlan(plan.steps)
