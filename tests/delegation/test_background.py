"""A child in the background: owned, told of once, ended with what it belongs to."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from a3s_code import (
    ConfirmationPolicy,
    FileSessionStore,
    PermissionPolicy,
    Session,
    SessionOptions,
)
from a3s_code.delegation.household import ChildHousehold
from a3s_code.errors import RunCancelled, TooDeep
from a3s_code.kernel.children import ChildSpec
from a3s_code.kernel.events import SubagentEnd, SubagentStart, ToolEnd
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, ToolContext, tool
from a3s_code.testing import Fault, Rule, Turn, When, breaks, calls, on, says
from api.bundles import export
from api.house import House, come, meanwhile
from delegation.errands import errand

ALL = PermissionPolicy(default_decision="allow")
BEGIN = calls("errand", background=True)


class Nothing(msgspec.Struct, frozen=True):
    pass


class Held:
    """A tool that a child waits in until it is let go."""

    def __init__(self) -> None:
        self.is_there, self.may_go = threading.Event(), threading.Event()

    def wait_here(self) -> str:
        """Wait."""
        self.is_there.set()
        self.may_go.wait(10)
        return "waited"


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.may_go.set()


def childs(*turns: Turn) -> Rule:
    """What the model of the child answers."""
    return on(When(system="HELPER-ROLE"), *turns)


def begun(
    house: House, *turns: Turn, held: Held, rules: tuple[Rule, ...], **options: Any
) -> Session:
    given: JsonObject = {"permission_policy": ALL, **options}
    return house.session(*turns, rules=rules, tools=[errand, held.wait_here], **given)


def waiting_child(*then: Turn) -> tuple[Rule, ...]:
    return (childs(calls("wait_here"), *(then or (says("FOUND-IT"),))),)


def ended(session: Session, task_id: str = "call_1.1") -> JsonObject:
    def look() -> JsonObject | None:
        row = session.subagent_task(task_id)
        return row if row is not None and row["status"] != "running" else None

    return come(look)


def shown(house: House, place: int = -1) -> str:
    """Give what the model of the session was shown in one of its requests."""
    own = [body for body in house.bodies if "HELPER-ROLE" not in json.dumps(body)]
    return json.dumps(own[place]["messages"])


def recorded(session: Session, kind: type) -> list[Any]:
    log = session._inner._log()
    assert log is not None
    return [record.event for record in log.records if isinstance(record.event, kind)]


# Beside its run


def test_it_has_begun_when_its_call_ends_and_its_run_ends_without_it(
    house: House, held: Held
) -> None:
    session = begun(house, BEGIN, says("started"), held=held, rules=waiting_child())
    assert session.send("go").text == "started"
    (row,) = session.pending_subagent_tasks()

    log = session._inner._log()
    assert log is not None
    kinds = [type(record.event) for record in log.records]
    assert kinds.index(SubagentStart) < kinds.index(ToolEnd)
    assert row["task_id"] == "call_1.1"
    held.may_go.set()
    assert ended(session)["output"] == "FOUND-IT"


def test_what_it_does_later_is_in_the_events_of_its_run_and_not_in_the_stream_of_it(
    house: House, held: Held
) -> None:
    session = begun(house, BEGIN, says("started"), held=held, rules=waiting_child())
    stream = session.stream("go")
    events = [event.event_type for event in stream]
    held.may_go.set()
    ended(session)

    assert events[-1] == "end"
    assert "subagent_end" not in events
    (run,) = session.runs()
    kinds = [row["event"]["type"] for row in session.run_events(run["id"])]
    assert kinds.index("subagent_end") > kinds.index("agent_end")
    assert session.run_snapshot(run["id"])["status"] == "completed"  # type: ignore[index]
    assert list(stream) == []


def test_its_rights_are_those_of_its_parent(house: House, held: Held) -> None:
    session = begun(
        house,
        BEGIN,
        says("started"),
        held=held,
        rules=(childs(calls("write", file_path="a", content="x"), says("done")),),
        permission_policy=PermissionPolicy(default_decision="allow", deny=["write(*)"]),
    )
    session.send("go")
    ended(session)

    assert not house.has("a")


def test_its_question_waits_for_an_answer_after_the_call_that_started_it_has_ended(
    house: House, held: Held
) -> None:
    session = begun(
        house,
        BEGIN,
        says("started"),
        held=held,
        rules=(childs(calls("write", file_path="a", content="x"), says("done")),),
        permission_policy=PermissionPolicy(ask=["write(*)"], default_decision="allow"),
        confirmation_policy=ConfirmationPolicy(enabled=True),
    )
    session.send("go")
    (asked,) = come(session.pending_confirmations)

    assert session.confirm_tool_use(asked["tool_id"], True)
    assert ended(session)["success"] is True
    assert house.get("a") == "x"


# The notice


def test_a_run_that_goes_on_is_told_once_at_its_next_turn(house: House, held: Held) -> None:
    def until_over() -> str:
        """Wait for the child."""
        held.may_go.set()
        come(lambda: recorded(session, SubagentEnd))
        return "over"

    turns = (BEGIN, calls("until_over"), calls("ls"), says("I know."))
    session = house.session(
        *turns,
        rules=waiting_child(),
        tools=[errand, held.wait_here, until_over],
        permission_policy=ALL,
    )
    session.send("go")
    session.subagent_tasks()

    assert "FOUND-IT" not in shown(house, 1)
    assert shown(house, 2).count("FOUND-IT") == 1
    assert shown(house, 3).count("FOUND-IT") == 1


def test_the_next_run_is_told_in_front_of_its_prompt_and_not_in_the_words_of_the_user(
    house: House, held: Held
) -> None:
    turns = (BEGIN, says("started"), says("I see."), says("Still."))
    session = begun(house, *turns, held=held, rules=waiting_child())
    session.send("go")
    held.may_go.set()
    ended(session)
    session.send("NEXT-PROMPT")
    session.send("another")

    told = shown(house, 2)
    assert told.index("FOUND-IT") < told.index("NEXT-PROMPT")
    assert shown(house, 3).count("FOUND-IT") == 1
    rows = [row for row in session.history() if "FOUND-IT" in json.dumps(row)]
    (block,) = rows[0]["content"]
    (item,) = block["items"]
    assert block["type"] == "context"
    assert (item["source"], item["trust"]) == ("task://call_1.1", "external")
    assert "a3s://tool-output/transcript/" in item["text"]
    receipts = session.context_receipts(session.runs()[1]["id"])
    parts = [part for each in receipts for part in each.parts]
    assert [part.trust for part in parts if part.source == "task://call_1.1"] == ["external"]


def test_what_the_host_started_is_told_to_the_host_alone(house: House, held: Held) -> None:
    session = begun(house, says("hello"), held=held, rules=(childs(says("FOUND-IT")),))
    given = session.tool("errand", {"background": True})
    task_id = (given.metadata or {})["child"]

    assert ended(session, task_id)["output"] == "FOUND-IT"
    session.send("hi")
    assert "FOUND-IT" not in shown(house)


def test_a_long_answer_is_told_by_its_beginning_and_its_end(house: House, held: Held) -> None:
    long = "BEGINNING " + "x" * 9_000 + " THE-END"
    turns = (BEGIN, says("started"), says("I see."))
    session = begun(house, *turns, held=held, rules=(childs(says(long)),))
    session.send("go")
    ended(session)
    session.send("and?")

    told = shown(house)
    assert "BEGINNING" in told
    assert "THE-END" in told
    assert "x" * 4_000 not in told


def test_a_conversation_that_went_back_behind_the_notice_is_told_again(
    house: House, held: Held
) -> None:
    turns = (BEGIN, says("started"), says("one"), says("two"))
    session = begun(house, *turns, held=held, rules=waiting_child())
    session.send("go")
    held.may_go.set()
    ended(session)
    session.send("first")
    session.rewind(session.checkpoints()[1]["id"])
    session.send("second")

    assert shown(house).count("FOUND-IT") == 1


# Ending it


def process_ids(house: House) -> list[int]:
    return [int(line) for line in house.get("pids").split()]


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


SLEEPS = "(sleep 1000 & echo $! >> pids; wait) & echo $! >> pids; echo $$ >> pids; sleep 1000"


def sleeping(house: House, held: Held, *turns: Turn, **options: Any) -> Session:
    rules = (childs(calls("bash", command=SLEEPS), says("never")),)
    given: JsonObject = {"sandbox": "hygiene", **options}
    return begun(house, *turns, held=held, rules=rules, **given)


def gone(house: House) -> None:
    come(lambda: not any(map(is_there, process_ids(house))))


def test_cancel_ends_the_run_and_all_that_it_has_in_the_background_with_their_processes(
    house: House, held: Held
) -> None:
    hang = breaks(Fault.HANG, says("never"))
    session = sleeping(house, held, BEGIN, hang)
    with meanwhile(lambda: session.send("go")) as came:
        come(lambda: house.has("pids") and len(process_ids(house)) == 3)
        assert session.cancel() is True
        assert session.pending_subagent_tasks() == []
    gone(house)

    assert isinstance(came[0], RunCancelled)
    assert session.subagent_tasks()[0]["status"] == "cancelled"
    assert os.getpid() not in process_ids(house)


def test_cancel_of_a_run_that_has_ended_ends_what_it_left_in_the_background(
    house: House, held: Held
) -> None:
    rules = (childs(breaks(Fault.HANG, says("never"))),)
    turns = (BEGIN, says("one"), BEGIN, says("two"))
    session = begun(house, *turns, held=held, rules=rules)
    session.send("first")
    session.send("second")
    first, second = (run["id"] for run in session.runs())

    assert session.cancel_run(first) is True
    assert [row["status"] for row in session.subagent_tasks()] == ["cancelled", "running"]
    assert session.cancel_run(first) is False
    assert session.cancel() is True
    assert session.pending_subagent_tasks() == []
    assert session.cancel_run(second) is False


def test_closing_ends_all_and_tells_it(house: House, held: Held, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = sleeping(house, held, BEGIN, says("started"), session_id="s", session_store=store)
    session.send("go")
    come(lambda: house.has("pids") and len(process_ids(house)) == 3)
    session.close()
    gone(house)

    options = SessionOptions(session_store=store, permission_policy=ALL)
    (row,) = house.agent.resume_session("s", options).subagent_tasks()
    assert row["status"] == "cancelled"


def test_a_child_that_is_cancelled_fails_its_call_and_its_run_goes_on(
    house: House, held: Held
) -> None:
    session = begun(house, calls("errand"), says("went on"), held=held, rules=waiting_child())
    with meanwhile(lambda: session.send("go")) as came:
        come(held.is_there.is_set)
        assert session.cancel_subagent_task("call_1.1") is True
    row = session.subagent_tasks()[0]

    assert came[0].text == "went on"
    assert "child.cancelled" in shown(house)
    assert (row["status"], row["success"]) == ("cancelled", False)
    assert session.cancel_subagent_task("call_1.1") is False
    assert session.cancel_subagent_task("nobody") is False


def test_one_in_the_background_that_is_cancelled_is_told_to_the_next_run(
    house: House, held: Held
) -> None:
    turns = (BEGIN, says("started"), says("I see."))
    session = begun(house, *turns, held=held, rules=waiting_child())
    session.send("go")
    come(held.is_there.is_set)
    assert session.cancel_subagent_task("call_1.1") is True
    session.send("and?")

    assert "has ended: cancelled" in shown(house)


# What it was


def test_a_child_run_is_told_with_all_that_it_is(house: House, held: Held) -> None:
    session = begun(house, calls("errand"), says("done"), held=held, rules=waiting_child())
    held.may_go.set()
    session.send("go")
    (row,) = session.subagent_tasks()

    assert {name: row[name] for name in list(row)[:6]} == {
        "task_id": "call_1.1",
        "parent_session_id": session.session_id,
        "child_session_id": "task-run-call_1.1",
        "agent": "helper",
        "description": "an errand",
        "status": "completed",
    }
    assert row["started_ms"] <= row["finished_ms"] == row["updated_ms"]
    assert (row["output"], row["success"]) == ("FOUND-IT", True)
    told = [each["status"] for each in row["progress"]]
    assert told == ["turn_completed", "tool_completed", "turn_completed"]
    assert session.subagent_task("call_1.1") == row
    assert session.subagent_task("call_9.1") is None


def test_child_runs_are_still_known_when_a_session_goes_on(
    house: House, held: Held, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    held.may_go.set()
    turns = (calls("errand"), says("done"), BEGIN, says("started"))
    session = begun(
        house, *turns, held=held, rules=waiting_child(), session_id="s", session_store=store
    )
    session.send("go")
    session.send("again")
    ended(session, "call_3.1")
    before = session.subagent_tasks()
    session.close()

    options = SessionOptions(session_store=store, permission_policy=ALL)
    after = house.agent.resume_session("s", options)
    assert after.subagent_tasks() == before


def test_the_oldest_that_have_ended_are_dropped_and_none_that_goes_on(
    house: House, held: Held, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    rules = (
        on(When(system="HELPER-ROLE"), calls("wait_here"), times=1),
        on(When(system="HELPER-ROLE", body="wait_here", tool_results=1), says("late")),
        childs(says("quick")),
    )
    turns = (BEGIN, says("a"), *[calls("errand"), says("b")] * 3, says("told"))
    limits = {"max_terminal_subagent_tasks": 1, "max_runs_retained": 1}
    session = begun(
        house,
        *turns,
        held=held,
        rules=rules,
        session_id="s",
        session_store=store,
        retention_limits=limits,
    )
    session.send("go")
    come(held.is_there.is_set)
    for _ in range(3):
        session.send("again")

    assert session.init_warning is None
    rows = [(row["task_id"], row["status"]) for row in session.subagent_tasks()]
    assert len(rows) == 2
    assert rows[0] == ("call_1.1", "running")
    first = session.runs()[0]["id"]
    assert len(session.runs()) == 2, "the run of what goes on is kept"
    held.may_go.set()
    assert ended(session)["output"] == "late"
    session.send("tell me")
    assert "late" in shown(house)
    assert first not in [run["id"] for run in session.runs()]
    kept = session.subagent_tasks()
    assert len(kept) == 1
    session.close()
    options = SessionOptions(session_store=store, permission_policy=ALL)
    assert house.agent.resume_session("s", options).subagent_tasks() == kept


def test_one_that_is_ended_before_its_first_step_has_an_end(house: House) -> None:
    held: list[Session] = []

    @tool(Nothing, effect=Effect.CONTAINER)
    async def hasty(args: Nothing, context: ToolContext) -> Observation:
        """Begin a child, and end it."""
        assert context.children is not None
        spec = ChildSpec(agent="helper", description="d", role="HELPER-ROLE", prompt="p")
        id_ = await context.children.launch(spec)
        assert await held[0]._inner.cancel_subagent_task(id_)
        return Observation(id_)

    session = house.session(calls("hasty"), says("done"), tools=[hasty], permission_policy=ALL)
    held.append(session)
    session.send("go")

    (row,) = session.subagent_tasks()
    assert (row["status"], row["output"]) == ("cancelled", "Stopped before it was started.")
    assert "has ended: cancelled" in shown(house)


def test_none_begins_deeper_than_a_child_may_stand(house: House) -> None:
    household = ChildHousehold(cast("Any", None), depth=1)
    spec = ChildSpec(agent="helper", description="d", role="r", prompt="p")
    with pytest.raises(TooDeep, match="1 deep at most"):
        asyncio.run(household.inside(lambda: "c.1", cast("Any", None)).launch(spec))


def test_one_whose_model_is_none_does_not_begin(house: House, held: Held) -> None:
    turns = (calls("errand", background=True, model="nobody/none"), says("done"))
    session = begun(house, *turns, held=held, rules=())
    session.send("go")

    assert session.subagent_tasks() == []
    assert "nobody/none" in shown(house)


def test_a_run_that_ended_while_its_child_was_at_work_can_be_checked_from_its_bundle(
    house: House, held: Held, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    rules = (childs(calls("bash", command="touch begun; sleep 1000"), says("never")),)
    until = calls("bash", command="until test -e begun; do sleep 0.01; done")
    turns = (BEGIN, until, says("started"), says("and on"))
    session = begun(
        house,
        *turns,
        held=held,
        rules=rules,
        session_id="s",
        session_store=store,
        sandbox="hygiene",
    )
    session.send("go")
    session.send("more")
    for run in (0, 1):
        _, bundle = export(store, session, tmp_path / f"{run}.a3s", run=run)
        assert bundle.replay().difference is None
    session.close()


def test_the_end_of_a_child_inside_a_child_is_told_to_the_one_that_started_it(
    house: House,
) -> None:
    def until_over() -> str:
        """Wait for the innermost child."""
        come(lambda: len(recorded(session, SubagentEnd)) == 1)
        return "over"

    inner = calls("errand", background=True, prompt="GRANDCHILD")
    rules = (
        on(When(first_user="GRANDCHILD"), says("GRAND-FOUND")),
        childs(inner, calls("until_over"), calls("ls"), says("CHILD-DONE")),
    )
    session = house.session(
        says("hello"),
        calls("errand"),
        says("done"),
        rules=rules,
        tools=[errand, until_over],
        permission_policy=ALL,
    )
    session.send("hi")
    engine = session._inner._engine
    assert engine is not None
    engine.executor.children = replace(cast("Any", engine.executor.children), max_depth=2)
    session.send("go")

    childs_last = [body for body in house.bodies if "CHILD" in json.dumps(body["messages"][1])]
    assert json.dumps(house.bodies[-1]).count("GRAND-FOUND") == 0
    assert json.dumps(childs_last[-1]).count("has ended: completed") == 1
    assert [row["status"] for row in session.subagent_tasks()] == ["completed", "completed"]
