"""What a host gets wrong about agents, workflows, teams and budgets is said where it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from a3s_code import (
    A3SError,
    AgentStepSpec,
    AutoDelegationConfig,
    Budget,
    InvalidType,
    SessionClosed,
    SessionOptions,
    StepOutcome,
    Team,
    TeamConfig,
    TenantBudget,
    WorkerAgentSpec,
    Workflow,
)
from a3s_code.testing import Fault, breaks, says
from api.house import House

ANY: Any = object()
FIVE: Any = 5
NONE: Any = None
TEXT: Any = "3"
OBJECT: Any = {}

STEP = AgentStepSpec("a", "explore", "look", "Look.")


class Echo:
    """An executor whose method only hands on what waits."""

    def concurrency_hint(self) -> int:
        return 2

    def execute_step(self, spec: AgentStepSpec, events: object = None) -> Any:
        return self._run(spec)

    async def _run(self, spec: AgentStepSpec) -> StepOutcome:
        return StepOutcome(spec.task_id, "s", spec.agent, spec.prompt, success=True)


class Words(Echo):
    def execute_step(self, spec: AgentStepSpec, events: object = None) -> Any:
        return "done"


def worker(**fields: Any) -> object:
    made = WorkerAgentSpec.verifier("checker", "Runs the checks")
    for name, value in fields.items():
        setattr(made, name, value)
    return made.validate()


def workflow() -> Workflow:
    return Workflow.builder(Echo()).build()


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: WorkerAgentSpec.verifier(NONE, "d"), "name of a worker is a NoneType"),
    (lambda: WorkerAgentSpec.verifier("w", FIVE), "description of the worker 'w' is a int"),
    (lambda: worker(permissions=["read"]), "list, not PermissionPolicy"),
    (lambda: worker(hidden="no"), "hidden of the worker 'checker'"),
    (lambda: SessionOptions().add_worker_agent(TEXT), "A worker is a WorkerAgentSpec, not a str"),
    (lambda: AutoDelegationConfig(enabled=TEXT), "enabled is '3'"),
    (lambda: AutoDelegationConfig(min_confidence=TEXT), "min_confidence is a str"),
    (lambda: AutoDelegationConfig(max_tasks=TEXT), "max_tasks is a str"),
    (lambda: TeamConfig(max_rounds=TEXT), "max_rounds is a str, not int"),
    (lambda: Team("t", OBJECT), r"TeamConfig\(max_rounds=3\)"),
    (lambda: TenantBudget(Budget(tokens=1), name=FIVE), "name of a TenantBudget is a int"),
    (lambda: TenantBudget(Budget(tokens=1), used=FIVE), "not BudgetUsage"),
    (lambda: workflow().parallel(NONE), "`specs` is a NoneType, not a list"),
    (lambda: workflow().parallel(OBJECT), "`specs` is a dict, not a list"),
    (lambda: workflow().phase("p", NONE), "`specs` is a NoneType, not a list"),
    (lambda: workflow().pipeline(NONE, []), "`items` is a NoneType, not a list"),
    (lambda: workflow().pipeline([1], NONE), "`stages` is a NoneType, not a list"),
    (lambda: workflow().execute_loop(NONE, 2, lambda _, __: None), "`specs` is a NoneType"),
    (lambda: Workflow.builder(Echo()).with_store(TEXT), r"give FileSessionStore\(dir\)"),
    (lambda: Workflow.builder(Echo()).with_budget(ANY), "not WorkflowBudget"),
    (lambda: Workflow.builder(Echo()).with_budget(Budget(tokens=5)), "WorkflowBudget"),  # pyright: ignore[reportArgumentType]
]


@pytest.mark.parametrize(("make", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_said_where_it_is_given(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidType, match=said) as raised:
        make()
    assert isinstance(raised.value, A3SError)


def test_workers_that_are_no_list_are_refused(house: House) -> None:
    session = house.session(says("done"))
    for given in (NONE, FIVE, OBJECT):
        with pytest.raises(InvalidType, match="`workers` is a"):
            session.register_worker_agents(given)


def test_ids_of_another_kind_are_refused_instead_of_found_nowhere(house: House) -> None:
    session = house.session(says("done"), says("later"))
    session.send("go")
    queued = session.queue("and then")
    for look in (session.subagent_task, session.cancel_subagent_task):
        with pytest.raises(InvalidType, match="task_id is a int, not str"):
            look(FIVE)
    with pytest.raises(InvalidType, match="queued_id is a QueuedRun, not str"):
        session.cancel_queued(queued)  # pyright: ignore[reportArgumentType]
    assert queued.result(10).text == "later"
    assert repr(queued) == f"QueuedRun({queued.id!r}, done)"


def test_options_in_the_place_of_directories_are_told_where_they_go(house: House) -> None:
    agent = house.employ(says("done"))
    with pytest.raises(InvalidType, match=r"give them as options=\.\.\."):
        agent.session_for_agent(house.root, "explore", SessionOptions())  # pyright: ignore[reportArgumentType]


def test_a_closed_session_cancels_no_child(house: House) -> None:
    session = house.session(says("done"))
    session.close()
    with pytest.raises(SessionClosed):
        session.cancel_subagent_task("call_1.1")


def test_a_function_that_only_hands_on_what_waits_is_waited_for() -> None:
    async def next_step(item: str) -> AgentStepSpec:
        return AgentStepSpec(item, "any", "echo", item)

    async def no_more() -> None:
        return None

    wf = workflow()
    (found,) = wf.pipeline(["x"], [lambda _, item: next_step(item)])
    (round_,) = wf.execute_loop([STEP], 2, lambda _, __: no_more())
    assert found is not None
    assert (found.output, round_[0].output) == ("x", "Look.")


def test_a_step_that_gives_words_has_failed_and_says_what_was_meant() -> None:
    outcome = Workflow.builder(Words()).build().agent(STEP)
    assert (outcome.success, outcome.kind) == (False, "step.no_outcome")
    assert "An outcome is a str. (give StepOutcome" in outcome.error


def test_a_task_that_takes_too_long_names_the_limit_that_was_given(house: House) -> None:
    session = house.session(default=breaks(Fault.HANG, says("never")))
    task = {"agent": "explore", "description": "look", "prompt": "Look."}
    done = session.tool("parallel_task", {"tasks": [task], "timeout_ms": 200})

    assert "explore took longer than timeout_ms (200 ms)" in done.output
    assert done.metadata["results"][0]["error"]["type"] == "child.timeout"


def test_a_prompt_that_waits_says_so_to_whoever_does_not(house: House) -> None:
    session = house.session(default=breaks(Fault.HANG, says("never")))
    queued = session.queue("go")
    with pytest.raises(TimeoutError, match=r"has not ended after 0\.05 s; it goes on"):
        queued.result(0.05)
    session.close()
