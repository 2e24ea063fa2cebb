"""Sessions that are opened, resumed and closed at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from a3s_code import AsyncAgent, FileSessionStore, MemorySessionStore
from a3s_code.errors import InvalidValue, SessionClosed, SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.store import Store
from a3s_code.testing import calls, says
from api.house import WAIT_S, House, come

Employ = Callable[..., AsyncAgent]


class SlowStore(MemorySessionStore):
    """A store of the user that takes its time to load, and says when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self.answer.set()

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Any]:
        self.asked.set()
        await self.answer.wait()
        return await super().load(session, owner)


class LateStore(MemorySessionStore):
    """A store of the user that takes its time to write."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self.answer.set()

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        self.asked.set()
        await self.answer.wait()


class TornStore(MemorySessionStore):
    """A store of the user that cannot keep anything."""

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        raise StoreError(f"{session}: no space left")


@pytest.fixture
async def employ(house: House) -> AsyncIterator[Employ]:
    agents: list[AsyncAgent] = []

    def make(*turns: Any, extra: str = "", **script: Any) -> AsyncAgent:
        script = script or {"default": says("Hello.")}
        agents.append(AsyncAgent(house.serve(*turns, **script).acl(extra=extra)))
        return agents[-1]

    yield make
    for agent in agents:
        await agent.close()


async def began(agent: AsyncAgent, house: House, store: Store, session_id: str = "job-1") -> Any:
    session = agent.session(house.root, session_id=session_id, session_store=store)
    await session.send("hi")
    return session


# Resuming


async def test_an_agent_that_was_closed_meanwhile_gives_no_session(
    house: House, employ: Employ
) -> None:
    agent, store = employ(), SlowStore()
    await (await began(agent, house, store)).close()
    store.answer.clear()
    store.asked.clear()
    resuming = asyncio.create_task(agent.resume_session("job-1", session_store=store))
    await store.asked.wait()
    await agent.close()
    store.answer.set()

    with pytest.raises(SessionClosed):
        await resuming


async def test_a_store_that_was_closed_with_its_agent_is_no_store_error(
    house: House, employ: Employ, tmp_path: Path
) -> None:
    agent = employ()
    options = {"file_session_store": tmp_path / "sessions"}
    session = agent.session(house.root, session_id="job-1", **options)
    await session.send("hi")
    await session.close()
    resuming = asyncio.create_task(agent.resume_session("job-1", **options))
    await asyncio.sleep(0)
    await agent.close()

    with pytest.raises(SessionClosed):
        await resuming


@pytest.mark.parametrize("still_open", [True, False])
async def test_resuming_one_id_many_times_at_once_leaves_one_session_that_works(
    still_open: bool, house: House, employ: Employ, tmp_path: Path
) -> None:
    agent, store = employ(), FileSessionStore(tmp_path / "sessions")
    first = await began(agent, house, store)
    if not still_open:
        await first.close()
    sessions = await asyncio.gather(
        *(agent.resume_session("job-1", session_store=store) for _ in range(5))
    )
    opened = [session for session in sessions if not session.is_closed]

    assert len(opened) == 1
    assert first.is_closed
    assert (await opened[0].send("and now?")).text == "Hello."
    assert [run["prompt"] for run in opened[0].runs()] == ["hi", "and now?"]
    await store.close()


async def test_no_session_is_opened_under_an_id_that_is_being_resumed(
    house: House, employ: Employ
) -> None:
    agent, store = employ(), SlowStore()
    await (await began(agent, house, store)).close()
    store.answer.clear()
    store.asked.clear()
    resuming = asyncio.create_task(agent.resume_session("job-1", session_store=store))
    await store.asked.wait()
    with pytest.raises(InvalidValue, match="job-1"):
        agent.session(house.root, session_id="job-1", session_store=store)
    store.answer.set()

    assert (await (await resuming).send("and now?")).text == "Hello."


def test_a_resume_that_fails_leaves_the_open_session_alone(house: House) -> None:
    agent = house.employ(default=says("Hello."))
    session = agent.session(house.root, session_id="live")
    session.send("hi")
    with pytest.raises(SessionNotFound):
        agent.resume_session("live")

    assert not session.is_closed
    assert len(session.history()) == 2
    assert session.send("and now?").text == "Hello."


async def test_a_run_that_was_active_is_in_the_resumed_session(
    house: House, employ: Employ
) -> None:
    sleep = calls("bash", command="echo $$ > pid; exec sleep 600")
    agent, store = employ(says("Hello."), sleep, says("I see.")), MemorySessionStore()
    first = agent.session(house.root, session_id="job-1", session_store=store, permissive=True)
    await first.send("hi")
    active = asyncio.create_task(first.send("sleep"))
    await asyncio.to_thread(come, lambda: house.has("pid") and house.get("pid"))
    second = await agent.resume_session("job-1", session_store=store)
    with pytest.raises(RuntimeError):
        await active

    assert [run["status"] for run in second.runs()] == ["completed", "cancelled"]
    assert (await second.send("what happened?")).text == "I see."


def test_one_of_many_threads_opens_a_session_of_one_id(house: House) -> None:
    agent = house.employ()

    def attempt(_: int) -> object:
        try:
            return agent.session(house.root, session_id="same")
        except InvalidValue:
            return None

    with ThreadPoolExecutor(8) as threads:
        opened = [session for session in threads.map(attempt, range(200)) if session]
    assert len(opened) == 1


# Closing


async def test_one_session_that_fails_does_not_keep_the_others_open(
    house: House, employ: Employ, tmp_path: Path
) -> None:
    agent = employ()
    torn = [
        agent.session(house.root, session_id=f"torn-{n}", session_store=TornStore())
        for n in range(2)
    ]
    for session in torn:
        with pytest.raises(StoreError):
            await session.send("hi")
    kept = agent.session(house.root, file_session_store=tmp_path / "sessions")
    await kept.send("hi")
    with pytest.raises(StoreError, match="no space left") as caught:
        await agent.close()

    assert all(session.is_closed for session in (*torn, kept))
    assert any("no space left" in note for note in caught.value.__notes__)
    assert agent._assembly._stores._directories == {}
    await agent.close()


@pytest.mark.parametrize("closer", ["session", "agent"])
async def test_an_agent_waits_for_a_session_that_is_being_closed(
    closer: str, house: House, employ: Employ
) -> None:
    agent, store = employ(), LateStore()
    session = await began(agent, house, store)
    store.answer.clear()
    store.asked.clear()
    first = session.close() if closer == "session" else agent.close_session("job-1")
    closing = asyncio.create_task(first)
    await store.asked.wait()
    whole = asyncio.create_task(agent.close())
    ended, _ = await asyncio.wait([whole], timeout=0.05)
    assert ended == set()
    store.answer.set()

    await asyncio.wait_for(asyncio.gather(closing, whole), WAIT_S)


async def test_two_callers_close_an_agent_together(
    house: House, employ: Employ, tmp_path: Path
) -> None:
    agent = employ()
    session = agent.session(house.root, file_session_store=tmp_path / "sessions")
    await session.send("hi")
    await asyncio.gather(agent.close(), agent.close())

    assert session.is_closed


def test_a_session_that_was_closed_is_not_listed_as_open(house: House) -> None:
    agent = house.employ(default=says("Hello."))
    session = agent.session(house.root, session_id="gone")
    session.close()

    assert agent.list_sessions() == []
    assert agent.close_session("gone") is False


async def test_a_closed_agent_opens_no_new_store(house: House, employ: Employ) -> None:
    agent = employ()
    await agent.close()
    with pytest.raises(SessionClosed):
        await agent.list_sessions()
