"""Records are read by threads of the caller while the session's loop writes them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from a3s_code import Session
from a3s_code.testing import calls, says
from api.house import House, come, meanwhile


@pytest.fixture
def hasty() -> Iterator[None]:
    """Have threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


READERS: list[Callable[[Session], Any]] = [
    Session.history,
    Session.runs,
    Session.trace_events,
    Session.current_run,
    Session.active_tools,
    Session.list_commands,
    Session.tool_names,
    lambda session: [session.run_events(run["id"]) for run in session.runs()[-2:]],
    lambda session: [session.run_snapshot(run["id"]) for run in session.runs()[-2:]],
]


def test_every_record_can_be_read_while_another_thread_runs_prompts(
    house: House, hasty: None
) -> None:
    words = [f"word {n} " for n in range(40)]
    session = house.session(*[calls("ls"), says(*words)] * 25)
    over = threading.Event()
    failed: list[str] = []

    def poll(read: Callable[[Session], Any]) -> None:
        while not over.is_set():
            try:
                read(session)
            except Exception as error:  # noqa: BLE001 - the test looks at it
                failed.append(f"{type(error).__name__}: {error}")

    readers = [threading.Thread(target=poll, args=[read]) for read in READERS]
    for reader in readers:
        reader.start()
    try:
        for n in range(25):
            session.send(f"prompt {n}")
    finally:
        over.set()
        for reader in readers:
            reader.join()

    assert failed == []
    assert len(session.runs()) == 25


def test_many_runs_can_be_listed_while_new_ones_begin(house: House, hasty: None) -> None:
    session = house.session(default=says("Noted."))

    def send() -> None:
        for n in range(120):
            session.send(f"prompt {n}")

    seen = [0]
    with meanwhile(send) as came:
        while len(rows := session.runs()) < 120:
            assert len(rows) >= seen[-1]
            seen.append(len(rows))

    assert came == [None]


def test_a_session_that_was_never_used_is_read_without_a_loop(house: House) -> None:
    before = set(threading.enumerate())
    session = house.session()
    for read in READERS:
        read(session)
    session.register_command("mine", "Mine", lambda args, ctx: args)
    session.register_tool(lambda_tool)

    assert set(threading.enumerate()) - before <= {house.server._thread}


def lambda_tool(text: str) -> str:
    """Give it back."""
    return text


def test_what_runs_on_the_loop_may_read_the_records_too(house: House) -> None:
    async def look() -> str:
        """Look at the session from its own loop."""
        (run,) = session.runs()
        return f"{run['status']} {len(session.history())} {session.active_tools()[0]['name']}"

    session = house.session(calls("look"), says("Seen."), tools=[look], permissive=True)
    session.send("look")

    assert "executing 2 look" in str(house.bodies[1]["messages"][-1])


def test_a_tool_in_a_thread_may_read_the_records_too(house: House) -> None:
    def look() -> str:
        """Look at the session from the thread of a tool."""
        current = session.current_run()
        return f"run {current['status']}" if current else "no run"

    session = house.session(calls("look"), says("Seen."), tools=[look], permissive=True)
    session.send("look")

    assert "run executing" in str(house.bodies[1]["messages"][-1])


def test_records_are_readable_while_a_tool_waits(house: House) -> None:
    go = threading.Event()

    def wait() -> str:
        """Wait to be let go."""
        return str(go.wait(10))

    session = house.session(calls("wait"), says("Done."), tools=[wait], permissive=True)
    with meanwhile(lambda: session.send("wait")):
        come(session.active_tools)
        assert session.current_run()
        go.set()
