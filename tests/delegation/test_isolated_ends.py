"""The end of a child in a worktree: told after its merge, with what became of it."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import AsyncAgent, AsyncSession, PermissionPolicy, Session, SessionOptions
from a3s_code.delegation.isolation import Ground
from a3s_code.errors import RunCancelled
from a3s_code.kernel.events import SubagentEnd, ToolEnd
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Action, Allow, Ask, Deny
from a3s_code.kernel.records import WorktreeEnded
from a3s_code.testing import Rule, Turn, When, calls, on, says
from api.house import House, come, meanwhile
from delegation.errands import errand
from delegation.test_background import Held, childs, recorded
from delegation.test_child_runs import ALL, ON

APART = calls("errand", isolation="worktree")
BEHIND = calls("errand", isolation="worktree", background=True)
WRITES = calls("write", file_path="made.txt", content="made")


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.may_go.set()


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def copies(temporary: Path) -> list[str]:
    return [path.name for path in temporary.iterdir() if "worktree" in path.name]


def begun(house: House, *turns: Turn, child: Rule, **options: Any) -> Session:
    given: JsonObject = {"permission_policy": ALL, "tools": [errand], **options}
    return house.session(*turns, rules=(child,), **given)


def of_ends(session: AsyncSession) -> list[SubagentEnd | WorktreeEnded]:
    log = session._log()
    assert log is not None
    events = [record.event for record in log.records]
    return [each for each in events if isinstance(each, SubagentEnd | WorktreeEnded)]


def ends(session: Session) -> tuple[SubagentEnd, list[str]]:
    """Give the end of the child, and the kinds of the two records in their order."""
    found = of_ends(session._inner)
    (end,) = [each for each in found if isinstance(each, SubagentEnd)]
    return end, [type(each).__name__ for each in found]


async def ground_of(session: AsyncSession) -> Ground:
    """Wake a session, and give the ground of its children."""
    await session.tool("ls", {})
    engine = session._engine
    assert engine is not None
    assert engine.ground is not None
    return engine.ground()


def finished(session: Session) -> JsonObject:
    def look() -> JsonObject | None:
        rows = session.subagent_tasks()
        return rows[0] if rows and rows[0]["status"] != "running" else None

    return come(look)


def test_the_end_of_a_child_comes_after_its_merge_and_says_what_became_of_its_work(
    house: House,
) -> None:
    session = begun(house, APART, says("END"), child=childs(WRITES, says("done")))
    events = [*session.stream("go")]
    end, order = ends(session)
    assert order == ["WorktreeEnded", "SubagentEnd"]
    assert end.success
    assert end.merge is not None
    assert (end.merge["status"], end.merge["files"]) == ("merged", ["made.txt"])
    (told,) = [each for each in events if each.event_type == "subagent_end"]
    assert json.loads(told.data or "{}")["merge"]["files"] == ["made.txt"]
    assert session.subagent_tasks()[0]["merge"]["status"] == "merged"


def test_work_that_is_not_all_in_the_workspace_is_no_success(house: House) -> None:
    policy = PermissionPolicy(default_decision="allow", deny=["write(kept.txt)"])
    house.put("run.sh", "printf two > kept.txt; printf two > free.txt")
    child = childs(calls("bash", command="sh run.sh"), says("ALL-DONE"))
    session = begun(house, APART, says("END"), child=child, permission_policy=policy)
    assert session.send("go").text == "END"
    end, order = ends(session)
    assert order == ["WorktreeEnded", "SubagentEnd"]
    assert not end.success
    assert "kept.txt" in end.output
    assert "ALL-DONE" in end.output
    assert end.merge is not None
    assert [each["path"] for each in end.merge["conflicts"]] == ["kept.txt"]
    assert session.subagent_tasks()[0]["status"] == "failed"
    assert "child.not_merged" in json.dumps(house.bodies[-1]["messages"])
    assert house.get("free.txt") == "two"
    assert not house.has("kept.txt")


def test_a_task_whose_work_was_not_merged_fails_with_its_answer_and_its_merge(
    house: House,
) -> None:
    policy = PermissionPolicy(default_decision="allow", deny=["write(kept.txt)"])
    house.put("run.sh", "printf two > kept.txt")
    child = on(When(last="WORK"), calls("bash", command="sh run.sh"))
    session = begun(house, says("ALL-DONE"), child=child, permission_policy=policy)
    args = {"agent": "general", "description": "d", "prompt": "WORK", "isolation": "worktree"}
    done = session.tool("task", args)
    assert done.exit_code == 1
    assert "kept.txt" in done.output
    assert "ALL-DONE" in done.output
    assert done.metadata["error"]["type"] == "child.not_merged"
    assert done.metadata["merge"]["status"] == "conflicts"


def test_of_a_child_that_failed_the_end_says_that_its_work_is_kept(house: House) -> None:
    session = begun(house, APART, says("END"), child=childs(WRITES, says("")))
    session.send("go")
    end, order = ends(session)
    assert order == ["WorktreeEnded", "SubagentEnd"]
    assert end.merge is not None
    assert end.merge["status"] == "kept"
    assert end.merge["see"].startswith("git ")


def test_the_notice_of_a_child_in_the_background_tells_of_its_merge(
    house: House, held: Held
) -> None:
    child = childs(WRITES, calls("wait_here"), says("FOUND-IT"))
    tools = [errand, held.wait_here]
    session = begun(house, BEHIND, says("one"), says("two"), child=child, tools=tools)
    session.send("go")
    held.may_go.set()
    row = finished(session)
    assert row["merge"]["status"] == "merged"
    assert house.get("made.txt") == "made"
    session.send("and?")
    shown = json.dumps(house.bodies[-1]["messages"])
    assert "FOUND-IT" in shown
    assert "Worktree merged" in shown
    assert "Merged: made.txt" in shown


def test_one_in_the_background_that_is_cancelled_says_where_its_work_is(
    house: House, held: Held, temporary: Path
) -> None:
    tools = [errand, held.wait_here]
    child = childs(WRITES, calls("wait_here"))
    session = begun(house, BEHIND, says("one"), says("two"), child=child, tools=tools)
    session.send("go")
    assert held.is_there.wait(10)
    with meanwhile(lambda: session.cancel_subagent_task("call_1.1")) as came:
        held.may_go.set()
    assert came == [True]
    end, order = ends(session)
    assert order == ["WorktreeEnded", "SubagentEnd"]
    assert end.status == "cancelled"
    assert end.merge is not None
    assert end.merge["status"] == "kept"
    assert copies(temporary) == []
    assert not house.has("made.txt")
    session.send("and?")
    assert "Worktree kept: the child was stopped" in json.dumps(house.bodies[-1]["messages"])


def test_one_that_is_cancelled_while_it_waits_for_a_place_has_an_end_and_leaves_no_copy(
    house: House, held: Held, temporary: Path
) -> None:
    first = calls("errand", background=True)
    child = childs(calls("wait_here"), says("x"))
    tools = [errand, held.wait_here]
    turns = (first, BEHIND, says("one"))
    session = begun(house, *turns, child=child, tools=tools, max_parallel_tasks=1)
    session.send("go")
    assert held.is_there.wait(10)
    assert len(copies(temporary)) == 1
    assert session.cancel_subagent_task("call_2.1")
    row = session.subagent_task("call_2.1")
    assert row is not None
    assert row["status"] == "cancelled"
    assert copies(temporary) == []
    (made,) = recorded(session, WorktreeEnded)
    assert made.status == "nothing"
    held.may_go.set()


class Person:
    """An approver that lets nobody write before it is told to."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.is_asked.set()
        await asyncio.sleep(60)
        return Deny("too late")


@pytest.mark.parametrize("behind", [False, True])
def test_one_that_is_cancelled_while_it_merges_ends_with_its_work_kept(
    house: House, temporary: Path, *, behind: bool
) -> None:
    person = Person()
    house.put("run.sh", "printf x > made.txt")
    session = begun(
        house,
        BEHIND if behind else APART,
        says("one"),
        child=childs(calls("bash", command="sh run.sh"), says("done")),
        permission_policy=PermissionPolicy(default_decision="allow", ask=["write(*)"]),
        confirmation_policy=ON,
        confirmation_manager=person,
    )
    with meanwhile(lambda: session.send("go")):
        assert person.is_asked.wait(10)
        assert session.cancel_subagent_task("call_1.1")
        finished(session)
    end, order = ends(session)
    assert order == ["WorktreeEnded", "SubagentEnd"]
    assert end.status == "cancelled"
    assert end.merge is not None
    assert end.merge["status"] == "kept"
    assert copies(temporary) == []
    assert not house.has("made.txt")


async def test_one_that_is_cancelled_twice_while_its_work_is_taken_leaves_no_copy(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    server = house.serve(APART, WRITES, says("done"), says("END"))
    is_taking, may_go = asyncio.Event(), asyncio.Event()
    async with AsyncAgent(server.acl("openai")) as agent:
        options = SessionOptions()
        session = agent.session(tmp_path, options, permission_policy=ALL, tools=[errand])
        ground = await ground_of(session)
        keep = ground.keep

        async def slow(tree: str) -> None:
            is_taking.set()
            await may_go.wait()
            await keep(tree)

        monkeypatch.setattr(ground, "keep", slow)
        run = asyncio.ensure_future(session.send("go"))
        await asyncio.wait_for(is_taking.wait(), 10)
        first = asyncio.ensure_future(session.cancel())
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(session.cancel())
        await asyncio.sleep(0.01)
        may_go.set()
        await asyncio.gather(first, second)
        await asyncio.wait([run])
        assert isinstance(run.exception(), RunCancelled)
        kinds = [type(each).__name__ for each in of_ends(session)]
    house.close()
    assert kinds == ["WorktreeEnded", "SubagentEnd"]
    assert copies(temporary) == []


def test_a_call_whose_child_was_cancelled_says_what_there_is_of_it(
    house: House, held: Held
) -> None:
    args = {"agent": "general", "description": "d", "prompt": "WORK", "isolation": "worktree"}
    child = on(When(first_user="WORK"), WRITES, calls("wait_here"), says("never"))
    turns = (calls("task", **args), says("END"))
    session = begun(house, *turns, child=child, tools=[held.wait_here])
    with meanwhile(lambda: session.send("go")) as came:
        assert held.is_there.wait(10)
        with meanwhile(held.may_go.set):
            assert session.cancel_subagent_task("call_1.1")
    assert came[0].text == "END"
    (end,) = [each for each in recorded(session, ToolEnd) if each.name == "task"]
    facts = end.metadata
    assert facts["error"]["type"] == "child.cancelled"
    assert facts["merge"]["status"] == "kept"
    assert facts["report"]["files_changed"] == ["made.txt"]
    assert facts["total_tokens"] == 30
    assert session.get_artifact(facts["trace_uri"]) is not None
    assert "Worktree kept: the child was stopped" in end.output
