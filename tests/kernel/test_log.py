from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import StoreError
from a3s_code.kernel.events import (
    AgentStart,
    Delta,
    DeltaBatch,
    Event,
    HistoryAppended,
    LogOnly,
    ReasoningDelta,
    RunEvent,
    RunId,
    RunStarted,
    SessionOpened,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    TurnStart,
)
from a3s_code.kernel.log import BATCH_CHARS, BATCH_S, Log, RunSink
from a3s_code.kernel.messages import user
from a3s_code.kernel.state import run_events
from kernel.bench import SESSION, WatchedStore

RUN, OTHER = RunId("run-1"), RunId("run-2")


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def now_ms(self) -> int:
        return round(self.time * 1000)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def begun(store: WatchedStore | None = None, clock: Hand | None = None) -> Log:
    log = Log(SESSION, clock or Hand(), store)
    log.append(SessionOpened(session_id=SESSION, workspace="/w", model="p/m", created_at_ms=1))
    log.append(RunStarted(prompt="go"), RUN)
    return log


def batches(log: Log) -> list[str]:
    return [r.event.text for r in log.records if isinstance(r.event, DeltaBatch)]


async def test_what_was_appended_is_durable_after_a_barrier_and_not_before() -> None:
    store = WatchedStore()
    log = begun(store)
    log.append(TextDelta(text="a"), RUN)

    assert store.durable == 0
    await log.barrier()
    assert store.durable == len(store.records) == 3


async def test_a_barrier_that_fails_says_so_every_time() -> None:
    store = WatchedStore()
    log = begun(store)
    store.broken = True

    for _ in range(2):
        with pytest.raises(StoreError):
            await log.barrier()


def test_records_are_numbered_from_zero_without_gaps() -> None:
    log = begun()
    for text in "abc":
        log.append(TextDelta(text=text), RUN)
        log.append(TurnStart(turn=1), RUN)

    assert [record.sequence for record in log.records] == list(range(8))


def test_deltas_of_one_block_are_one_record() -> None:
    log = begun()
    for text in ("a", "b", ""):
        log.append(TextDelta(text=text), RUN)

    (batch,) = [r.event for r in log.records if isinstance(r.event, DeltaBatch)]
    assert (batch.text, batch.ends) == ("ab", (1, 2, 2))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (TextDelta(text="a"), ReasoningDelta(text="b")),
        (ToolInputDelta(id="1", delta="a"), ToolInputDelta(id="2", delta="b")),
        (
            ToolOutputDelta(id="1", name="x", delta="a"),
            ToolOutputDelta(id="2", name="x", delta="b"),
        ),
        (ToolInputDelta(id="1", delta="a"), ToolOutputDelta(id="1", name="x", delta="b")),
    ],
)
def test_deltas_of_different_blocks_are_different_records(first: Delta, second: Delta) -> None:
    log = begun()
    log.append(first, RUN)
    log.append(second, RUN)

    assert batches(log) == ["a", "b"]


def test_deltas_of_different_runs_are_different_records() -> None:
    log = begun()
    log.append(TextDelta(text="a"), RUN)
    log.append(TextDelta(text="b"), OTHER)

    assert batches(log) == ["a", "b"]


def test_a_record_of_deltas_is_closed_when_it_is_large_and_when_it_is_old() -> None:
    clock = Hand()
    log = begun(clock=clock)
    log.append(TextDelta(text="a" * BATCH_CHARS), RUN)
    log.append(TextDelta(text="b"), RUN)
    clock.time += BATCH_S
    log.append(TextDelta(text="c"), RUN)
    log.append(TextDelta(text="d"), RUN)

    assert batches(log) == ["a" * BATCH_CHARS, "b", "cd"]


def test_looking_at_the_records_shows_the_deltas_so_far() -> None:
    log = begun()
    log.append(TextDelta(text="a"), RUN)
    assert batches(log) == ["a"]
    log.append(TextDelta(text="b"), RUN)

    assert batches(log) == ["a", "b"]


@pytest.mark.parametrize(
    "middle",
    [
        TurnStart(turn=1),
        TextDelta(text="a"),
    ],
)
async def test_a_log_that_gets_a_store_later_is_kept_from_its_first_record(
    middle: RunEvent,
) -> None:
    log = begun()
    log.append(middle, RUN)
    store, second = WatchedStore(), WatchedStore()

    log.attach(store)
    log.attach(second)
    log.append(TurnStart(turn=1), RUN)
    await log.barrier()

    assert store.records == log.records
    assert second.records == []


def test_who_watches_sees_every_event_of_a_run_and_no_bookkeeping() -> None:
    log = begun()
    shown: list[RunEvent] = []
    sink = RunSink(log, RUN, shown.append)
    events: list[Event] = [
        AgentStart(prompt="go"),
        HistoryAppended(message=user("go")),
        TextDelta(text="a"),
        TextDelta(text="b"),
    ]
    for event in events:
        sink.emit(event)

    assert shown == [event for event in events if not isinstance(event, LogOnly)]


deltas = st.one_of(
    st.builds(TextDelta, text=st.text(max_size=3)),
    st.builds(ReasoningDelta, text=st.text(max_size=3)),
    st.builds(ToolInputDelta, id=st.sampled_from("ab"), delta=st.text(max_size=3)),
    st.builds(
        ToolOutputDelta, id=st.sampled_from("ab"), name=st.just("bash"), delta=st.text(max_size=3)
    ),
)


@given(st.lists(st.tuples(deltas, st.sampled_from([RUN, OTHER]), st.sampled_from([0.0, BATCH_S]))))
def test_the_events_of_a_run_come_back_one_by_one_as_they_were(
    happened: list[tuple[Delta, RunId, float]],
) -> None:
    clock = Hand()
    log = begun(clock=clock)
    for delta, run, pause in happened:
        clock.time += pause
        log.append(delta, run)

    rows = run_events(log.records, RUN)
    assert [row.event for row in rows] == [delta for delta, run, _ in happened if run == RUN]
    assert [row.sequence for row in rows] == list(range(len(rows)))
    assert all(a.timestamp_ms <= b.timestamp_ms for a, b in itertools.pairwise(rows))
    assert log.state.runs[RUN].event_count == len(rows)
