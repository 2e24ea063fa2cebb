"""A process that was forked has the agent and not its loop; each claim in a process of its own."""

from __future__ import annotations

import os

import pytest

from api.house import House, run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

PROGRAM = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
from a3s_code import Agent
from a3s_code.testing import Script, ScriptedServer, says
held = says("Hello.", delay_s=1)  # so that the stream is not at its end before the fork
with ScriptedServer(Script(says("Hello."), held, default=says("Hello."))) as server:
    agent = Agent(server.acl())
    session = agent.session({root!r})
    session.send("hi")
    stream = session.stream("hi")
    sys.stdout.flush()
    child = os.fork()
    if not child:
        signal.alarm(10)
        try:
            {work}
        except Exception as error:
            print(type(error).__name__, error)
        sys.stdout.flush()
        {leave}
    _, status = os.waitpid(child, 0)
    print("child", os.waitstatus_to_exitcode(status))
    list(stream)
    print("parent", session.send("again").text)
    agent.close()
"""
REFUSED = (
    "UsageError This agent was made before the process was forked. (make the agent in the child)"
)


def forked(house: House, work: str, leave: str = "os._exit(0)") -> list[str]:
    done = run_python(PROGRAM.format(root=str(house.root), work=work, leave=leave))
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "work",
    [
        "session.send('hi')",
        "session.stream('hi')",
        "list(stream)",
        "session.read_file('a')",
        "session.history()",
        "agent.list_sessions()",
    ],
)
def test_a_call_in_a_forked_child_is_refused_instead_of_waiting_for_ever(
    work: str, house: House
) -> None:
    assert forked(house, work) == [REFUSED, "child 0", "parent Hello."]


@pytest.mark.parametrize("work", ["session.close()", "agent.close()", "del agent, session, stream"])
@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit(0)"])
def test_a_forked_child_ends_and_leaves_the_loop_of_its_parent_alone(
    work: str, leave: str, house: House
) -> None:
    assert forked(house, work, leave) == ["child 0", "parent Hello."]


def test_a_forked_child_may_make_an_agent_of_its_own(house: House) -> None:
    work = f"print('own', Agent(server.acl()).session({str(house.root)!r}).send('hi').text)"

    assert forked(house, work) == ["own Hello.", "child 0", "parent Hello."]
