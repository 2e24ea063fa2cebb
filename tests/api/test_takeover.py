"""One session, several agents: one is at work, and who was overtaken is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from a3s_code import Agent, FileSessionStore, SessionInUse, SessionOptions, SessionTakenOver
from a3s_code.testing import says
from api.house import House, meanwhile


def stored(directory: Path) -> SessionOptions:
    return SessionOptions(session_store=FileSessionStore(directory), session_id="job-1")


def test_a_session_cannot_be_resumed_while_another_agent_runs_it(
    house: House, tmp_path: Path
) -> None:
    first = house.employ(says("One."), says("Two.", delay_s=2), says("Three."))
    second = Agent(house.server.acl())
    session = first.session(house.root, stored(tmp_path / "s"))
    session.send("hi")
    with meanwhile(lambda: session.send("go on").text) as said:
        house.server.wait_for_requests(2)
        time.sleep(0.3)  # what the run recorded first is on its way to the disk
        with pytest.raises(SessionInUse, match="job-1"):
            second.resume_session("job-1", stored(tmp_path / "s"))
    later = second.resume_session("job-1", stored(tmp_path / "s"))

    assert said == ["Two."]
    assert later.send("and now?").text == "Three."
    assert len(later.runs()) == 3
    second.close()


def test_what_an_overtaken_session_would_do_is_not_done(house: House, tmp_path: Path) -> None:
    first = house.employ(default=says("Hello."))
    second = Agent(house.server.acl())
    session = first.session(house.root, stored(tmp_path / "s"))
    session.send("hi")
    later = second.resume_session("job-1", stored(tmp_path / "s"))

    with pytest.raises(SessionTakenOver, match="job-1"):
        session.write_file("late.txt", "x")
    assert not house.has("late.txt")
    assert later.send("go on").text == "Hello."
    assert [run["status"] for run in later.runs()] == ["completed", "completed"]
    second.close()
    with pytest.raises(SessionTakenOver):
        first.close()
