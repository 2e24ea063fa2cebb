"""How a run ends: the last records, and what was said when there is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from a3s_code import AsyncAgent, AsyncSession, MemorySessionStore, SessionOptions
from a3s_code.api.event import AgentEvent
from a3s_code.errors import LimitReached, RunCancelled, RunError, StoreError
from a3s_code.kernel.events import AgentEnd, SessionId
from a3s_code.kernel.records import RunStatusChanged
from a3s_code.testing import Script, ScriptedServer, breaks, calls, says
from api.house import House, arrive, come, meanwhile
from kernel.bench import WatchedStore


class LastStraw(WatchedStore):
    """A store whose barrier fails, or hangs, once an event of one type was handed over."""

    def __init__(self, kind: type, *, hangs: bool = False) -> None:
        super().__init__()
        self.kind, self.hangs = kind, hangs
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    async def barrier(self, session: SessionId, owner: str = "") -> None:
        if any(isinstance(record.event, self.kind) for record in self.records):
            self.reached.set()
            if not self.hangs:
                raise StoreError("The disk is full.")
            await self.go.wait()
        await super().barrier(session, owner)


@pytest.fixture
async def agent(house: House) -> AsyncIterator[AsyncAgent]:
    made = AsyncAgent(house.serve(default=says("It is 4.")).acl())
    yield made
    await made.close()


def ends(agent: AsyncAgent, house: House, store: WatchedStore) -> AsyncSession:
    return agent.session(house.root, SessionOptions(session_store=store, session_id="s"))


async def shown(session: AsyncSession) -> list[AgentEvent]:
    return [event async for event in session.stream("2+2")]


# The last records


async def test_an_end_that_cannot_be_kept_is_never_shown(agent: AsyncAgent, house: House) -> None:
    session = ends(agent, house, LastStraw(AgentEnd))
    types = [event.event_type for event in await shown(session)]

    assert "end" not in types
    assert types[-1] == "error"
    assert session.runs()[0]["status"] == "failed"
    with pytest.raises(StoreError):
        await session.close()


async def test_a_run_whose_end_cannot_be_kept_fails(agent: AsyncAgent, house: House) -> None:
    session = ends(agent, house, LastStraw(AgentEnd))
    with pytest.raises(StoreError):
        await session.send("2+2")

    assert session.runs()[0]["status"] == "failed"
    with pytest.raises(StoreError):
        await session.close()


async def test_a_run_that_is_cancelled_before_its_end_is_kept_is_a_cancelled_run(
    agent: AsyncAgent, house: House
) -> None:
    store = LastStraw(AgentEnd, hangs=True)
    session = ends(agent, house, store)
    reading = asyncio.create_task(shown(session))
    await store.reached.wait()
    cancelling = asyncio.create_task(session.cancel())
    await asyncio.sleep(0)
    store.go.set()
    assert await cancelling is True
    types = [event.event_type for event in await reading]

    assert "end" not in types
    assert types[-1] == "error"
    assert session.runs()[0]["status"] == "cancelled"
    assert session.history()[-1]["content"][0]["text"] == "It is 4."


async def test_a_cancellation_that_comes_after_the_end_was_kept_changes_nothing(
    agent: AsyncAgent, house: House
) -> None:
    store = LastStraw(RunStatusChanged, hangs=True)
    session = ends(agent, house, store)
    sending = asyncio.create_task(session.send("2+2"))
    await store.reached.wait()
    await session.cancel()

    assert (await sending).text == "It is 4."
    assert session.runs()[0]["status"] == "completed"
    store.go.set()


async def test_the_end_is_durable_when_it_is_shown(agent: AsyncAgent, house: House) -> None:
    store = WatchedStore()
    session = ends(agent, house, store)
    async for event in session.stream("2+2"):
        if event.event_type == "end":
            assert store.safe(AgentEnd)
            assert store.safe(RunStatusChanged)


async def test_a_run_whose_process_died_behind_its_answer_has_completed(
    agent: AsyncAgent, house: House
) -> None:
    store = WatchedStore()
    await ends(agent, house, store).send("2+2")
    assert isinstance(store.records.pop().event, RunStatusChanged)
    later = await agent.resume_session("s", SessionOptions(session_store=store))

    (run,) = later.runs()
    assert (run["status"], run["result_text"]) == ("completed", "It is 4.")


async def test_a_run_whose_process_died_behind_its_failure_has_failed_as_it_says(
    house: House,
) -> None:
    store = MemorySessionStore()
    with ScriptedServer(Script(*[calls("ls")] * 4)) as server:
        agent = AsyncAgent(server.acl())
        session = ends(agent, house, store)  # pyright: ignore[reportArgumentType] - any store
        with pytest.raises(LimitReached):
            await session.send("look")
        await session.close()
        log = store._logs
        assert log is not None
        assert isinstance(log[SessionId("s")].pop().event, RunStatusChanged)
        later = await agent.resume_session("s", SessionOptions(session_store=store))
        (run,) = later.runs()
        await agent.close()

    assert run["status"] == "failed"
    assert "duplicate_tool_call_threshold" in run["error"]


# What was said

TALK = breaks("hang_mid", says("first half, second half"))


def spoken(session: Any) -> str:
    """Give the last words of the model in the conversation."""
    said = [row for row in session.history() if row["role"] == "assistant"]
    return said[-1]["content"][0]["text"]


def cancelled(house: House, **keywords: Any) -> tuple[Any, RunError]:
    session = house.session(TALK, **keywords)
    with meanwhile(lambda: session.send("talk")) as came:
        come(lambda: session.runs() and "text_delta" in str(session.run_events(run_id(session))))
        session.cancel()
    assert isinstance(came[0], RunCancelled)
    return session, came[0]


def run_id(session: Any) -> str:
    return session.runs()[0]["id"]


def late(house: House) -> tuple[Any, RunError]:
    session = house.session(TALK, max_execution_time_ms=700)
    with pytest.raises(LimitReached) as caught:
        session.send("talk")
    return session, caught.value


@pytest.mark.parametrize("cut", [cancelled, late])
def test_what_was_said_before_a_run_was_cut_is_in_the_error_and_in_the_conversation(
    cut: Any, house: House
) -> None:
    session, error = cut(house)

    assert error.partial_text
    assert "first half, second half".startswith(error.partial_text)
    assert error.run_id == run_id(session)
    assert spoken(session).startswith(error.partial_text)
    assert "interrupted by" in spoken(session)


def test_a_time_limit_is_not_said_to_be_the_users_doing(house: House) -> None:
    session, _ = late(house)

    assert spoken(session).endswith("(Response interrupted by a limit of the session.)")


def test_a_run_of_too_many_rounds_gives_what_the_model_said_last(house: House) -> None:
    looking = [says(f"Looking {n}.") + calls("glob", pattern=str(n)) for n in range(3)]
    session = house.session(*looking, max_tool_rounds=2)
    with pytest.raises(LimitReached) as caught:
        session.send("look")

    assert caught.value.partial_text == spoken(session) == "Looking 2."


def test_nothing_said_in_this_run_is_nothing_said(house: House) -> None:
    session = house.session(
        says("Before."), calls("bash", command="touch up; exec sleep 600"), permissive=True
    )
    session.send("hi")
    with meanwhile(lambda: session.send("sleep")) as came:
        come(lambda: house.has("up"))
        session.cancel()

    assert isinstance(came[0], RunCancelled)
    assert came[0].partial_text == ""


async def test_a_send_whose_task_is_cancelled_leaves_what_was_said(house: House) -> None:
    session = house.async_session(TALK)
    task = asyncio.create_task(session.send("talk"))
    await arrive(
        lambda: session.runs() and "text_delta" in str(session.run_events(run_id(session)))
    )
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spoken(session).endswith("(Response interrupted by the user.)")
    await session.close()
    await session._assembly.close()
