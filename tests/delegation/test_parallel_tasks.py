"""The tool `parallel_task`, and how many children of a session run at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from a3s_code import AsyncAgent, AsyncSession, PermissionPolicy
from a3s_code.delegation.household import ChildHousehold, Room
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool
from a3s_code.testing import Rule, When, calls, on, refuses, says
from api.house import House, arrive, come, meanwhile
from delegation.errands import errand

ALL = PermissionPolicy(default_decision="allow")


def job(prompt: str, agent: str = "general", **more: Any) -> JsonObject:
    return {"agent": agent, "description": f"about {prompt}", "prompt": prompt, **more}


def answering(*prompts: str) -> tuple[Rule, ...]:
    """Answer each prompt with itself."""
    return tuple(on(When(last_user=prompt), says(f"answer to {prompt}")) for prompt in prompts)


# What comes back


def test_results_come_in_the_order_of_the_tasks_and_one_that_fails_stops_no_other(
    house: House,
) -> None:
    rules = (
        on(When(last_user="ONE"), says("first", delay_s=0.2)),
        on(When(last_user="TWO"), refuses(400)),
        on(When(last_user="THREE"), says("third")),
    )
    session = house.session(rules=rules, permission_policy=ALL)
    result = session.tasks([job("ONE"), job("TWO", "explore"), job("THREE")])
    rows = result.metadata["results"]

    assert [row["success"] for row in rows] == [True, False, True]
    assert [row["output"] for row in rows][::2] == ["first", "third"]
    assert [row["agent"] for row in rows] == ["general", "explore", "general"]
    assert rows[1]["error"]["type"] == "model.refused"
    assert result.exit_code == 1
    assert result.error_kind == "partial_failure"
    assert (result.metadata["failed"], result.metadata["total"]) == (1, 3)
    assert result.output.startswith("1 of 3 tasks failed.")
    order = [result.output.index(f"[{at}: ") for at in range(3)]
    assert order == sorted(order)
    assert session.get_artifact(rows[2]["artifact_uri"])["content"] == "third"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, 1),
        ({"allow_partial_failure": True}, 0),
        ({"min_success_count": 1}, 0),
        ({"min_success_count": 2, "allow_partial_failure": True}, 1),
    ],
)
def test_how_many_must_succeed_can_be_said(more: JsonObject, code: int, house: House) -> None:
    rules = (on(When(last_user="ONE"), says("x")), on(When(last_user="TWO"), refuses(400)))
    session = house.session(rules=rules, permission_policy=ALL)
    result = session.tool("parallel_task", {"tasks": [job("ONE"), job("TWO")], **more})
    assert result.exit_code == code


def test_nothing_is_begun_where_one_of_them_cannot_be(house: House) -> None:
    session = house.session(
        calls("parallel_task", tasks=[job("ONE"), job("TWO", "explorer")]),
        says("ok"),
        permission_policy=ALL,
    )
    events = list(session.stream("PARENT"))
    (end,) = (event for event in events if event.event_type == "tool_end")

    assert "tasks[1]: There is no agent 'explorer'. Near ones: explore" in (end.tool_output or "")
    assert "subagent_start" not in [event.event_type for event in events]
    assert len(house.bodies) == 2


def test_many_long_answers_share_the_room_of_a_few(house: House) -> None:
    session = house.session(default=says("x" * 9_000, piece_chars=0), permission_policy=ALL)
    result = session.tasks([job(f"T{at}") for at in range(32)])
    facts = result.metadata["results"]

    assert len(result.output) < 60_000
    assert all(row["truncated"] for row in facts)
    assert all(row["artifact_uri"] in row["output"] for row in facts)


# How many run at once


class NoArgs(msgspec.Struct, frozen=True):
    pass


class Crowd:
    """Counts the calls of its tool that run at once; each waits until `room` of them do."""

    def __init__(self, room: int) -> None:
        self.room, self.inside, self.most = room, 0, 0
        self.order: list[str] = []

    def tool(self) -> Tool:
        full = asyncio.Event()

        @tool(NoArgs, effect=Effect.HOST)
        async def crowd(args: NoArgs, context: ToolContext) -> Observation:
            """Wait for the others."""
            nonlocal full
            self.order.append(context.call_id)
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.inside == self.room:
                full.set()
                full = asyncio.Event()
            else:
                await asyncio.wait_for(full.wait(), 10)
            self.inside -= 1
            return Observation("together")

        return crowd


@asynccontextmanager
async def opened(
    house: House, *rules: Rule, config: str = "", **options: Any
) -> AsyncGenerator[AsyncSession]:
    agent = AsyncAgent(house.serve(rules=rules).acl("openai", extra=config))
    async with agent:
        yield agent.session(house.root, permission_policy=ALL, **options)


CROWD = (
    on(When(last_user="CHILD", tool_results=0), calls("crowd")),
    on(When(last_user="CHILD"), says("done")),
)


@pytest.mark.parametrize(
    ("config", "options", "bound"),
    [
        ("", {"max_parallel_tasks": 2}, 2),
        ("max_parallel_tasks = 3\n", {}, 3),
        ("max_parallel_tasks = 3\n", {"max_parallel_tasks": 1}, 1),
        ("", {}, 8),
    ],
)
async def test_no_more_children_run_at_once_than_the_session_or_its_configuration_says(
    config: str, options: JsonObject, bound: int, house: House
) -> None:
    crowd = Crowd(bound)
    async with opened(house, *CROWD, config=config, tools=[crowd.tool()], **options) as session:
        result = await session.tasks([job("CHILD") for _ in range(2 * bound)])

    assert result.exit_code == 0
    assert crowd.most == bound


async def test_the_bound_is_over_all_children_of_the_session(house: House) -> None:
    crowd = Crowd(2)
    tools = [crowd.tool(), errand]
    async with opened(house, *CROWD, tools=tools, max_parallel_tasks=2) as session:
        await asyncio.gather(
            session.tasks([job("CHILD"), job("CHILD")]),
            session.task(job("CHILD")),
            session.tool("errand", {"prompt": "CHILD"}),
        )

    assert len(crowd.order) == 4
    assert crowd.most == 2


async def test_whoever_comes_first_goes_first(house: House) -> None:
    crowd = Crowd(1)
    tools = [crowd.tool()]
    async with opened(house, *CROWD, tools=tools, max_parallel_tasks=1) as session:
        await session.tasks([job("CHILD") for _ in range(6)])

    numbers = [int(id_.split(".")[1]) for id_ in crowd.order]
    assert numbers == [1, 2, 3, 4, 5, 6]


async def test_children_that_wait_for_their_own_children_do_not_stop_each_other(
    house: House,
) -> None:
    rules = (
        on(When(last_user="OUTER", tool_results=0), calls("errand", prompt="INNER")),
        on(When(last_user="OUTER"), says("outer")),
        on(When(last_user="INNER"), says("inner")),
    )
    outer = {"prompt": "OUTER", "allow": ["errand"]}
    async with opened(house, *rules, tools=[errand]) as session:
        await session.tool("ls", {})
        executor = session._engine.executor  # type: ignore[union-attr]
        home = executor.children.home  # type: ignore[union-attr]
        executor.children = ChildHousehold(home, max_depth=2, room=Room(2))
        work = [session.tool("errand", outer) for _ in range(5)]
        results = await asyncio.wait_for(asyncio.gather(*work), 20)

    assert [result.output for result in results] == ["outer"] * 5


async def test_a_child_that_waits_is_not_begun_and_leaves_nothing_when_it_is_cancelled(
    house: House,
) -> None:
    crowd = Crowd(2)  # nobody else ever comes: the first child waits in its call
    tools = [crowd.tool()]
    async with opened(house, *CROWD, tools=tools, max_parallel_tasks=1) as session:
        work = asyncio.ensure_future(session.tasks([job("CHILD"), job("CHILD")]))
        await arrive(lambda: crowd.order)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        log = session._log()
        assert log is not None
        kinds = [type(record.event).__name__ for record in log.records]
        assert kinds.count("SubagentStart") == kinds.count("SubagentEnd") == 1
        crowd.room = 1
        crowd.inside = 0
        assert (await session.task(job("CHILD"))).output.startswith("done")


def test_names_of_results_are_in_the_call_of_the_tool(house: House) -> None:
    session = house.session(
        calls("parallel_task", tasks=[job("ONE"), job("TWO")]),
        rules=answering("ONE", "TWO"),
        default=says("done"),
        permission_policy=ALL,
    )
    session.send("PARENT")
    told = json.dumps(house.bodies[-1]["messages"])

    assert "[0: general] about ONE" in told
    assert "answer to ONE" in told
    assert told.index("answer to ONE") < told.index("answer to TWO")


def test_a_session_that_is_only_handed_tasks_keeps_no_more_of_them_than_it_was_told_to(
    house: House,
) -> None:
    limits = {"max_terminal_subagent_tasks": 3, "max_trace_events": 4}
    session = house.session(default=says("done"), permission_policy=ALL, retention_limits=limits)
    for _ in range(3):
        assert session.tasks([job("one"), job("two")]).exit_code == 0

    assert len(session.subagent_tasks()) == 3
    assert len(session.trace_events()) == 3


def test_direct_calls_leave_no_more_traces_than_a_session_was_told_to_keep(house: House) -> None:
    session = house.session(permission_policy=ALL, retention_limits={"max_trace_events": 4})
    for _ in range(9):
        session.tool("ls", {})

    assert len(session.trace_events()) == 4


@pytest.mark.parametrize("background", [False, True])
def test_a_child_that_has_the_host_start_another_one_does_not_wait_for_its_own_place(
    house: House, background: bool
) -> None:
    def ask_host() -> str:
        """Have the host hand on a piece of work, and wait for its end."""
        done = session.task(job("INNER", background=background))
        if background:
            come(lambda: not session.pending_subagent_tasks()[1:])
        return done.output

    rules = (
        on(When(last_user="INNER"), says("inner answer")),
        on(When(first_user="OUTER", tool_results=0), calls("ask_host")),
        on(When(first_user="OUTER"), says("outer answer")),
    )
    session = house.session(
        rules=rules, tools=[ask_host], permission_policy=ALL, max_parallel_tasks=1
    )
    with meanwhile(lambda: session.task(job("OUTER"))) as came:
        pass

    assert came[0].output.startswith("outer answer")
    assert [row["status"] for row in session.subagent_tasks()] == ["completed", "completed"]
