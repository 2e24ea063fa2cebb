"""What is said to a session while it is at work: nothing is lost, nothing is seen twice."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import AsyncAgent, FileSessionStore, PermissionPolicy, Session, SessionOptions
from a3s_code.api.prompt_queue import QueuedRun
from a3s_code.errors import (
    HookBlocked,
    InvalidType,
    InvalidValue,
    LimitReached,
    ModelError,
    RunCancelled,
    SessionClosed,
    UsageError,
)
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import Fault, Turn, breaks, calls, refuses, says
from api.house import House, arrive, come, meanwhile
from api.plans import at, beside, planner, step

ALL = PermissionPolicy(default_decision="allow")


class Gate:
    """A tool that a run waits in until it is let go."""

    def __init__(self) -> None:
        self.is_there, self.may_go = threading.Event(), threading.Event()

    def wait_here(self) -> str:
        """Wait."""
        self.is_there.set()
        self.may_go.wait(10)
        return "waited"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.may_go.set()


def said(body: JsonObject) -> list[str]:
    """Give what the user said, of a request."""
    rows = [row for row in body["messages"] if row["role"] == "user"]
    return [row["content"] for row in rows if isinstance(row["content"], str)]


def waiting(house: House, gate: Gate, *turns: Turn, **options: Any) -> Session:
    given: JsonObject = {"permission_policy": ALL, "tools": [gate.wait_here], **options}
    return house.session(calls("wait_here"), *turns, **given)


# Steering


def test_a_run_is_steered_at_its_next_request_with_a_receipt_in_its_stream(
    house: House, gate: Gate
) -> None:
    session = waiting(house, gate, says("done"))
    stream = session.stream("go")
    come(gate.is_there.is_set)
    ids = [session.steer("FIRST"), session.steer("/SECOND")]
    gate.may_go.set()
    events = list(stream)

    assert said(house.bodies[1]) == ["go", "FIRST", "/SECOND"]
    receipts = [json.loads(each.data or "") for each in events if each.event_type == "steered"]
    assert receipts == [
        {"id": ids[0], "text": "FIRST", "turn": 2},
        {"id": ids[1], "text": "/SECOND", "turn": 2},
    ]
    assert [row["role"] for row in session.history()] == [
        *["user", "assistant", "user"],
        *["user", "user", "assistant"],
    ]


def test_words_that_come_while_the_model_answers_are_answered_in_the_same_run(
    house: House,
) -> None:
    slow = Turn(pieces=("first ", "answer"), piece_delay_s=0.2)
    session = house.session(slow, says("second answer"))
    stream = session.stream("go")
    assert any(event.event_type == "text_delta" for event in stream)
    session.steer("ALSO THIS")
    events = list(stream)

    assert events[-1].text == "second answer"
    assert said(house.bodies[1]) == ["go", "ALSO THIS"]
    assert len(session.runs()) == 1
    assert [event.turn for event in events if event.event_type == "turn_start"] == [2]


def test_nothing_is_kept_where_nobody_is_there_to_see_it(house: House) -> None:
    session = house.session(says("hello"))
    with pytest.raises(UsageError, match="No run is active"):
        session.steer("early")
    session.send("hi")
    with pytest.raises(UsageError, match="No run is active"):
        session.steer("late")
    for wrong, kind in ((3, InvalidType), ("  ", InvalidValue)):
        with pytest.raises(kind):
            session.steer(wrong)  # type: ignore[arg-type]
        with pytest.raises(kind):
            session.queue(wrong)  # type: ignore[arg-type]
    session.close()
    with pytest.raises(SessionClosed):
        session.steer("closed")
    with pytest.raises(SessionClosed):
        session.queue("closed")


def test_what_a_run_that_was_cut_short_did_not_see_stands_in_front_of_the_next_prompt(
    house: House, gate: Gate
) -> None:
    session = waiting(house, gate, says("done"))
    with meanwhile(lambda: session.send("go")) as came:
        come(gate.is_there.is_set)
        session.steer("LEFT OVER")
        session.cancel()
    assert isinstance(came[0], RunCancelled)
    events = list(session.stream("next"))

    assert said(house.bodies[1])[-2:] == ["LEFT OVER", "next"]
    (receipt,) = [json.loads(each.data or "") for each in events if each.event_type == "steered"]
    assert receipt["turn"] == 0
    assert len([row for row in session.history() if "LEFT OVER" in json.dumps(row)]) == 1


def test_a_hook_that_would_not_let_a_prompt_in_does_not_let_in_words_either(
    house: House, gate: Gate
) -> None:
    session = waiting(house, gate, says("done"))

    def decide(event: JsonObject) -> JsonObject | None:
        is_bad = "FORBIDDEN" in event["payload"]["prompt"]
        return {"action": "block", "reason": "not here"} if is_bad else None

    session.register_hook("strict", "pre_prompt", handler=decide)
    stream = session.stream("go")
    come(gate.is_there.is_set)
    with pytest.raises(HookBlocked, match="not here"):
        session.steer("FORBIDDEN words")
    gate.may_go.set()
    list(stream)

    assert said(house.bodies[1]) == ["go"]


def test_words_are_redacted_and_told_to_the_security_provider_as_prompts_are(
    house: House, gate: Gate
) -> None:
    class Provider:
        heard: list[str] = []  # noqa: RUF012 - one for this test

        def taint_input(self, text: str) -> None:
            self.heard.append(text)

        def sanitize_output(self, text: str) -> str:
            return text.replace("s3cret", "*")

    session = waiting(house, gate, says("done"), security_provider=Provider())
    stream = session.stream("go")
    come(gate.is_there.is_set)
    session.steer("use s3cret")
    gate.may_go.set()
    events = list(stream)

    assert Provider.heard == ["go", "use s3cret"]
    assert "s3cret" not in json.dumps(house.bodies)
    assert "s3cret" not in repr(events)
    assert said(house.bodies[1]) == ["go", "use *"]


def test_a_tool_and_a_hook_of_the_run_may_steer_it(house: House) -> None:
    held: list[Session] = []

    def speak() -> str:
        """Say something."""
        return held[0].steer("FROM THE TOOL")

    turns = (calls("speak"), says("done"))
    session = house.session(*turns, tools=[speak], permission_policy=ALL)
    held.append(session)

    def after(event: JsonObject) -> None:
        if event["payload"].get("tool_name", event["payload"].get("tool")) == "speak":
            session.steer("FROM THE HOOK")

    session.register_hook("talks", "post_tool_use", handler=after)
    session.send("go")

    assert said(house.bodies[1]) == ["go", "FROM THE TOOL", "FROM THE HOOK"]


def test_what_was_steered_survives_a_compaction_as_words_of_the_user() -> None:
    from a3s_code.harness.pins import is_of_user
    from a3s_code.kernel.messages import Context, ContextText, Message, user

    told = Message("user", (Context((ContextText("done", "task://call_1.1"),)),))
    assert is_of_user(user("Never touch main."))
    assert not is_of_user(told)


def test_a_history_of_its_own_sees_its_own_words_and_no_others(house: House, gate: Gate) -> None:
    turns = (says("own"), says("done"))
    session = waiting(house, gate, *turns)
    with meanwhile(lambda: session.send("go")):
        come(gate.is_there.is_set)
        session.steer("LEFT OVER")
        session.cancel()
    session.send("apart", history=[])
    session.send("next")

    assert said(house.bodies[1]) == ["apart"]
    assert said(house.bodies[2])[-2:] == ["LEFT OVER", "next"]


# Steering from anywhere


async def test_words_may_come_from_a_thread_with_a_loop_of_its_own(
    house: House, gate: Gate
) -> None:
    session = house.async_session(
        calls("wait_here"),
        says("done"),
        says("later"),
        permission_policy=ALL,
        tools=[gate.wait_here],
    )
    run = asyncio.create_task(session.send("go"))
    await arrive(gate.is_there.is_set)

    async def elsewhere() -> str:
        await session.steer("FROM ELSEWHERE")
        return (await (await session.queue("later"))).text

    async def both() -> str:
        return await asyncio.to_thread(lambda: asyncio.run(elsewhere()))

    other = asyncio.create_task(both())
    await arrive(session.queued_prompts)
    gate.may_go.set()

    assert (await run).text == "done"
    assert await other == "later"
    assert said(house.bodies[1]) == ["go", "FROM ELSEWHERE"]
    await session.close()
    await session._assembly.close()


# The queue


def test_what_is_queued_runs_in_its_order_behind_the_run_of_now(house: House, gate: Gate) -> None:
    session = waiting(house, gate, says("zero"), says("one"), says("two"))
    with meanwhile(lambda: session.send("go")) as came:
        come(gate.is_there.is_set)
        first, second = session.queue("PROMPT-1"), session.queue("PROMPT-2")
        listed = [(row["id"], row["prompt"]) for row in session.queued_prompts()]
        gate.may_go.set()
    assert listed == [(first.id, "PROMPT-1"), (second.id, "PROMPT-2")]
    assert (came[0].text, first.result(10).text, second.result(10).text) == ("zero", "one", "two")
    assert [run["prompt"] for run in session.runs()] == ["go", "PROMPT-1", "PROMPT-2"]
    assert session.queued_prompts() == []
    assert said(house.bodies[-1]) == ["go", "PROMPT-1", "PROMPT-2"]


def test_it_begins_at_once_when_nobody_is_at_work(house: House) -> None:
    session = house.session(says("hello"))
    assert session.queue("hi").result(10).text == "hello"


def test_one_that_fails_does_not_take_the_next_one_with_it(house: House) -> None:
    session = house.session(refuses(401), says("fine"), max_tool_rounds=1)
    first, second = session.queue("bad"), session.queue("good")

    with pytest.raises(ModelError):
        first.result(10)
    assert second.result(10).text == "fine"
    assert session.queued_prompts() == []


def test_cancel_stops_the_run_of_now_and_the_next_one_begins(house: House) -> None:
    session = house.session(breaks(Fault.HANG, says("never")), says("fine"))
    first, second = session.queue("hangs"), session.queue("good")
    come(lambda: house.bodies)

    assert session.cancel() is True
    with pytest.raises(RunCancelled):
        first.result(10)
    assert second.result(10).text == "fine"


def test_one_that_was_taken_back_never_runs(house: House, gate: Gate) -> None:
    session = waiting(house, gate, says("zero"), says("two"))
    with meanwhile(lambda: session.send("go")):
        come(gate.is_there.is_set)
        first, second = session.queue("PROMPT-1"), session.queue("PROMPT-2")
        assert session.cancel_queued(first.id) is True
        assert session.cancel_queued(first.id) is False
        gate.may_go.set()
    with pytest.raises(RunCancelled, match="taken back"):
        first.result(10)
    assert second.result(10).text == "two"
    assert [run["prompt"] for run in session.runs()] == ["go", "PROMPT-2"]


def test_a_command_may_be_queued(house: House, gate: Gate) -> None:
    session = waiting(house, gate, says("zero"))
    with meanwhile(lambda: session.send("go")):
        come(gate.is_there.is_set)
        queued = session.queue("/help")
        gate.may_go.set()
    assert "/clear" in queued.result(10).text
    assert session.queued_prompts() == []


def test_a_tool_of_the_run_may_queue_and_does_not_wait_for_it(house: House) -> None:
    held: list[Session] = []
    made: list[Any] = []

    def later() -> str:
        """Queue something."""
        made.append(held[0].queue("LATER"))
        return "queued"

    turns = (calls("later"), says("done"), says("later done"))
    session = house.session(*turns, tools=[later], permission_policy=ALL)
    held.append(session)

    assert session.send("go").text == "done"
    assert made[0].result(10).text == "later done"


def test_what_had_not_begun_when_the_session_was_closed_begins_behind_the_next_run_of_it(
    house: House, gate: Gate, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    turns = (says("hello"), says("one"), says("two"))
    session = waiting(house, gate, *turns, session_id="s", session_store=store)
    with meanwhile(lambda: session.send("go")):
        come(gate.is_there.is_set)
        first, second = session.queue("PROMPT-1"), session.queue("PROMPT-2")
        session.close()
    for queued in (first, second):
        with pytest.raises(SessionClosed, match="still in its log"):
            queued.result(10)

    options = SessionOptions(session_store=store, permission_policy=ALL)
    again = house.agent.resume_session("s", options)
    assert [row["prompt"] for row in again.queued_prompts()] == ["PROMPT-1", "PROMPT-2"]
    assert len(house.bodies) == 1, "nothing begins by itself"
    again.send("hi")
    come(lambda: len(house.bodies) == 4 and not again.current_run())
    assert [run["prompt"] for run in again.runs()][1:] == ["hi", "PROMPT-1", "PROMPT-2"]


def test_words_for_a_run_whose_process_was_killed_are_seen_by_the_next_one(
    house: House, gate: Gate, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = waiting(house, gate, says("done"), session_id="s", session_store=store)
    with meanwhile(lambda: session.send("go")):
        come(gate.is_there.is_set)
        session.steer("KEPT")
        copied = copy_of(tmp_path / "sessions", tmp_path / "copy")
        session.close()

    options = SessionOptions(session_store=copied, permission_policy=ALL)
    again = house.agent.resume_session("s", options)
    assert again.resume_run(again.runs()[0]["id"]).text == "done"
    assert said(house.bodies[1]) == ["go", "KEPT"]


def copy_of(store: Path, place: Path) -> FileSessionStore:
    """Give a store as a process would leave it that is killed now."""
    place.mkdir()
    for file in store.iterdir():
        if file.is_file():
            (place / file.name).write_bytes(file.read_bytes())
    return FileSessionStore(place)


def test_waiting_where_it_would_never_end_is_refused(house: House) -> None:
    held: list[Session] = []

    async def stuck() -> str:
        """Wait for oneself."""
        try:
            return (await held[0]._inner.queue("LATER")).result(1).text
        except UsageError as error:
            return error.message

    turns = (calls("stuck"), says("done"), says("later done"))
    session = house.session(*turns, tools=[stuck], permission_policy=ALL)
    held.append(session)
    session.send("go")

    assert "blocking wait" in json.dumps(house.bodies[1])


async def test_a_failure_that_nobody_waits_for_any_more_is_no_alarm(
    house: House, gate: Gate
) -> None:
    alarms: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: alarms.append(told))
    agent = AsyncAgent(house.serve(calls("wait_here"), says("done")).acl())
    options = SessionOptions(permission_policy=ALL, tools=[gate.wait_here])
    session = agent.session(house.root, options)
    run = asyncio.create_task(session.send("go"))
    await arrive(gate.is_there.is_set)
    queued = await session.queue("later")

    async def wait(queued: QueuedRun) -> None:
        await queued

    waiting = asyncio.create_task(wait(queued))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert await session.cancel_queued(queued.id)
    gate.may_go.set()
    await run
    await agent.close()
    del queued, waiting
    gc.collect()
    assert alarms == []


def test_words_that_no_turn_was_left_for_wait_for_the_next_run(house: House, gate: Gate) -> None:
    turns = (calls("ls"), says("next"))
    session = waiting(house, gate, *turns, max_tool_rounds=1)
    with meanwhile(lambda: session.send("go")) as came:
        come(gate.is_there.is_set)
        session.steer("SEEN")
        gate.may_go.set()
    assert isinstance(came[0], LimitReached)
    session.send("again")

    assert said(house.bodies[-1]) == ["go", "SEEN", "again"]


def test_words_reach_a_plan_with_the_next_step_that_goes_on_in_the_conversation(
    house: House, gate: Gate
) -> None:
    steps = (step("a"), step("b"), step("c", "a", "b"))
    rules = (
        planner(*steps),
        beside("STEP-a", calls("wait_here"), says("A")),
        beside("STEP-b", says("B")),
        at("STEP-c", says("C")),
    )
    session = house.session(
        rules=rules,
        default=says("ANSWER"),
        tools=[gate.wait_here],
        permission_policy=ALL,
        planning_mode="enabled",
    )
    stream = session.stream("do it")
    come(gate.is_there.is_set)
    session.steer("ALSO THIS")
    gate.may_go.set()
    events = list(stream)

    assert events[-1].event_type == "end"
    having = ["ALSO THIS" in json.dumps(body) for body in house.bodies]
    assert having[-1]
    assert having == sorted(having), "no branch has them, and all that comes later has"
    assert json.dumps(session.history()).count("ALSO THIS") == 1
