"""What is recorded of a workflow: only what came to a good end; nobody runs it twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    AgentStepSpec,
    AsyncWorkflow,
    FileSessionStore,
    InvalidValue,
    MemorySessionStore,
    Record,
    SessionId,
    SessionInUse,
    StepOutcome,
    StoreError,
    WorkflowCheckpoint,
    WorkflowLog,
    delete_workflow_checkpoint,
    load_workflow_checkpoint,
    save_workflow_checkpoint,
)
from a3s_code.kernel.events import RunId
from a3s_code.kernel.records import WorkflowOpened
from a3s_code.kernel.store import Store
from delegation.steps import Echo, outcome, spec


@pytest.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made = (
        MemorySessionStore() if request.param == "memory" else FileSessionStore(tmp_path / "kept")
    )
    yield made
    await made.close()


def workflow(executor: Any, store: Store) -> AsyncWorkflow:
    return AsyncWorkflow.builder(executor).with_store(store).with_root_id("job").build()


def warnings(receiver: Any) -> list[str]:
    told: list[str] = []
    while (event := receiver.try_recv()) is not None:
        if isinstance(event, WorkflowLog) and event.level == "warn":
            told.append(event.message)
    return told


async def test_a_phase_that_failed_runs_again_only_what_failed(store: Store) -> None:
    await workflow(Echo(), store).phase("p", [spec("a", prompt="A"), spec("b", "fail")])
    kept = await load_workflow_checkpoint(store, "job/0:p")
    assert kept is not None
    assert list(kept.steps) == ["a"]

    again = Echo()
    out = await workflow(again, store).phase("p", [spec("a", prompt="A"), spec("b")])
    assert again.ran == ["b"]
    assert [each.output for each in out] == ["A", "p"]
    assert list(await store.sessions()) == [], "what is whole is forgotten"


async def test_a_step_is_durable_before_the_phase_goes_on(store: Store) -> None:
    seen: list[list[str]] = []

    class Looking(Echo):
        async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> StepOutcome:
            kept = await load_workflow_checkpoint(store, "job/0:p")
            seen.append(sorted(kept.steps) if kept else [])
            return await super().execute_step(spec, events)

        def concurrency_hint(self) -> int:
            return 1

    first = await workflow(Looking(), store).phase("p", [spec("a"), spec("b"), spec("c", "fail")])
    assert [each.success for each in first] == [True, True, False]
    assert seen == [[], ["a"], ["a", "b"]]


async def test_in_its_block_nothing_of_a_workflow_is_forgotten_before_the_end(store: Store) -> None:
    async def run(executor: Echo, *, breaks: bool) -> None:
        async with workflow(executor, store) as wf:
            await wf.phase("one", [spec("a")])
            await wf.phase("two", [spec("b")])
            if breaks:
                raise ZeroDivisionError

    first, second, third = Echo(), Echo(), Echo()
    with pytest.raises(ZeroDivisionError):
        await run(first, breaks=True)
    await run(second, breaks=False)
    await run(third, breaks=False)

    assert (first.ran, second.ran, third.ran) == (["a", "b"], [], ["a", "b"])
    assert list(await store.sessions()) == []


async def test_a_block_with_a_failed_step_keeps_what_did_not_fail(store: Store) -> None:
    async def run(executor: Echo, agent: str) -> None:
        async with workflow(executor, store) as wf:
            await wf.phase("one", [spec("a")])
            await wf.phase("two", [spec("b"), spec("c", agent)])

    first, second = Echo(), Echo()
    await run(first, "fail")
    await run(second, "explore")

    assert first.ran == ["a", "b", "c"]
    assert second.ran == ["c"]


async def test_finish_forgets_its_own_phases_and_no_others(store: Store) -> None:
    await workflow(Echo(), store).phase("p", [spec("a", "fail")])
    other = AsyncWorkflow.builder(Echo()).with_store(store).with_root_id("job2").build()
    await other.phase("p", [spec("a", "fail")])
    await workflow(Echo(), store).finish()

    assert list(await store.sessions()) == [".workflow/job2/0:p"]


@pytest.mark.parametrize(
    "now",
    [
        spec("a", prompt="another"),
        spec("a", agent="review"),
        spec("a", max_steps=3),
        spec("a", output_schema={"type": "object"}),
    ],
)
async def test_a_step_that_is_asked_something_else_runs_again_and_that_is_told(
    store: Store, now: AgentStepSpec
) -> None:
    await workflow(Echo(), store).phase("p", [spec("a"), spec("b", "fail")])
    again = Echo()
    wf = workflow(again, store)
    rx = wf.subscribe()
    await wf.phase("p", [now, spec("b")])

    assert sorted(again.ran) == ["a", "b"]
    assert warnings(rx) == ["a completed step is asked something else now; it runs again"]


async def test_a_step_that_is_only_described_otherwise_is_the_same(store: Store) -> None:
    await workflow(Echo(), store).phase("p", [spec("a"), spec("b", "fail")])
    again = Echo()
    await workflow(again, store).phase("p", [AgentStepSpec("a", "explore", "new", "p")])

    assert again.ran == []


async def test_one_phase_is_run_by_one_at_a_time(store: Store) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Echo):
        async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> StepOutcome:
            began.set()
            await go_on.wait()
            return await super().execute_step(spec, events)

    first = asyncio.create_task(workflow(Slow(), store).phase("p", [spec("a")]))
    await began.wait()
    second = Echo()
    with pytest.raises(SessionInUse, match="'job/0:p' is being run by somebody else"):
        await workflow(second, store).phase("p", [spec("a")])
    go_on.set()

    assert (await first)[0].success
    assert second.ran == []


async def test_a_cancelled_phase_keeps_what_was_done_and_lets_go(store: Store) -> None:
    done, never = asyncio.Event(), asyncio.Event()

    class Hanging(Echo):
        async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> StepOutcome:
            if spec.task_id == "b":
                done.set()
                await never.wait()
            return await super().execute_step(spec, events)

        def concurrency_hint(self) -> int:
            return 1

    running = asyncio.create_task(workflow(Hanging(), store).phase("p", [spec("a"), spec("b")]))
    await done.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    again = Echo()
    await workflow(again, store).phase("p", [spec("a"), spec("b")])
    assert again.ran == ["b"]


async def test_a_log_of_a_later_version_is_told_and_begun_anew(store: Store) -> None:
    session = SessionId(".workflow/job/0:p")
    later = WorkflowOpened(workflow="job/0:p", schema_version=99)
    store.append(session, Record(0, 1, RunId(""), later), "x")
    await store.barrier(session, "x")
    store.release(session, "x")
    with pytest.raises(StoreError, match="no workflow that this version knows"):
        await load_workflow_checkpoint(store, "job/0:p")

    executor = Echo()
    wf = workflow(executor, store)
    rx = wf.subscribe()
    assert (await wf.phase("p", [spec("a")]))[0].success
    assert executor.ran == ["a"]
    assert warnings(rx) == ["checkpoint unreadable; all its steps run again"]


async def test_a_damaged_log_is_told_and_begun_anew(tmp_path: Path) -> None:
    import sqlite3

    store = FileSessionStore(tmp_path / "kept")
    await workflow(Echo(), store).phase("p", [spec("a"), spec("b", "fail")])
    with closing(sqlite3.connect(tmp_path / "kept/sessions.db")) as db, db:
        changed = "CAST(replace(CAST(body AS TEXT), 'explore', 'EXPLORE') AS BLOB)"
        db.execute(f"UPDATE records SET body = {changed}")
    again = Echo()
    wf = workflow(again, store)
    rx = wf.subscribe()
    await wf.phase("p", [spec("a"), spec("b")])

    assert sorted(again.ran) == ["a", "b"]
    assert warnings(rx) == ["checkpoint unreadable; all its steps run again"]
    await store.close()


class Breaking(MemorySessionStore):
    """Takes the first few records, and fails then."""

    left = 1

    def append(self, session: SessionId, record: Record, owner: str = "") -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("no space left")
        super().append(session, record, owner)


async def test_a_good_end_that_cannot_be_recorded_is_no_good_end() -> None:
    with pytest.raises(StoreError, match="no space left"):
        await workflow(Echo(), Breaking()).phase("p", [spec("a"), spec("b")])


# Checkpoints as values


async def test_a_checkpoint_comes_back_as_it_was_saved(store: Store) -> None:
    done = {"a": outcome(spec("a")), "b": {**as_object("b"), "structured": {"n": [1, None]}}}
    checkpoint = WorkflowCheckpoint.from_completed("job", done, 7)
    await save_workflow_checkpoint(store, "job", checkpoint)
    await save_workflow_checkpoint(store, "job", checkpoint)

    kept = await load_workflow_checkpoint(store, "job")
    assert kept is not None
    assert kept.steps == checkpoint.steps
    await delete_workflow_checkpoint(store, "job")
    assert await load_workflow_checkpoint(store, "job") is None


def as_object(task_id: str) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "session_id": f"task-run-{task_id}",
        "agent": "explore",
        "output": "said",
        "success": True,
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: WorkflowCheckpoint(99, "job", {}, 1),
        lambda: WorkflowCheckpoint.from_completed("job", {"a": outcome(spec("a", "fail"))}, 1),
    ],
)
async def test_a_checkpoint_that_is_none_is_refused(make: Callable[[], WorkflowCheckpoint]) -> None:
    with pytest.raises(InvalidValue):
        await save_workflow_checkpoint(MemorySessionStore(), "job", make())


class Gone(MemorySessionStore):
    """A store of somebody's, whose service is not there."""

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        raise ConnectionError("no service")

    async def delete(self, session: SessionId) -> None:
        raise ConnectionError("no service")


async def test_what_a_store_raises_about_a_checkpoint_is_an_error_of_ours() -> None:
    for asked in (load_workflow_checkpoint, delete_workflow_checkpoint):
        with pytest.raises(StoreError, match="no service"):
            await asked(Gone(), "job")
