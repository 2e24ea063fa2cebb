"""Workflows whose steps run in a session: through its gate, in its log, within its limits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from a3s_code import (
    AgentStepSpec,
    AsyncAgent,
    FileSessionStore,
    InvalidValue,
    MemorySessionStore,
    Observation,
    PermissionPolicy,
    PhaseEnd,
    Session,
    StepOutcome,
    Usage,
    UsageError,
    Workflow,
)
from a3s_code.api.prompt_queue import QueuedRun
from a3s_code.api.step_calls import outcome_of
from a3s_code.kernel.events import SubagentEnd, ToolEnd
from a3s_code.kernel.records import (
    WorkflowNoted,
    WorkflowPhaseEnded,
    WorkflowPhaseStarted,
    WorkflowStepStarted,
)
from a3s_code.testing import When, breaks, calls, on, says
from api.house import House, come
from delegation.steps import spec


def events(session: Session, *kinds: type) -> list[Any]:
    log = session._inner._log()
    assert log is not None
    return [each.event for each in log.records if isinstance(each.event, kinds)]


def test_each_step_is_one_call_of_task_and_the_log_says_of_which_phase(house: House) -> None:
    session = house.session(default=says("done"))
    wf = session.workflow()
    out = wf.phase("look", [spec("a"), spec("b")])

    assert [(each.task_id, each.session_id, each.output) for each in out] == [
        ("a", "task-run-a", "done"),
        ("b", "task-run-b", "done"),
    ]
    (began,) = events(session, WorkflowPhaseStarted)
    assert (began.workflow, began.name, began.steps) == (wf.root_id, "look", ("a", "b"))
    steps = events(session, WorkflowStepStarted)
    assert {(each.task_id, each.phase) for each in steps} == {("a", "0:look"), ("b", "0:look")}
    ended = {each.id for each in events(session, ToolEnd) if each.name == "task"}
    assert ended == {each.call_id for each in steps}
    (end,) = events(session, WorkflowPhaseEnded)
    assert (end.succeeded, end.failed, end.cached) == (2, 0, ())


def test_a_step_knows_what_the_log_calls_its_run_and_what_it_cost(house: House) -> None:
    session = house.session(says("found"))
    (out,) = session.parallel(
        [{"task_id": "a", "agent": "explore", "description": "d", "prompt": "p"}]
    )

    assert out.success
    assert out.tokens == 15
    assert out.child.startswith("call-")
    assert out["output"] == "found"


def test_the_policy_of_the_session_holds_inside_steps(house: House) -> None:
    session = house.session(
        calls("write", file_path="a", content="x"),
        says("could not"),
        permission_policy=PermissionPolicy(deny=["write"], default_decision="allow"),
    )
    (out,) = session.parallel([spec("a", "general")])

    assert out.output == "could not"
    assert not house.has("a")


def test_an_agent_that_does_not_exist_fails_its_step_and_no_other(house: House) -> None:
    session = house.session(default=says("done"))
    out = session.parallel([spec("a", "nobody"), spec("b")])

    assert [each.success for each in out] == [False, True]
    assert "nobody" in out[0].error
    assert out[0].kind == "not_found"


def test_a_budget_refuses_what_begins_when_it_is_spent(house: House) -> None:
    house.serve(default=says("done"))
    session = house.employ(default=says("done"), extra="max_parallel_tasks = 1\n").session(
        house.root
    )
    out = session.parallel([spec("a"), spec("b"), spec("c")], budget_tokens=20)

    assert out["budget"] == {"consumed_tokens": 30, "limit_tokens": 20}
    assert [each.success for each in out["outcomes"]] == [True, True, False]
    assert out["outcomes"][2].error == "workflow token budget exhausted (30 / 20 tokens)"
    assert len(house.bodies) == 2


def test_a_step_on_its_way_makes_no_request_when_the_budget_is_spent(house: House) -> None:
    house.put("a.txt", "A")
    session = house.session(calls("read", file_path="a.txt"), says("not asked any more"))

    out = session.parallel([spec("a")], budget_tokens=10)

    assert len(house.bodies) == 1
    assert "workflow token budget exhausted (15 / 10 tokens)" in out["outcomes"][0].error
    assert out["budget"] == {"consumed_tokens": 15, "limit_tokens": 10}


def test_a_workflow_with_a_budget_counts_its_steps_alone(house: House) -> None:
    session = house.session(default=says("done"))
    session.parallel([spec("before")])
    wf = session.workflow(token_budget=100)
    wf.phase("p", [spec("a"), spec("b")])

    spent = wf.budget_snapshot()
    assert spent is not None
    assert (spent.consumed_tokens, spent.limit_tokens) == (30, 100)


def test_stages_of_a_session_are_given_one_context(house: House) -> None:
    session = house.session(
        rules=(
            on(When(last_user="look at A"), says("A is odd")),
            on(When(last_user="look at B"), says("B is fine")),
            on(When(last_user="mend: A is odd"), says("mended")),
        )
    )

    def look(ctx: Any) -> dict[str, str]:
        assert ctx["previous"] is None
        return {
            "task_id": "look",
            "agent": "explore",
            "description": "d",
            "prompt": f"look at {ctx['item']}",
        }

    def mend(ctx: Any) -> AgentStepSpec | None:
        said = ctx["previous"]["output"]
        return spec("mend", "general", f"mend: {said}") if "odd" in said else None

    out = session.pipeline(["A", "B"], [look, mend])
    assert [each and each.output for each in out] == ["mended", "B is fine"]


def test_a_stage_that_raises_ends_its_item_and_the_log_says_so(house: House) -> None:
    session = house.session(default=says("done"))

    async def stage(ctx: Any) -> AgentStepSpec:
        if ctx["item"] == 2:
            raise KeyError("two")
        return spec("s")

    out = session.pipeline([1, 2], [stage])
    assert [each is not None for each in out] == [True, False]
    (noted,) = events(session, WorkflowNoted)
    assert noted.fields == {"item": 1, "stage": 0, "error": "KeyError: 'two'"}


def test_a_loop_goes_on_with_what_decide_gives(house: House) -> None:
    session = house.session(says("no"), says("no"), says("yes"))
    asked: list[tuple[str, int]] = []

    def decide(outcomes: list[StepOutcome], number: int) -> list[AgentStepSpec] | None:
        asked.append((outcomes[0].output, number))
        return None if outcomes[0].output == "yes" else [spec(f"try-{number}")]

    rounds = session.execute_loop([spec("try-0")], 5, decide)
    assert [[each.task_id for each in one] for one in rounds] == [["try-0"], ["try-1"], ["try-2"]]
    assert asked == [("no", 1), ("no", 2), ("yes", 3)]


def test_a_loop_ends_after_as_many_rounds_as_it_may(house: House) -> None:
    session = house.session(default=says("no"))
    rounds = session.execute_loop([spec("a")], 2, lambda outcomes, number: [spec("b")])

    assert len(rounds) == 2
    with pytest.raises(InvalidValue, match="max_iterations"):
        session.execute_loop([spec("a")], 0, lambda outcomes, number: None)


def test_parallel_resumable_wants_a_store_of_the_session(house: House) -> None:
    session = house.session(default=says("done"))
    with pytest.raises(InvalidValue, match="requires a session_store on the session"):
        session.parallel_resumable([spec("a")], "job")


def test_parallel_resumable_runs_again_only_what_failed(house: House) -> None:
    store = MemorySessionStore()
    session = house.session(default=says("done"), session_store=store)
    assert [
        each.success for each in session.parallel_resumable([spec("a"), spec("b", "nobody")], "job")
    ] == [
        True,
        False,
    ]
    assert len(house.bodies) == 1
    out = session.parallel_resumable([spec("a"), spec("b")], "job")
    assert all(each.success for each in out)
    assert len(house.bodies) == 2, "a was not asked again"

    session.parallel_resumable([spec("a"), spec("b")], "job")
    assert len(house.bodies) == 4, "what was whole is forgotten"


def test_logs_of_workflows_are_no_sessions(house: House) -> None:
    agent = house.employ(default=says("done"))
    session = agent.session(house.root, session_id="job-1")
    session.save()
    with session.workflow() as wf:
        wf.phase("p", [spec("a")])
        assert agent.list_sessions() == ["job-1"]


def test_a_second_workflow_of_a_session_is_not_given_what_the_first_one_found(house: House) -> None:
    session = house.session(default=says("done"), session_id="job-1")
    with session.workflow() as first, session.workflow() as second:
        first.phase("p", [spec("a")])
        second.phase("p", [spec("a")])

    assert (first.root_id, second.root_id) == ("wf-job-1-0", "wf-job-1-1")
    assert len(house.bodies) == 2


def test_a_block_that_is_left_with_an_error_is_gone_on_with(house: House) -> None:
    session = house.session(default=says("done"), session_store=MemorySessionStore())

    def broken() -> None:
        with session.workflow(root_id="job") as wf:
            wf.phase("one", [spec("a")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    with session.workflow(root_id="job") as wf:
        events = wf.subscribe()
        wf.phase("one", [spec("a")])
        wf.phase("two", [spec("b")])
    assert len(house.bodies) == 2
    ends = [each for each in events if isinstance(each, PhaseEnd)]
    assert [(each.succeeded, each.failed) for each in ends] == [(1, 0), (1, 0)]

    with session.workflow(root_id="job") as wf:
        wf.phase("one", [spec("a")])
    assert len(house.bodies) == 3, "a block that ended well is forgotten"


def test_a_workflow_is_built_around_the_executor_of_a_session(house: House) -> None:
    session = house.session(default=says("done"), session_store=MemorySessionStore())
    seen: list[str] = []
    wf = (
        Workflow.builder(session.agent_executor())
        .with_step_events(lambda event: seen.append(event.event_type))
        .with_root_id("mine")
        .build()
    )
    out = wf.agent(spec("a"))

    assert out.output == "done"
    assert wf.root_id == "mine"
    assert "subagent_start" in seen
    assert "subagent_end" in seen
    assert Workflow.builder(session.agent_executor()).build().root_id.startswith("wf-")


def test_a_receiver_in_a_thread_hears_what_the_workflow_tells(house: House) -> None:
    session = house.session(default=says("done"))
    heard: list[str] = []
    with session.workflow() as wf:
        receiver = wf.subscribe()
        reader = threading.Thread(
            target=lambda: heard.extend(type(each).__name__ for each in receiver)
        )
        reader.start()
        wf.phase("p", [spec("a")])
        wf.log("info", "so far")
    reader.join(10)

    assert heard == ["PhaseStart", "PhaseEnd", "WorkflowLog"]


def test_a_block_is_entered_once_at_a_time(house: House) -> None:
    session = house.session(default=says("done"))
    with session.workflow() as wf, pytest.raises(UsageError, match="in its block"), wf.clone():
        pass


async def test_the_async_session_has_the_same(house: House) -> None:
    server = house.serve(default=says("done"))
    async with AsyncAgent(server.acl()) as agent:
        session = agent.session(house.root)
        async with session.workflow() as wf:
            receiver = wf.subscribe()
            out = await wf.phase("p", [spec("a"), spec("b")])
        told = [type(each).__name__ async for each in receiver]
        both = await session.parallel([spec("a")], budget_tokens=1_000)

    assert [each.success for each in out] == [True, True]
    assert told == ["PhaseStart", "PhaseEnd"]
    assert both["budget"]["consumed_tokens"] == 15


def test_a_workflow_on_the_disk_is_verified_like_a_session(house: House, tmp_path: Any) -> None:
    from a3s_code.persistence.verify import verify

    store = FileSessionStore(tmp_path / "kept")
    session = house.session(default=says("done"), session_store=store)
    out = session.parallel_resumable([spec("a"), spec("b", "nobody")], "job")
    assert [each.success for each in out] == [True, False]
    reports = {report.name: report.faults for report in verify(tmp_path / "kept")}
    assert reports[".workflow/job"] == []


def test_an_outcome_can_be_read_as_the_object_that_it_is_elsewhere() -> None:
    out = StepOutcome("a", "task-run-a", "explore", "found", success=True, structured={"k": 1})

    assert out["output"] == out.get("output") == "found"
    assert "structured" in out
    assert "other" not in out
    assert (out.get("other"), out.get("other", 1)) == (None, 1)
    assert StepOutcome.of(dict(out)) == out
    with pytest.raises(KeyError):
        out["other"]


def test_an_outcome_has_what_the_call_tells_of_its_run() -> None:
    facts = {
        "task_id": "call-1.1",
        "success": False,
        "structured": {"n": 1},
        "trace_uri": "a3s://transcript",
        "report": {"summary": "s"},
        "error": {"type": "output.invalid", "message": "n is no text"},
    }
    seen = Observation("shown", failed=True, metadata=facts, error_kind={"type": "output.invalid"})
    out = outcome_of(spec("a"), seen, Usage(10, 5), "the whole answer")

    assert out == StepOutcome(
        "a",
        "task-run-a",
        "explore",
        "the whole answer",
        success=False,
        structured={"n": 1},
        error="n is no text",
        kind="output.invalid",
        child="call-1.1",
        tokens=15,
        trace_uri="a3s://transcript",
        report={"summary": "s"},
    )


async def test_a_cancelled_phase_leaves_no_child_behind(house: House) -> None:
    server = house.serve(default=breaks("hang"))
    async with AsyncAgent(server.acl()) as agent:
        session = agent.session(house.root, session_store=MemorySessionStore())
        wf = session.workflow()
        waiting = asyncio.create_task(wf.phase("p", [spec("a"), spec("b")]))
        await asyncio.to_thread(come, lambda: len(server.requests) >= 2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert session._engine is not None
        assert session._engine.executor.active == {}
        ends = [
            each.event
            for each in session._engine.log.records
            if isinstance(each.event, SubagentEnd)
        ]
    assert [each.success for each in ends] == [False, False]


async def test_a_session_that_is_closed_fails_the_steps_that_run(house: House) -> None:
    server = house.serve(default=breaks("hang"))
    async with AsyncAgent(server.acl()) as agent:
        session = agent.session(house.root)
        waiting = asyncio.create_task(session.parallel([spec("a"), spec("b")]))
        await asyncio.to_thread(come, lambda: len(server.requests) >= 2)
        await session.close()
        out = await waiting

    assert [(each.success, each.kind) for each in out] == [(False, "run.cancelled")] * 2


def test_no_session_can_have_the_id_of_a_log_of_workflows(house: House) -> None:
    with pytest.raises(InvalidValue, match=r"\.workflow/"):
        house.session(session_id=".workflow/job")


def test_a_prompt_that_a_step_queues_is_no_step_of_its_workflow(house: House) -> None:
    later: list[QueuedRun] = []

    def ask_later() -> str:
        """Ask something later."""
        later.append(session.queue("LATER"))
        return "asked"

    session = house.session(
        calls("ask_later"),
        rules=(on(When(last_user="LATER"), says("answered")),),
        default=says("done"),
        tools=[ask_later],
        permission_policy=PermissionPolicy(default_decision="allow"),
    )
    wf = session.workflow(token_budget=1_000)
    step = AgentStepSpec("a", "general", "d", "p")

    assert wf.agent(step).output == "done"
    assert later[0].result(10).text == "answered"
    spent = wf.budget_snapshot()
    assert spent is not None
    assert spent.consumed_tokens == 30
