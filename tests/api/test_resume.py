from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent, FileSessionStore, MemorySessionStore, Session, SessionOptions
from a3s_code.errors import SessionClosed, SessionNotFound
from a3s_code.testing import Script, ScriptedServer, calls, says
from api.house import WAIT_S, WIRES, House, come, unanswered
from kernel.bench import alive


def stored(store: object, **keywords: Any) -> SessionOptions:
    return SessionOptions(session_store=store, session_id="job-1", **keywords)


# The agent's own store


def test_a_session_that_was_saved_can_be_resumed_without_any_store_given(house: House) -> None:
    agent = house.employ(says("Hello Ada."), says("Ada."))
    session = agent.session(house.root, session_id="job-1")
    session.send("I am Ada.")
    session.save()
    session.close()
    later = agent.resume_session("job-1", SessionOptions())

    assert later.session_id == "job-1"
    assert later.workspace == str(house.root)
    assert later.send("Who am I?").text == "Ada."
    assert "Hello Ada." in str(house.bodies[1]["messages"])
    assert [run["prompt"] for run in later.runs()] == ["I am Ada.", "Who am I?"]


def test_a_session_that_saves_itself_needs_no_save(house: House) -> None:
    agent = house.employ(says("Hello."))
    session = agent.session(house.root, session_id="job-1", auto_save=True)
    session.send("hi")
    session.close()

    assert len(agent.resume_session("job-1").history()) == 2


def test_a_session_that_was_not_saved_is_not_there(house: House) -> None:
    agent = house.employ(says("Hello."))
    session = agent.session(house.root, session_id="job-1")
    session.send("hi")
    session.close()

    with pytest.raises(SessionNotFound, match="job-1"):
        agent.resume_session("job-1")
    with pytest.raises(SessionNotFound, match="nobody"):
        agent.resume_session("nobody")


def test_sessions_that_are_open_or_stored_are_listed(house: House) -> None:
    agent = house.employ(default=says("Hello."))
    kept = agent.session(house.root, session_id="kept")
    kept.send("hi")
    kept.save()
    kept.close()
    open_one = agent.session(house.root, session_id="open")
    agent.session(house.root, session_id="dropped")

    assert agent.list_sessions() == ["kept", "open"]
    assert agent.close_session("open") is True
    assert open_one.is_closed
    assert agent.close_session("open") is False
    assert agent.close_session("nobody") is False
    assert agent.list_sessions() == ["kept"]


def test_a_configuration_can_put_the_agents_store_on_disk(house: House, tmp_path: Path) -> None:
    directory = tmp_path / "sessions"
    extra = f'storage_backend = "file"\nsessions_dir = "{directory}"\n'
    agent = house.employ(says("Hello."), extra=extra)
    session = agent.session(house.root, session_id="job-1")
    session.send("hi")
    session.save()
    agent.close()

    other = Agent(house.server.acl(extra=extra))
    assert other.list_sessions() == ["job-1"]
    assert len(other.resume_session("job-1").history()) == 2
    other.close()


def test_resuming_closes_the_session_that_is_still_open(house: House) -> None:
    store = MemorySessionStore()
    agent = house.employ(default=says("Hello."))
    first = agent.session(house.root, stored(store))
    first.send("hi")
    second = agent.resume_session("job-1", stored(store))

    with pytest.raises(SessionClosed):
        first.send("still me")
    assert second.send("me now").text == "Hello."


def test_a_memory_store_has_sessions_of_its_own(house: House) -> None:
    agent = house.employ(default=says("Hello."))
    agent.session(house.root, stored(MemorySessionStore())).send("hi")

    with pytest.raises(SessionNotFound):
        agent.resume_session("job-1", stored(MemorySessionStore()))


# On disk


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.mark.parametrize("form", ["session_store", "file_session_store"])
def test_a_stored_session_goes_on_in_another_agent(
    form: str, house: House, directory: Path
) -> None:
    def options() -> SessionOptions:
        given = FileSessionStore(directory) if form == "session_store" else str(directory)
        return SessionOptions(session_id="job-1", **{form: given})

    session = house.employ(calls("ls"), says("Empty.")).session(house.root, options())
    session.send("look")
    before = _facts(session)
    house.agent.close()
    later = house.employ(says("Still empty.")).resume_session("job-1", options())

    assert _facts(later) == before
    assert later.send("and now?").text == "Still empty."
    assert unanswered(house.bodies[0]) == []
    assert "Empty." in str(house.bodies[0]["messages"])


def _facts(session: Session) -> dict[str, Any]:
    runs = session.runs()
    return {
        "history": session.history(),
        "runs": runs,
        "events": [session.run_events(run["id"]) for run in runs],
        "traces": session.trace_events(),
    }


@pytest.mark.parametrize(
    "command",
    [
        "/clear",
        pytest.param(
            "/model openai/other",
        ),
    ],
)
def test_what_a_command_changed_is_there_after_a_resume(
    command: str, house: House, directory: Path
) -> None:
    session = house.session(says("Hello."), session_store=FileSessionStore(directory))
    session.send("hi")
    session.send(command)
    before = session.history(), session.send("/model").text
    house.agent.close()
    options = SessionOptions(session_store=FileSessionStore(directory))
    later = house.employ().resume_session(session.session_id, options)

    assert (later.history(), later.send("/model").text) == before


@pytest.mark.parametrize("saved_later", [False, True])
def test_an_artifact_is_found_again_after_a_resume(
    saved_later: bool, house: House, directory: Path
) -> None:
    extra = f'storage_backend = "file"\nsessions_dir = "{directory}"\n'
    agent = house.employ(extra=extra)
    session = agent.session(house.root, session_id="job-1", auto_save=not saved_later)
    uri = session.tool("bash", {"command": "seq 1 50000"}).metadata["artifact"]["artifact_uri"]
    session.save()
    agent.close()
    other = Agent(house.server.acl(extra=extra))
    found = other.resume_session("job-1").get_artifact(uri)
    other.close()

    assert found is not None
    assert found["content"].split()[-1] == "50000"
    assert found["tool_name"] == "bash"


def test_a_session_that_its_own_store_knows_goes_on_without_being_resumed(
    house: House, directory: Path
) -> None:
    agent = house.employ(says("Hello Ada."), says("Ada."))
    first = agent.session(house.root, stored(FileSessionStore(directory)))
    first.send("I am Ada.")
    first.close()
    second = agent.session(house.root, stored(FileSessionStore(directory)))

    assert second.send("Who am I?").text == "Ada."
    assert "Hello Ada." in str(house.bodies[1]["messages"])
    assert [run["prompt"] for run in second.runs()] == ["I am Ada.", "Who am I?"]


# After kill -9


class Child:
    """A process of its own that runs a session and is killed in the middle."""

    def __init__(self, server: ScriptedServer, kind: str, root: Path, directory: Path) -> None:
        program = f"""
            from a3s_code import Agent, FileSessionStore
            agent = Agent({server.acl(kind)!r})
            session = agent.session({str(root)!r}, session_id="job-1", permissive=True,
                                    session_store=FileSessionStore({str(directory)!r}))
            session.send("first")
            print("acknowledged", session.runs()[0]["event_count"], flush=True)
            session.send("second")
            """
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
        )

    def acknowledged(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline().split()[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def killed(house: House, directory: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Leave a session whose second run was killed while its tool ran."""
    kind = request.param
    server = house.serve(
        says("One."),
        calls("write", file_path="done.txt", content="x")
        + calls("bash", command="echo $$ > pid; exec sleep 600")
        + calls("write", file_path="never.txt", content="x"),
    )
    child = Child(server, kind, house.root, directory)
    house.put("count", str(child.acknowledged()))
    come(lambda: house.has("pid") and house.get("pid"))
    child.kill()
    yield house
    with suppress(ProcessLookupError):
        os.killpg(int(house.get("pid")), signal.SIGKILL)


@pytest.mark.parametrize("killed", WIRES, indirect=True)
def test_a_session_opens_again_after_its_process_was_killed(
    killed: House, directory: Path, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.params["killed"]
    killed.server.play(Script(says("I see.")))
    agent = Agent(killed.server.acl(kind))
    session = agent.resume_session("job-1", stored(FileSessionStore(directory)))

    first, second = session.runs()
    assert (first["status"], first["result_text"]) == ("completed", "One.")
    assert first["event_count"] == int(killed.get("count")) == len(session.run_events(first["id"]))
    assert second["status"] == "failed"
    assert "process ended" in second["error"]
    tools = [row["event"] for row in session.run_events(second["id"])]
    assert "tool_start" in [event["type"] for event in tools]
    assert killed.get("done.txt") == "x"
    assert not killed.has("never.txt")

    assert session.send("what happened?").text == "I see."
    last = session.history()[-3]["content"]
    assert [block["type"] for block in last] == ["tool_result"] * 3
    assert all(block["is_error"] for block in last[1:])
    assert "unknown" in last[1]["content"].lower()
    assert unanswered(killed.bodies[-1]) == []
    agent.close()


@pytest.mark.parametrize("killed", ["openai"], indirect=True)
def test_a_command_ends_with_the_process_that_started_it(killed: House) -> None:
    pid = int(killed.get("pid"))
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.01)
    pytest.fail("the command goes on")


@pytest.mark.parametrize("killed", ["openai"], indirect=True)
def test_what_had_been_done_before_the_kill_is_not_said_to_be_unknown(
    killed: House, directory: Path
) -> None:
    agent = Agent(killed.server.acl())
    session = agent.resume_session("job-1", stored(FileSessionStore(directory)))
    killed.server.play(Script(says("I see.")))
    session.send("what happened?")
    done, _, never = session.history()[-3]["content"]
    agent.close()

    assert not done["is_error"]
    assert "unknown" not in never["content"].lower()
