from __future__ import annotations

import itertools
import threading
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import StoreError
from a3s_code.kernel.events import (
    AgentStart,
    Delta,
    ReasoningDelta,
    RunEvent,
    RunId,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    TurnStart,
)
from a3s_code.kernel.fold import fold, run_events
from a3s_code.kernel.log import BATCH_CHARS, BATCH_S, Log, RunSink
from a3s_code.kernel.messages import user
from a3s_code.kernel.records import (
    DeltaBatch,
    Event,
    HistoryAppended,
    LogOnly,
    RunStarted,
    RunStatusChanged,
    SessionEnded,
    SessionOpened,
    StoreAttached,
)
from kernel.bench import SESSION, WAIT_S, WatchedStore

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


class Talkative(WatchedStore):
    """A store of somebody else, which says of itself what it is told to."""

    def __init__(self, said: object) -> None:
        super().__init__()
        self.said = said

    @property
    def durability(self) -> Any:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("full", "full"),
        ("normal", "normal"),
        ("", "unknown"),
        (None, "unknown"),
        (AttributeError("it has none"), "unknown"),
        (OSError("nobody there"), "unknown"),
    ],
)
async def test_a_log_that_gets_a_store_records_what_the_store_promises(
    said: object, kept: str
) -> None:
    store, log = Talkative(said), begun()
    assert log.durability == "none"
    log.attach(store)
    await log.barrier()

    assert store.safe(StoreAttached) == [StoreAttached(durability=kept)]
    assert log.state.durability == log.durability == kept
    assert fold(log.records).durability == kept


async def test_a_barrier_that_fails_says_so_every_time() -> None:
    store = WatchedStore()
    log = begun(store)
    store.broken = True

    for _ in range(2):
        with pytest.raises(StoreError, match="disk is full"):
            await log.barrier()


class Particular(StoreError):
    """An error of a store of somebody else, which is not made of its message alone."""

    code = "store.particular"

    def __init__(self, *, table: str) -> None:
        super().__init__(f"{table} is locked.", hint="wait")
        self.table = table


async def test_an_error_of_the_store_is_new_each_time_and_says_all_of_the_first() -> None:
    store = WatchedStore()
    log = begun(store)
    store.broken = Particular(table="records")
    raised: list[Particular] = []

    for _ in range(200):
        with pytest.raises(Particular) as caught:
            await log.barrier()
        raised.append(caught.value)

    assert len({id(error) for error in raised}) == 200
    depths = {len(traceback.extract_tb(error.__traceback__)) for error in raised}
    assert len(depths) == 1
    assert len(traceback.format_exception(raised[-1])) < 20
    assert {(error.table, str(error)) for error in raised} == {
        ("records", "records is locked. (wait)")
    }


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


def test_looking_at_the_records_shows_the_deltas_so_far_and_writes_nothing() -> None:
    store = WatchedStore()
    log = begun(store)
    log.append(TextDelta(text="a"), RUN)
    assert batches(log) == ["a"]
    log.append(TextDelta(text="b"), RUN)

    assert batches(log) == ["ab"]
    assert [record.sequence for record in log.records] == [0, 1, 2]
    assert len(store.records) == 2


async def test_what_was_shown_before_it_was_written_is_what_is_written() -> None:
    store = WatchedStore()
    log = begun(store)
    log.append(TextDelta(text="a"), RUN)
    shown = log.records
    await log.barrier()

    assert log.records == shown == tuple(store.records)


def test_records_that_were_read_stay_as_they_were() -> None:
    log = begun()
    before = log.records
    log.append(TurnStart(turn=1), RUN)

    assert (len(before), len(log.records)) == (2, 3)


def test_another_thread_reads_the_records_without_gaps_while_they_are_written() -> None:
    log = begun()
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        seen = 0
        while not done.is_set():
            records = log.records
            rows = run_events(records, RUN)
            texts = [row.event.text for row in rows if isinstance(row.event, TextDelta)]
            numbered = [record.sequence for record in records] == list(range(len(records)))
            if not numbered or len(texts) < seen or texts != [str(n) for n in range(len(texts))]:
                wrong.append(records)
            seen = len(texts)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2_000):
        log.append(TextDelta(text=str(number)), RUN)
        if number % 7 == 0:
            log.append(RunStatusChanged(status="executing"), RUN)
    done.set()
    reader.join(WAIT_S)

    assert wrong == []


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

    assert tuple(store.records) == log.records
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

    assert len(run_events(log.records, RUN)) == sum(run == RUN for _, run, _ in happened)
    log.append(SessionEnded())
    rows = run_events(log.records, RUN)
    assert [row.event for row in rows] == [delta for delta, run, _ in happened if run == RUN]
    assert [row.sequence for row in rows] == list(range(len(rows)))
    assert all(a.timestamp_ms <= b.timestamp_ms for a, b in itertools.pairwise(rows))
    assert log.state.runs[RUN].event_count == len(rows)
