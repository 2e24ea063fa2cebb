"""A plan whose process was killed goes on where it was, and nothing of it is done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_code.errors import ModelError
from a3s_code.testing import When, calls, on, refuses, says
from api.house import House, come, meanwhile, unanswered
from api.plans import at, plan, planner, step
from api.test_interrupted import Job

PLANNED = "dict(permissive=True, planning_mode='enabled')"
SEQUENCE = (step("a"), step("b", "a"), step("c", "b"))


@pytest.fixture
def job(house: House, tmp_path: Path) -> Job:
    return Job(house, tmp_path)


def last_tasks(session: object) -> list[str]:
    """Give the statuses of the last list of tasks that the log has."""
    runs = session.runs()  # type: ignore[attr-defined]
    events = session.run_events(runs[-1]["id"])  # type: ignore[attr-defined]
    told = [each["event"] for each in events if each["event"]["type"] == "task_updated"]
    return [task["status"] for task in told[-1]["tasks"]]


def test_a_plan_goes_on_behind_the_steps_that_were_done(job: Job, house: House) -> None:
    done = (calls("bash", command="echo a >> log"), says("a is done"))
    job.die(
        plan(*SEQUENCE),
        *done,
        calls("bash", command="echo b >> log"),
        before="EffectIntended",
        left=1,
        options=PLANNED,
    )
    session = job.resume(says("b is done"), says("c is done"))
    result = session.resume_run(session.runs()[0]["id"])
    assert result.text == "c is done"
    assert house.get("log") == "a\nb\n"
    assert last_tasks(session) == ["completed"] * 3
    assert not any(body.get("tool_choice") for body in house.bodies)
    last = json.dumps(house.bodies[-1]["messages"])
    for words in ("a is done", "b is done", "Your step: STEP-c"):
        assert last.count(words) == 1
    assert unanswered(house.bodies[-1]) == []


def test_a_goal_is_judged_by_what_was_done_before_the_process_ended_too(
    job: Job, house: House
) -> None:
    done = (calls("bash", command="echo OF-BEFORE | tee a"), says("a is done"))
    job.die(
        plan(*SEQUENCE[:2]),
        *done,
        calls("bash", command="echo b >> log"),
        before="EffectIntended",
        left=1,
        options="dict(permissive=True, planning_mode='enabled', goal_tracking=True)",
    )
    session = job.resume(says("b is done"), default=says("b is done"))
    session.resume_run(session.runs()[0]["id"])
    (judged,) = [body for body in house.bodies if "achievement" in str(body.get("tool_choice"))]
    assert "OF-BEFORE" in str(judged["messages"])


def test_a_plan_that_was_being_made_is_made_again(job: Job, house: House) -> None:
    job.die(plan(*SEQUENCE), before="PlanningEnd", options=PLANNED)
    session = job.resume(plan(*SEQUENCE[:1]), says("done"))
    assert session.resume_run(session.runs()[0]["id"]).text == "done"
    assert last_tasks(session) == ["completed"]


def test_what_parallel_steps_brought_is_not_lost_with_the_process(job: Job, house: House) -> None:
    house.put("x")
    job.die(
        plan(step("a"), step("b"), step("c", "a", "b")),
        says("ONE-IS-DONE"),
        says("TWO-IS-DONE"),
        before="HistoryAppended",
        left=5,
        options=PLANNED,
    )
    session = job.resume(says("ALL-IS-DONE"))
    assert session.resume_run(session.runs()[0]["id"]).text == "ALL-IS-DONE"
    assert last_tasks(session) == ["completed"] * 3
    (asked,) = house.bodies
    words = json.dumps(asked["messages"])
    assert words.count("ONE-IS-DONE") == 1
    assert words.count("TWO-IS-DONE") == 1


def test_a_parallel_step_that_was_cut_off_is_told_what_it_had_done(job: Job, house: House) -> None:
    turn = calls("bash", command="echo once >> log")
    job.die(
        plan(step("a"), step("b")),
        turn,
        turn,
        before="EffectSettled",
        left=0,
        options=PLANNED,
    )
    session = job.resume(says("looked"), says("looked"), says("done"))
    session.resume_run(session.runs()[0]["id"])
    first = json.dumps(house.bodies[0]["messages"])
    assert "begun before and cut off" in first
    assert "echo once" in first
    assert last_tasks(session) == ["completed", "completed"]


def test_a_run_that_was_answered_as_one_step_goes_on_as_one(job: Job, house: House) -> None:
    job.die(
        says("no plan"),
        calls("bash", command="echo a >> log"),
        before="EffectIntended",
        options=PLANNED,
    )
    session = job.resume(says("done"))
    assert session.resume_run(session.runs()[0]["id"]).text == "done"
    assert house.get("log") == "a\n"
    assert "plan://" not in json.dumps(house.bodies[-1])
    assert last_tasks(session) == ["completed"]


def test_the_answer_that_a_plan_waits_for_is_asked_for_again(house: House) -> None:
    rules = (
        planner(step("a"), step("b")),
        on(When(last="come to an end"), refuses(400), says("THE END")),
    )
    session = house.session(rules=rules, default=says("ok"), planning_mode="enabled")
    with pytest.raises(ModelError) as failed:
        session.send("go")
    assert failed.type.__name__ == "ModelRefused"
    run = session.runs()[-1]["id"]
    assert session.resume_run(run).text == "THE END"
    assert "come to an end" in json.dumps(house.bodies[-1]["messages"])
    assert json.dumps(house.bodies[-1]["messages"]).count("come to an end") == 1


def test_a_plan_that_was_cancelled_goes_on_when_it_is_resumed(house: House) -> None:
    rules = (planner(*SEQUENCE), at("STEP-b", says("late", delay_s=60), says("b is done")))
    session = house.session(rules=rules, default=says("ok"), planning_mode="enabled")

    with meanwhile(lambda: session.send("go")):
        come(lambda: len(house.bodies) == 3)
        assert session.cancel()
    assert last_tasks(session) == ["completed", "cancelled", "cancelled"]
    assert session.resume_run(session.runs()[-1]["id"]).text == "ok"
    assert last_tasks(session) == ["completed"] * 3


def test_a_plan_goes_on_in_a_session_that_plans_no_more(job: Job) -> None:
    job.die(plan(*SEQUENCE), says("a is done"), before="StepStart", left=1, options=PLANNED)
    session = job.resume(says("b is done"), says("c is done"), planning_mode="off")
    assert session.resume_run(session.runs()[0]["id"]).text == "c is done"
    assert last_tasks(session) == ["completed"] * 3


@pytest.mark.parametrize(
    ("before", "left"),
    [
        ("TaskUpdated", 0),
        ("StepStart", 0),
        ("StepStart", 1),
        ("StepEnd", 0),
        ("StepEnd", 1),
        ("HistoryAppended", 1),
        ("HistoryAppended", 2),
        ("HistoryAppended", 3),
        ("HistoryAppended", 4),
        ("HistoryAppended", 5),
        ("AgentEnd", 0),
    ],
)
def test_wherever_a_plan_is_cut_off_it_comes_to_its_end(
    before: str, left: int, job: Job, house: House
) -> None:
    """What was done is not done again: every step writes its line once."""
    rules = (
        planner(step("a"), step("b", "a")),
        *(
            on(
                When(user=f"Your step: STEP-{name}", not_body=f"echo {name} >> log"),
                calls("bash", command=f"echo {name} >> log"),
            )
            for name in "ba"
        ),
    )
    job.die(rules=rules, default=says("ok"), before=before, left=left, options=PLANNED)
    session = job.resume(rules=rules, default=says("ok"))
    assert session.resume_run(session.runs()[0]["id"]).text == "ok"
    assert house.get("log") == "a\nb\n"
    assert last_tasks(session) == ["completed", "completed"]
    assert unanswered(house.bodies[-1]) == []
