"""What retention takes away, and that nothing else changes by it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.events import (
    AgentEnd,
    AgentStart,
    RunId,
    SessionId,
    TextDelta,
    ToolEnd,
    ToolOutputDelta,
    TurnEnd,
)
from a3s_code.kernel.fold import fold
from a3s_code.kernel.log import SESSION, Log
from a3s_code.kernel.messages import Usage, user
from a3s_code.kernel.records import (
    ArtifactEvicted,
    ArtifactStored,
    Dropped,
    EffectIntended,
    EffectSettled,
    Event,
    HistoryAppended,
    ModelSwitched,
    Record,
    RecordsPruned,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    TraceRecorded,
)
from a3s_code.kernel.retention import SessionRetentionLimits, ranges_of, retain
from a3s_code.kernel.run_events import RunEventRecord
from a3s_code.kernel.state import SessionState
from a3s_code.persistence.codec import decode, encode
from a3s_code.persistence.memory import MemorySessionStore
from kernel.bench import WatchedStore

ID = SessionId("s")
ALL = SessionRetentionLimits()


class Steps:
    """A clock that goes on by `step` with every look."""

    def __init__(self, step: int = 0) -> None:
        self.time, self.step = 1_000, step

    def now_ms(self) -> int:
        self.time += self.step
        return self.time

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None: ...


class OfBefore(WatchedStore):
    """A store of somebody else, which cannot drop anything."""

    drop_blob = None


# Logs


def trace(name: str) -> TraceRecorded:
    return TraceRecorded(
        kind="tool_execution", name=name, success=True, exit_code=0, duration_ms=1, output_bytes=1
    )


shas = st.sampled_from(["a", "b"])
happenings = st.one_of(
    st.builds(TextDelta, text=st.text(max_size=3)),
    st.builds(TextDelta, text=st.text(max_size=3)),
    st.builds(ToolOutputDelta, id=st.just("c"), name=st.just("bash"), delta=st.text(max_size=3)),
    st.builds(
        ToolEnd, id=st.just("c"), name=st.just("bash"), output=st.text(), exit_code=st.just(0)
    ),
    st.builds(TurnEnd, turn=st.integers(1, 9), usage=st.builds(Usage, st.integers(0, 99))),
    st.builds(trace, st.text(max_size=2)),
    st.builds(HistoryAppended, message=st.builds(user, st.text(max_size=3))),
    st.builds(ModelSwitched, model=st.sampled_from(["p/one", "p/two"])),
    st.builds(ArtifactEvicted, uri=shas),
    st.builds(
        lambda sha: ArtifactStored(uri=sha, tool="t", sha256=sha, original_bytes=1, shown_bytes=1),
        shas,
    ),
    st.just(EffectIntended(call_id="c", tool="t", args_sha256="", decision="", authority="host")),
    st.just(EffectSettled(call_id="c", outcome="done", exit_code=0)),
)
statuses = st.sampled_from(["completed", "failed", "cancelled"])
runs = st.tuples(st.lists(happenings, max_size=12), statuses, st.lists(happenings, max_size=3))
caps = st.none() | st.integers(0, 6)
limits = st.builds(SessionRetentionLimits, caps, caps, caps)


def run_id(number: int) -> RunId:
    return RunId(f"run-{number}")


def play(log: Log, number: int, run: tuple[list[Event], str, list[Event]]) -> None:
    """Append a run, and then what belongs to no run."""
    events, status, between = run
    log.append(RunStarted(prompt=f"prompt {number}"), run_id(number))
    log.append(AgentStart(prompt=f"prompt {number}"), run_id(number))
    for event in events:
        log.append(event, run_id(number))
    log.append(RunStatusChanged(status=status, result_text="text"), run_id(number))
    for event in between:
        log.append(event)


def begun(store: Any = None, step: int = 0) -> Log:
    log = Log(ID, Steps(step), store)
    log.append(SessionOpened(session_id="s", workspace="/w", model="p/m", created_at_ms=1))
    return log


def facts(state: SessionState) -> dict[str, Any]:
    found = {name: getattr(state, name) for name in state.__slots__ if name != "conversation"}
    return {**found, "messages": state.conversation.messages}


def loaded(store: Any) -> Sequence[Record]:
    return asyncio.run(store.load(ID))


def rows(log: Log, number: int) -> list[RunEventRecord]:
    return list(log.run_events(run_id(number)))


@given(st.lists(runs, max_size=5), limits)
def test_a_log_that_was_pruned_gives_the_same_state_whatever_the_store_has_dropped(
    happened: list[Any], most: SessionRetentionLimits
) -> None:
    dropping, keeping = MemorySessionStore(), OfBefore()
    log, other = begun(dropping, 1), begun(keeping, 1)
    for number, run in enumerate(happened):
        for each in (log, other):
            play(each, number, run)
            retain(each, most)
    log.append(user_said := HistoryAppended(message=user("more")))
    other.append(user_said)
    stored = [decode(encode(record)) for record in loaded(dropping)]

    assert list(log.records) == stored == list(other.records)
    assert facts(fold(stored)) == facts(fold(keeping.records)) == facts(log.state)
    again, late = Log(ID, Steps(), None, stored), Log(ID, Steps(), None, keeping.records)
    assert again.records == late.records == log.records
    assert facts(again.state) == facts(late.state) == facts(log.state)


@given(st.lists(runs, max_size=5), limits)
def test_what_is_left_is_the_newest_and_no_more_than_the_limits_say(
    happened: list[Any], most: SessionRetentionLimits
) -> None:
    log, whole = begun(), begun()
    for number, run in enumerate(happened):
        for each in (log, whole):
            play(each, number, run)
        retain(log, most)

    kept = list(log.state.runs)
    assert kept == _newest([run_id(n) for n in range(len(happened))], most.max_runs_retained)
    for number in (n for n in range(len(happened)) if run_id(n) in kept):
        assert rows(log, number) == _newest(rows(whole, number), most.max_events_per_run)
        assert log.state.runs[run_id(number)] == whole.state.runs[run_id(number)]
    retain(log, most)
    assert traces(log) == _newest(traces(whole), most.max_trace_events)
    for name in ("spent", "artifacts", "blobs", "last_usage", "model"):
        assert getattr(log.state, name) == getattr(whole.state, name)
    assert log.state.conversation.messages == whole.state.conversation.messages


def traces(log: Log) -> list[Event]:
    return [log.at(place).event for place in log.state.traces]


def _newest(rows: list[Any], most: int | None) -> list[Any]:
    return rows if most is None else rows[len(rows) - min(most, len(rows)) :]


@given(st.lists(runs, max_size=4), limits)
def test_only_what_the_state_does_not_need_is_dropped_and_the_count_is_true(
    happened: list[Any], most: SessionRetentionLimits
) -> None:
    log = begun()
    gone: dict[int, Event] = {}
    for number, run in enumerate(happened):
        play(log, number, run)
        before = log.records
        retain(log, most)
        for old, new in zip(before, log.records, strict=False):
            if new.event != old.event:
                gone[old.sequence] = old.event

    pruned = [r.event for r in log.records if isinstance(r.event, RecordsPruned)]
    dropped = [r.sequence for r in log.records if type(r.event) is Dropped]
    assert sum(event.count for event in pruned) == len(dropped)
    named = [n for event in pruned for a, b in event.ranges for n in range(a, b + 1)]
    assert sorted(named) == dropped
    kept = (RunStarted, RunStatusChanged, HistoryAppended, TurnEnd, EffectIntended, EffectSettled)
    assert not [event for event in gone.values() if isinstance(event, kept)]


@given(st.sets(st.integers(0, 60)))
def test_ranges_name_each_number_once_and_as_few_rows_as_there_are_gaps(numbers: set[int]) -> None:
    ranges = list(ranges_of(sorted(numbers)))

    assert [n for first, last in ranges for n in range(first, last + 1)] == sorted(numbers)
    assert all(b[0] > a[1] + 1 for a, b in pairwise(ranges))


def test_a_second_look_finds_nothing_more_to_drop() -> None:
    log = begun()
    for number in range(3):
        play(log, number, ([TextDelta(text="x")] * 9, "completed", []))
    most = SessionRetentionLimits(2, 3, 0)
    retain(log, most)
    length = len(log.records)
    retain(log, most)

    assert len(log.records) == length


def test_a_run_that_goes_on_loses_nothing() -> None:
    log = begun()
    log.append(RunStarted(prompt="p"), run_id(0))
    for _ in range(5):
        log.append(ToolEnd(id="c", name="f", output="", exit_code=0), run_id(0))
    retain(log, SessionRetentionLimits(0, 0, 0))

    assert len(rows(log, 0)) == 5
    assert list(log.state.runs) == [run_id(0)]
    assert len(log.records) == 7


def test_a_run_without_any_event_is_forgotten_as_others_are() -> None:
    log = begun()
    for number in range(2):
        log.append(RunStarted(prompt="p"), run_id(number))
        log.append(RunStatusChanged(status="failed"), run_id(number))
    retain(log, SessionRetentionLimits(1, 0, 0))

    assert list(log.state.runs) == [run_id(1)]


def test_deltas_that_are_partly_beyond_the_limit_are_shown_from_it_on() -> None:
    log = begun()
    play(log, 0, ([TextDelta(text=str(n)) for n in range(9)], "completed", []))
    retain(log, SessionRetentionLimits(max_events_per_run=4))

    assert [(row.sequence, row.event) for row in rows(log, 0)] == [
        (n + 1, TextDelta(text=str(n))) for n in range(5, 9)
    ]
    assert log.state.runs[run_id(0)].event_count == 10


@given(st.lists(runs, min_size=1, max_size=3), limits, st.integers(0, 20), st.integers(1, 7))
def test_a_part_of_a_run_is_a_slice_of_the_whole(
    happened: list[Any], most: SessionRetentionLimits, start: int, length: int
) -> None:
    log = begun()
    for number, run in enumerate(happened):
        play(log, number, run)
        retain(log, most)
    last = len(happened) - 1
    log.append(TextDelta(text="waits"), run_id(last))
    whole = rows(log, last)
    part = list(islice(log.run_events(run_id(last), start), length))

    assert part == [row for row in whole if row.sequence >= start][:length]
    assert log.event_count(run_id(last)) == whole[-1].sequence + 1


async def test_a_log_whose_process_ended_before_the_store_had_dropped_drops_it_next_time() -> None:
    store = MemorySessionStore()
    cut = begun(OfBefore())
    for number in range(2):
        play(cut, number, ([ToolEnd(id="c", name="f", output="x", exit_code=0)], "failed", []))
    retain(cut, SessionRetentionLimits(max_runs_retained=1))
    before = [*cut._store.records]
    for record in before:
        store.append(ID, record)
    log = Log(ID, Steps(), store, await store.load(ID))
    assert any(type(r.event) is Dropped for r in log.records)
    assert not any(type(r.event) is Dropped for r in await store.load(ID))
    retain(log, ALL)

    assert await store.load(ID) == log.records
    assert len(log.records) == len(before)


async def test_a_log_that_was_pruned_in_memory_is_whole_in_the_store_that_it_gets() -> None:
    log, store = begun(), MemorySessionStore()
    for number in range(3):
        play(log, number, ([trace("t"), TextDelta(text="x")], "completed", []))
        retain(log, SessionRetentionLimits(1, 1, 1))
    log.attach(store)
    stored = [decode(encode(record)) for record in await store.load(ID)]

    assert stored == list(log.records)
    assert facts(fold(stored)) == facts(log.state)


def test_a_recorded_end_is_left_when_its_run_is_forgotten() -> None:
    """So anchors that were taken at the end of a run stay checkable."""
    log = begun()
    end = AgentEnd(text="t", usage=Usage(1, 2), verification_summary={})
    play(log, 0, ([end], "completed", []))
    retain(log, SessionRetentionLimits(max_runs_retained=0))

    assert log.state.runs == {}
    assert [type(r.event) for r in log.records if r.run == run_id(0)] == [
        RunStarted,
        RunStatusChanged,
    ]


# The limits themselves


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ({}, ALL),
        ({"max_runs_retained": 3}, SessionRetentionLimits(max_runs_retained=3)),
        (SessionRetentionLimits(1, 2, 3, 4), SessionRetentionLimits(1, 2, 3, 4)),
        ({"max_trace_events": None}, ALL),
    ],
)
def test_limits_are_given_as_such_or_as_an_object(given_: Any, wanted: Any) -> None:
    assert SessionRetentionLimits.of(given_) == wanted


@pytest.mark.parametrize(
    ("given_", "kind", "said"),
    [
        ({"max_runs": 3}, InvalidType, "max_runs"),
        ({"max_runs_retained": -1}, InvalidValue, "max_runs_retained is -1"),
        ({"max_events_per_run": 1.0}, InvalidType, "max_events_per_run"),
        ({"max_trace_events": True}, InvalidType, "max_trace_events"),
        ({"max_terminal_subagent_tasks": "3"}, InvalidType, "max_terminal_subagent_tasks"),
        ({3: 4}, InvalidType, "no limit 3"),
        (5, InvalidType, "retention_limits is a int"),
        ([], InvalidType, "retention_limits is a list"),
    ],
)
def test_wrong_limits_are_refused(given_: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        SessionRetentionLimits.of(given_)


def test_what_belongs_to_no_run_keeps_its_events_and_loses_old_traces() -> None:
    log = begun()
    for _ in range(4):
        log.append(ToolEnd(id="c", name="f", output="", exit_code=0), SESSION)
        log.append(trace("f"), SESSION)
    retain(log, SessionRetentionLimits(0, 0, 1))

    assert len([r for r in log.records if isinstance(r.event, ToolEnd)]) == 4
    assert len(traces(log)) == 1
