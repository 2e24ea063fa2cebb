"""Whose turn it is in a session, on which loop, and what happens to what does not stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from a3s_code import AsyncAgent, AsyncSession, SessionOptions
from a3s_code.api.works import Works
from a3s_code.errors import RunCancelled, SessionClosed, StoreError, UsageError
from a3s_code.kernel.events import AgentEnd
from a3s_code.testing import calls, says
from api.house import WAIT_S, House, arrive, come, meanwhile
from kernel.bench import WatchedStore

PERMISSIVE: dict[str, Any] = {"permissive": True}
STOP_S = 0.2
"""How long these tests let something stop."""


def impatient(session: Any) -> Works:
    """Wake a session, and have it wait for `STOP_S` only."""
    works = session._engine._works
    works.stop_s = STOP_S
    return works


# One loop after the other


def test_a_session_goes_on_in_a_second_event_loop(house: House) -> None:
    agent = AsyncAgent(house.serve(default=says("Noted.")).acl())
    session = agent.session(house.root)

    async def talk() -> list[str]:
        results = await asyncio.gather(*(session.send(f"{n}") for n in range(3)))
        return [result.text for result in results]

    async def part() -> list[str]:
        texts = await talk()
        await session._assembly.close()  # the connections are of this loop
        session._assembly.__init__(session._assembly.config)
        return texts

    assert asyncio.run(part()) == ["Noted."] * 3
    assert asyncio.run(part()) == ["Noted."] * 3


async def test_the_turn_of_a_session_is_free_again_after_its_loop_is_gone() -> None:
    works = Works(on_idle=lambda: None)

    def lose() -> None:
        """End a loop in the middle of a work, with another one that waits for the turn."""
        loop = asyncio.new_event_loop()

        async def hold() -> None:
            async with works.turn("first"):
                await asyncio.sleep(WAIT_S)

        tasks = [loop.create_task(hold()) for _ in range(2)]
        loop.run_until_complete(asyncio.sleep(0.01))
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    await asyncio.to_thread(lose)

    async def take(key: str) -> str:
        async with works.turn(key):
            await asyncio.sleep(0)
            return works.holder

    assert await asyncio.gather(take("a"), take("b")) == ["a", "b"]


# From inside


@pytest.mark.parametrize("prompt", ["again", "/clear", "/compact", "/model openai/other"])
async def test_a_tool_that_sends_to_its_own_session_is_told_so_instead_of_waiting_for_itself(
    prompt: str, house: House
) -> None:
    async def recurse() -> str:
        """Send to the session that this runs in."""
        return (await session.send(prompt)).text

    session = house.async_session(
        calls("recurse"), says("It failed."), tools=[recurse], **PERMISSIVE
    )
    async with asyncio.timeout(WAIT_S):
        assert (await session.send("go")).text == "It failed."

    assert "in the middle of a run" in str(house.bodies[1]["messages"][-1])
    assert len(session.history()) == 4
    await session.close()
    await session._assembly.close()


def test_a_tool_in_a_thread_that_sends_to_its_own_session_is_told_so_too(house: House) -> None:
    def recurse() -> str:
        """Send to the session that this runs in."""
        return session.send("again").text

    session = house.session(calls("recurse"), says("It failed."), tools=[recurse], **PERMISSIVE)
    with meanwhile(lambda: session.send("go").text) as came:
        pass

    assert came == ["It failed."]
    assert "in the middle of a run" in str(house.bodies[1]["messages"][-1])


def test_a_tool_that_streams_its_own_session_reads_that_it_cannot(house: House) -> None:
    def recurse() -> str:
        """Stream from the session that this runs in."""
        return [event.error or "" for event in session.stream("again")][-1]

    session = house.session(calls("recurse"), says("It failed."), tools=[recurse], **PERMISSIVE)
    with meanwhile(lambda: session.send("go").text) as came:
        pass

    assert came == ["It failed."]
    assert "in the middle of a run" in str(house.bodies[1]["messages"][-1])


@pytest.mark.parametrize("way", ["thread", "task"])
def test_a_tool_may_send_to_another_session(way: str, house: House) -> None:
    def ask() -> str:
        """Ask the other session."""
        return other.send("what is it?").text

    async def ask_later() -> str:
        """Ask the other session."""
        return (await other._inner.send("what is it?")).text

    tool: Callable[[], Any] = ask if way == "thread" else ask_later
    name = tool.__name__
    agent = house.employ(calls(name), says("It is 4."), says("They say 4."))
    other = agent.session(house.root)
    session = agent.session(house.root, tools=[tool], **PERMISSIVE)

    assert session.send("go").text == "They say 4."
    assert other.history()[-1]["content"][0]["text"] == "It is 4."


def test_two_sessions_that_ask_each_other_are_told_so_instead_of_waiting_for_ever(
    house: House,
) -> None:
    def ask_second() -> str:
        """Ask the second session."""
        return second.send("and you?").text

    def ask_first() -> str:
        """Ask the first session, which waits for this one."""
        return first.send("and you?").text

    agent = house.employ(calls("ask_second"), calls("ask_first"), says("I cannot."), says("No."))
    first = agent.session(house.root, tools=[ask_second], **PERMISSIVE)
    second = agent.session(house.root, tools=[ask_first], **PERMISSIVE)
    with meanwhile(lambda: first.send("go").text) as came:
        pass

    assert came == ["No."]
    assert "in the middle of a run" in str(house.bodies[2]["messages"][-1])


async def test_what_a_tool_leaves_running_may_send_when_the_run_has_ended(house: House) -> None:
    over = asyncio.Event()
    later: list[asyncio.Task[str]] = []

    async def follow_up() -> str:
        await over.wait()
        return (await session.send("and then?")).text

    async def plan() -> str:
        """Ask again, later."""
        later.append(asyncio.create_task(follow_up()))
        return "planned"

    session = house.async_session(
        calls("plan"), says("Planned."), says("Then this."), tools=[plan], **PERMISSIVE
    )
    await session.send("go")
    over.set()

    assert await later[0] == "Then this."
    await session.close()
    await session._assembly.close()


# What does not stop


class Stubborn:
    """A tool that goes on when it is cancelled, until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    @property
    def tool(self) -> Callable[[], Any]:
        async def stay() -> str:
            """Do not let yourself be stopped."""
            self.begun.set()
            while not self.go.is_set():
                try:
                    await asyncio.sleep(0.005)
                except asyncio.CancelledError:
                    continue
            return "stayed"

        return stay


async def begun(house: House, stubborn: Stubborn, store: WatchedStore) -> AsyncSession:
    """Give a session in the middle of a run that will not stop."""
    agent = AsyncAgent(house.serve(calls("stay"), default=says("On.")).acl())
    options = SessionOptions(session_store=store, session_id="s", permissive=True)
    session = agent.session(house.root, options, tools=[stubborn.tool])
    await session.glob("*")
    impatient(session)
    return session


async def test_closing_a_session_whose_tool_does_not_stop_ends_and_says_so(house: House) -> None:
    stubborn, store = Stubborn(), WatchedStore()
    session = await begun(house, stubborn, store)
    sending = asyncio.create_task(session.send("stay"))
    await asyncio.to_thread(stubborn.begun.wait, WAIT_S)
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(UsageError, match=r"left behind: the tool stay") as caught:
            await session.close()
        with pytest.raises(RunCancelled, match="left behind"):
            await sending

    assert caught.value.hint
    assert session.is_closed
    count = len(store.records)
    stubborn.go.set()
    await asyncio.sleep(0.05)
    assert len(store.records) == store.durable == count
    assert not store.safe(AgentEnd)
    await session._assembly.close()


async def test_a_run_that_was_left_behind_has_ended_in_the_record(house: House) -> None:
    stubborn, store = Stubborn(), WatchedStore()
    session = await begun(house, stubborn, store)
    sending = asyncio.create_task(session.send("stay"))
    await asyncio.to_thread(stubborn.begun.wait, WAIT_S)
    with pytest.raises(UsageError):
        await session.close()
    with pytest.raises(RunCancelled):
        await sending
    stubborn.go.set()
    agent = AsyncAgent(house.server.acl())
    later = await agent.resume_session("s", SessionOptions(session_store=store))

    (run,) = later.runs()
    assert run["status"] == "cancelled"
    assert "did not stop" in run["error"]
    assert (await later.send("go on")).text == "On."
    await agent.close()
    await session._assembly.close()


async def test_cancelling_what_does_not_stop_says_so_and_nothing_overlaps_with_it(
    house: House,
) -> None:
    stubborn, store = Stubborn(), WatchedStore()
    session = await begun(house, stubborn, store)
    sending = asyncio.create_task(session.send("stay"))
    await asyncio.to_thread(stubborn.begun.wait, WAIT_S)
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(UsageError, match="the tool stay"):
            await session.cancel()
        with pytest.raises(RunCancelled):
            await sending
        with pytest.raises(UsageError, match="still goes on"):
            await session.send("hurry")
    stubborn.go.set()
    works = impatient(session)
    await arrive(lambda: not works.holder)

    assert (await session.send("go on")).text == "On."
    assert [run["status"] for run in session.runs()] == ["cancelled", "completed"]
    await session.close()
    await session._assembly.close()


async def test_whoever_cancels_a_send_that_does_not_stop_is_let_go(house: House) -> None:
    stubborn, store = Stubborn(), WatchedStore()
    session = await begun(house, stubborn, store)
    sending = asyncio.create_task(session.send("stay"))
    await asyncio.to_thread(stubborn.begun.wait, WAIT_S)
    sending.cancel()
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(asyncio.CancelledError):
            await sending
    stubborn.go.set()
    await session.close()
    await session._assembly.close()


async def test_a_direct_call_that_does_not_stop_does_not_hold_up_close(house: House) -> None:
    stubborn = Stubborn()
    session = await begun(house, stubborn, WatchedStore())
    calling = asyncio.create_task(session.tool("stay", {}))
    await asyncio.to_thread(stubborn.begun.wait, WAIT_S)
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(UsageError, match="the tool stay"):
            await session.close()
        with pytest.raises(RunCancelled):
            await calling
    stubborn.go.set()
    await asyncio.sleep(0.02)
    await session._assembly.close()


def test_a_blocking_session_says_it_as_well(house: House) -> None:
    stubborn = Stubborn()
    session = house.session(calls("stay"), tools=[stubborn.tool], **PERMISSIVE)
    session.glob("*")
    impatient(session._inner)
    with meanwhile(lambda: session.send("stay")) as came:
        stubborn.begun.wait(WAIT_S)
        with pytest.raises(UsageError, match="the tool stay"):
            session.close()

    assert isinstance(came[0], RunCancelled)
    stubborn.go.set()


class Abyss(WatchedStore):
    """A store that stops answering."""

    async def barrier(self, session: Any, owner: str = "") -> None:
        if self.broken:
            await asyncio.sleep(WAIT_S)
        await super().barrier(session, owner)


async def test_closing_a_session_does_not_wait_for_ever_for_its_store(house: House) -> None:
    store = Abyss()
    agent = AsyncAgent(house.serve(says("Hello.")).acl())
    session = agent.session(house.root, SessionOptions(session_store=store, session_id="s"))
    await session.send("hi")
    engine: Any = session._engine
    engine.keep_s, store.broken = STOP_S, True
    with pytest.raises(StoreError, match="did not answer"):
        await session.close()

    assert session._engine is None
    await agent.close()


def test_a_tool_may_close_the_session_that_it_runs_in(house: House) -> None:
    def leave() -> str:
        """Close the session."""
        session.close()
        return "closed"

    session = house.session(calls("leave"), says("never"), tools=[leave], **PERMISSIVE)
    with meanwhile(lambda: session.send("leave")) as came:
        pass

    assert isinstance(came[0], RunCancelled)
    assert session.is_closed


# The beginning and the end


class SlowStore(WatchedStore):
    """A store that reads only when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def load(self, session: Any, owner: str | None = "") -> Any:
        self.asked.set()
        await self.go.wait()
        return await super().load(session, owner)


async def test_a_send_that_still_reads_its_store_when_the_session_closes_is_refused(
    house: House,
) -> None:
    store = SlowStore()
    agent = AsyncAgent(house.serve(says("Too late.")).acl())
    session = agent.session(house.root, SessionOptions(session_store=store, session_id="s"))
    sending = asyncio.create_task(session.send("hi"))
    await store.asked.wait()
    await session.close()
    store.go.set()
    with pytest.raises(SessionClosed):
        await sending

    assert house.server.requests == []
    assert store.records == []
    await agent.close()


READERS: dict[str, Callable[[Any, str], Any]] = {
    "history": lambda session, _: session.history(),
    "runs": lambda session, _: session.runs(),
    "run_snapshot": lambda session, run: session.run_snapshot(run),
    "run_events": lambda session, run: session.run_events(run),
    "trace_events": lambda session, _: session.trace_events(),
    "get_artifact": lambda session, _: session.get_artifact("a3s://none"),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_closed_session_says_that_its_record_is_gone_instead_of_showing_none(
    reader: str, house: House
) -> None:
    session = house.session(says("Hello."))
    session.send("hi")
    run = session.runs()[0]["id"]
    session.close()

    with pytest.raises(SessionClosed, match="closed"):
        READERS[reader](session, run)
    assert (session.current_run(), session.active_tools()) == (None, [])


def test_a_closed_session_keeps_nothing_in_memory(house: House) -> None:
    session = house.session(says("Hello."))
    session.send("hi")
    session.close()

    assert session._inner._engine is None


def test_the_model_is_shown_the_core_tools_in_the_order_of_their_names(house: House) -> None:
    session = house.session(says("Hello."))
    session.send("hi")
    shown = [tool["function"]["name"] for tool in house.bodies[0]["tools"]]

    gated = ("git", "git_worktree", "batch")
    assert shown == [name for name in session.tool_names() if name not in gated]


def test_a_stream_that_is_left_and_still_held_goes_on_until_it_is_closed(house: House) -> None:
    session = house.session(calls("bash", command="touch up; exec sleep 600"), **PERMISSIVE)
    stream = session.stream("sleep")
    for event in stream:
        if event.event_type == "tool_start":
            break
    come(lambda: house.has("up"))
    assert session.current_run() is not None
    stream.close()

    come(lambda: session.current_run() is None)
