"""A plan always ends: whatever waits for what, no step begins too early and none is left open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidValue
from a3s_code.harness.planning.plan import ExecutionPlan, complexity_of, rows
from a3s_code.kernel.tasks import ENDED, Task


def task(id_: str, *dependencies: str) -> Task:
    return Task(id=id_, content=f"do {id_}", dependencies=dependencies)


def ids(tasks: tuple[Task, ...]) -> list[str]:
    return [each.id for each in tasks]


def statuses(plan: ExecutionPlan) -> dict[str, str]:
    return {each.id: each.status for each in plan.tasks}


def test_steps_that_wait_for_nothing_are_one_wave() -> None:
    plan = ExecutionPlan([task("a"), task("b"), task("c", "a", "b"), task("d", "c")])
    assert ids(plan.get_ready_steps()) == ["a", "b"]
    plan.mark_status("a", "completed")
    assert ids(plan.get_ready_steps()) == ["b"]
    plan.mark_status("b", "completed")
    assert ids(plan.get_ready_steps()) == ["c"]
    assert plan.progress == 0.5
    assert plan.pending_count == 2


def test_what_waits_for_a_failed_step_is_skipped_however_far_behind() -> None:
    plan = ExecutionPlan([task("a"), task("b", "a"), task("c", "b"), task("d")])
    plan.mark_status("a", "failed")
    assert statuses(plan) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "pending"}
    assert not plan.has_deadlock


def test_a_step_that_has_ended_stays_as_it_is() -> None:
    plan = ExecutionPlan([task("a"), task("b", "a")])
    plan.mark_status("a", "completed")
    plan.mark_status("a", "failed")
    assert statuses(plan) == {"a": "completed", "b": "pending"}


@pytest.mark.parametrize(
    "steps",
    [
        [task("a", "a")],
        [task("a", "b"), task("b", "a")],
        [task("a", "nobody")],
        [task("a", "b"), task("b", "c"), task("c", "a")],
    ],
)
def test_what_can_never_be_ready_is_a_deadlock_that_can_be_ended(steps: list[Task]) -> None:
    plan = ExecutionPlan(steps)
    assert plan.has_deadlock
    plan.end_rest("failed")
    assert not plan.has_deadlock
    assert set(statuses(plan).values()) == {"failed"}


def test_nothing_is_a_deadlock_while_something_runs() -> None:
    plan = ExecutionPlan([task("a"), task("b", "nobody")])
    plan.mark_status("a", "in_progress")
    assert not plan.has_deadlock
    plan.mark_status("a", "completed")
    assert plan.has_deadlock


def test_a_plan_knows_its_own_steps_alone() -> None:
    with pytest.raises(InvalidValue, match="one id"):
        ExecutionPlan([task("a"), task("a")])
    with pytest.raises(InvalidValue, match="no step 'b'"):
        ExecutionPlan([task("a")]).mark_status("b", "completed")


def test_bands_of_complexity_are_those_of_the_documents() -> None:
    bands = {steps: complexity_of(steps) for steps in (1, 2, 3, 5, 6, 10, 11)}
    assert bands == {
        1: "Simple",
        2: "Simple",
        3: "Medium",
        5: "Medium",
        6: "Complex",
        10: "Complex",
        11: "VeryComplex",
    }


def test_a_row_says_what_its_task_says_and_no_more() -> None:
    plain, full = rows([task("a"), Task(id="b", content="x", tool="bash", dependencies=("a",))])
    assert plain == {"id": "a", "content": "do a", "status": "pending", "priority": "medium"}
    assert full["tool"] == "bash"
    assert full["dependencies"] == ["a"]


NAMES = ["a", "b", "c", "d", "e", "f", "nobody"]
PLANS = st.lists(
    st.tuples(st.sampled_from(NAMES[:-1]), st.lists(st.sampled_from(NAMES), max_size=4)),
    max_size=6,
    unique_by=lambda row: row[0],
)


@given(PLANS, st.data())
def test_every_plan_ends_and_no_step_begins_before_what_it_waits_for(
    rows_: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    plan = ExecutionPlan([task(id_, *waits) for id_, waits in rows_])
    completed: set[str] = set()
    begun: list[str] = []
    for _ in range(len(rows_) + 1):
        wave = plan.get_ready_steps()
        if not wave:
            break
        for step in wave:
            assert set(step.dependencies) <= completed
            plan.mark_status(step.id, "in_progress")
        assert not plan.has_deadlock
        for step in wave:
            begun.append(step.id)
            outcome = data.draw(st.sampled_from(["completed", "failed"]))
            plan.mark_status(step.id, outcome)  # type: ignore[arg-type]
            if outcome == "completed":
                completed.add(step.id)
    else:
        pytest.fail("there were more waves than steps")
    assert len(begun) == len(set(begun))
    assert plan.has_deadlock == bool(plan.pending_count)
    plan.end_rest("failed")
    assert all(each.status in ENDED for each in plan.tasks)
    assert plan.completed_count == len(completed)
    assert 0.0 <= plan.progress <= 1.0
