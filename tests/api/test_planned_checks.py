"""What is required holds for the answer of a planned run, and for no step before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Session
from a3s_code.errors import ModelError
from a3s_code.testing import Rule, When, calls, on, refuses, says
from api.house import WIRES, House
from api.plans import beside, plan, planner, statuses, step, told, types
from api.test_interrupted import Job

TEST = {"id": "tests", "command": "grep -qx right answer || { echo the answer is wrong; exit 3; }"}
SEQUENCE = (step("a"), step("b", "a"))
FORK = (step("a"), step("b"))


def write(text: str, path: str = "answer") -> Any:
    return calls("write", file_path=path, content=text)


def begin(house: House, *turns: Any, verification: Any = None, **options: Any) -> Session:
    wanted = {"commands": [TEST], **(verification or {})}
    options = {"permissive": True, "planning_mode": "enabled", **options}
    return house.session(*turns, verification=wanted, **options)


def ran(session: Session) -> list[str]:
    """Give how each of the required checks came out, oldest first."""
    return [report["checks"][0]["status"] for report in session.verification_reports()]


@pytest.mark.parametrize("kind", WIRES)
def test_a_step_before_the_last_is_not_sent_back(house: House, kind: str) -> None:
    turns = (write("wrong\n"), says("a is done"), write("right\n"), says("b is done"))
    session = begin(house, plan(*SEQUENCE), *turns, kind=kind)
    result = session.send("go")
    assert (result.text, result.verification_status) == ("b is done", "passed")
    assert ran(session) == ["passed"]


@pytest.mark.parametrize("kind", WIRES)
def test_the_last_step_is_sent_back_until_the_checks_pass(house: House, kind: str) -> None:
    turns = (says("a"), write("wrong\n"), says("All pass."), write("right\n"), says("Now."))
    session = begin(house, plan(*SEQUENCE), *turns, kind=kind)
    events = list(session.stream("go"))
    assert ran(session) == ["failed", "passed"]
    assert "the answer is wrong" in json.dumps(house.bodies[4]["messages"][-1])
    assert statuses(events)[-1] == ["completed", "completed"]
    assert types(events).count("step_end") == 2
    assert events[-1].text == "Now."


def test_what_parallel_steps_did_is_checked_when_the_run_is_answered(house: House) -> None:
    rules: tuple[Rule, ...] = (
        planner(*FORK),
        beside("STEP-a", write("wrong\n"), says("a is done")),
        beside("STEP-b", says("b is done")),
    )
    turns = (says("All is done."), write("right\n"), says("Now it is."))
    session = begin(house, *turns, rules=rules)
    result = session.send("go")
    assert (result.text, result.verification_status) == ("Now it is.", "passed")
    assert ran(session) == ["failed", "passed"]


def test_a_run_with_a_failed_step_is_checked_when_it_is_answered(house: House) -> None:
    turns = (write("wrong\n"), says("STEP FAILED: no"), says("It failed."), write("right\n"))
    session = begin(house, plan(*SEQUENCE), *turns, says("Now."))
    result = session.send("go")
    assert (result.text, result.verification_status) == ("Now.", "passed")
    assert ran(session) == ["failed", "passed"]


def test_a_planned_run_that_only_claims_success_is_never_passed(house: House) -> None:
    lie = says("All tests pass.")
    turns = (says("a"), write("wrong\n"), lie, lie, lie)
    session = begin(house, plan(*SEQUENCE), *turns, verification={"max_rounds": 2})
    result = session.send("go")
    assert result.verification_status == "needs_review"
    assert result.text == "All tests pass."
    assert len(house.bodies) == 1 + 1 + 4


def test_a_limit_in_the_last_step_ends_a_planned_run_unproven(house: House) -> None:
    turns = (says("a"), write("wrong\n"), says("Done."), *[write("wrong\n")] * 8)
    session = begin(house, plan(*SEQUENCE), *turns, says("no"), says("no"), max_tool_rounds=2)
    result = session.send("go")
    assert result.verification_status == "needs_review"
    assert "passed" not in ran(session)


@pytest.mark.parametrize("text", ["wrong\n", "right\n"])
def test_a_goal_is_achieved_only_when_the_checks_of_the_plan_passed(
    house: House, text: str
) -> None:
    yes = calls("*", achieved=True, progress=1.0, remaining_criteria=[])
    rules = (planner(*SEQUENCE), on(When(forced_tool="achievement"), yes))
    session = begin(
        house,
        says("a"),
        write(text),
        default=says("Done."),
        rules=rules,
        goal_tracking=True,
        verification={"max_rounds": 0},
    )
    events = list(session.stream("go"))
    assert ("goal_achieved" in types(events)) is (text == "right\n")
    assert told(events, "end")[0]["meta"]["goal"] == (
        "achieved" if text == "right\n" else "not_achieved"
    )


def test_a_test_that_was_green_before_proves_nothing_of_a_plan(house: House) -> None:
    house.put("answer", "right\n")
    turns = (write("x\n", "new"), says("a"), says("b is done"))
    wanted = {"red_before_green": True, "max_rounds": 0}
    session = begin(house, plan(*SEQUENCE), *turns, verification=wanted)
    assert session.send("go").verification_status == "needs_review"


def test_a_test_that_was_red_before_a_plan_and_is_green_after_it_does(house: House) -> None:
    house.put("answer", "wrong\n")
    turns = (write("right\n"), says("a"), says("b is done"))
    session = begin(house, plan(*SEQUENCE), *turns, verification={"red_before_green": True})
    assert session.send("go").verification_status == "passed"


REQUIRED = (
    f"dict(permissive=True, planning_mode='enabled', verification={{'commands': [{TEST!r}]}})"
)


def test_what_a_run_before_changed_is_checked_when_its_plan_goes_on(
    house: House, tmp_path: Path
) -> None:
    job = Job(house, tmp_path)
    job.die(
        plan(*SEQUENCE),
        write("wrong\n"),
        says("a is done"),
        write("b\n", "b"),
        before="EffectIntended",
        left=1,
        options=REQUIRED,
    )
    session = job.resume(says("b is done"), write("right\n"), says("Now."))
    result = session.resume_run(session.runs()[0]["id"])
    assert (result.text, result.verification_status) == ("Now.", "passed")
    assert ran(session) == ["failed", "passed"]


def test_a_plan_that_was_cut_off_while_its_checks_sent_it_back_goes_on(house: House) -> None:
    turns = (plan(*SEQUENCE), says("a"), write("wrong\n"), says("Done."))
    session = begin(house, *turns, *[refuses(400, "BAD")] * 2, write("right\n"), says("Now."))
    with pytest.raises(ModelError):
        session.send("go")
    result = session.resume_run(session.runs()[0]["id"])
    assert (result.text, result.verification_status) == ("Now.", "passed")
