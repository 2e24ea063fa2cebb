from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from a3s_code.errors import (
    LimitReached,
    ModelRefused,
    ModelUnavailable,
    RunCancelled,
    SessionClosed,
)
from a3s_code.kernel.messages import Usage
from a3s_code.testing import Script, breaks, calls, refuses, says
from api.house import WAIT_S, WIRES, House, come, meanwhile, run_python, unanswered
from kernel.bench import alive

PERMISSIVE: dict[str, Any] = {"permissive": True}
SLEEP = calls("bash", command="echo $$ > pid; exec sleep 600")

both_wires = pytest.mark.parametrize("kind", WIRES)


# A run and its answer


@both_wires
def test_a_prompt_is_run_to_its_answer(kind: str, house: House) -> None:
    house.put("a.txt", "alpha\n")
    usage = Usage(prompt_tokens=30, completion_tokens=7)
    session = house.session(
        calls("read", file_path="a.txt"), says("It says alpha.", usage=usage), kind=kind
    )

    result = session.send("What does it say?")

    assert result.text == str(result) == "It says alpha."
    assert result.tool_calls_count == 1
    assert (result.prompt_tokens, result.completion_tokens, result.total_tokens) == (40, 12, 52)
    assert result.verification_status == "skipped"
    assert "alpha" in str(house.bodies[1]["messages"][-1])


@both_wires
def test_a_conversation_goes_on_from_one_send_to_the_next(kind: str, house: House) -> None:
    session = house.session(says("Hello Ada."), says("Ada."), kind=kind)
    session.send("I am Ada.")
    session.send("Who am I?")

    spoken = [m for m in house.bodies[1]["messages"] if m["role"] != "system"]
    assert [message["role"] for message in spoken] == ["user", "assistant", "user"]
    assert "I am Ada." in str(spoken[0])
    assert "Hello Ada." in str(spoken[1])
    assert [row["role"] for row in session.history()] == ["user", "assistant"] * 2


def test_run_and_send_request_are_send(house: House) -> None:
    session = house.session(says("one"), says("two"))

    assert session.run("a").text == "one"
    assert session.send_request({"prompt": "b"}).text == "two"


# Records


def test_a_run_is_recorded_with_every_event_it_showed(house: House) -> None:
    session = house.session(calls("ls"), says("Nothing here."))
    shown = [event.event_type for event in session.stream("look")]

    (run,) = session.runs()
    rows = session.run_events(run["id"])
    assert run == session.run_snapshot(run["id"])
    assert (run["status"], run["prompt"], run["result_text"]) == (
        "completed",
        "look",
        "Nothing here.",
    )
    assert run["id"].startswith("run-")
    assert [row["sequence"] for row in rows] == list(range(len(rows)))
    assert run["event_count"] == len(rows)
    long = {"start": "agent_start", "end": "agent_end"}
    assert [row["event"]["type"] for row in rows] == [long.get(name, name) for name in shown]


def test_unknown_runs_have_neither_snapshot_nor_events(house: House) -> None:
    session = house.session(says("Hello."))
    session.send("hi")

    assert session.run_snapshot("run-none") is None
    assert session.run_events("run-none") == []
    assert session.current_run() is None
    assert session.cancel() is False
    assert session.cancel_run("run-none") is False


def test_a_session_that_was_not_used_has_no_records(house: House) -> None:
    session = house.session()

    assert (session.history(), session.runs(), session.active_tools()) == ([], [], [])
    assert (session.trace_events(), session.current_run(), session.cancel()) == ([], None, False)


def test_the_active_run_and_its_tools_can_be_seen(house: House) -> None:
    session = house.session(SLEEP, **PERMISSIVE)
    with meanwhile(lambda: session.send("sleep")):
        come(lambda: house.has("pid"))
        current = session.current_run()
        (tool,) = session.active_tools()
        session.cancel()

    assert current is not None
    assert (current["status"], current["id"]) == ("executing", session.runs()[0]["id"])
    assert tool["name"] == "bash"
    assert tool["started_at_ms"] >= current["created_at_ms"]
    assert (session.current_run(), session.active_tools()) == (None, [])


# Failures


@both_wires
def test_a_provider_that_refuses_fails_the_run_and_the_session_goes_on(
    kind: str, house: House
) -> None:
    session = house.session(refuses(401), says("Better now."), kind=kind)

    with pytest.raises(ModelRefused) as caught:
        session.send("hi")
    assert caught.value.kind == "auth"
    assert "sk-scripted" not in str(caught.value)
    assert session.send("again").text == "Better now."
    assert [run["status"] for run in session.runs()] == ["failed", "completed"]
    assert session.runs()[0]["error"] == str(caught.value)
    assert unanswered(house.bodies[-1]) == []


def test_too_many_tool_rounds_end_the_run_with_the_limits_name(house: House) -> None:
    session = house.session(
        *[calls("glob", pattern=str(n)) for n in range(3)], says("Go on."), max_tool_rounds=2
    )

    with pytest.raises(LimitReached, match="max_tool_rounds") as caught:
        session.send("look")

    (run,) = session.runs()
    assert caught.value.run_id == run["id"]
    assert run["status"] == "failed"
    assert session.send("and now?").text == "Go on."
    assert unanswered(house.bodies[-1]) == []


def test_the_fourth_identical_call_in_a_row_fails_the_run(house: House) -> None:
    session = house.session(*[calls("ls")] * 4)

    with pytest.raises(LimitReached, match="duplicate_tool_call_threshold"):
        session.send("look")
    assert session.runs()[0]["status"] == "failed"


def test_a_run_that_takes_too_long_ends_with_the_limits_name_and_its_process_is_gone(
    house: House,
) -> None:
    session = house.session(SLEEP, says("On."), max_execution_time_ms=700, **PERMISSIVE)

    with pytest.raises(LimitReached, match=r"max_execution_time_ms \(700 ms\)"):
        session.send("sleep")

    assert not alive(int(house.get("pid")))
    assert session.runs()[0]["status"] == "failed"
    assert session.send("go on").text == "On."
    assert unanswered(house.bodies[-1]) == []


def test_what_was_said_before_the_time_was_up_is_in_the_error(house: House) -> None:
    session = house.session(
        breaks("hang_mid", says("first half, second half")), max_execution_time_ms=700
    )

    with pytest.raises(LimitReached) as caught:
        session.send("talk")
    assert caught.value.partial_text
    assert "first half, second half".startswith(caught.value.partial_text)


class Impatient:
    """A user's model that has a timeout of its own."""

    ref, context_window = "own/model", 1_000

    async def reply(self, request: Any, listener: Any) -> Any:
        raise TimeoutError("the database was slow")


def test_a_timeout_of_somebody_else_is_not_taken_for_the_limit(house: House) -> None:
    session = house.session(llm_client=Impatient())

    with pytest.raises(Exception, match="database was slow"):
        session.send("hi")
    assert "max_execution_time_ms" not in session.runs()[0]["error"]


# Cancelling


@both_wires
def test_cancel_during_an_answer_keeps_what_was_said_and_the_session_goes_on(
    kind: str, house: House
) -> None:
    session = house.session(
        breaks("hang_mid", says("first half, second half")), says("Where was I?"), kind=kind
    )
    seen = threading.Event()

    def read() -> list[str]:
        types: list[str] = []
        for event in session.stream("talk"):
            types.append(event.event_type)
            if event.event_type == "text_delta":
                seen.set()
        return types

    with meanwhile(read) as came:
        assert seen.wait(WAIT_S)
        assert session.cancel() is True
    assert came[0][-1] == "error"
    assert session.runs()[0]["status"] == "cancelled"
    last = session.history()[-1]
    assert last["role"] == "assistant"
    assert last["content"][0]["text"].endswith("(Response interrupted by the user.)")

    assert session.send("go on").text == "Where was I?"
    assert "first half" in str(house.bodies[-1]["messages"])


@both_wires
def test_cancel_during_a_tool_ends_its_process_and_the_session_goes_on(
    kind: str, house: House
) -> None:
    session = house.session(
        calls("ls") + SLEEP + calls("glob", pattern="*"),
        says("I was interrupted."),
        kind=kind,
        **PERMISSIVE,
    )
    with meanwhile(lambda: session.send("sleep")) as came:
        pid = int(come(lambda: house.has("pid") and house.get("pid")))
        assert session.cancel_run("run-other") is False
        assert session.cancel_run(session.runs()[0]["id"]) is True
        assert not alive(pid)

    (error,) = came
    assert isinstance(error, RunCancelled)
    assert error.run_id == session.runs()[0]["id"]
    assert session.send("go on").text == "I was interrupted."
    assert unanswered(house.bodies[-1]) == []


async def test_a_send_that_is_cancelled_while_it_waits_its_turn_never_runs(house: House) -> None:
    session = house.async_session(SLEEP, says("Third."), **PERMISSIVE)
    first = asyncio.create_task(session.send("first"))
    await asyncio.to_thread(come, lambda: house.has("pid"))
    second = asyncio.create_task(session.send("second"))
    await asyncio.sleep(0.02)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await session.cancel()
    with pytest.raises(RunCancelled):
        await first

    assert (await session.send("third")).text == "Third."
    assert [run["prompt"] for run in session.runs()] == ["first", "third"]
    await session._assembly.close()


async def test_cancelling_the_task_that_awaits_a_send_cancels_the_run(house: House) -> None:
    session = house.async_session(SLEEP, **PERMISSIVE)
    task = asyncio.create_task(session.send("sleep"))
    await asyncio.to_thread(come, lambda: house.has("pid") and house.get("pid"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not alive(int(house.get("pid")))
    assert session.runs()[0]["status"] == "cancelled"
    await session._assembly.close()


# Many at once


def test_concurrent_sends_wait_their_turn_and_none_is_lost(house: House) -> None:
    session = house.session(default=says("Noted."))
    prompts = [f"prompt {n}" for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(session.send, prompts))

    assert [result.text for result in results] == ["Noted."] * 8
    history = session.history()
    assert [row["role"] for row in history] == ["user", "assistant"] * 8
    assert sorted(row["content"][0]["text"] for row in history[::2]) == prompts
    spans = [(run["created_at_ms"], run["updated_at_ms"]) for run in session.runs()]
    assert spans == sorted(spans)
    assert len(spans) == 8


def test_sessions_of_one_agent_run_at_the_same_time(house: House) -> None:
    """Every run waits in its tool until all of them are there."""
    all_there = threading.Barrier(4)

    def meet() -> str:
        """Wait for the others."""
        all_there.wait(WAIT_S)
        return "met"

    agent = house.employ()
    house.server.play(Script(*[calls("meet")] * 4, default=says("We met.")))
    options: dict[str, Any] = {"tools": [meet], **PERMISSIVE}
    sessions = [agent.session(house.root, **options) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda session: session.send("meet"), sessions))

    assert [result.text for result in results] == ["We met."] * 4
    assert len({session.session_id for session in sessions}) == 4


# A history of the caller's own


def test_a_history_of_the_callers_own_leaves_the_session_alone(house: House) -> None:
    session = house.session(says("Hello."), says("Blue."), says("No idea."))
    session.send("hi")
    given = [
        {"role": "user", "content": "My favourite colour is blue."},
        {"role": "assistant", "content": [{"type": "text", "text": "Noted."}]},
    ]
    before = session.history()

    assert session.send("Which colour?", history=given).text == "Blue."
    assert session.history() == before
    sent = [m for m in house.bodies[1]["messages"] if m["role"] != "system"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert "Hello." not in str(sent)

    session.send("Which colour?")
    assert "blue" not in str(house.bodies[2]["messages"])
    assert len(session.runs()) == 3


def test_an_empty_history_is_a_history(house: House) -> None:
    session = house.session(says("Hello."), says("Who?"))
    session.send("I am Ada")
    session.send({"prompt": "Who am I?", "history": []})

    assert "Ada" not in str(house.bodies[1]["messages"])
    assert len(session.history()) == 2


def test_the_history_of_a_session_can_be_given_back_to_it(house: House) -> None:
    house.put("a.txt", "alpha")
    session = house.session(calls("read", file_path="a.txt"), says("alpha"), says("Again."))
    session.send("read it")
    session.send("go on", history=session.history())

    first, second = house.bodies[1]["messages"], house.bodies[2]["messages"]
    assert second[: len(first)] == first
    assert unanswered(house.bodies[2]) == []


# The end of a session


def test_a_closed_session_refuses_what_comes_and_ends_what_runs(house: House) -> None:
    session = house.session(SLEEP, **PERMISSIVE)
    with meanwhile(lambda: session.send("sleep")) as came:
        pid = int(come(lambda: house.has("pid") and house.get("pid")))
        session.close()

    assert isinstance(came[0], RunCancelled)
    assert not alive(pid)
    assert session.is_closed
    session.close()
    for refused in (
        lambda: session.send("hi"),
        lambda: list(session.stream("hi")),
        lambda: session.read_file("a"),
        lambda: session.tool("ls", {}),
        session.save,
    ):
        with pytest.raises(SessionClosed):
            refused()


def test_a_send_that_waits_its_turn_is_refused_when_the_session_closes(house: House) -> None:
    session = house.session(SLEEP, **PERMISSIVE)
    with meanwhile(lambda: session.send("first")) as first:
        come(lambda: house.has("pid"))
        with meanwhile(lambda: session.send("second")) as second:
            come(lambda: len(session.runs()) == 1)
            session.close()

    assert isinstance(first[0], RunCancelled)
    assert isinstance(second[0], SessionClosed)
    assert len(house.server.requests) == 1


def test_a_direct_call_does_not_outlive_its_session(house: House) -> None:
    session = house.session(**PERMISSIVE)
    command = "echo $$ > pid; exec sleep 600"
    with meanwhile(lambda: session.tool("bash", {"command": command})):
        pid = int(come(lambda: house.has("pid") and house.get("pid")))
        session.close()
        assert not alive(pid)


def test_an_agent_closes_its_sessions(house: House) -> None:
    agent = house.employ(says("Hello."))
    session = agent.session(house.root)
    session.send("hi")
    agent.close()

    assert agent.is_closed
    assert session.is_closed
    with pytest.raises(SessionClosed):
        agent.session(house.root)


@pytest.mark.parametrize(
    ("late", "outcome"),
    [
        ("agent.close()", "None"),
        ("session.close()", "None"),
        ("session.send('hi')", "SessionClosed"),
        ("list(session.stream('hi'))", "SessionClosed"),
        ("agent.list_sessions()", "SessionClosed"),
    ],
)
def test_calls_after_the_agent_was_closed_do_nothing_or_say_that_it_is(
    late: str, outcome: str, house: House
) -> None:
    run = run_python(f"""
        from a3s_code import Agent
        from a3s_code.testing import Script, ScriptedServer, says
        with ScriptedServer(Script(says("Hello."))) as server:
            agent = Agent(server.acl())
            session = agent.session({str(house.root)!r})
            session.send("hi")
            agent.close()
            try:
                print({late})
            except Exception as error:
                print(type(error).__name__)
        """)

    assert (run.stdout.strip(), run.stderr) == (outcome, "")


def test_a_provider_that_is_not_there_is_said_so(house: House) -> None:
    session = house.session(llm_api_timeout_ms=500)
    house.server.close()

    with pytest.raises(ModelUnavailable):
        session.send("hi")
    assert session.runs()[0]["status"] == "failed"


# Where a result comes from


def test_a_result_names_its_run_and_the_files_that_it_wrote(house: House) -> None:
    house.put("old.txt", "a")
    session = house.session(
        calls("write", file_path="new.txt", content="x"),
        calls("edit", file_path="old.txt", old_string="a", new_string="b"),
        calls("write", file_path="new.txt", content="y"),
        says("done"),
        default=says("nothing"),
        permissive=True,
    )
    session.write_file("host.txt", "of the host")
    first, second = session.send("write"), session.send("rest")

    assert [first.run_id, second.run_id] == [run["id"] for run in session.runs()]
    assert first.files_changed == ("new.txt", "old.txt")
    assert second.files_changed == ()
    assert session.send("/help").run_id == ""
