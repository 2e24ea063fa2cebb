"""The channel of a workflow: best effort for who reads, and nothing for who tells."""

from __future__ import annotations

import asyncio
import gc
import threading

import msgspec
import pytest

from a3s_code import AsyncWorkflow, PhaseEnd, PhaseStart, WorkflowEvent, WorkflowLog
from a3s_code.delegation.workflow_events import (
    CAPACITY,
    AsyncWorkflowReceiver,
    WorkflowChannel,
    WorkflowReceiver,
)
from delegation.steps import Echo


def test_who_is_slow_loses_the_oldest_and_can_see_how_many() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    slow = wf.subscribe()
    for number in range(CAPACITY + 10):
        wf.log("info", str(number))

    assert slow.missed == 10
    first = slow.try_recv()
    assert isinstance(first, WorkflowLog)
    assert first.message == "10"
    assert wf.subscribe().try_recv() is None, "who comes later has missed nothing"


def test_any_thread_may_tell_and_nobody_waits() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    receiver = wf.subscribe()
    tellers = [
        threading.Thread(target=lambda: [wf.log("info", "x") for _ in range(50)]) for _ in range(8)
    ]
    for each in tellers:
        each.start()
    for each in tellers:
        each.join(10)
    count = 0
    while receiver.try_recv() is not None:
        count += 1

    assert count + receiver.missed == 400


async def test_a_reader_that_waits_is_woken_from_another_thread() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    receiver = wf.subscribe()
    waiting = asyncio.create_task(receiver.recv(10))
    await asyncio.sleep(0)
    await asyncio.to_thread(wf.log, "info", "hello")

    assert await waiting == WorkflowLog(level="info", message="hello")
    assert await receiver.recv(0.01) is None


def test_a_blocking_reader_waits_no_longer_than_it_says() -> None:
    channel = WorkflowChannel()
    receiver = WorkflowReceiver(AsyncWorkflowReceiver(channel.subscribe()))
    assert receiver.recv(0.01) is None
    channel.send(PhaseStart(name="p", index=0, step_count=1))
    assert receiver.recv(10) == PhaseStart(name="p", index=0, step_count=1)


async def test_receivers_end_with_the_last_workflow() -> None:
    wf = AsyncWorkflow.builder(Echo()).build()
    receiver = wf.subscribe()
    wf.log("info", "last")
    other = wf.clone()
    del wf
    gc.collect()
    assert await receiver.recv() is not None
    assert await receiver.recv(0.01) is None
    del other
    gc.collect()

    assert [event async for event in receiver] == []


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            PhaseStart(name="p", index=0, step_count=2),
            '{"type":"phase_start","name":"p","index":0,"step_count":2}',
        ),
        (
            PhaseEnd(name="p", index=0, succeeded=1, failed=1),
            '{"type":"phase_end","name":"p","index":0,"succeeded":1,"failed":1}',
        ),
        (
            WorkflowLog(level="info", message="m", fields={"k": 1}),
            '{"type":"log","level":"info","message":"m","fields":{"k":1}}',
        ),
    ],
)
def test_events_are_json_as_the_document_has_it(event: WorkflowEvent, text: str) -> None:
    assert msgspec.json.encode(event).decode() == text
    assert msgspec.json.decode(text, type=WorkflowEvent) == event
