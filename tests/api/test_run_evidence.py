"""What a stored run leaves besides its events: the tools it was shown, and its files at the end."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import TypeVar

import pytest

from a3s_code import (
    FileSessionStore,
    LimitReached,
    MemorySessionStore,
    Record,
    RunCancelled,
    Session,
)
from a3s_code.kernel.events import SessionId, SnapshotsOff
from a3s_code.kernel.records import Event, SnapshotTaken, ToolsOffered
from a3s_code.testing import calls, says
from a3s_code.workspace import snapshots
from a3s_code.workspace.snapshot_take import SnapshotLimits
from api.house import House, come, meanwhile
from api.test_interrupted import Job

E = TypeVar("E", bound=Event)

WRITE = calls("write", file_path="a", content="x")


@pytest.fixture
def store(tmp_path: Path) -> FileSessionStore:
    return FileSessionStore(tmp_path / "sessions")


def recorded(house: House, store: FileSessionStore, session: Session) -> list[Record]:
    session_id = SessionId(session.session_id)
    house.agent.close()
    return list(asyncio.run(FileSessionStore(store.dir).load(session_id, None)))


def of(kind: type[E], records: list[Record]) -> list[E]:
    return [each.event for each in records if isinstance(each.event, kind)]


def test_the_tools_that_the_model_is_shown_are_kept_once_for_as_long_as_they_are_the_same(
    house: House, store: FileSessionStore
) -> None:
    def more(words: str) -> str:
        """Say more."""
        return words

    session = house.session(says("One."), says("Two."), says("Three."), session_store=store)
    session.send("one")
    session.send("two")
    session.register_tool(more)
    session.send("three")
    shown = [{row["function"]["name"] for row in body["tools"]} for body in house.bodies]

    first, second = of(ToolsOffered, recorded(house, store, session))
    assert set(first.names) == shown[0] == shown[1]
    assert set(second.names) == shown[2] == shown[0] | {"more"}
    kept = FileSessionStore(store.dir)
    for offered, body in ((first, house.bodies[0]), (second, house.bodies[2])):
        data = asyncio.run(kept.get_blob(SessionId(session.session_id), offered.sha256))
        assert data is not None
        assert hashlib.sha256(data).hexdigest() == offered.sha256
        sent = [row["function"] for row in body["tools"]]
        assert json.loads(data) == [
            {
                "name": row["name"],
                "description": row["description"],
                "input_schema": row["parameters"],
            }
            for row in sent
        ]


def test_a_run_that_changed_something_ends_with_a_tree(
    house: House, store: FileSessionStore
) -> None:
    turns = (WRITE, says("Written."), calls("bash", command="echo > b"), says("Ran."))
    session = house.session(*turns, says("Only words."), permissive=True, session_store=store)
    for prompt in ("write", "run", "talk"):
        session.send(prompt)
    runs = [run["id"] for run in session.runs()]
    records = recorded(house, store, session)
    taken = [each for each in records if isinstance(each.event, SnapshotTaken)]

    assert [each.run for each in taken] == [runs[0], runs[1], runs[1]]
    assert [each.why for each in of(SnapshotTaken, records)] == ["end", "bash", "end"]


def test_a_run_that_failed_ends_with_a_tree_too(house: House, store: FileSessionStore) -> None:
    options = {"permissive": True, "session_store": store, "max_tool_rounds": 1}
    session = house.session(WRITE, calls("read", file_path="a"), **options)
    with pytest.raises(LimitReached):
        session.send("write")

    assert len(of(SnapshotTaken, recorded(house, store, session))) == 1


def test_nobody_who_stops_a_run_waits_for_its_tree(house: House, store: FileSessionStore) -> None:
    turns = (WRITE, calls("bash", command="touch ran; sleep 600"))
    session = house.session(*turns, permissive=True, session_store=store)
    with meanwhile(lambda: session.send("write")) as came:
        come(lambda: house.has("ran") or None)
        assert session.cancel()
    assert isinstance(came[0], RunCancelled)

    taken = of(SnapshotTaken, recorded(house, store, session))
    assert [each.why for each in taken] == ["bash"]


def test_a_store_that_is_not_on_the_disk_costs_no_tree(house: House) -> None:
    store = MemorySessionStore()
    session = house.session(WRITE, says("Written."), permissive=True, session_store=store)
    session.send("write")
    records = asyncio.run(store.load(SessionId(session.session_id), None))

    assert of(SnapshotTaken, list(records)) == []
    assert len(of(ToolsOffered, list(records))) == 1


def test_a_workspace_that_cannot_be_taken_at_the_end_is_said_and_the_run_ends_well(
    house: House, store: FileSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SnapshotLimits", lambda: SnapshotLimits(max_files=1))
    for name in "xyz":
        house.put(name)
    session = house.session(WRITE, says("Written."), permissive=True, session_store=store)

    assert session.send("write").text == "Written."
    assert len(of(SnapshotsOff, recorded(house, store, session))) == 1


def test_an_answer_is_not_lost_when_the_process_dies_over_the_tree(
    house: House, tmp_path: Path
) -> None:
    job = Job(house, tmp_path)
    job.die(WRITE, says("Written."), before="SnapshotTaken")
    (run,) = job.resume().runs()

    assert (run["status"], run["result_text"]) == ("completed", "Written.")
