"""A team at work: real sessions over real sockets, and members of a host's own."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from a3s_code import (
    Agent,
    AsyncTeamRunner,
    InvalidType,
    InvalidValue,
    ModelError,
    PermissionPolicy,
    Team,
    TeamConfig,
    TeamResult,
    TeamRunner,
    TeamTask,
    UsageError,
)
from a3s_code.delegation.team_words import lead_prompt, reviewer_prompt, tasks_in, worker_prompt
from a3s_code.errors import TasksMissing
from a3s_code.harness.planning.demands import has_several_demands
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import Rule, When, calls, on, refuses, says
from api.house import House, arrive

TWO = '{"tasks": ["do one", "do two"]}'
ALL = PermissionPolicy(default_decision="allow")


def team(*workers: str, reviewer: bool = True, **config: int) -> Team:
    made = Team("refactor-auth", TeamConfig(**config))
    made.add_member("lead", "lead")
    for worker in workers or ("worker-1",):
        made.add_member(worker, "worker")
    if reviewer:
        made.add_member("reviewer", "reviewer")
    return made


@dataclass
class Answer:
    text: str


@dataclass
class Member:
    """A session of a host's own: a function gives its answers, and what it was asked is kept."""

    says: Callable[[str], str]
    asked: list[str] = field(default_factory=list)

    async def send(self, prompt: str) -> Answer:
        self.asked.append(prompt)
        await asyncio.sleep(0)
        return Answer(self.says(prompt))


def always(text: str) -> Member:
    return Member(lambda _: text)


def runner(made: Team, **members: Member | Any) -> AsyncTeamRunner:
    """Bind sessions by name, `worker_1` for `worker-1`."""
    given = AsyncTeamRunner(made)
    for name, member in members.items():
        given.bind_session(name.replace("_", "-"), member)
    return given


async def ran(made: Team, **members: Member | Any) -> TeamResult:
    async with asyncio.timeout(20):
        return await runner(made, **members).run_until_done("Refactor auth")


def texts(tasks: list[TeamTask]) -> list[str]:
    return sorted(task.description for task in tasks)


# As documented


EXAMPLE = """
from a3s_code import Agent, Team, TeamRunner, TeamConfig
agent = Agent.create("agent.hcl")
config = TeamConfig(max_rounds=10, poll_interval_ms=200)
team = Team("refactor-auth", config)
team.add_member("lead", "lead")
team.add_member("worker-1", "worker")
team.add_member("reviewer", "reviewer")
runner = TeamRunner(team)
runner.bind_session("lead", agent.session("."))
runner.bind_session("worker-1", agent.session("."))
runner.bind_session("reviewer", agent.session("."))
result = runner.run_until_done("Refactor auth module to use JWT")
print(f"Done: {len(result.done_tasks)} tasks, {result.rounds} rounds")
for task in result.done_tasks:
    print(f"[{task.id}] {task.description}\\n -> {task.result}")
"""

FULL_API = """
from a3s_code import Agent, Team, TeamRunner, TeamConfig, TeamTaskBoard
# Build team
config = TeamConfig(max_tasks=50, max_rounds=10, poll_interval_ms=200)
team = Team("my-team", config)
team.add_member("lead", "lead")          # role: "lead" | "worker" | "reviewer"
team.add_member("worker-1", "worker")
team.add_member("reviewer", "reviewer")
# Bind sessions and run
runner = TeamRunner(team)                # consumes the team
runner.bind_session("lead", agent.session("."))
result = runner.run_until_done("Build the feature")
# Inspect results
result.done_tasks                        # List[TeamTask]
result.rejected_tasks                    # List[TeamTask]
result.rounds                            # int
# Direct board access
board = runner.task_board()
board.post("Fix lint", "lead")
task = board.claim("worker-1")           # -> TeamTask | None
task_id = task.id
board.complete(task_id, "Fixed")
board.approve(task_id)
board.reject(task_id)
tasks = board.by_status("done")          # "open"|"in_progress"|"in_review"|"done"|"rejected"
(open, prog, rev, done, rej) = board.stats()
"""


LEAD = When(last_user="Take the goal")
WORKER = When(last_user="Task:")
REVIEWER = When(last_user="Judge whether")


def rules(
    lead: str = TWO, worker: str = "work done", reviewer: str = "APPROVED"
) -> tuple[Rule, ...]:
    return (on(LEAD, says(lead)), on(WORKER, says(worker)), on(REVIEWER, says(reviewer)))


def test_the_example_of_the_documents_runs(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.serve(rules=rules())
    (house.root / "agent.hcl").write_text(house.server.acl("openai"))
    monkeypatch.chdir(house.root)
    names: JsonObject = {}
    exec(EXAMPLE, names)
    names["agent"].close()
    assert capsys.readouterr().out == textwrap.dedent(
        """\
        Done: 2 tasks, 0 rounds
        [task-1] do one
         -> work done
        [task-2] do two
         -> work done
        """
    )


def test_the_full_api_of_the_documents_runs_with_the_lead_alone_bound(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = house.employ(rules=rules())
    monkeypatch.chdir(house.root)
    names: JsonObject = {"agent": agent}
    exec(FULL_API, names)
    result = names["result"]
    assert texts(result.done_tasks) == ["do one", "do two"]
    assert result.rejected_tasks == []
    assert (names["open"], names["prog"], names["rev"]) == (0, 0, 0)
    assert (names["done"], names["rej"]) == (3, 0), "what is done cannot be rejected"


# Over real sessions


def test_members_of_different_agents_work_together(house: House) -> None:
    made = TeamRunner(team("worker-1", "worker-2"))
    servers = [house.serve(default=says(text)) for text in (TWO, "one", "two", "APPROVED")]
    agents = [Agent(server.acl("openai")) for server in servers]
    names = ("lead", "worker-1", "worker-2", "reviewer")
    for name, agent in zip(names, agents, strict=True):
        made.bind_session(name, agent.session(house.root))
    result = made.run_until_done("Refactor auth")
    assert texts(result.done_tasks) == ["do one", "do two"]
    assert {task.result for task in result.done_tasks} <= {"one", "two"}
    for agent in agents:
        agent.close()


def test_a_result_says_which_run_did_it_what_it_changed_and_who_approved_it(house: House) -> None:
    agent = house.employ(
        rules=(
            on(LEAD, says('{"tasks": ["write a.txt"]}')),
            on(WORKER, calls("write", file_path="a.txt", content="hi"), says("Written.")),
            on(REVIEWER, says("APPROVED: a.txt says hi")),
        )
    )
    worker = agent.session(house.root, permission_policy=ALL)
    made = TeamRunner(team())
    made.bind_session("lead", agent.session(house.root))
    made.bind_session("worker-1", worker)
    made.bind_session("reviewer", agent.session(house.root))
    (task,) = made.run_until_done("Greet").done_tasks

    assert task.result == "Written."
    assert task.review == "APPROVED: a.txt says hi"
    assert task.evidence is not None
    assert task.evidence.session_id == worker.session_id
    assert task.evidence.run_id == worker.runs()[-1]["id"]
    assert task.evidence.files_changed == ("a.txt",)
    assert task.evidence.verification_summary["status"] == "skipped"
    assert worker.evidence(task.evidence.run_id).files[0].path == "a.txt"
    shown = house.bodies[-1]["messages"][-1]["content"]
    assert "Files that its tools have changed: a.txt" in str(shown)


def test_a_member_is_held_by_the_policy_of_its_session(house: House) -> None:
    agent = house.employ(
        rules=(
            on(LEAD, says('{"tasks": ["write a.txt"]}')),
            on(WORKER, calls("write", file_path="a.txt", content="hi"), says("I may not.")),
            on(REVIEWER, says("APPROVED")),
        )
    )
    deny = PermissionPolicy(deny=["write(*)"], default_decision="allow")
    made = TeamRunner(team())
    made.bind_session("lead", agent.session(house.root))
    made.bind_session("worker-1", agent.session(house.root, permission_policy=deny))
    made.bind_session("reviewer", agent.session(house.root))
    made.run_until_done("Greet")
    assert not house.has("a.txt")


def test_an_agent_works_in_child_runs_of_a_session_within_its_rights(house: House) -> None:
    agent = house.employ(
        rules=(
            on(LEAD, says('{"tasks": ["write a.txt"]}')),
            on(WORKER, calls("write", file_path="a.txt", content="hi"), says("Tried.")),
            on(REVIEWER, says("APPROVED")),
        )
    )
    deny = PermissionPolicy(deny=["write(*)"], default_decision="allow")
    host = agent.session(house.root, permission_policy=deny)
    made = TeamRunner(team())
    made.bind_session("lead", agent.session(house.root))
    made.bind_agent("worker-1", host, "general")
    made.bind_agent("reviewer", host, "review")
    (task,) = made.run_until_done("Greet").done_tasks
    assert not house.has("a.txt")
    assert task.evidence is not None
    assert task.evidence.session_id == host.session_id
    assert host.context_receipts(task.evidence.run_id), "the child run can be looked up"
    assert host.history() == [], "nothing of it enters the conversation of the session"


@pytest.mark.parametrize("flood", ["", "x" * 5_000])
def test_the_verdict_of_an_agent_is_read_from_its_answer_alone(house: House, flood: str) -> None:
    """The facts that a call shows behind an answer, such as the files read, are none of it."""
    house.put("a.txt", "hi")
    read = calls("read", file_path="a.txt")
    agent = house.employ(
        rules=(
            on(LEAD, says('{"tasks": ["look at a.txt"]}')),
            on(WORKER, read, says("Looked.")),
            on(REVIEWER, read, says(f"I have read it all. {flood}\nApproved.")),
        )
    )
    host = agent.session(house.root, permission_policy=ALL)
    made = TeamRunner(team(max_rounds=1))
    made.bind_session("lead", agent.session(house.root))
    made.bind_agent("worker-1", host, "general")
    made.bind_agent("reviewer", host, "review")
    result = made.run_until_done("Greet")
    assert [task.result for task in result.done_tasks] == ["Looked."]


def test_an_agent_that_is_none_is_an_execution_error(house: House) -> None:
    agent = house.employ(rules=rules(reviewer="REJECTED: nothing was done"))
    host = agent.session(house.root)
    made = TeamRunner(team(max_rounds=1))
    made.bind_session("lead", host)
    made.bind_agent("worker-1", host, "nobody")
    made.bind_session("reviewer", agent.session(house.root))
    rejected = made.run_until_done("Greet").rejected_tasks
    assert len(rejected) == 2
    assert (rejected[0].result or "").startswith("execution error: There is no agent 'nobody'")


def test_a_lead_whose_model_fails_ends_the_run_with_its_error(house: House) -> None:
    agent = house.employ(default=refuses(401))
    made = TeamRunner(team())
    for name in ("lead", "worker-1", "reviewer"):
        made.bind_session(name, agent.session(house.root))
    with pytest.raises(ModelError):
        made.run_until_done("Greet")
    assert len(made.task_board()) == 0


def test_a_closed_session_of_a_worker_is_an_execution_error(house: House) -> None:
    agent = house.employ(rules=rules(reviewer="REJECTED: no"))
    closed = agent.session(house.root)
    closed.close()
    made = TeamRunner(team(max_rounds=1))
    made.bind_session("lead", agent.session(house.root))
    made.bind_session("worker-1", closed)
    made.bind_session("reviewer", agent.session(house.root))
    rejected = made.run_until_done("Greet").rejected_tasks
    assert {(task.result or "").partition(":")[0] for task in rejected} == {"execution error"}


async def test_the_async_form_runs_on_async_sessions(house: House) -> None:
    from a3s_code import AsyncAgent

    house.serve(rules=rules())
    async with AsyncAgent(house.server.acl("openai")) as agent:
        made = AsyncTeamRunner(team())
        for name in ("lead", "worker-1", "reviewer"):
            made.bind_session(name, agent.session(house.root))
        result = await made.run_until_done("Refactor auth")
    assert texts(result.done_tasks) == ["do one", "do two"]


# Rounds and reviews


async def test_the_reason_of_a_rejection_reaches_the_next_worker_with_the_task() -> None:
    verdicts = iter(["REJECTED: there is no test for expiry", "APPROVED"])
    worker = always("work done")
    made = team()
    result = await ran(
        made,
        lead=always('{"tasks": ["do one"]}'),
        worker_1=worker,
        reviewer=Member(lambda _: next(verdicts)),
    )
    assert result.rounds == 1
    assert texts(result.done_tasks) == ["do one"]
    first, second = worker.asked
    assert "expiry" not in first
    assert "> REJECTED: there is no test for expiry" in second
    assert "> work done" in second


async def test_a_task_that_never_passes_is_worked_on_as_often_as_there_are_rounds() -> None:
    worker = always("work done")
    result = await ran(
        team(max_rounds=3),
        lead=always('{"tasks": ["do one"]}'),
        worker_1=worker,
        reviewer=always("REJECTED: no"),
    )
    assert len(worker.asked) == 3
    assert result.rounds == 2
    assert texts(result.rejected_tasks) == ["do one"]
    assert result.rejected_tasks[0].review == "REJECTED: no"
    assert result.done_tasks == []


async def test_rounds_are_none_when_all_passed_at_once() -> None:
    result = await ran(team(), lead=always(TWO), worker_1=always("x"), reviewer=always("APPROVED"))
    assert (result.rounds, len(result.done_tasks)) == (0, 2)


async def test_without_a_reviewer_the_work_is_in_the_result_unreviewed() -> None:
    result = await ran(team(reviewer=False), lead=always(TWO), worker_1=always("x"))
    assert (result.done_tasks, result.rejected_tasks, result.rounds) == ([], [], 0)
    assert texts(result.unreviewed_tasks) == ["do one", "do two"]


def failing(_: str) -> str:
    raise ValueError("out of cheese")


async def test_what_a_worker_raises_is_its_result_and_the_reviewer_judges_it() -> None:
    reviewer = always("REJECTED: nothing was done")
    result = await ran(
        team(max_rounds=1), lead=always(TWO), worker_1=Member(failing), reviewer=reviewer
    )
    assert {task.result for task in result.rejected_tasks} == {
        "execution error: ValueError: out of cheese"
    }
    assert all("> execution error" in asked for asked in reviewer.asked)


async def test_a_reviewer_that_raises_rejects() -> None:
    result = await ran(
        team(max_rounds=2), lead=always(TWO), worker_1=always("x"), reviewer=Member(failing)
    )
    assert texts(result.rejected_tasks) == ["do one", "do two"]
    assert result.rejected_tasks[0].review == "The review failed: ValueError: out of cheese"


class Weird(BaseException):
    pass


class Odd:
    """A member that fails in ways in which no session of this package does."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def send(self, prompt: str) -> Any:
        del prompt
        match self.how:
            case "cancelled":
                raise asyncio.CancelledError
            case "cancels its task":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)
            case "no exception":
                raise Weird("odd")
        return Answer(b"bytes")  # type: ignore[arg-type]


ODD = {
    "cancelled": "something that it waited for was cancelled",
    "cancels its task": "it cancelled itself",
    "no exception": "it raised Weird: odd",
    "bytes": "answered with a bytes, not a text",
}


@pytest.mark.parametrize(("how", "told"), ODD.items())
async def test_a_member_that_fails_in_odd_ways_neither_ends_the_team_nor_has_it_wait(
    how: str, told: str
) -> None:
    lead = always(TWO)
    as_worker = await ran(
        team(max_rounds=1), lead=lead, worker_1=Odd(how), reviewer=always("APPROVED")
    )
    as_reviewer = await ran(
        team(max_rounds=1), lead=lead, worker_1=always("done"), reviewer=Odd(how)
    )

    assert len(as_worker.done_tasks) == len(as_reviewer.rejected_tasks) == 2
    assert all(told in str(task.result) for task in as_worker.done_tasks)
    assert all(told in task.review for task in as_reviewer.rejected_tasks)


async def test_a_second_goal_reports_what_it_brought_alone() -> None:
    lead = Member(lambda prompt: TWO if "Refactor" in prompt else '{"tasks": ["do three"]}')
    given = runner(team(), lead=lead, worker_1=always("x"), reviewer=always("APPROVED"))
    await given.run_until_done("Refactor auth")
    again = await given.run_until_done("And docs")
    assert texts(again.done_tasks) == ["do three"]


# The lead


@pytest.mark.parametrize(
    "said",
    [
        '{"tasks": ["do one", "do two"]}',
        'Here it is:\n```json\n{"tasks": ["do one", "do two"]}\n```\nGood luck!',
        'I would say {"tasks": ["do one", "do two"]} and no more.',
        '{"tasks": [{"description": "do one"}, {"id": 2, "description": "do two"}]}',
        '{"tasks": ["do one", {"content": "do two"}, 7, null, {}, ""]}',
        '{"goal": "x"}\n{"tasks": ["do one", "do two"], "note": "x"}',
    ],
)
def test_a_lead_may_give_its_tasks_in_many_forms(said: str) -> None:
    assert tasks_in(said) == ("do one", "do two")


@pytest.mark.parametrize(
    "said", ["", "I will do it myself.", '{"tasks": []}', '{"tasks": "do one"}', '["do one"]', "{"]
)
async def test_a_lead_that_gives_no_tasks_ends_the_run_with_a_typed_error(said: str) -> None:
    with pytest.raises(TasksMissing, match="gave no tasks"):
        await ran(team(), lead=always(said), worker_1=always("x"), reviewer=always("APPROVED"))


async def test_tasks_for_which_the_board_has_no_room_are_told() -> None:
    result = await ran(
        team(max_tasks=1), lead=always(TWO), worker_1=always("x"), reviewer=always("APPROVED")
    )
    assert texts(result.done_tasks) == ["do one"]
    assert result.left_out == ["do two"]


@pytest.mark.parametrize("goal", ["", "  "])
async def test_an_empty_goal_is_refused(goal: str) -> None:
    with pytest.raises(InvalidValue):
        await AsyncTeamRunner(team()).run_until_done(goal)


async def test_what_is_missing_is_said_before_anybody_is_asked() -> None:
    with pytest.raises(UsageError, match="no lead"):
        await AsyncTeamRunner(Team("t")).run_until_done("x")
    with pytest.raises(UsageError, match="bound to the lead 'lead'"):
        await AsyncTeamRunner(team()).run_until_done("x")
    lead = always(TWO)
    with pytest.raises(UsageError, match="worker 'worker-1'"):
        await ran(team(), lead=lead)
    alone = Team("t")
    alone.add_member("lead", "lead")
    with pytest.raises(UsageError, match="no worker"):
        await ran(alone, lead=lead)
    assert lead.asked == []


async def test_a_session_for_nobody_or_one_that_blocks_is_refused(house: House) -> None:
    given = AsyncTeamRunner(team())
    with pytest.raises(InvalidValue, match="worker-9"):
        given.bind_session("worker-9", always("x"))
    with pytest.raises(InvalidType, match="blocks"):
        given.bind_session("lead", house.session(default=says("x")))
    with pytest.raises(InvalidType, match="no session"):
        given.bind_session("lead", object())  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="no tool"):
        given.bind_agent("lead", always("x"), "general")  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="AsyncTeamRunner"):
        TeamRunner(team()).bind_session("lead", always("x"))  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="no Team"):
        TeamRunner("team")  # type: ignore[arg-type]


# At the same time


@dataclass
class Gathering:
    """Workers that answer when so many of them are at work."""

    wanted: int
    at_work: int = 0
    most: int = 0
    all_there: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, prompt: str) -> Answer:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        if self.at_work == self.wanted:
            self.all_there.set()
        await self.all_there.wait()
        self.at_work -= 1
        return Answer("done")


async def test_workers_work_at_the_same_time_each_on_one_task() -> None:
    crowd = Gathering(3)
    result = await ran(
        team("worker-1", "worker-2", "worker-3", poll_interval_ms=10**9),
        lead=always('{"tasks": ["a", "b", "c", "d", "e"]}'),
        worker_1=crowd,
        worker_2=crowd,
        worker_3=crowd,
        reviewer=always("APPROVED"),
    )
    assert crowd.most == 3
    assert len(result.done_tasks) == 5
    assert {task.assigned_to for task in result.done_tasks} == {"worker-1", "worker-2", "worker-3"}


async def test_a_rejected_task_is_taken_up_while_others_are_at_work() -> None:
    """The slow worker ends only when the other one has mended what was rejected."""
    mended = asyncio.Event()

    class Slow:
        async def send(self, prompt: str) -> Answer:
            await mended.wait()
            return Answer("slow")

    def quick(prompt: str) -> str:
        if "sent it back" in prompt:
            mended.set()
            return "mended"
        return "quick"

    def judge(prompt: str) -> str:
        return "REJECTED: mend it" if "> quick" in prompt else "APPROVED"

    result = await ran(
        team("worker-1", "worker-2"),
        lead=always(TWO),
        worker_1=Slow(),
        worker_2=Member(quick),
        reviewer=Member(judge),
    )
    assert sorted(task.result or "" for task in result.done_tasks) == ["mended", "slow"]


class Stuck:
    """A member that never answers, and notes how it was ended."""

    def __init__(self) -> None:
        self.is_asked = False
        self.is_cancelled = False

    async def send(self, prompt: str) -> Answer:
        self.is_asked = True
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        return Answer("")


async def test_cancelling_a_team_cancels_every_member_and_opens_their_tasks_again() -> None:
    one, two = Stuck(), Stuck()
    made = team("worker-1", "worker-2")
    given = runner(made, lead=always(TWO), worker_1=one, worker_2=two, reviewer=always("APPROVED"))
    work = asyncio.create_task(given.run_until_done("x"))
    await arrive(lambda: one.is_asked and two.is_asked)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert one.is_cancelled
    assert two.is_cancelled
    assert texts(made.task_board().by_status("open")) == ["do one", "do two"]
    given.bind_session("worker-1", always("x"))
    given.bind_session("worker-2", always("x"))
    given.bind_session("lead", always('{"tasks": ["do three"]}'))
    assert len((await given.run_until_done("go on")).done_tasks) == 3


def test_cancelling_the_sessions_of_a_blocking_team_ends_their_tasks(house: House) -> None:
    """A limit of its own session ends a member that hangs; the team goes on."""
    from a3s_code.testing import Fault, breaks

    agent = house.employ(
        rules=(
            on(LEAD, says('{"tasks": ["do one"]}')),
            on(WORKER, breaks(Fault.HANG, says("never"))),
            on(REVIEWER, says("REJECTED: nothing")),
        )
    )
    made = TeamRunner(team(max_rounds=1))
    made.bind_session("lead", agent.session(house.root))
    made.bind_session("worker-1", agent.session(house.root, max_execution_time_ms=200))
    made.bind_session("reviewer", agent.session(house.root))
    (task,) = made.run_until_done("x").rejected_tasks
    assert (task.result or "").startswith("execution error: The run took longer")


async def test_a_runner_at_work_is_not_started_again() -> None:
    stuck = Stuck()
    given = runner(team(reviewer=False), lead=stuck, worker_1=always("x"))
    work = asyncio.create_task(given.run_until_done("x"))
    await arrive(lambda: stuck.is_asked)
    with pytest.raises(UsageError, match="at work"):
        await given.run_until_done("y")
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_a_task_that_a_host_posts_meanwhile_is_done_as_well() -> None:
    made = team()
    board = made.task_board()

    def work(prompt: str) -> str:
        if "do one" in prompt:
            board.post("posted meanwhile", "host")
        return "x"

    board.post("posted before", "host")
    result = await ran(made, lead=always(TWO), worker_1=Member(work), reviewer=always("APPROVED"))
    assert texts(result.done_tasks) == ["do one", "do two", "posted before", "posted meanwhile"]


async def test_an_assigned_task_is_done_by_its_assignee() -> None:
    made = team("worker-1", "worker-2")
    made.task_board().post("only two", "host", "worker-2")
    one, two = always("1"), always("2")
    await ran(made, lead=always(TWO), worker_1=one, worker_2=two, reviewer=always("APPROVED"))
    assert any("only two" in asked for asked in two.asked)
    assert not any("only two" in asked for asked in one.asked)


async def test_a_task_that_somebody_outside_holds_does_not_keep_the_team() -> None:
    made = team()
    made.task_board().post("held", "host")
    held = made.task_board().claim("an orchestrator of the host")
    result = await ran(made, lead=always(TWO), worker_1=always("x"), reviewer=always("APPROVED"))
    assert held is not None
    assert [task.id for task in result.unfinished_tasks] == [held.id]


async def test_a_worker_that_is_removed_takes_no_more_tasks_and_the_run_ends() -> None:
    made = team()

    def work(prompt: str) -> str:
        made.remove_member("worker-1")
        return "x"

    result = await ran(made, lead=always(TWO), worker_1=Member(work), reviewer=always("APPROVED"))
    assert len(result.done_tasks) == 1
    assert len(result.unfinished_tasks) == 1


# What they are told


def test_what_others_wrote_is_quoted_and_is_never_a_command_or_a_plan() -> None:
    wild = "/clear\n1. do this\n2. do that\n3. and that. Then more. And more. And more."
    task = TeamTask(
        id="task-1",
        description="/clear",
        posted_by="lead",
        status="rejected",
        created_at=0,
        updated_at=0,
        result=wild,
        review=wild,
    )
    for prompt in (lead_prompt(wild), worker_prompt(wild, task), reviewer_prompt(wild, task)):
        assert not prompt.startswith("/")
        assert not has_several_demands(prompt)
        assert wild not in prompt
        assert "> /clear\n> 1. do this" in prompt


async def test_a_flood_of_a_worker_is_cut_for_the_reviewer_and_whole_in_the_result() -> None:
    flood = "a" * 100_000 + "THE END"
    reviewer = always("APPROVED")
    result = await ran(
        team(), lead=always('{"tasks": ["x"]}'), worker_1=always(flood), reviewer=reviewer
    )
    assert result.done_tasks[0].result == flood
    assert len(reviewer.asked[0]) < 15_000
    assert "THE END" in reviewer.asked[0]
