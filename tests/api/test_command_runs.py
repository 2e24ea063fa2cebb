"""Slash commands are works of the session like its runs: stopped, bounded and recorded."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from a3s_code import AsyncAgent, AsyncSession, CommandOutput, SessionOptions
from a3s_code.capabilities.commands import SwitchModel
from a3s_code.errors import ModelUnavailable, RunCancelled, SessionClosed, StoreError
from a3s_code.kernel.events import AgentEnd, AgentStart
from a3s_code.kernel.records import ModelSwitched
from a3s_code.testing import breaks, calls, says
from api.house import WAIT_S, House, come, meanwhile
from kernel.bench import WatchedStore

START = AgentStart(prompt="/clear")
SLEEP = calls("bash", command="touch up; exec sleep 600")


class Slow:
    """Waits to be let go, and then asks for another model."""

    name, description = "slow", "Takes its time"

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()


class SlowThread(Slow):
    def execute(self, args: str, context: Any) -> CommandOutput:
        self.begun.set()
        self.go.wait(WAIT_S)
        return CommandOutput("done", SwitchModel("openai/other"))


class SlowTask(Slow):
    async def execute(self, args: str, context: Any) -> CommandOutput:
        self.begun.set()
        await asyncio.to_thread(self.go.wait, WAIT_S)
        return CommandOutput("done", SwitchModel("openai/other"))


def stored(house: House, store: WatchedStore, *turns: Any, **keywords: Any) -> AsyncSession:
    agent = AsyncAgent(house.serve(*turns, default=says("Noted.")).acl())
    options = SessionOptions(session_store=store, session_id="s", **keywords)
    return agent.session(house.root, options)


@pytest.mark.parametrize("kind", [SlowThread, SlowTask])
async def test_a_session_that_closes_ends_its_command_and_records_nothing_later(
    kind: type[Slow], house: House
) -> None:
    store, slow = WatchedStore(), kind()
    session = stored(house, store)
    session.register_command(slow)  # pyright: ignore[reportArgumentType] - subclasses execute
    sending = asyncio.create_task(session.send("/slow"))
    await asyncio.to_thread(slow.begun.wait, WAIT_S)
    await session.close()
    count = len(store.records)
    slow.go.set()
    with pytest.raises(RunCancelled):
        await sending

    await asyncio.sleep(0.05)
    assert len(store.records) == store.durable == count
    assert not any(isinstance(r.event, ModelSwitched | AgentEnd) for r in store.records)
    await session._assembly.close()


@pytest.mark.parametrize("kind", [SlowThread, SlowTask])
def test_cancel_stops_a_command(kind: type[Slow], house: House) -> None:
    session, slow = house.session(says("Still here.")), kind()
    session.register_command(slow)  # pyright: ignore[reportArgumentType] - subclasses execute
    with meanwhile(lambda: session.send("/slow")) as came:
        slow.begun.wait(WAIT_S)
        assert session.cancel() is True
    slow.go.set()

    assert isinstance(came[0], RunCancelled)
    assert session.send("/model").text == "Current model: openai/m1"
    assert session.send("hi").text == "Still here."


def test_a_command_that_was_stopped_ends_its_stream_with_an_error(house: House) -> None:
    session, slow = house.session(), SlowTask()
    session.register_command(slow)
    with meanwhile(lambda: [event.event_type for event in session.stream("/slow")]) as came:
        slow.begun.wait(WAIT_S)
        session.cancel()

    assert came[0] == ["start", "error"]


@pytest.mark.parametrize("way", ["thread", "task"])
def test_a_command_may_cancel_the_run_and_still_answer(way: str, house: House) -> None:
    session = house.session(SLEEP, permissive=True)

    def stop(args: str, ctx: dict[str, Any]) -> str:
        return f"stopped: {session.cancel()}"

    async def stop_later(args: str, ctx: dict[str, Any]) -> str:
        return f"stopped: {await session._inner.cancel()}"

    session.register_command("stop", "Stop it", stop if way == "thread" else stop_later)
    with meanwhile(lambda: session.send("sleep")) as came:
        come(lambda: house.has("up"))
        assert session.send("/stop").text == "stopped: True"

    assert isinstance(came[0], RunCancelled)


def test_cancel_leaves_a_command_that_waits_its_turn(house: House) -> None:
    session = house.session(SLEEP, permissive=True)
    with meanwhile(lambda: session.send("sleep")) as run:
        come(lambda: house.has("up"))
        with meanwhile(lambda: session.send("/clear").text) as command:
            come(lambda: any(r.event == START for r in session._inner._engine.log.records))
            session.cancel()

    assert isinstance(run[0], RunCancelled)
    assert command[0].startswith("Cleared")
    assert session.history() == []


async def test_a_command_that_waits_its_turn_is_refused_when_the_session_closes(
    house: House,
) -> None:
    store = WatchedStore()
    session = stored(house, store, SLEEP, permissive=True)
    run = asyncio.create_task(session.send("sleep"))
    await asyncio.to_thread(come, lambda: house.has("up"))
    command = asyncio.create_task(session.send("/model openai/other"))
    await asyncio.sleep(0.02)
    await session.close()
    count = len(store.records)
    with pytest.raises(SessionClosed):
        await command
    with pytest.raises(RunCancelled):
        await run

    assert len(store.records) == count
    assert not any(isinstance(r.event, ModelSwitched) for r in store.records)
    await session._assembly.close()


# Compaction


def long_talk(house: House, *then: Any, **keywords: Any) -> Any:
    session = house.session(*[says(f"answer {n}") for n in range(13)], *then, **keywords)
    for n in range(13):
        session.send(f"question {n}")
    return session


def test_a_stream_shows_a_compaction(house: House) -> None:
    session = long_talk(house, says("They counted."))
    types = [event.event_type for event in session.stream("/compact")]

    assert types == ["start", "context_compacted", "end"]


def test_a_compaction_that_hangs_can_be_cancelled_and_changes_nothing(house: House) -> None:
    session = long_talk(house, breaks("hang_mid"), says("Still here."))
    before = session.history()
    with meanwhile(lambda: session.send("/compact")) as came:
        house.server.wait_for_requests(14)
        assert session.cancel() is True

    assert isinstance(came[0], RunCancelled)
    assert session.history() == before
    assert session.send("hi").text == "Still here."


def test_a_summary_takes_no_longer_than_an_answer_may(house: House) -> None:
    session = long_talk(house, breaks("hang_mid"), says("Here."), llm_api_timeout_ms=700)
    before = session.history()
    with pytest.raises(ModelUnavailable):
        session.send("/compact")

    assert session.history() == before
    assert session.send("hi").text == "Here."


def test_a_compaction_that_fails_ends_its_stream_with_an_error(house: House) -> None:
    session = long_talk(house, breaks("hang_mid"), llm_api_timeout_ms=700)
    events = list(session.stream("/compact"))

    assert [event.event_type for event in events] == ["start", "error"]
    assert events[-1].error_kind == "model.unavailable"


# The record


@pytest.mark.parametrize("command", ["/clear", "/model openai/other", "/help", "/nope"])
async def test_what_a_command_did_is_durable_when_it_answers(command: str, house: House) -> None:
    store = WatchedStore()
    session = stored(house, store)
    await session.send("hi")
    await session.send(command)

    assert store.durable == len(store.records)
    assert isinstance(store.records[-1].event, AgentEnd)
    await session.close()
    await session._assembly.close()


async def test_a_command_whose_effect_cannot_be_kept_does_not_answer(house: House) -> None:
    store = WatchedStore()
    session = stored(house, store)
    await session.send("hi")
    store.broken = True
    types = [event.event_type async for event in session.stream("/clear")]

    assert types == ["start", "error"]
    with pytest.raises(StoreError):
        await session.close()
    await session._assembly.close()
