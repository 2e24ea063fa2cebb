"""Where sessions are kept, and what becomes of a store that fails."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent, FileSessionStore, MemorySessionStore, SessionOptions
from a3s_code.errors import InvalidValue, SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.testing import calls, says
from api.house import House, run_python


def on_disk(directory: Path) -> str:
    return f'storage_backend = "file"\nsessions_dir = "{directory}"\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


# The configured directory


def test_a_configured_directory_keeps_sessions_without_a_save(
    house: House, directory: Path
) -> None:
    agent = house.employ(default=says("Hello."), extra=on_disk(directory))
    agent.session(house.root, session_id="job-1").send("hi")
    agent.close()

    with Agent(house.server.acl(extra=on_disk(directory))) as other:
        assert other.list_sessions() == ["job-1"]
        assert len(other.resume_session("job-1").history()) == 2


def test_what_was_answered_is_in_the_configured_directory_after_a_kill(
    house: House, directory: Path
) -> None:
    server = house.serve(default=says("Hello."))
    config = server.acl(extra=on_disk(directory))
    run_python(f"""
        import os, signal
        from a3s_code import Agent
        session = Agent({config!r}).session({str(house.root)!r}, session_id="job-1")
        session.send("hi")
        os.kill(os.getpid(), signal.SIGKILL)
        """)

    with Agent(config) as agent:
        assert agent.resume_session("job-1").runs()[0]["status"] == "completed"


def test_a_session_goes_on_when_its_id_is_in_the_configured_directory(
    house: House, directory: Path
) -> None:
    agent = house.employ(default=says("Hello."), extra=on_disk(directory))
    agent.session(house.root, session_id="job-1").send("first")
    agent.close_session("job-1")
    again = agent.session(house.root, session_id="job-1")
    again.send("second")

    assert [run["prompt"] for run in again.runs()] == ["first", "second"]
    agent.close_session("job-1")
    with pytest.raises(InvalidValue, match="is stored for"):
        agent.session(directory, session_id="job-1").send("third")


def test_a_session_that_is_never_used_touches_no_disk(house: House, directory: Path) -> None:
    agent = house.employ(extra=on_disk(directory))
    for _ in range(100):
        agent.session(house.root).tool_names()
    agent.close()

    assert not directory.exists()


def test_a_store_of_its_own_wins_over_the_configured_directory(
    house: House, directory: Path
) -> None:
    agent = house.employ(default=says("Hello."), extra=on_disk(directory))
    agent.session(house.root, session_store=MemorySessionStore()).send("hi")

    assert agent.list_sessions() == []
    agent.close()
    assert not directory.exists()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("extra", "idle"),
    [
        ('storage_backend = "custom"\n', True),
        ('storage_backend = "file"\n', True),
        ('storage_backend = "memory"\n', False),
        ("", False),
    ],
)
def test_a_storage_that_keeps_nothing_is_announced(
    extra: str, idle: bool, told: bool, house: House
) -> None:
    agent = house.employ(default=says("Hello."), extra=extra)
    options = SessionOptions(session_store=MemorySessionStore()) if told else SessionOptions()
    session = agent.session(house.root, options)
    missing = [e for e in session.stream("hi") if e.event_type == "capability_missing"]

    assert ("storage_backend" in (session.init_warning or "")) is (idle and not told)
    assert bool(missing) is (idle and not told)


# What lies beside the records

COMMAND = (calls("bash", command="echo x > made"), says("Ran."))


def traces(directory: Path) -> set[str]:
    """Name what a store's directory has besides records."""
    return {path.name for path in directory.iterdir()} & {"exits", "snapshots"}


def test_a_store_stays_where_it_was_made(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    store = FileSessionStore("sessions")
    monkeypatch.chdir(tmp_path / "there")
    house.session(*COMMAND, permissive=True, session_store=store).send("go")

    assert traces(tmp_path / "here/sessions") == {"exits", "snapshots"}
    assert list((tmp_path / "there").iterdir()) == []


class Wrapped:
    """A thin layer of the user's around a store."""

    def __init__(self, store: FileSessionStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_a_store_in_a_wrapper_has_trees_and_exit_statuses_too(
    house: House, directory: Path
) -> None:
    store = Wrapped(FileSessionStore(directory))
    session = house.session(*COMMAND, permissive=True, session_store=store)
    session.send("go")

    assert traces(directory) == {"exits", "snapshots"}
    session.rewind(session.checkpoints()[0]["id"])
    assert not house.has("made")


class Unsure(MemorySessionStore):
    """Cannot tell where it is."""

    @property
    def directory(self) -> Any:
        raise OSError("not mounted")


class Elsewhere(MemorySessionStore):
    directory: Any = "s3://bucket"


@pytest.mark.parametrize("store", [Unsure, Elsewhere])
def test_a_store_without_a_local_directory_is_taken(
    store: type[MemorySessionStore], house: House
) -> None:
    session = house.session(*COMMAND, permissive=True, session_store=store())

    assert session.send("go").text == "Ran."
    assert house.has("made")


# Stores of the user


class BrokenStore(MemorySessionStore):
    """A store of the user that gives or raises what it was told to."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("how", ["resumed", "opened"])
@pytest.mark.parametrize("answer", [OSError("disk gone"), KeyError("x"), None, [], ["x"], 5])
def test_a_store_that_cannot_load_is_a_store_error(answer: Any, how: str, house: House) -> None:
    agent, store = house.employ(), BrokenStore(answer)
    options = SessionOptions(session_id="job-1", session_store=store)
    attempts = {
        "resumed": lambda: agent.resume_session("job-1", options),
        "opened": lambda: agent.session(house.root, options).send("hi"),
    }
    with pytest.raises(StoreError) as caught:
        attempts[how]()

    assert not isinstance(caught.value, SessionNotFound)
    if isinstance(answer, Exception):
        assert caught.value.__cause__ is answer


def test_a_session_with_a_made_id_is_not_looked_for(house: House) -> None:
    store = BrokenStore(OSError("must not be asked"))

    assert house.session(says("Hello."), session_store=store).send("hi").text == "Hello."


def test_sessions_are_closed_on_disk_when_the_agent_is(house: House, directory: Path) -> None:
    agent = house.employ(default=says("Hello."), extra=on_disk(directory))
    agent.session(house.root).send("hi")
    agent.close()

    open_files = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
    assert not any(str(directory) in name for name in open_files)
