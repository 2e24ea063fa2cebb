from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.api.recovery import recover
from a3s_code.kernel.events import (
    AgentEnd,
    AgentStart,
    ConfirmationRequired,
    RunId,
    SessionId,
    TextDelta,
    ToolOutputDelta,
    TurnEnd,
)
from a3s_code.kernel.fold import fold, run_events
from a3s_code.kernel.log import BATCH_CHARS, Log
from a3s_code.kernel.messages import Message, Text, ToolCall, ToolResult, Usage, user
from a3s_code.kernel.records import (
    Event,
    HistoryAppended,
    HistoryReplaced,
    ModelSwitched,
    Record,
    RunStarted,
    RunStatusChanged,
    SessionEnded,
    SessionOpened,
)
from a3s_code.kernel.state import SessionState

RUN = RunId("run-1")


class StillClock:
    def __init__(self) -> None:
        self.time = 0.0

    def now_ms(self) -> int:
        return 1_000

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def opened() -> SessionOpened:
    return SessionOpened(session_id="s", workspace="/w", model="p/m", created_at_ms=1)


def log_of(*events: Event) -> Log:
    """Give a log that holds `events`, the last of which may be a delta that still waits."""
    log = Log(SessionId("s"), StillClock(), None)
    log.append(opened())
    for event in events:
        log.append(event, RUN)
    return log


def facts(state: SessionState) -> tuple[object, ...]:
    return (state.model, state.conversation.messages, state.runs, state.spent, state.artifacts)


events = st.one_of(
    st.builds(AgentStart, prompt=st.text()),
    st.builds(TextDelta, text=st.text()),
    st.builds(ToolOutputDelta, id=st.sampled_from("ab"), name=st.just("bash"), delta=st.text()),
    st.builds(TurnEnd, turn=st.integers(1, 9), usage=st.builds(Usage, st.integers(0, 99))),
    st.builds(RunStarted, prompt=st.text()),
    st.builds(RunStatusChanged, status=st.sampled_from(("completed", "failed", "cancelled"))),
    st.builds(HistoryAppended, message=st.builds(user, st.text()), isolated=st.booleans()),
    st.builds(HistoryReplaced, messages=st.just(()), reason=st.just("clear")),
    st.builds(ModelSwitched, model=st.text()),
)


@given(st.lists(events))
def test_the_fold_over_a_stored_log_gives_the_state_the_session_had(happened: list[Event]) -> None:
    log = log_of(*happened)
    log.append(SessionEnded())
    stored = msgspec.json.decode(msgspec.json.encode(log.records), type=list[Record])

    assert facts(fold(stored)) == facts(log.state)


@given(st.lists(events))
def test_run_events_are_the_stream_events_in_order_without_gaps(happened: list[Event]) -> None:
    log = log_of(RunStarted(prompt="p"), *happened)
    rows = run_events(log.records, RUN)
    shown = [
        e for e in happened if isinstance(e, AgentStart | TextDelta | ToolOutputDelta | TurnEnd)
    ]

    assert [row.event for row in rows] == shown
    assert [row.sequence for row in rows] == list(range(len(rows)))


@given(st.lists(events))
def test_event_count_is_the_number_of_run_events(happened: list[Event]) -> None:
    log = log_of(RunStarted(prompt="p"), *(e for e in happened if not isinstance(e, RunStarted)))
    log.append(SessionEnded())
    rows = run_events(log.records, RUN)

    assert log.state.runs[RUN].event_count == len(rows)


def test_a_run_that_has_ended_never_changes_its_status_again() -> None:
    log = log_of(
        RunStarted(prompt="p"),
        RunStatusChanged(status="completed", result_text="done"),
        RunStatusChanged(status="failed", error="late"),
    )
    run = log.state.runs[RUN]

    assert (run.status, run.result_text, run.error) == ("completed", "done", None)


def test_messages_of_an_isolated_run_leave_the_conversation_alone() -> None:
    log = log_of(
        HistoryAppended(message=user("mine")),
        HistoryAppended(message=Message("assistant", (Text("theirs"),)), isolated=True),
    )

    assert log.state.conversation.messages == (user("mine"),)


def test_consecutive_deltas_are_one_record() -> None:
    log = log_of(*(TextDelta(text=f"{n} ") for n in range(100)))

    assert len(log.records) == 2
    assert len(run_events(log.records, RUN)) == 100


def test_a_long_run_of_deltas_is_cut_into_records_of_bounded_size() -> None:
    log = log_of(*(TextDelta(text="x" * 1024) for _ in range(200)))

    assert 3 < len(log.records) < 8
    assert all(len(msgspec.json.encode(r)) < 2 * BATCH_CHARS for r in log.records)


def test_a_delta_after_a_pause_begins_a_record_of_its_own() -> None:
    clock = StillClock()
    log = Log(SessionId("s"), clock, None)
    for _ in range(3):
        log.append(TextDelta(text="x"), RUN)
        clock.time += 1

    assert len(log.records) == 3


def test_the_end_of_a_run_is_among_its_events() -> None:
    end = AgentEnd(text="t", usage=Usage(1, 2), verification_summary={"status": "skipped"})
    log = log_of(RunStarted(prompt="p"), end)

    assert [row.event for row in run_events(log.records, RUN)] == [end]


def _asked(call_id: str) -> Event:
    return ConfirmationRequired(tool_id=call_id, tool_name="bash", args={}, timeout_ms=0)


@pytest.mark.parametrize(
    ("asked", "ended", "left"),
    [
        ("c1", "c1", False),
        ("c1.2", "c1", False),
        ("c1.2.3", "c1", False),
        ("functions.bash:0", "functions.bash:0", False),
        ("functions.bash:0.1", "functions.bash:0", False),
        ("c10", "c1", True),
        ("c1", "c1.2", True),
    ],
)
def test_questions_go_with_the_call_that_they_belong_to(asked: str, ended: str, left: bool) -> None:
    message = Message("tool", (ToolResult(ended, "done"),))
    state = log_of(_asked(asked), HistoryAppended(message=message)).state
    assert (asked in state.approvals) is left


@pytest.mark.parametrize("asked", ["functions.bash:0", "functions.bash:0.1"])
def test_a_question_about_a_call_that_has_a_dot_in_its_id_survives_a_compaction(
    asked: str,
) -> None:
    call = ToolCall("functions.bash:0", "bash", {})
    compacted = HistoryReplaced(messages=(Message("assistant", (call,)),), reason="compact")
    assert asked in log_of(_asked(asked), compacted).state.approvals
    recovered = log_of(HistoryAppended(message=Message("assistant", (call,))), _asked(asked))
    recover(recovered)
    assert asked in recovered.state.approvals
