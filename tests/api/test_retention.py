"""What a session shows and keeps when it was given retention limits."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code import (
    FileSessionStore,
    InvalidType,
    InvalidValue,
    MemorySessionStore,
    RunError,
    Session,
    SessionOptions,
    SessionRetentionLimits,
)
from a3s_code.api.event_page import event_page
from a3s_code.kernel.events import RunId, SessionId, TextDelta, ToolEnd
from a3s_code.kernel.fold import fold
from a3s_code.kernel.log import Log
from a3s_code.kernel.records import Dropped, RecordsPruned, RunStarted, RunStatusChanged
from a3s_code.kernel.retention import retain
from a3s_code.persistence.verify import verify
from a3s_code.testing import Script, ScriptedServer, calls, says
from api.house import House
from kernel.bench import WatchedStore
from kernel.test_retention import Steps, facts

S = SessionId("job-1")


def used(session: Session, times: int) -> None:
    for number in range(times):
        session.send(f"prompt {number}")


def bodies(directory: Path) -> bytes:
    """Give all that the store keeps of records."""
    with closing(sqlite3.connect(directory / "sessions.db")) as connection:
        rows = connection.execute("SELECT body FROM records").fetchall()
    return b"\n".join(row[0] for row in rows)


# What is shown


def test_only_the_newest_runs_are_listed(house: House) -> None:
    session = house.session(default=says("Hello."), retention_limits={"max_runs_retained": 2})
    used(session, 4)
    runs = session.runs()

    assert [run["prompt"] for run in runs] == ["prompt 2", "prompt 3"]
    assert all(session.run_events(run["id"]) for run in runs)
    assert len(session.history()) == 8


def test_only_the_newest_events_of_a_run_are_listed_and_all_are_counted(house: House) -> None:
    agent = house.employ(default=says("Hello."))
    whole = agent.session(house.root)
    short = agent.session(house.root, retention_limits=SessionRetentionLimits(None, 3))
    used(whole, 1)
    used(short, 1)
    (all_of_it,), (run,) = whole.runs(), short.runs()
    events = short.run_events(run["id"])

    assert run["event_count"] == all_of_it["event_count"] > 3
    assert [event["sequence"] for event in events] == list(range(run["event_count"]))[-3:]
    assert events[-1]["event"]["type"] == "agent_end"
    wanted = whole.run_events(all_of_it["id"])[-3:]
    assert [e["event"]["type"] for e in events] == [e["event"]["type"] for e in wanted]


def test_only_the_newest_traces_are_listed(house: House) -> None:
    session = house.session(
        *(turn for n in range(3) for turn in (calls("ls"), calls("glob", pattern="*"), says("."))),
        retention_limits={"max_trace_events": 3},
    )
    used(session, 3)

    assert [trace["name"] for trace in session.trace_events()] == ["glob", "ls", "glob"]


def test_a_run_that_goes_on_is_shown_whole(house: House) -> None:
    seen: list[Any] = []

    def look() -> str:
        """Look at the run that this is part of."""
        (run,) = session.runs()
        seen.append((run["status"], len(session.run_events(run["id"])), run["event_count"]))
        return "seen"

    session = house.session(
        calls("look"), says("Done."), tools=[look], permissive=True,
        retention_limits={"max_runs_retained": 0, "max_events_per_run": 0},
    )  # fmt: skip
    session.send("look")

    ((status, shown, counted),) = seen
    assert (status, shown) == ("executing", counted)
    assert shown > 2
    assert session.runs() == []


def test_a_run_without_an_answer_is_held_to_the_limits_too(house: House) -> None:
    session = house.session(
        default=calls("ls"), max_tool_rounds=2,
        retention_limits={"max_runs_retained": 1, "max_events_per_run": 2},
    )  # fmt: skip
    for number in range(2):
        with pytest.raises(RunError):
            session.send(f"prompt {number}")
    (run,) = session.runs()

    assert (run["prompt"], run["status"]) == ("prompt 1", "failed")
    assert [e["sequence"] for e in session.run_events(run["id"])] == list(
        range(run["event_count"] - 2, run["event_count"])
    )


# What is kept


def test_what_is_beyond_the_limits_is_not_in_the_store_any_more(
    house: House, tmp_path: Path
) -> None:
    options = SessionOptions(
        session_store=FileSessionStore(tmp_path / "s"),
        session_id="job-1",
        retention_limits={"max_runs_retained": 1, "max_events_per_run": 2},
    )
    house.put("kept.txt", "the content of the file")
    turns = (calls("read", file_path="kept.txt"), says("Hello."))
    session = house.employ(*turns * 3).session(house.root, options)
    used(session, 3)
    head = session.log_head()
    house.agent.close()

    kept = bodies(tmp_path / "s")
    assert kept.count(b'"tool_end"') == 0
    assert kept.count(b'"agent_end"') == 1
    assert kept.count(b'"delta_batch"') == kept.count(b'"tool_start"') == 0
    assert kept.count(b'"history_appended"') == 12
    assert head is not None
    assert [r.faults for r in verify(tmp_path / "s", "job-1", head["hash"])] == [[], [], []]


def test_a_resumed_session_keeps_its_limits_until_it_is_given_others(
    house: House, tmp_path: Path
) -> None:
    def store() -> FileSessionStore:
        return FileSessionStore(tmp_path / "s")

    agent = house.employ(default=says("Hello."))
    limits = {"max_runs_retained": 2}
    first = agent.session(
        house.root, session_store=store(), session_id="job-1", retention_limits=limits
    )
    used(first, 3)
    before = first.runs(), [first.run_events(run["id"]) for run in first.runs()]
    first.close()
    again = agent.resume_session("job-1", session_store=store())

    assert (again.runs(), [again.run_events(run["id"]) for run in again.runs()]) == before
    used(again, 1)
    assert [run["prompt"] for run in again.runs()] == ["prompt 2", "prompt 0"]
    again.close()
    fewer = agent.resume_session(
        "job-1", session_store=store(), retention_limits=SessionRetentionLimits(1)
    )
    assert [run["prompt"] for run in fewer.runs()] == ["prompt 0"]


class OfBefore(WatchedStore):
    """A store of the user that was written before bodies could be dropped."""


def test_a_store_that_cannot_drop_keeps_all_and_the_session_goes_on(house: House) -> None:
    store = OfBefore()
    agent = house.employ(default=says("Hello."))
    limits = SessionRetentionLimits(1, 1, 1)
    session = agent.session(
        house.root, session_store=store, session_id="job-1", retention_limits=limits
    )
    used(session, 3)
    shown = session.runs()
    session.close()

    assert len(shown) == 1
    assert not any(isinstance(record.event, Dropped) for record in store.records)
    assert agent.resume_session("job-1", session_store=store).runs() == shown


def test_a_store_that_fails_at_dropping_fails_no_run(house: House) -> None:
    class Clumsy(MemorySessionStore):
        def prune(self, *_: Any) -> None:
            raise OSError("not now")

    session = house.session(
        default=says("Hello."), session_store=Clumsy(), retention_limits={"max_runs_retained": 1}
    )
    used(session, 3)
    session.save()

    assert len(session.runs()) == 1


def test_without_limits_all_is_kept(house: House) -> None:
    store = MemorySessionStore()
    session = house.session(default=says("Hello."), session_store=store, session_id="job-1")
    used(session, 3)
    records = asyncio.run(store.load(S, None))

    assert len(session.runs()) == 3
    assert not any(isinstance(record.event, RecordsPruned) for record in records)


# The option


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"max_runs_retained": -1}, InvalidValue),
        ({"max_runs": 1}, InvalidType),
        (7, InvalidType),
    ],
)
def test_wrong_limits_are_refused_when_the_session_is_created(
    wrong: Any, kind: type[Exception], house: House
) -> None:
    with pytest.raises(kind):
        house.employ().session(house.root, retention_limits=wrong)


# Pages


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 3), max_size=30),
    st.none() | st.integers(0, 40),
    st.none() | st.integers(0, 40),
    st.integers(1, 12),
)
def test_pages_put_together_are_the_whole_list(
    kinds: list[int], cap: int | None, after: int | None, limit: int
) -> None:
    run, log = RunId("run-1"), Log(S, Steps(), None)
    log.append(RunStarted(prompt="p"), run)
    for kind in kinds:
        event = ToolEnd(id="c", name="f", output="", exit_code=0) if kind == 0 else None
        log.append(event or TextDelta(text=str(kind)), run)
    if cap is not None:
        log.append(RunStatusChanged(status="completed"), run)
        retain(log, SessionRetentionLimits(max_events_per_run=cap))
    whole = list(log.run_events(run))
    seen, at, more = [], after, True
    while more:
        page = event_page(log, run, at, limit)
        assert page is not None
        assert len(page["events"]) <= limit
        assert page["latest_sequence_exclusive"] == len(kinds)
        assert page["first_available_sequence"] == (whole[0].sequence if whole else page_end(page))
        assert page["retention_gap"] is ((-1 if at is None else at) + 1 < len(kinds) - len(whole))
        seen += [event["sequence"] for event in page["events"]]
        at, more = page["next_after_sequence"], page["has_more"]
        assert more is (bool(whole) and (at or 0) < whole[-1].sequence and at is not None)

    start = 0 if after is None else after + 1
    assert seen == [row.sequence for row in whole if row.sequence >= start]


def page_end(page: dict[str, Any]) -> int:
    """All were dropped, or there was none: the next one is the first that can be had."""
    return page["latest_sequence_exclusive"]


def test_a_long_run_is_followed_page_by_page(house: House) -> None:
    session = house.session(says(*["word "] * 40))
    session.send("go")
    (run,) = session.runs()
    events, after = [], None
    while True:
        page = session.run_event_page(run["id"], after, 7)
        assert page is not None
        events += page["events"]
        after = page["next_after_sequence"]
        if not page["has_more"]:
            break

    assert events == session.run_events(run["id"])
    assert len(events) == run["event_count"] > 7
    default = session.run_event_page(run["id"])
    assert default is not None
    assert default["events"] == events


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"limit": 0}, InvalidValue),
        ({"limit": True}, InvalidType),
        ({"limit": "7"}, InvalidType),
        ({"after_sequence": -1}, InvalidValue),
        ({"after_sequence": 1.0}, InvalidType),
    ],
)
def test_a_page_that_cannot_be_given_is_refused(
    wrong: dict[str, Any], kind: type[Exception], house: House
) -> None:
    session = house.session(says("Hello."))
    with pytest.raises(kind):
        session.run_event_page("run-1", **wrong)
    session.send("hi")

    assert session.run_event_page("nobody") is None


# A process that ends around pruning


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_process_killed_around_pruning_leaves_the_same_session(
    moment: str, tmp_path: Path
) -> None:
    """`before`: the record is durable and the bodies are not dropped yet."""
    with ScriptedServer(Script(default=says("Hello."))) as server:
        program = textwrap.dedent(f"""
            import os, signal
            from a3s_code import Agent, FileSessionStore
            from a3s_code.persistence import sqlite_tables

            prune, moment, calls = sqlite_tables._Transaction._prune, {moment!r}, []

            def die(self, writer, ranges):
                calls.append(ranges)
                last = len(calls) == 2
                if last and moment == "before":
                    self.flush()
                    self._connection.execute("COMMIT")
                    os.kill(os.getpid(), signal.SIGKILL)
                prune(self, writer, ranges)
                if last:
                    self.flush()
                    self._connection.execute("COMMIT")
                    os.kill(os.getpid(), signal.SIGKILL)

            sqlite_tables._Transaction._prune = die
            agent = Agent({server.acl()!r})
            session = agent.session({str(tmp_path)!r}, session_id="job-1",
                                    retention_limits={{"max_runs_retained": 1}},
                                    session_store=FileSessionStore({str(tmp_path / "s")!r}))
            while True:
                session.send("hi")
        """)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=dict(os.environ)
        )
        assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    store = FileSessionStore(tmp_path / "s")
    stored = await store.load(S, None)
    log = Log(S, Steps(), store, await store.load(S, "next"), "next")
    undropped = [r.sequence for r in stored if r != log.at(r.sequence)]
    retain(log, SessionRetentionLimits(max_runs_retained=1))
    await log.barrier()

    assert bool(undropped) is (moment == "before")
    assert facts(fold(stored)) == facts(fold(log.records)) == facts(log.state)
    assert await store.load(S, "next") == list(log.records)
    await store.close()
    assert [report.faults for report in verify(tmp_path / "s")] == [[], [], []]
