from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from a3s_code import EventType, Session
from a3s_code.api.stream import EventStream
from a3s_code.errors import InvalidType, UsageError
from a3s_code.testing import breaks, calls, refuses, says
from api.house import WIRES, House, come
from kernel.bench import alive

PERMISSIVE: dict[str, Any] = {"permissive": True}
both_wires = pytest.mark.parametrize("kind", WIRES)


def texts(stream: EventStream) -> str:
    return "".join(e.text or "" for e in stream if e.event_type == "text_delta")


# What is shown


@both_wires
def test_a_stream_shows_a_run_in_the_order_in_which_it_happened(kind: str, house: House) -> None:
    session = house.session(
        says("Looking.") + calls("ls"), says("Empty.", thinking="hm"), kind=kind
    )
    types = [event.event_type for event in session.stream("look")]

    kept = list(dict.fromkeys(types))
    assert types[0] == "start"
    assert types[-1] == "end"
    assert kept[:3] == ["start", "turn_start", "text_delta"]
    assert types.index("turn_end") < types.index("tool_start") < types.index("tool_end")
    assert types.count("turn_start") == types.count("turn_end") == 2


def test_events_carry_their_facts_as_attributes(house: House) -> None:
    house.put("a.txt", "alpha")
    session = house.session(calls("read", file_path="a.txt"), says("It says ", "alpha."))
    by_type = {event.event_type: event for event in session.stream("read it")}

    assert by_type["start"].prompt == "read it"
    assert (by_type["turn_start"].turn, by_type["turn_end"].turn) == (2, 2)
    assert by_type["tool_start"].tool_name == "read"
    ended = by_type["tool_end"]
    assert (ended.tool_name, ended.tool_id) == ("read", by_type["tool_start"].tool_id)
    assert ended.exit_code == 0
    assert "alpha" in (ended.tool_output or "")
    assert (by_type["end"].text, by_type["end"].total_tokens) == ("It says alpha.", 30)
    assert by_type["end"].verification_summary_text
    assert msgspec.json.decode(by_type["end"].data or "")["usage"]["prompt_tokens"] == 20


def test_deltas_are_shown_one_by_one_as_the_model_sent_them(house: House) -> None:
    session = house.session(says("The ", "answer ", "is 4."))
    shown = [e.text for e in session.stream("2+2") if e.event_type == EventType.TEXT_DELTA]

    assert shown == ["The ", "answer ", "is 4."]


def test_a_failed_call_says_how_it_failed(house: House) -> None:
    session = house.session(calls("read", file_path="none"), says("Gone."))
    (ended,) = [e for e in session.stream("read it") if e.event_type == "tool_end"]

    assert ended.exit_code == 1
    assert ended.error_kind == "not_found"
    assert msgspec.json.decode(ended.error_kind_json or "")["type"] == "not_found"


def test_a_stream_can_be_read_in_a_request_object_and_with_attachments(house: House) -> None:
    session = house.session(says("one"), says("two"))
    pixel = {"data": b"\x89PNG", "media_type": "image/png"}

    assert texts(session.stream_request({"prompt": "a"})) == "one"
    assert texts(session.stream_with_attachments("b", [pixel])) == "two"


async def test_a_stream_of_the_blocking_session_can_be_read_with_async_for(house: House) -> None:
    session = house.session(says("Hello."))
    stream = session.stream("hi")

    assert [event.event_type async for event in stream][-1] == "end"


async def test_an_async_session_streams_on_the_callers_loop(house: House) -> None:
    session = house.async_session(calls("ls"), says("Empty."))
    types = [event.event_type async for event in session.stream("look")]

    assert types[-1] == "end"
    assert len(threading.enumerate()) == len([t for t in threading.enumerate() if t.name != "a3s"])
    await session._assembly.close()


async def test_a_blocking_read_inside_the_loop_of_the_run_is_refused(house: House) -> None:
    session = house.async_session(says("Hello."))
    stream = session.stream("hi")
    with pytest.raises(UsageError, match="async for"):
        list(stream)
    stream.close()
    await session.close()  # the run is told to stop, and may just be connecting
    await session._assembly.close()


def test_a_finished_stream_stays_finished(house: House) -> None:
    stream = house.session(says("Hello.")).stream("hi")
    assert list(stream)

    assert list(stream) == []
    stream.close()
    stream.close()


# How it fails


@both_wires
def test_a_failure_is_the_last_event_and_no_exception(kind: str, house: House) -> None:
    session = house.session(refuses(401), kind=kind)
    events = list(session.stream("hi"))

    assert events[-1].event_type == "error"
    assert events[-1].error
    assert events[-1].error_kind == "model.refused"
    assert [e.event_type for e in events].count("error") == 1


def test_a_wrong_request_is_refused_before_anything_runs(house: House) -> None:
    session = house.session(says("Hello."))
    with pytest.raises(InvalidType):
        session.stream(3)  # pyright: ignore[reportArgumentType] - the claim

    assert session.runs() == []


@both_wires
def test_an_answer_that_broke_off_starts_over_with_the_same_turn(kind: str, house: House) -> None:
    session = house.session(
        breaks("reset_mid", says("The ans", "wer is", " 5.")), says("It is 4."), kind=kind
    )
    events = list(session.stream("2+2"))

    types = [e.event_type for e in events]
    starts = [at for at, e in enumerate(events) if e.event_type == "turn_start"]
    assert [events[at].turn for at in starts] == [1, 1]
    assert starts[0] < types.index("model_retry") < starts[1]
    assert "text_delta" in types[: starts[1]]
    again = "".join(e.text or "" for e in events[starts[1] :] if e.event_type == "text_delta")
    assert again == events[-1].text == "It is 4."


# Leaving early


def leave_by_break(session: Session) -> None:
    for event in session.stream("talk"):
        if event.event_type == "text_delta":
            break


def leave_by_close(session: Session) -> None:
    stream = session.stream("talk")
    while next(stream).event_type != "text_delta":
        pass
    stream.close()
    stream.close()


def leave_a_with_block(session: Session) -> None:
    with session.stream("talk") as stream:
        while next(stream).event_type != "text_delta":
            pass


def drop(session: Session) -> None:
    stream = session.stream("talk")
    while next(stream).event_type != "text_delta":
        pass
    del stream
    gc.collect()


def leave_an_async_for(session: Session) -> None:
    async def read() -> None:
        async for event in session.stream("talk"):
            if event.event_type == "text_delta":
                break

    asyncio.run(read())


def cancel_the_reader(session: Session) -> None:
    async def read() -> None:
        shown = asyncio.Event()
        reader = asyncio.create_task(_drain(session.stream("talk"), shown))
        await shown.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader

    asyncio.run(read())


async def _drain(stream: EventStream, shown: asyncio.Event) -> None:
    async for event in stream:
        if event.event_type == "text_delta":
            shown.set()


@pytest.mark.parametrize(
    "leave",
    [
        leave_by_break,
        leave_by_close,
        leave_a_with_block,
        drop,
        leave_an_async_for,
        cancel_the_reader,
    ],
)
def test_leaving_a_stream_cancels_the_run_and_closes_its_connection(
    leave: Callable[[Session], None], house: House
) -> None:
    session = house.session(breaks("hang_mid", says("first half, second half")), says("Back."))
    leave(session)

    come(lambda: session.runs() and session.runs()[0]["status"] == "cancelled")
    come(lambda: not house.server._connections)
    assert session.current_run() is None
    assert session.send("hello?").text == "Back."


def test_leaving_a_stream_ends_the_process_of_its_tool(house: House) -> None:
    session = house.session(
        calls("bash", command="echo $$ > pid; echo up; exec sleep 600"), **PERMISSIVE
    )
    for event in session.stream("sleep"):
        if event.event_type == "tool_output_delta":
            break

    pid = int(house.get("pid"))
    come(lambda: not alive(pid))


def test_leaving_a_stream_that_waits_its_turn_leaves_no_run(house: House) -> None:
    session = house.session(breaks("hang_mid"), says("Third."))
    first = session.stream("first")
    while next(first).event_type != "text_delta":
        pass
    second = session.stream("second")
    second.close()
    first.close()

    assert session.send("third").text == "Third."
    assert [run["prompt"] for run in session.runs()] == ["first", "third"]


def test_a_stream_that_nobody_reads_runs_to_its_end(house: House) -> None:
    session = house.session(calls("write", file_path="a.txt", content="x"), says("Written."))
    stream = session.stream("write it")
    come(lambda: session.runs() and session.runs()[0]["status"] == "completed")

    assert house.get("a.txt") == "x"
    assert list(stream)[-1].event_type == "end"


def test_many_deltas_arrive_complete_and_in_order(house: House) -> None:
    pieces = [f"{n} " for n in range(3_000)]
    session = house.session(says(*pieces))
    shown = [e.text for e in session.stream("count") if e.event_type == "text_delta"]

    assert shown == pieces
