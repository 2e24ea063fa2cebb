"""A blocking team whose members live on loops of their own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from a3s_code import Agent, SessionClosed, Team, TeamRunner, UsageError
from a3s_code.api.portal import Portal
from a3s_code.testing import Script, ScriptedServer, Turn, breaks, calls, says
from api.house import WAIT_S, House, arrive, come, meanwhile


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.close()


async def test_a_coroutine_of_another_loop_gives_its_result_and_its_error(portal: Portal) -> None:
    async def where() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def fail() -> None:
        raise ValueError("no")

    assert await portal.join(where()) is not asyncio.get_running_loop()
    with pytest.raises(ValueError, match="no"):
        await portal.join(fail())


async def test_who_is_cancelled_cancels_it_there_and_waits_for_its_end(portal: Portal) -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def slow() -> None:
        begun.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(1)

    waiting = asyncio.create_task(portal.join(slow()))
    await arrive(lambda: begun)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == [1]


async def test_a_cancellation_while_it_begins_leaves_nothing_behind(portal: Portal) -> None:
    waiting = asyncio.create_task(portal.join(asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async def others() -> int:
        return len(asyncio.all_tasks())

    assert await portal.join(others()) == 1


async def test_a_loop_that_is_closed_meanwhile_lets_go_of_who_waits(portal: Portal) -> None:
    waiting = asyncio.create_task(portal.join(asyncio.Event().wait()))
    await asyncio.sleep(0)
    await asyncio.to_thread(portal.close)
    with pytest.raises(SessionClosed):
        await waiting
    with pytest.raises(SessionClosed):
        await portal.join(asyncio.sleep(0))


def serving(*turns: Turn) -> ScriptedServer:
    return ScriptedServer(Script(default=turns[0]))


def team() -> TeamRunner:
    made = Team("t")
    made.add_member("lead", "lead")
    made.add_member("worker-1", "worker")
    return TeamRunner(made)


PROGRAM = """
    import sys
    from a3s_code import Agent, Team, TeamRunner
    lead, worker = (Agent(acl).session(sys.argv[3], permissive=True) for acl in sys.argv[1:3])
    team = Team("t")
    team.add_member("lead", "lead")
    team.add_member("worker-1", "worker")
    runner = TeamRunner(team)
    runner.bind_session("lead", lead)
    runner.bind_session("worker-1", worker)
    try:
        runner.run_until_done("sleep")
    except KeyboardInterrupt:
        print(*(run["status"] for run in worker.runs()), runner.task_board().stats(), flush=True)
"""


def test_ctrl_c_cancels_the_members_and_opens_their_tasks_again(house: House) -> None:
    sleep = calls("bash", command="echo $$ > pid; exec sleep 600")
    with serving(says('{"tasks": ["sleep"]}')) as lead, serving(sleep) as worker:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", textwrap.dedent(PROGRAM)),
                *(lead.acl(), worker.acl(), str(house.root)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        come(lambda: house.has("pid") and house.get("pid"))
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=WAIT_S * 2)
    assert (said.strip(), complained) == ("cancelled (1, 0, 0, 0, 0)", "")


def test_closing_the_agent_of_a_worker_ends_its_work_and_not_the_team(house: House) -> None:
    with serving(says('{"tasks": ["x"]}')) as lead, serving(breaks("hang", says("x"))) as worker:
        agents = [Agent(lead.acl()), Agent(worker.acl())]
        runner = team()
        for name, agent in zip(("lead", "worker-1"), agents, strict=True):
            runner.bind_session(name, agent.session(house.root))
        with meanwhile(lambda: runner.run_until_done("x")) as came:
            worker.wait_for_requests(1)
            agents[1].close()
        agents[0].close()
    (task,) = came[0].unreviewed_tasks
    assert (task.result or "").startswith("execution error: ")


def test_a_team_is_not_run_from_inside_the_loop_of_its_member(house: House) -> None:
    """Its session could never answer while its loop is blocked."""
    raised: list[BaseException] = []

    async def nested() -> str:
        """Run the team from a tool of its own lead."""
        try:
            runner.run_until_done("x")
        except UsageError as error:
            raised.append(error)
        return "done"

    session = house.session(calls("nested"), says("done"), tools=[nested], permissive=True)
    runner = team()
    runner.bind_session("lead", session)
    session.send("go")
    assert "inside the loop of a member" in str(raised[0])
