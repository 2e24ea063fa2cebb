"""Executors are foreign code: whatever they do, a step has an outcome, and nothing is left over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from a3s_code import AgentStepSpec, AsyncWorkflow, InvalidType, InvalidValue, StepOutcome, Workflow
from a3s_code.delegation import step_border
from a3s_code.delegation.step_executor import MAX_AT_ONCE, at_once
from delegation.steps import Echo, outcome, spec


class Doing(Echo):
    """Does what it is given in place of a step, for every step but `fine`."""

    def __init__(self, do: Callable[[AgentStepSpec], Any]) -> None:
        super().__init__()
        self.do = do

    async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> Any:
        if spec.task_id == "fine":
            return outcome(spec)
        answer = self.do(spec)
        return await answer if asyncio.iscoroutine(answer) else answer


def raising(_: AgentStepSpec) -> Any:
    raise LookupError("no such host")


def exiting(_: AgentStepSpec) -> Any:
    raise SystemExit(3)


def cancelled(_: AgentStepSpec) -> Any:
    raise asyncio.CancelledError


def flooding(it: AgentStepSpec) -> Any:
    return {**as_dict(it), "output": "x" * (step_border.MAX_OUTPUT_CHARS + 1)}


def as_dict(it: AgentStepSpec) -> dict[str, Any]:
    return {
        "task_id": it.task_id,
        "session_id": f"task-run-{it.task_id}",
        "agent": it.agent,
        "output": "said",
        "success": True,
    }


@pytest.mark.parametrize(
    ("do", "kind", "said"),
    [
        (raising, "step.raised", "LookupError: no such host"),
        (exiting, "step.raised", "sys.exit(3)"),
        (cancelled, "step.raised", "was cancelled"),
        (lambda _: None, "step.no_outcome", "NoneType"),
        (lambda _: 7, "step.no_outcome", "int"),
        (lambda it: {**as_dict(it), "output": 5}, "step.no_outcome", "output"),
        (lambda it: {**as_dict(it), "more": 5}, "step.no_outcome", "more"),
        (lambda it: {**as_dict(it), "task_id": "other"}, "step.no_outcome", "'other'"),
        (
            lambda it: StepOutcome(it.task_id, "s", it.agent, object(), success=True),  # type: ignore[arg-type]
            "step.no_outcome",
            "cannot be kept",
        ),
        (flooding, "step.flood", "1,000,001 characters"),
    ],
)
async def test_whatever_a_step_does_it_has_a_failed_outcome_and_the_others_go_on(
    do: Callable[[AgentStepSpec], Any], kind: str, said: str
) -> None:
    wf = AsyncWorkflow.builder(Doing(do)).build()
    bad, fine = await wf.parallel([spec("bad"), spec("fine")])

    assert (bad.task_id, bad.success, bad.kind) == ("bad", False, kind)
    assert said in bad.error
    assert fine.success


async def test_an_outcome_may_be_an_object_of_the_same_names() -> None:
    out = await AsyncWorkflow.builder(Doing(as_dict)).build().agent(spec("a"))
    assert (out.success, out.output) == (True, "said")


async def test_a_step_that_hangs_is_stopped_at_its_deadline() -> None:
    ended = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    wf = AsyncWorkflow.builder(Doing(lambda _: hang())).build()
    out = await wf.agent(spec("bad", timeout_ms=20))

    assert (out.success, out.kind) == (False, "step.timeout")
    assert ended.is_set()


async def test_a_step_that_does_not_stop_is_left_behind_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(step_border, "STOP_S", 0.05)
    over = asyncio.Event()

    async def stubborn() -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    wf = AsyncWorkflow.builder(Doing(lambda _: stubborn())).build()
    out = await wf.agent(spec("bad", timeout_ms=20))
    over.set()

    assert out.kind == "step.timeout"
    assert "left behind" in out.error


async def test_who_is_cancelled_has_stopped_every_step_before_it_goes_on() -> None:
    running, stopped = set[str](), set[str]()
    all_run = asyncio.Event()

    async def work(it: AgentStepSpec) -> None:
        running.add(it.task_id)
        if len(running) == 3:
            all_run.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # to clean up takes a while
            stopped.add(it.task_id)

    wf = AsyncWorkflow.builder(Doing(work)).build()
    waiting = asyncio.create_task(wf.phase("p", [spec("a"), spec("b"), spec("c")]))
    await all_run.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert stopped == {"a", "b", "c"}


async def test_no_more_steps_run_at_once_than_the_executor_says() -> None:
    now, most = 0, 0

    async def work(it: AgentStepSpec) -> StepOutcome:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0)
        now -= 1
        return outcome(it)

    wf = AsyncWorkflow.builder(Doing(work)).build()
    out = await wf.parallel([spec(f"s{i}") for i in range(30)])
    items = await wf.pipeline(range(30), [lambda previous, item: spec(f"s{item}")])

    assert all(each.success for each in out)
    assert all(each is not None for each in items)
    assert most == 4


@pytest.mark.parametrize(
    ("hint", "width"), [(0, 1), (-5, 1), (3, 3), (10**9, MAX_AT_ONCE), ("many", 1), (None, 1)]
)
def test_an_absurd_hint_is_bounded(hint: object, width: int) -> None:
    executor = Echo()
    executor.concurrency_hint = lambda: hint  # type: ignore[assignment,return-value]

    assert at_once(executor) == width


def test_a_hint_that_raises_is_one() -> None:
    executor = Echo()
    executor.concurrency_hint = lambda: 1 // 0

    assert at_once(executor) == 1


async def test_an_executor_without_async_runs_in_threads() -> None:
    names = set[str]()

    class Plain:
        def execute_step(self, spec: AgentStepSpec, events: Any = None) -> StepOutcome:
            names.add(threading.current_thread().name)
            return outcome(spec)

        def concurrency_hint(self) -> int:
            return 2

    out = await AsyncWorkflow.builder(Plain()).build().parallel([spec("a"), spec("b")])
    assert [each.success for each in out] == [True, True]
    assert threading.current_thread().name not in names


async def test_a_listener_that_raises_fails_no_step() -> None:
    class Telling(Echo):
        async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> StepOutcome:
            events("began")
            return outcome(spec)

    heard: list[object] = []

    def listen(event: object) -> None:
        heard.append(event)
        raise ValueError

    wf = AsyncWorkflow.builder(Telling()).with_step_events(listen).build()
    assert (await wf.agent(spec("a"))).success
    assert heard == ["began"]


# What is refused before anything runs


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([spec("a"), spec("a")], InvalidValue),
        ([{"task_id": "a"}], InvalidValue),
        ([{"task_id": "a", "agent": "e", "description": "d", "prompt": "p", "x": 1}], InvalidType),
        (["text"], InvalidType),
        ("text", InvalidType),
    ],
)
async def test_specs_that_are_none_run_nothing_and_count_no_phase(
    given: Any, error: type[Exception]
) -> None:
    executor = Echo()
    wf = AsyncWorkflow.builder(executor).build()
    rx = wf.subscribe()
    for verb in (wf.parallel(given), wf.phase("p", given)):
        with pytest.raises(error):
            await verb

    assert executor.ran == []
    assert rx.try_recv() is None


@pytest.mark.parametrize(
    "fields",
    [{"task_id": ""}, {"agent": ""}, {"prompt": 5}, {"max_steps": 0}, {"timeout_ms": True}],
)
def test_a_spec_says_what_is_wrong_with_it(fields: dict[str, Any]) -> None:
    whole = {"task_id": "a", "agent": "e", "description": "d", "prompt": "p"}
    with pytest.raises((InvalidType, InvalidValue), match=next(iter(fields))):
        AgentStepSpec(**{**whole, **fields})


def test_an_executor_has_both_methods() -> None:
    with pytest.raises(InvalidType, match="execute_step"):
        Workflow.builder(object())  # type: ignore[arg-type]


async def test_a_pipeline_has_no_barrier_between_its_stages() -> None:
    second_began = asyncio.Event()

    async def work(it: AgentStepSpec) -> StepOutcome:
        if it.task_id == "slow-0":  # ends only when the other item is a stage further
            await asyncio.wait_for(second_began.wait(), 10)
        if it.task_id == "quick-1":
            second_began.set()
        return outcome(it)

    def stage(number: int) -> Callable[[Any, str], AgentStepSpec]:
        return lambda previous, item: spec(f"{item}-{number}")

    wf = AsyncWorkflow.builder(Doing(work)).build()
    out = await wf.pipeline(["slow", "quick"], [stage(0), stage(1)])
    assert [each and each.task_id for each in out] == ["slow-1", "quick-1"]


async def test_a_step_that_fails_is_the_last_one_of_its_item() -> None:
    executor = Echo()
    wf = AsyncWorkflow.builder(executor).build()

    async def first(previous: Any, item: str) -> AgentStepSpec:
        return spec(f"{item}-1", item)

    def second(previous: Any, item: str) -> AgentStepSpec | None:
        return spec(f"{item}-2", item) if item == "explore" else None

    out = await wf.pipeline(["explore", "fail", "plan"], [first, second, second])
    assert [each and each.task_id for each in out] == ["explore-2", "fail-1", "plan-1"]


def test_a_blocking_workflow_runs_on_a_loop_of_its_own() -> None:
    with Workflow.builder(Echo()).build() as wf:
        receiver = wf.subscribe()
        assert wf.agent(spec("a")).success
        wf.phase("p", [spec("b")])
    assert [type(each).__name__ for each in receiver] == ["PhaseStart", "PhaseEnd"]
