"""Agents of the host and of the workspace: where they come from, and what they may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    Agent,
    AsyncAgent,
    ConfirmationPolicy,
    FileSessionStore,
    PermissionPolicy,
    Session,
    SessionOptions,
    WorkerAgentSpec,
)
from a3s_code.errors import InvalidType, InvalidValue, LimitReached, SessionClosed, UnknownModel
from a3s_code.kernel.events import PermissionDenied
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Action, Allow, Ask, Deny
from a3s_code.kernel.records import AgentsLoaded
from a3s_code.testing import calls, says
from api.house import House

ALL = PermissionPolicy(default_decision="allow")
ON = ConfirmationPolicy(enabled=True)
AGENT = "---\nname: {name}\ndescription: About {name}\n{more}---\nYou are {upper}-ROLE.\n"


def put(root: Path, path: str, *, name: str = "", more: str = "") -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    name = name or place.stem
    place.write_text(AGENT.format(name=name, more=more, upper=name.upper()))
    return place


def to(agent: str, prompt: str = "CHILD") -> JsonObject:
    return {"agent": agent, "description": "d", "prompt": prompt}


def asked(house: House, at: int = -1) -> str:
    """Give the system prompt of a request."""
    return str(house.bodies[at]["messages"][0]["content"])


def task_of(house: House, at: int = -1) -> str:
    """Give what a request says of the tool `task`."""
    rows = [row["function"] for row in house.bodies[at]["tools"]]
    return next(row["description"] for row in rows if row["name"] == "task")


def shown(house: House, at: int = -1) -> list[str]:
    return [row["function"]["name"] for row in house.bodies[at].get("tools", ())]


def recorded(session: Session, kind: type) -> list[Any]:
    log = session._inner._log()
    return [each.event for each in log.records if isinstance(each.event, kind)] if log else []


class Person:
    """Says yes to everything, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []

    async def approve(self, _: Action, ask: Ask) -> Allow | Deny:
        self.asked.append(ask)
        return Allow("fine")


# Directories of the host


def test_agents_of_a_directory_can_be_delegated_to_and_the_model_is_told(
    house: House, tmp_path: Path
) -> None:
    put(tmp_path, "agents/deep/foo.md", name="foo-agent")
    session = house.session(
        calls("task", **to("foo-agent")),
        says("foo result"),
        says("done"),
        agent_dirs=[tmp_path / "agents"],
    )
    session.send("PARENT")

    assert "- foo-agent: About foo-agent" in task_of(house, 0)
    assert asked(house, 1).startswith("You are FOO-AGENT-ROLE.")
    assert "foo result" in json.dumps(house.bodies[2]["messages"])
    (loaded,) = recorded(session, AgentsLoaded)
    assert [(one.name, one.trust) for one in loaded.agents] == [("foo-agent", "host")]
    assert len(loaded.agents[0].sha256) == 64


def test_directories_of_the_configuration_count_as_well_and_those_of_a_session_more(
    house: House, tmp_path: Path
) -> None:
    put(tmp_path, "one/a.md")
    put(tmp_path, "one/b.md")
    put(tmp_path, "two/b.md", more="max_steps: 3\n")
    (tmp_path / "two/b.md").write_text("---\nname: b\ndescription: d\n---\nSECOND\n")
    server = house.serve(default=says("ok"))
    agent = Agent(server.acl(extra=f'agent_dirs = ["{tmp_path / "one"}"]'))
    with agent.session(house.root, agent_dirs=[tmp_path / "two"]) as session:
        assert session.init_warning is None
        assert session.tool("task", to("a")).exit_code == 0
        assert asked(house).startswith("You are A-ROLE.")
        session.tool("task", to("b"))
        assert asked(house).startswith("SECOND")
    agent.close()


def test_a_directory_of_the_host_may_replace_a_built_in_agent(house: House, tmp_path: Path) -> None:
    put(tmp_path, "agents/review.md")
    session = house.session(default=says("ok"), agent_dirs=[tmp_path / "agents"])
    session.tool("task", to("code-review"))

    assert asked(house).startswith("You are REVIEW-ROLE.")


def test_what_is_no_agent_is_named_and_the_rest_is_there(house: House, tmp_path: Path) -> None:
    put(tmp_path, "agents/a.md")
    put(tmp_path, "agents/b.md", more="max_steps: never\n")
    put(tmp_path, "agents/c.md", more="model: nobody/nothing\n")
    session = house.session(
        default=says("ok"), agent_dirs=[tmp_path / "agents", tmp_path / "missing"]
    )
    assert session.init_warning is None
    session.send("hello")

    said = session.init_warning or ""
    assert "b.md: max_steps is 'never'" in said
    assert "c.md: Its model cannot answer" in said
    assert "missing: There is no such file or directory." in said
    (loaded,) = recorded(session, AgentsLoaded)
    assert [one.name for one in loaded.agents] == ["a"]
    assert len(loaded.skipped) == 3


def test_no_directory_is_read_before_a_session_is_used(house: House, tmp_path: Path) -> None:
    session = house.session(default=says("ok"), agent_dirs=[tmp_path / "agents"])
    put(tmp_path, "agents/late.md")

    assert session.tool("task", to("late")).exit_code == 0


def test_sessions_with_the_same_agents_share_their_tools(house: House, tmp_path: Path) -> None:
    put(tmp_path, "agents/a.md")
    agent = house.employ(default=says("ok"))
    made = [agent.session(house.root, agent_dirs=[tmp_path / "agents"]) for _ in range(2)]
    for session in made:
        session.send("hello")
    first, second = (session._inner._engine for session in made)

    assert first is not None
    assert second is not None
    assert first.executor.tools is second.executor.tools


# The workspace


def test_an_agent_of_the_workspace_is_found_by_its_name_and_told_whose_words_it_has(
    house: House,
) -> None:
    put(house.root, ".a3s/agents/db.md", more="model: openai/other\nmax_steps: 2\n")
    session = house.session(calls("task", **to("db")), says("found"), says("done"))
    session.send("PARENT")

    assert "db" not in task_of(house, 0)
    assert "a file of this workspace describes" in asked(house, 1)
    assert "You are DB-ROLE." in asked(house, 1)
    assert {body["model"] for body in house.bodies} == {house.bodies[0]["model"]}
    (loaded,) = recorded(session, AgentsLoaded)
    assert [(one.name, one.source, one.trust) for one in loaded.agents] == [
        ("db", ".a3s/agents/db.md", "workspace")
    ]


def test_a_session_that_delegates_nothing_reads_no_agents_of_its_workspace(house: House) -> None:
    put(house.root, ".a3s/agents/db.md", more="max_steps: never\n")
    session = house.session(default=says("ok"))
    session.send("hello")
    session.tool("task", to("explore"))

    assert recorded(session, AgentsLoaded) == []
    assert session.init_warning is None
    session.tool("task", to("db"))
    assert "db.md: max_steps is 'never'" in (session.init_warning or "")


@pytest.mark.parametrize("name", ["explore", "Explore", "code-review"])
def test_the_workspace_never_takes_the_place_of_a_built_in_agent(house: House, name: str) -> None:
    put(house.root, ".a3s/agents/x.md", name=name)
    session = house.session(default=says("ok"))
    result = session.tool("task", to(name))

    assert "ROLE" not in json.dumps(house.bodies)
    assert (result.exit_code == 0) is (name != "Explore")
    session.tool("task", to("nobody"))
    assert "x.md: A built-in agent or one of the host has this name" in (session.init_warning or "")


def test_the_directory_of_ours_counts_before_that_of_another_program(house: House) -> None:
    put(house.root, ".claude/agents/a.md")
    (house.root / ".a3s/agents").mkdir(parents=True)
    (house.root / ".a3s/agents/a.yaml").write_text("description: d\nprompt: OURS\n")
    put(house.root, ".claude/agents/b.md")
    session = house.session(default=says("ok"))
    session.tool("task", to("a"))
    assert "OURS" in asked(house)
    session.tool("task", to("b"))
    assert "B-ROLE" in asked(house)


def test_an_agent_stays_what_it_was_when_its_file_changes(house: House) -> None:
    put(house.root, ".a3s/agents/db.md")
    session = house.session(default=says("ok"))
    session.tool("task", to("db"))
    put(house.root, ".a3s/agents/db.md", name="db", more="can_spawn_subagents: true\n")
    (house.root / ".a3s/agents/db.md").write_text("---\nname: db\ndescription: d\n---\nCHANGED\n")
    session.tool("task", to("db"))

    assert "DB-ROLE" in asked(house)


def test_a_file_that_may_not_be_read_is_no_agent(house: House) -> None:
    put(house.root, ".a3s/agents/db.md")
    policy = PermissionPolicy(deny=["read(.a3s/**)"], default_decision="allow")
    session = house.session(default=says("ok"), permission_policy=policy)

    assert session.tool("task", to("db")).exit_code == 1
    assert "may not be read" in (session.init_warning or "")
    assert house.server.requests == []


def test_links_pipes_and_what_leads_outside_are_no_agents(house: House, tmp_path: Path) -> None:
    import os

    outside = put(tmp_path, "outside/db.md")
    put(house.root, ".a3s/agents/a.md")
    (house.root / ".a3s/agents/db.md").symlink_to(outside)
    os.mkfifo(house.root / ".a3s/agents/pipe.md")
    (house.root / ".claude").symlink_to(outside.parent)
    session = house.session(default=says("ok"))

    assert session.tool("task", to("a")).exit_code == 0
    assert session.tool("task", to("db")).exit_code == 1
    (loaded,) = recorded(session, AgentsLoaded)
    assert [one.name for one in loaded.agents] == ["a"]
    assert {each.path for each in loaded.skipped} >= {".a3s/agents/db.md", ".a3s/agents/pipe.md"}


def test_what_its_parent_may_not_an_agent_of_the_workspace_may_not_either(house: House) -> None:
    put(house.root, ".a3s/agents/w.md", more="tools: '*'\npermissions: {allow: ['*']}\n")
    policy = PermissionPolicy(deny=["write(*)"], default_decision="allow")
    session = house.session(
        calls("write", file_path="made", content="x"), says("could not"), permission_policy=policy
    )
    session.tool("task", to("w"))

    assert not house.has("made")


def test_its_own_rules_hold_where_its_parent_may_more(house: House) -> None:
    put(house.root, ".a3s/agents/w.md", more="permissions: {deny: [write]}\n")
    session = house.session(
        calls("write", file_path="made", content="x"), says("could not"), permission_policy=ALL
    )
    session.tool("task", to("w"))

    assert not house.has("made")
    assert "write" not in shown(house, 0)


# Workers


def worker(kind: str = "implementer", **more: Any) -> WorkerAgentSpec:
    made = WorkerAgentSpec("cow", "Small fixes", kind)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def writing(house: House, made: WorkerAgentSpec, **options: Any) -> Session:
    session = house.session(
        calls("write", file_path="made", content="x"), says("end"), worker_agents=[made], **options
    )
    session.tool("task", to("cow"))
    return session


def test_a_worker_approves_by_itself_what_the_default_asks_about(house: House) -> None:
    writing(house, worker(), permission_policy=PermissionPolicy())
    assert house.has("made")


def test_a_worker_that_inherits_asks_who_answers_for_its_parent(house: House) -> None:
    person = Person()
    made = worker(confirmation_inheritance="inherit_parent")
    options = {"confirmation_manager": person, "confirmation_policy": ON}
    writing(house, made, permission_policy=PermissionPolicy(), **options)

    assert house.has("made")
    assert ["Inside cow: " in ask.reason for ask in person.asked] == [True]


def test_a_worker_approves_what_a_rule_asks_about_and_never_a_protected_place(
    house: House,
) -> None:
    policy, person = PermissionPolicy(ask=["write(*)"], default_decision="allow"), Person()
    writing(house, worker(), permission_policy=policy)
    assert house.has("made")
    options = {"confirmation_manager": person, "confirmation_policy": ON}
    hook = calls("write", file_path=".git/hooks/pre-commit", content="x")
    for more in ({}, options):
        session = house.session(
            hook, says("end"), worker_agents=[worker()], permission_policy=policy, **more
        )
        session.tool("task", to("cow"))
        assert house.has(".git/hooks/pre-commit") is bool(more)
    assert len(person.asked) == 1


def test_what_its_parent_denies_no_worker_does(house: House) -> None:
    policy = PermissionPolicy(deny=["write(made)"], default_decision="allow")
    made = worker(permissions=PermissionPolicy.permissive())
    writing(house, made, permission_policy=policy)

    assert not house.has("made")


@pytest.mark.parametrize(
    ("permissions", "is_made"),
    [
        (PermissionPolicy(deny=["write"], default_decision="allow"), False),
        (PermissionPolicy(allow=["read"], default_decision="deny"), False),
        (PermissionPolicy(allow=["write(made)"], default_decision="deny"), True),
        (PermissionPolicy(allow=["write(other)"], default_decision="deny"), False),
        (PermissionPolicy(), True),
    ],
)
def test_the_policy_of_a_worker_holds_with_its_own_default(
    house: House, permissions: PermissionPolicy, is_made: bool
) -> None:
    writing(house, worker(permissions=permissions), permission_policy=ALL)
    assert house.has("made") is is_made


def test_a_policy_that_asks_is_put_to_who_answers_where_the_worker_inherits(house: House) -> None:
    made = worker(permissions=PermissionPolicy(), confirmation_inheritance="inherit_parent")
    writing(house, made, permission_policy=ALL)

    assert not house.has("made")


@pytest.mark.parametrize("kind", ["read_only", "planner", "reviewer", "verifier"])
def test_a_kind_that_looks_does_not_write_whatever_its_policy_says(house: House, kind: str) -> None:
    permissions = PermissionPolicy.permissive()
    session = writing(house, worker(kind, permissions=permissions), permission_policy=ALL)

    assert not house.has("made")
    assert len(recorded(session, PermissionDenied)) == 1
    assert "write" not in shown(house, 0)


def test_a_worker_has_its_model_its_prompt_and_its_rounds(house: House) -> None:
    made = worker(model="openai/small", prompt="QUOLL", max_steps=1)
    session = house.session(calls("ls"), calls("ls"), says("x"), worker_agents=[made])
    result = session.tool("task", to("cow"))

    assert result.exit_code == 1
    assert "QUOLL" in asked(house)
    assert house.bodies[0]["model"] == "small"


@pytest.mark.parametrize("model", ["nobody/nothing", "no model"])
def test_a_model_that_nobody_serves_is_refused_at_once(house: House, model: str) -> None:
    agent = house.employ(default=says("ok"))
    made = worker(model=model)
    with pytest.raises(UnknownModel, match="The model of the agent 'cow' cannot answer"):
        agent.session(house.root, worker_agents=[made])
    session = agent.session(house.root)
    with pytest.raises(UnknownModel, match="'cow'"):
        session.register_worker_agent(made)
    session.send("hello")
    with pytest.raises(UnknownModel, match="'cow'"):
        session.register_worker_agent(made)
    assert session.tool("task", to("cow")).exit_code == 1


# Live registration


def test_a_worker_is_there_from_the_next_turn_on_and_the_model_is_told(house: House) -> None:
    session = house.session(default=says("ok"))
    session.send("one")
    made = session.register_worker_agent(WorkerAgentSpec.verifier("verify-cow", "Runs checks"))
    session.send("two")

    assert (made.name, made.native, made.max_steps) == ("verify-cow", False, 30)
    assert "verify-cow" not in task_of(house, 0)
    assert "- verify-cow: Runs checks" in task_of(house, 1)
    assert shown(house, 0) == shown(house, 1)
    assert session.tool("task", to("verify-cow")).exit_code == 0
    (record,) = recorded(session, AgentsLoaded)
    assert [one.name for one in record.agents] == ["verify-cow"]


def test_the_change_of_the_prefix_that_a_registration_makes_is_recorded(house: House) -> None:
    session = house.session(default=says("ok"))
    session.send("one")
    session.register_worker_agent(worker())
    events = [each.event_type for each in session.stream("two")]
    again = [each.event_type for each in session.stream("three")]

    assert events.count("prefix_changed") == 1
    assert "prefix_changed" not in again


def test_a_session_that_is_shown_no_task_is_not_shown_one_by_a_registration(house: House) -> None:
    session = house.employ(default=says("ok")).session_for_agent(house.root, "explore")
    session.send("one")
    session.register_worker_agent(worker())
    session.send("two")

    assert shown(house) == ["read", "grep", "glob", "ls"]


async def test_all_of_it_is_there_for_async_programs(tmp_path: Path, house: House) -> None:
    put(tmp_path, "agents/a.md")
    async with AsyncAgent(house.serve(default=says("ok")).acl()) as agent:
        session = agent.session(house.root)
        assert await session.register_agent_dir(tmp_path / "agents") == 1
        assert (await session.tool("task", to("a"))).exit_code == 0
        assert session.register_worker_agent(worker()).name == "cow"
        assert (await session.tool("task", to("cow"))).exit_code == 0
        plan = agent.session_for_agent(house.root, "plan")
        assert (await plan.send("go")).text == "ok"


def test_what_is_registered_before_the_first_use_is_kept_with_the_session(
    house: House, tmp_path: Path
) -> None:
    put(tmp_path, "agents/a.md")
    store = FileSessionStore(tmp_path / "store")
    agent = house.employ(default=says("ok"))
    session = agent.session(house.root, session_store=store)
    assert session.register_agent_dir(tmp_path / "agents") == 1
    session.register_worker_agents([worker(), WorkerAgentSpec.planner("goat", "Plans")])
    session.send("one")
    session.close()
    again = agent.resume_session(session.session_id, SessionOptions(session_store=store))

    for name in ("a", "cow", "goat"):
        assert again.tool("task", to(name)).exit_code == 0
    again.send("two")
    assert "- goat: Plans" in task_of(house)


def test_a_directory_is_read_while_a_session_is_open(house: House, tmp_path: Path) -> None:
    put(tmp_path, "agents/a.md")
    put(tmp_path, "agents/b.md", more="hidden: true\n")
    put(tmp_path, "agents/c.md", more="mode: boss\n")
    session = house.session(default=says("ok"))
    session.send("one")
    assert session.register_agent_dir(str(tmp_path / "agents")) == 2
    session.send("two")

    assert task_of(house).endswith("- a: About a")
    assert session.tool("task", to("b")).exit_code == 0
    assert "c.md: mode is 'boss'" in (session.init_warning or "")


def test_wrong_registrations_are_refused(house: House, tmp_path: Path) -> None:
    session = house.session(default=says("ok"))
    with pytest.raises(InvalidValue, match="nothing at"):
        session.register_agent_dir(tmp_path / "missing")
    with pytest.raises(InvalidType):
        session.register_agent_dir(7)  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="WorkerAgentSpec"):
        session.register_worker_agent({"name": "x"})  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="bogus"):
        session.register_worker_agents([worker(), worker("bogus")])
    assert session.tool("task", to("cow")).exit_code == 1
    session.close()
    with pytest.raises(SessionClosed):
        session.register_worker_agent(worker())


# Sessions that are agents


def test_a_session_for_an_agent_has_its_role_its_tools_and_its_rights(house: House) -> None:
    agent = house.employ(calls("write", file_path="made", content="x"), says("could not"))
    session = agent.session_for_agent(
        house.root, "explore", options=SessionOptions(permissive=True)
    )

    assert session.send("go").text == "could not"
    assert asked(house).startswith("You explore a code base")
    assert shown(house) == ["read", "grep", "glob", "ls"]
    assert not house.has("made")
    assert "not among the tools that explore may use" in json.dumps(house.bodies[1]["messages"])


def test_the_tools_of_an_agent_are_shown_from_the_beginning(house: House) -> None:
    session = house.employ(default=says("ok")).session_for_agent(house.root, "code-review")
    session.send("hello")

    assert shown(house) == ["read", "grep", "glob", "ls", "git"]


def test_the_policy_of_the_options_holds_beside_that_of_the_agent(house: House) -> None:
    agent = house.employ(calls("read", file_path="a"), says("could not"))
    house.put("a", "SECRET")
    policy = PermissionPolicy(deny=["read(a)"], default_decision="allow")
    agent.session_for_agent(house.root, "explore", permission_policy=policy).send("go")

    assert "SECRET" not in json.dumps(house.bodies)


def test_an_agent_that_is_not_there_is_refused_with_those_that_are_near(house: House) -> None:
    agent = house.employ(default=says("ok"))
    put(house.root, ".a3s/agents/exploder.md")
    with pytest.raises(InvalidValue, match="did you mean explore"):
        agent.session_for_agent(house.root, "exploer")
    with pytest.raises(InvalidValue, match="agent_dirs names directories"):
        agent.session_for_agent(house.root, "exploder")
    named = agent.session_for_agent(house.root, "exploder", [house.root / ".a3s/agents"])
    assert named.send("x").text == "ok"
    with pytest.raises(InvalidValue, match="role was set"):
        agent.session_for_agent(house.root, "explore", role="You are a pirate.")


def test_the_lower_limit_of_rounds_counts(house: House) -> None:
    agent = house.employ(*[calls("ls", path="."), calls("glob", pattern="*")] * 2)
    made = worker("read_only", max_steps=2)
    session = agent.session_for_worker(house.root, made, max_tool_rounds=40)
    with pytest.raises(LimitReached, match=r"rounds \(2\)"):
        session.send("go")

    assert len(house.bodies) == 3


def test_a_session_for_a_worker_asks_who_answers_for_it(house: House) -> None:
    write = calls("write", file_path="made", content="x")
    agent = house.employ(write, says("no"), write, says("yes"), write, says("no"))
    policy, person = PermissionPolicy(), Person()
    agent.session_for_worker(house.root, worker(), permission_policy=policy).send("go")
    assert not house.has("made")
    options: JsonObject = {"permission_policy": policy, "confirmation_manager": person}
    agent.session_for_worker(house.root, worker(), confirmation_policy=ON, **options).send("go")
    assert house.has("made")
    (house.root / "made").unlink()
    refusing = worker(confirmation_inheritance="deny_on_ask")
    agent.session_for_worker(house.root, refusing, confirmation_policy=ON, **options).send("go")
    assert not house.has("made")
    assert len(person.asked) == 1


def test_a_resumed_session_is_still_the_agent_that_it_was(house: House, tmp_path: Path) -> None:
    write = calls("write", file_path="made", content="x")
    agent = house.employ(says("one"), write, says("could not"))
    store = FileSessionStore(tmp_path / "store")
    made = worker("reviewer", prompt="QUOLL", model="openai/small")
    session = agent.session_for_worker(house.root, made, SessionOptions(session_store=store))
    session.send("go")
    session.close()
    again = agent.resume_session(
        session.session_id, SessionOptions(session_store=store, permissive=True)
    )
    again.send("write it")

    assert "QUOLL" in asked(house)
    assert shown(house) == ["read", "grep", "glob", "ls", "git"]
    assert house.bodies[-1]["model"] == "small"
    assert not house.has("made")


def test_what_an_agent_delegates_has_no_more_rights_than_the_agent(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/boss.yaml").write_text(
        "description: d\ncan_spawn_subagents: true\ntools: [read]\nprompt: BOSS\n"
    )
    agent = house.employ(
        calls("task", **to("general")),
        calls("write", file_path="made", content="x"),
        says("could not"),
        says("done"),
    )
    session = agent.session_for_agent(
        house.root, "boss", [tmp_path / "agents"], SessionOptions(permissive=True)
    )
    session.send("go")

    assert {"read", "task"} <= set(shown(house, 0))
    assert len(house.bodies) == 4
    assert not house.has("made")
