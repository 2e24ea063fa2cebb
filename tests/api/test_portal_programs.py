"""What a program leaves behind that closes nothing, or drops what it has."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from a3s_code import Agent
from a3s_code.errors import A3SError, SessionClosed
from a3s_code.testing import calls, says
from api.house import WAIT_S, House, come, meanwhile
from kernel.bench import alive

SLEEP = calls("bash", command="echo $$ > pid; exec sleep 600")


def loops() -> set[threading.Thread]:
    """Give the threads of loops that run for blocking callers."""
    return {thread for thread in threading.enumerate() if thread.name == "a3s"}


def test_the_first_calls_of_many_threads_share_one_loop(house: House) -> None:
    before = loops()
    session = house.session(default=says("Hello."))
    start = threading.Barrier(12)

    def work(_: int) -> list[str]:
        start.wait(WAIT_S)
        return session.glob("*")

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))

    assert len(loops() - before) == 1


def test_after_close_calls_are_refused_and_no_thread_comes_back(house: House) -> None:
    before = loops()
    session = house.session(says("Hello."))
    session.send("hi")
    house.agent.close()

    with pytest.raises(SessionClosed):
        session.send("again")
    with pytest.raises(SessionClosed):
        house.agent.session(house.root)
    assert loops() == before


def test_an_agent_that_is_closed_while_it_works_ends_what_it_does(house: House) -> None:
    session = house.session(SLEEP, says("never"), permissive=True)
    with meanwhile(lambda: session.send("sleep")) as came:
        pid = int(come(lambda: house.get("pid").strip() if house.has("pid") else None))
        house.agent.close()

    assert isinstance(came[0], A3SError)
    come(lambda: not alive(pid))


@pytest.mark.parametrize("way", ["send", "stream", "tool"])
def test_an_agent_that_nobody_holds_is_collected_and_its_loop_ends(way: str, house: House) -> None:
    before = loops()
    agent = Agent.create(house.serve(says("Hello.")).acl())
    session = agent.session(house.root)
    match way:
        case "send":
            session.send("hi")
        case "stream":
            list(session.stream("hi"))
        case _:
            session.ls()
    assert len(loops() - before) == 1
    gone = weakref.ref(session._inner)
    del agent, session
    gc.collect()

    come(lambda: loops() == before)
    assert gone() is None


def test_a_session_keeps_the_loop_of_an_agent_that_nobody_holds(house: House) -> None:
    before = loops()
    session = Agent.create(house.serve(says("Hello.")).acl()).session(house.root)
    gc.collect()

    assert session.send("hi").text == "Hello."
    del session
    gc.collect()
    come(lambda: loops() == before)


def test_an_agent_that_never_waited_has_no_thread(house: House) -> None:
    before = loops()
    session = Agent.create(house.serve().acl()).session(house.root)
    session.tool_names()
    session.history()
    session.list_commands()

    assert loops() == before


# Whole programs


def ran(house: House, body: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with a session `s` that may do everything, strict about leftovers."""
    text = f"""
from a3s_code import Agent
agent = Agent.create({house.server.acl()!r})
s = agent.session({str(house.root)!r}, permissive=True)
{textwrap.dedent(body)}
"""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k != "PYTHONASYNCIODEBUG"},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


@pytest.mark.parametrize(
    "body",
    [
        "",
        "print(s.send('hi').text)",
        "print(s.bash('echo hi'))",
        "stream = s.stream('hi'); next(stream)",
        "next(s.stream('hi'))",
        "import threading; t = threading.Thread(target=s.send, args=['hi']); t.start(); t.join()",
        "agent.session('.', file_session_store='store', session_id='a').send('hi')",
        "import sys; s.send('hi'); sys.exit(0)",
    ],
)
def test_a_program_that_closes_nothing_ends_quietly(
    body: str, house: House, tmp_path: Path
) -> None:
    house.serve(default=says("Hello, ", "this takes a few deltas."))
    done = ran(house, body, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_ends_in_the_middle_of_a_command_takes_it_along(
    house: House, tmp_path: Path
) -> None:
    house.serve(SLEEP, says("never"))
    body = f"""
        import pathlib, threading, time
        threading.Thread(target=s.send, args=["sleep"], daemon=True).start()
        pid = pathlib.Path({str(house.root / "pid")!r})
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.01)
        """
    done = ran(house, body, tmp_path)

    pid = int(house.get("pid"))
    try:
        assert done.returncode == 0
        come(lambda: not alive(pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
