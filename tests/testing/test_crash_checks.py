"""What the crash kit looks at after a kill, one look at a time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from a3s_code import AsyncAgent, FileSessionStore
from a3s_code.kernel.events import RunId, SessionId
from a3s_code.kernel.records import Dropped, Record, RecordsPruned, SessionEnded, TraceRecorded
from a3s_code.testing import CrashingStore, CrashStage, CrashTally, Script, ScriptedServer, says
from a3s_code.testing.crash_effects import Effects, took_effect
from a3s_code.testing.crash_examine import FilePlan, Left, OpenCall, Settled, examine
from a3s_code.testing.crash_store import Differs, told

SESSION = SessionId("s")
RUN = RunId("r")
COUNTERS = {"counter.txt": {"one", "two"}}
COUNT = OpenCall("c1", '{"command":"printf \'one\\\\n\' >> counter.txt"}', False, ())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def left(**settled: Settled) -> Left:
    return Left(0, 0, (COUNT,), settled, (), ())


def after(workspace: Path, settled: Settled | None, in_doubt: set[str] | None) -> list[str]:
    """Give the faults of a process that goes on after a kill that left `COUNT` open."""
    effects = Effects()
    effects.killed(left(), workspace, COUNTERS)
    return effects.faults_after(left(c1=settled) if settled else left(), in_doubt)


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("says", ["done", "not_done"])
def test_a_settlement_that_is_not_so_is_a_fault(says: str, is_done: bool, tmp_path: Path) -> None:
    (tmp_path / "counter.txt").write_text("two\none\n" if is_done else "two\n")
    faults = after(tmp_path, Settled(says, "a file"), set())

    assert bool(faults) == (is_done != (says == "done"))


def test_what_is_open_has_to_be_settled_with_evidence_or_said_to_be_in_doubt(
    tmp_path: Path,
) -> None:
    assert after(tmp_path, None, {"c1"}) == []
    assert after(tmp_path, None, None) == [], "the process did not come to say anything"
    assert after(tmp_path, None, set()) == ["call c1 is neither settled nor in doubt"]
    assert "without evidence" in after(tmp_path, Settled("failed", ""), set())[0]
    assert after(tmp_path, Settled("interrupted", "a file"), set()) == []


@pytest.mark.parametrize(
    ("content", "took"), [("new", True), ("old", False), ("something else", None)]
)
def test_a_write_is_told_by_the_content_of_its_file(
    content: str, took: bool | None, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text(content)
    call = OpenCall("c1", "{}", True, (FilePlan("a", sha256("old"), sha256("new")),))

    assert took_effect(call, tmp_path, {}) is took


async def test_what_was_pruned_or_let_go_of_is_not_lost(tmp_path: Path) -> None:
    tally = CrashTally(tmp_path / "tally")
    store = CrashingStore(FileSessionStore(tmp_path / "store"), tally)
    for sequence in range(3):
        store.append(SESSION, traced(sequence))
    for text in ("kept", "gone"):
        store.put_blob(SESSION, sha256(text), text.encode())
    await store.barrier(SESSION)
    store.append(SESSION, Record(3, 0, RUN, RecordsPruned(count=1, ranges=((1, 1),))))
    store.prune(SESSION, [(1, 1)])
    store.drop_blob(SESSION, sha256("gone"))
    await store.barrier(SESSION)
    await store.close()
    again = FileSessionStore(tmp_path / "store")
    found = await again.load(SESSION, None)
    state = await examine(again, tmp_path / "store", told(tmp_path / "tally"), "s")

    assert isinstance(found[1].event, Dropped)
    assert state.faults == ()
    assert (state.acknowledged, state.found) == (4, 4)


async def test_what_is_empty_without_having_been_pruned_is_a_fault(tmp_path: Path) -> None:
    tally = CrashTally(tmp_path / "tally")
    inner = FileSessionStore(tmp_path / "store")
    store = CrashingStore(inner, tally)
    for sequence in range(3):
        store.append(SESSION, traced(sequence))
    store.put_blob(SESSION, sha256("gone"), b"gone")
    await store.barrier(SESSION)
    inner.prune(SESSION, [(1, 1)])
    inner.drop_blob(SESSION, sha256("gone"))
    await store.close()
    again = FileSessionStore(tmp_path / "store")
    state = await examine(again, tmp_path / "store", told(tmp_path / "tally"), "s")

    said = "\n".join(state.faults)
    assert "record 1 is empty, not pruned" in said
    assert f"blob {sha256('gone')} of s is needed and lost" in said


async def test_a_session_that_is_not_the_fold_of_its_log_is_found_out(tmp_path: Path) -> None:
    tally = CrashTally(tmp_path / "tally")
    store = CrashingStore(FileSessionStore(tmp_path / "store"), tally)
    with ScriptedServer(Script(default=says("Hello."))) as server:
        stage = CrashStage(store, tmp_path, "s", server.acl(), server.base_url, tally)
        async with AsyncAgent(stage.config) as agent:
            session = await stage.session(agent)
            await session.send("Hello.")
            await stage.compare(session)
            state = session._engine.log.state
            state.model = "another"
            await stage.compare(session)

    facts = [fact.fields for fact in told(tmp_path / "tally") if isinstance(fact, Differs)]
    assert facts == [(), ("model",)]


def traced(sequence: int) -> Record:
    if sequence == 2:
        return Record(sequence, 0, RUN, SessionEnded())
    trace = TraceRecorded(
        kind="tool", name="ls", success=True, exit_code=0, duration_ms=1, output_bytes=1
    )
    return Record(sequence, 0, RUN, trace)
