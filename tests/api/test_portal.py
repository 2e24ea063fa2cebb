from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from a3s_code.api.door import Door
from a3s_code.api.portal import Portal
from a3s_code.errors import UsageError
from a3s_code.testing import Script, ScriptedServer, breaks, calls, says
from api.house import WAIT_S, House, come
from kernel.bench import alive


async def value(given: int) -> int:
    await asyncio.sleep(0)
    return given


def test_a_call_gives_what_the_coroutine_gives_from_any_thread() -> None:
    portal = Portal()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda n: portal.call(value(n)), range(50))) == list(range(50))
    portal.close()


def test_a_call_raises_what_the_coroutine_raises() -> None:
    async def broken() -> None:
        raise KeyError("k")

    portal = Portal()
    with pytest.raises(KeyError, match="k"):
        portal.call(broken())
    portal.close()


def test_a_blocking_call_from_inside_the_loop_is_refused_and_not_a_deadlock() -> None:
    portal = Portal()

    async def inside() -> str:
        with pytest.raises(UsageError, match="inside the loop"):
            portal.call(value(1))
        return "refused"

    assert portal.call(inside()) == "refused"
    portal.close()


def test_a_portal_can_be_closed_twice_and_leaves_no_thread() -> None:
    portal = Portal()
    assert portal.invoke(lambda: portal.is_here)
    portal.close()
    portal.close()

    assert not portal.is_open
    assert "a3s" not in [thread.name for thread in threading.enumerate()]


def test_a_door_starts_nothing_before_the_first_call_and_leaves_with_its_owner() -> None:
    left = threading.Event()

    async def leave() -> None:
        left.set()

    door = Door(leave)
    assert "a3s" not in [thread.name for thread in threading.enumerate()]
    assert door.call(value(3)) == 3
    ref = weakref.ref(door)
    del door
    gc.collect()

    assert ref() is None
    assert left.is_set()
    come(lambda: "a3s" not in [thread.name for thread in threading.enumerate()])


# Sessions, as blocking callers use them


def test_one_session_can_be_used_from_many_threads(house: House) -> None:
    session = house.session(default=says("Noted."))
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda n: session.send(f"{n}").text, range(16)))

    assert texts == ["Noted."] * 16


async def test_a_blocking_session_works_under_a_running_loop(house: House) -> None:
    """As in a notebook: the caller's thread has a loop of its own, which just waits."""
    session = house.session(says("Hello."))

    assert session.send("hi").text == "Hello."
    assert [event.event_type for event in session.stream("/model")] == ["start", "end"]


def test_a_tool_on_the_loop_that_blocks_is_told_so_instead_of_hanging(house: House) -> None:
    async def recurse() -> str:
        """Call the blocking session from its own loop."""
        return session.send("again").text

    session = house.session(calls("recurse"), says("It failed."), tools=[recurse], permissive=True)
    assert session.send("go").text == "It failed."

    assert "inside the loop" in str(house.bodies[1]["messages"][-1])


def test_several_loops_can_read_streams_of_one_agent(house: House) -> None:
    agent = house.employ(default=says("Hello."))

    def read(_: int) -> str:
        async def last() -> str:
            stream = agent.session(house.root).stream("hi")
            return [event.event_type async for event in stream][-1]

        return asyncio.run(last())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, range(4))) == ["end"] * 4


# Ctrl-C, in processes of their own

PROGRAM = """
    import sys
    from a3s_code import Agent
    session = Agent(sys.argv[1]).session(sys.argv[2], permissive=True)
    try:
        {work}
    except KeyboardInterrupt:
        print(session.send("go on").text, flush=True)
        print(*(run["status"] for run in session.runs()), flush=True)
"""


@pytest.mark.parametrize(
    "work", ["session.send('sleep')", "[print(e.event_type) for e in session.stream('sleep')]"]
)
def test_ctrl_c_cancels_the_run_and_its_tool_and_the_session_goes_on(
    work: str, house: House
) -> None:
    sleep = calls("bash", command="echo $$ > pid; exec sleep 600")
    with ScriptedServer(Script(sleep, says("Awake."))) as server:
        program = textwrap.dedent(PROGRAM).format(work=work)
        process = subprocess.Popen(
            [sys.executable, "-c", program, server.acl(), str(house.root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        pid = int(come(lambda: house.has("pid") and house.get("pid")))
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=WAIT_S * 2)

    assert said.splitlines()[-2:] == ["Awake.", "cancelled completed"]
    assert (complained, process.returncode) == ("", 0)
    assert not alive(pid)


def test_ctrl_c_during_an_answer_ends_a_program_that_does_not_catch_it(house: House) -> None:
    with ScriptedServer(Script(breaks("hang_mid"))) as server:
        program = textwrap.dedent("""
            import sys
            from a3s_code import Agent
            Agent(sys.argv[1]).session(sys.argv[2]).send("talk")
            """)
        process = subprocess.Popen(
            [sys.executable, "-c", program, server.acl(), str(house.root)],
            stderr=subprocess.PIPE,
            text=True,
        )
        server.wait_for_requests(1)
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=WAIT_S * 2)
        come(lambda: not server._connections)

    assert process.returncode == -signal.SIGINT
    assert complained.strip().endswith("KeyboardInterrupt")
    assert "never awaited" not in complained
