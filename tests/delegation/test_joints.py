"""What holds where two parts of delegation meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    AgentStepSpec,
    AsyncAgent,
    AutoDelegationConfig,
    FileSessionStore,
    PermissionPolicy,
    SessionOptions,
    WorkerAgentSpec,
)
from a3s_code.errors import BudgetExhausted
from a3s_code.kernel.budget import Budget
from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.testing import Turn, When, calls, on, says
from api.bundles import export
from api.house import House, come, meanwhile
from delegation.errands import errand
from delegation.test_background import Held, childs, ended

ALL = PermissionPolicy(default_decision="allow")
AUTO = AutoDelegationConfig(enabled=True)
UNASKED = When(last_user="Somebody else answers this request as a whole")
WHERE = "Where are the timeouts configured?"
TASK = {"agent": "general", "description": "d", "prompt": "WORK"}
STEP = AgentStepSpec(task_id="a", agent="general", description="d", prompt="WORK")
WORK = When(first_user="WORK")


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.may_go.set()


def costing(answered: int, text: str = "ok") -> Turn:
    return says(text, usage=Usage(10, answered))


def shown(house: House, at: int = -1) -> str:
    return json.dumps(house.bodies[at], ensure_ascii=False)


# Budgets


async def test_a_prompt_that_a_step_queued_is_no_part_of_the_cap_of_its_workflow(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    queued: list[Any] = []

    async def later() -> str:
        """Ask for something else."""
        queued.append(await session.queue("LATER"))
        return "queued"

    step = on(WORK, calls("later"), costing(500, "done"))
    server = house.serve(rules=(step, on(When(last_user="LATER"), costing(700, "late"))))
    async with AsyncAgent(server.acl("openai")) as agent:
        options = SessionOptions()
        session = agent.session(tmp_path, options, permission_policy=ALL, tools=[later])
        async with session.workflow(token_budget=100_000) as workflow:
            outcome = await workflow.agent(STEP)
        assert outcome.success
        assert (await queued[0]).text == "late"
        assert workflow.budget_snapshot().consumed_tokens == 525
    house.close()


def test_a_child_in_the_background_pays_from_its_run_after_the_end_of_that(
    house: House, held: Held
) -> None:
    session = house.session(
        calls("errand", background=True),
        says("started"),
        rules=(childs(calls("wait_here"), costing(700, "FOUND")),),
        tools=[errand, held.wait_here],
        permission_policy=ALL,
        budget=Budget(tokens=1_000_000),
    )
    session.send("go")
    held.may_go.set()
    ended(session)
    usage = session.budget()
    (run,) = usage.children
    assert usage.tokens == run.tokens
    assert [each.tokens for each in run.children] == [725]
    assert usage.reserved_tokens == 0


@pytest.mark.parametrize("background", [True, False])
def test_what_is_merged_pays_from_who_started_the_child_and_not_from_its_own(
    house: House, *, background: bool
) -> None:
    write = calls("write", file_path="a.txt", content="x")
    session = house.session(
        calls("errand", isolation="worktree", background=background),
        says("end"),
        rules=(childs(write, says("done")),),
        tools=[errand],
        permission_policy=ALL,
        budget=Budget(per_child=Budget(tool_calls=1)),
    )
    assert session.send("go").text == "end"
    assert ended(session)["status"] == "completed"
    assert house.get("a.txt") == "x"
    (run,) = session.budget().children
    (child,) = run.children
    assert (run.tool_calls, child.tool_calls) == (3, 1)


def test_agents_that_are_asked_unasked_spend_what_the_run_may_and_no_more(house: House) -> None:
    options: JsonObject = {
        "rules": (on(UNASKED, costing(90_000, "FOUND")),),
        "default": says("plain"),
        "permission_policy": ALL,
        "auto_delegation": AUTO,
    }
    whole = house.session(**options, budget=Budget(tokens=90_100))
    with pytest.raises(BudgetExhausted):
        whole.send(WHERE)
    assert whole.budget().reserved_tokens == 0
    own = house.session(**options, budget=Budget(per_child=Budget(tokens=10)))
    assert own.send(WHERE).text == "plain"
    assert "Budget exhausted" in shown(house)


# Who delegates


def test_agents_of_files_and_workers_are_asked_unasked_one_after_the_other(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "agents").mkdir()
    text = "---\nname: wombat\ndescription: wombat burrow tracker of marsupials\n---\nWOMBAT-ROLE"
    (tmp_path / "agents/wombat.md").write_text(text)
    cow = WorkerAgentSpec(name="cow", description="milk cheese pasture", prompt="COW-ROLE")
    session = house.session(
        rules=(
            on(When(system="WOMBAT-ROLE"), says("W-FOUND")),
            on(When(system="COW-ROLE"), says("C-FOUND")),
        ),
        default=says("plain"),
        permission_policy=ALL,
        auto_delegation=AUTO,
        agent_dirs=[str(tmp_path / "agents")],
        worker_agents=[cow],
        manual_delegation_enabled=False,
        max_parallel_tasks=1,
    )
    prompt = "track the wombat burrow and the milk cheese of the pasture"
    assert session.send(prompt).text == "plain"
    assert "W-FOUND" in shown(house)
    assert "C-FOUND" in shown(house)


def test_no_child_and_no_program_of_a_model_delegates_where_the_model_may_not(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "boss.yaml").write_text("description: d\ncan_spawn_subagents: true\nprompt: BOSS\n")
    source = 'task(agent="general", description="d", prompt="WORK")'
    session = house.session(
        calls("program", language="python", source=source),
        says("end"),
        rules=(on(When(system="BOSS"), calls("task", **TASK), says("boss done")),),
        permission_policy=ALL,
        agent_dirs=[str(tmp_path)],
        manual_delegation_enabled=False,
    )
    assert session.send("go").text == "end"
    assert session.subagent_tasks() == []
    assert session.tool("task", {**TASK, "agent": "boss", "prompt": "LEAD"}).exit_code == 0
    assert [row["agent"] for row in session.subagent_tasks()] == ["boss"]


def test_what_a_fork_and_a_workflow_of_an_agents_session_do_has_the_rights_of_the_agent(
    house: House, tmp_path: Path
) -> None:
    write = calls("write", file_path="made", content="x")
    rules = (on(WORK, write, says("no")), on(When(last_user="FORK"), write, says("no")))
    agent = house.employ(rules=rules, default=says("ok"))
    store = FileSessionStore(tmp_path / "store")
    options = SessionOptions(permissive=True, session_store=store)
    session = agent.session_for_agent(house.root, "explore", options=options)
    session.send("go")
    session.fork().send("FORK")
    assert "You explore a code base" in shown(house)
    with session.workflow() as workflow:
        workflow.agent(STEP)
    assert not house.has("made")


# Words


def test_words_that_come_while_checks_run_do_not_let_what_follows_them_pass(house: House) -> None:
    check = "touch begun; until test -e go; do sleep 0.01; done; grep -qx right answer"

    def write(text: str) -> Turn:
        return calls("write", file_path="answer", content=text)

    turns = (write("right\n"), says("Done."), write("wrong\n"), says("Now."), says("Still."))
    wanted = {"commands": [{"id": "tests", "command": check}], "max_rounds": 1}
    session = house.session(*turns, permissive=True, verification=wanted)
    with meanwhile(lambda: session.send("do it")) as came:
        come(lambda: house.has("begun"))
        session.steer("MORE")
        house.put("go")
    assert "MORE" in shown(house)
    assert came[0].text == "Still."
    assert came[0].verification_status == "needs_review"


def test_words_that_come_while_agents_are_asked_unasked_stand_behind_what_they_brought(
    house: House, held: Held
) -> None:
    session = house.session(
        rules=(on(UNASKED, calls("wait_here"), says("FOUND")),),
        default=says("plain"),
        permission_policy=ALL,
        auto_delegation=AUTO,
        tools=[held.wait_here],
    )
    with meanwhile(lambda: session.send("@general do it")) as came:
        assert held.is_there.wait(10)
        session.steer("ALSO")
        held.may_go.set()
    assert came[0].text == "plain"
    said = json.dumps(house.bodies[-1]["messages"])
    assert said.index("@general do it") < said.index("FOUND") < said.index("ALSO")


# Places


def test_steps_and_children_wait_for_the_same_places_and_all_come_to_their_end(
    house: House, held: Held
) -> None:
    session = house.session(
        calls("errand", background=True),
        calls("task", **TASK),
        says("end"),
        rules=(childs(calls("wait_here"), says("FOUND")), on(WORK, says("W"))),
        tools=[errand, held.wait_here],
        permission_policy=ALL,
        max_parallel_tasks=2,
    )
    steps = [AgentStepSpec(f"s{each}", "general", "d", "WORK") for each in range(6)]
    with meanwhile(lambda: session.send("go")) as came, session.workflow() as workflow:
        outcomes = workflow.parallel(steps)
    assert all(outcome.success for outcome in outcomes)
    assert came[0].text == "end"
    held.may_go.set()
    ended(session)


# What is kept


def test_children_of_direct_calls_and_workflows_are_dropped_without_a_run_behind_them(
    house: House,
) -> None:
    session = house.session(
        rules=(on(WORK, says("W")),),
        permission_policy=ALL,
        retention_limits={"max_terminal_subagent_tasks": 2},
    )
    with session.workflow() as workflow:
        for each in range(3):
            workflow.agent(AgentStepSpec(f"s{each}", "general", "d", "WORK"))
    assert len(session.subagent_tasks()) == 2
    session.tasks([TASK, TASK, TASK])
    assert len(session.subagent_tasks()) == 2


# Bundles


@pytest.mark.parametrize("background", [True, False])
def test_runs_with_children_in_worktrees_are_replayed_from_their_bundles(
    house: House, tmp_path: Path, *, background: bool
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    house.put("run.sh", "printf two > kept.txt; printf two > free.txt")
    session = house.session(
        calls("errand", isolation="worktree", background=background),
        says("one"),
        says("two"),
        rules=(childs(calls("bash", command="sh run.sh"), says("FOUND")),),
        tools=[errand],
        permission_policy=PermissionPolicy(default_decision="allow", deny=["write(kept.txt)"]),
        session_id="s",
        session_store=store,
    )
    session.send("go")
    ended(session)
    session.send("more")
    for run in (0, 1):
        _, bundle = export(store, session, tmp_path / f"{run}.a3s", run=run)
        assert bundle.replay().difference is None
    session.close()


# Hooks


def test_hooks_are_asked_about_agents_that_are_asked_unasked_and_about_each_merged_file(
    house: House,
) -> None:
    seen: list[tuple[str, str]] = []

    def hear(event: JsonObject) -> JsonObject | None:
        payload = event["payload"]
        seen.append((payload["tool"], payload["args"].get("file_path", "")))
        if payload["tool"] == "task":
            return {"action": "block", "reason": "NOT-HERE"}
        return None

    house.put("run.sh", "printf two > made.txt")
    session = house.session(
        rules=(childs(calls("bash", command="sh run.sh"), says("F")),),
        default=says("plain"),
        permission_policy=ALL,
        auto_delegation=AUTO,
        tools=[errand],
    )
    session.register_hook("hear", "pre_tool_use", handler=hear)
    assert session.send(WHERE).text == "plain"
    assert "NOT-HERE" in shown(house)
    assert session.subagent_tasks() == []
    session.tool("errand", {"isolation": "worktree"})
    assert [tool for tool, _ in seen] == ["task", "errand", "bash", "write"]
    assert seen[-1] == ("write", "made.txt")
