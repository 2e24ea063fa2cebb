"""What the facade of workflows promises, as its document's own tests say it."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_code import (
    AgentStepSpec,
    AsyncWorkflow,
    MemorySessionStore,
    PhaseEnd,
    PhaseStart,
    StepOutcome,
    Usage,
    WorkflowBudget,
    WorkflowBudgetExhausted,
    WorkflowCheckpoint,
    WorkflowLog,
    save_workflow_checkpoint,
)
from delegation.steps import Echo, spec


async def test_agent_runs_a_single_step() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    out = await wf.agent(spec("a", "explore", "hello"))

    assert (out.task_id, out.output, out.success) == ("a", "hello", True)


async def test_parallel_preserves_order_and_isolates_failure() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    out = await wf.parallel(
        [spec("a", "explore", "pa"), spec("b", "fail", "pb"), spec("c", "review", "pc")]
    )

    assert [each.task_id for each in out] == ["a", "b", "c"]
    assert [each.success for each in out] == [True, False, True]


async def test_phase_emits_start_and_end_milestones() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    rx = wf.subscribe()
    out = await wf.phase("review", [spec("a", "review", "p"), spec("b", "fail", "p")])

    assert len(out) == 2
    assert await rx.recv() == PhaseStart(name="review", index=0, step_count=2)
    assert await rx.recv() == PhaseEnd(name="review", index=0, succeeded=1, failed=1)


async def test_phases_get_monotonic_indices() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    rx = wf.subscribe()
    await wf.phase("one", [spec("a")])
    await wf.phase("two", [spec("b")])
    await wf.clone().phase("three", [spec("c")])

    seen: list[int] = []
    while (event := rx.try_recv()) is not None:
        if isinstance(event, PhaseStart):
            seen.append(event.index)
    assert seen == [0, 1, 2]


async def test_phase_with_store_resumes_from_checkpoint() -> None:
    store, executor = MemorySessionStore(), Echo()
    wf = AsyncWorkflow.builder(executor).with_store(store).with_root_id("root").build()
    done = {"a": StepOutcome("a", "task-run-a", "explore", "cached-a", success=True)}
    checkpoint = WorkflowCheckpoint.from_completed("root/0:implement", done, 1)
    await save_workflow_checkpoint(store, "root/0:implement", checkpoint)

    out = await wf.phase("implement", [spec("a", "explore", "pa"), spec("b", "review", "pb")])

    assert executor.ran == ["b"], "only the step that was not completed runs"
    assert out[0].output == "cached-a"
    assert all(each.success for each in out)


async def test_pipeline_chains_stages_per_item() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()

    def first(previous: StepOutcome | None, item: str) -> AgentStepSpec:
        assert previous is None
        return AgentStepSpec("s1", "explore", "d", item)

    def second(previous: StepOutcome | None, item: str) -> AgentStepSpec:
        said = previous.output if previous else ""
        return AgentStepSpec("s2", "review", "d", f"review of: {said}")

    out = await wf.pipeline(["alpha", "beta"], [first, second])

    assert [each and each.output for each in out] == ["review of: alpha", "review of: beta"]


async def test_log_emits_a_log_event() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    rx = wf.subscribe()
    wf.log("info", "hello", {"k": 1})

    assert await rx.recv() == WorkflowLog(level="info", message="hello", fields={"k": 1})


async def test_phase_emits_budget_exhausted_when_capped() -> None:
    budget = WorkflowBudget(10)
    budget.record_after_llm("s", {"total_tokens": 12})
    wf = AsyncWorkflow.builder(Echo()).with_budget(budget).build()
    rx = wf.subscribe()
    for name in ("p", "q"):
        await wf.phase(name, [spec("a")])

    said = "workflow token budget exhausted (12 / 10 tokens)"
    spent = WorkflowBudgetExhausted(resource="workflow_tokens", reason=said)
    told = [rx.try_recv() for _ in range(6)]
    assert told[2] == told[5] == spent, "behind each phase, as long as it is spent"
    snapshot = wf.budget_snapshot()
    assert snapshot is not None
    assert (snapshot.consumed_tokens, snapshot.limit_tokens) == (12, 10)


async def test_no_budget_means_no_snapshot_and_no_exhausted_event() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    rx = wf.subscribe()
    await wf.phase("p", [spec("a")])

    assert wf.budget_snapshot() is None
    told = [rx.try_recv() for _ in range(3)]
    assert [type(each) for each in told] == [PhaseStart, PhaseEnd, type(None)]


async def test_agent_returns_failed_outcome_when_executor_yields_nothing() -> None:
    class Empty(Echo):
        async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> Any:
            return None

    class Boom(Echo):
        async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> Any:
            return StepOutcome.failed(spec.task_id, spec.agent, "boom")

    for executor, said in ((Empty(), "The step gave no outcome."), (Boom(), "boom")):
        out = await AsyncWorkflow.builder(executor).build().agent(spec("x"))
        assert (out.task_id, out.session_id, out.success) == ("x", "task-run-x", False)
        assert said in out.error


async def test_the_example_of_the_document_runs() -> None:
    executor = Echo()
    wf = AsyncWorkflow.builder(executor).build()
    rx = wf.subscribe()
    plan = await wf.agent(AgentStepSpec("plan", "plan", "plan the work", "first line\nsecond line"))
    if plan.success:
        specs = [
            AgentStepSpec(f"impl-{i}", "general", "impl", line)
            for i, line in enumerate(plan.output.splitlines())
        ]
        results = await wf.phase("implement", specs)
        wf.log("info", f"implemented {len(results)} steps")

    assert executor.ran == ["plan", "impl-0", "impl-1"]
    told = [rx.try_recv() for _ in range(3)]
    assert told[2] == WorkflowLog(level="info", message="implemented 2 steps")


# Budgets


def test_a_budget_counts_usages_of_any_shape_and_says_when_it_is_spent() -> None:
    budget = WorkflowBudget(30)
    budget.record_after_llm("s", Usage(prompt_tokens=10, completion_tokens=5))
    budget.record_after_llm("s", {"prompt_tokens": 3, "completion_tokens": 2})
    assert budget.check_before_llm("s", 1_000) is None
    budget.record_after_llm("s", {"total_tokens": 10})

    assert (budget.consumed, budget.limit, budget.is_exhausted) == (30, 30, True)
    assert budget.check_before_llm("s", 1) == {
        "decision": "deny",
        "resource": "workflow_tokens",
        "reason": "workflow token budget exhausted (30 / 30 tokens)",
    }


async def test_no_count_is_lost_when_many_threads_spend() -> None:
    budget = WorkflowBudget()

    def spend() -> None:
        for _ in range(500):
            budget.record_after_llm("s", {"total_tokens": 1})

    await asyncio.gather(*(asyncio.to_thread(spend) for _ in range(8)))
    assert budget.snapshot().consumed_tokens == 4_000
    assert not budget.is_exhausted
