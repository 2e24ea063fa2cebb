"""A team: who is in it, and what its members tell each other."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest

from a3s_code import InvalidValue, Team, TeamConfig, TeamMessage, TeamRunner, UsageError
from api.house import arrive, meanwhile


def team(**config: int) -> Team:
    made = Team("refactor-auth", TeamConfig(**config))
    made.add_member("lead", "lead")
    made.add_member("worker-1", "worker")
    made.add_member("worker-2", "worker")
    made.add_member("reviewer", "reviewer")
    return made


def test_a_configuration_begins_as_documented() -> None:
    config = TeamConfig()
    assert (config.max_tasks, config.channel_buffer) == (50, 128)
    assert (config.max_rounds, config.poll_interval_ms) == (10, 200)
    assert Team("t").config == config


@pytest.mark.parametrize("name", ["max_tasks", "channel_buffer", "max_rounds", "poll_interval_ms"])
def test_a_configuration_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match=name):
        TeamConfig(**{name: 0})


def test_members_are_found_by_role() -> None:
    made = team()
    assert made.members_by_role("worker") == ["worker-1", "worker-2"]
    assert made.members()["lead"] == "lead"


def test_a_role_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match="lead, worker, reviewer"):
        team().add_member("x", "boss")


def test_the_board_holds_as_much_as_the_team_was_told() -> None:
    board = team(max_tasks=1).task_board()
    assert board.post("a", "lead")
    assert board.post("b", "lead") is None


def test_a_message_reaches_the_member_that_it_is_for() -> None:
    made = team()
    assert made.send_message("lead", "worker-1", "Focus on the refresh token flow", None)
    assert made.send_message("lead", "worker-1", "and test it", task_id="task-1")
    received = made.take_receiver("worker-1")
    assert received is not None
    first, second = received.try_recv(), received.recv()
    assert first is not None
    assert second is not None
    assert (first.sender, first.to, first.task_id) == ("lead", "worker-1", None)
    assert (second.content, second.task_id) == ("and test it", "task-1")
    assert received.try_recv() is None
    assert received.recv(timeout_s=0.0) is None


def test_a_message_for_nobody_is_not_sent() -> None:
    assert team().send_message("lead", "worker-9", "hello") is False


def test_a_message_for_a_full_box_is_not_sent() -> None:
    made = team(channel_buffer=1)
    assert made.send_message("lead", "worker-1", "one")
    assert made.send_message("lead", "worker-1", "two") is False
    received = made.take_receiver("worker-1")
    assert received is not None
    received.try_recv()
    assert made.send_message("lead", "worker-1", "three")


def test_a_broadcast_reaches_everybody_but_its_sender() -> None:
    made = team()
    assert made.broadcast("lead", "stop", "task-2") == 3
    for member in ("worker-1", "worker-2", "reviewer"):
        received = made.take_receiver(member)
        assert received is not None
        message = received.try_recv()
        assert message is not None
        assert (message.content, message.task_id) == ("stop", "task-2")
    own = made.take_receiver("lead")
    assert own is not None
    assert own.try_recv() is None


def test_a_receiver_is_taken_once() -> None:
    made = team()
    assert made.take_receiver("worker-1") is not None
    assert made.take_receiver("worker-1") is None
    with pytest.raises(InvalidValue, match="worker-9"):
        made.take_receiver("worker-9")


def test_a_message_is_json_with_the_names_of_the_documents() -> None:
    message = TeamMessage(sender="lead", to="w", content="x", task_id=None, timestamp=5)
    written = msgspec.json.decode(msgspec.json.encode(message))
    assert written == {"from": "lead", "to": "w", "content": "x", "task_id": None, "timestamp": 5}


def test_a_member_that_is_removed_gets_no_more_messages_and_its_box_ends() -> None:
    made = team()
    received = made.take_receiver("worker-1")
    assert received is not None
    made.send_message("lead", "worker-1", "last words")
    assert made.remove_member("worker-1") is True
    assert made.remove_member("worker-1") is False
    assert made.send_message("lead", "worker-1", "too late") is False
    assert [message.content for message in received] == ["last words"]


def test_what_was_assigned_to_a_member_that_is_removed_is_open_again() -> None:
    made = team()
    board = made.task_board()
    mine = board.post("mine", "lead", "worker-1")
    made.remove_member("worker-1")
    task = board.claim("worker-2")
    assert task is not None
    assert task.id == mine


def test_a_thread_waits_for_its_messages() -> None:
    made = team()
    received = made.take_receiver("worker-1")
    assert received is not None
    with meanwhile(lambda: [message.content for message in received]) as came:
        for word in ("one", "two"):
            made.send_message("lead", "worker-1", word)
        made.remove_member("worker-1")
    assert came == [["one", "two"]]


async def test_a_coroutine_waits_for_messages_that_threads_send() -> None:
    made = team()
    received = made.take_receiver("worker-1")
    assert received is not None
    came: list[str] = []

    async def read() -> None:
        while (message := await received.next()) is not None:
            came.append(message.content)

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    thread = threading.Thread(target=made.send_message, args=("lead", "worker-1", "one"))
    thread.start()
    await arrive(lambda: came == ["one"])
    made.remove_member("worker-1")
    async with asyncio.timeout(10):
        await reading
    thread.join()


async def test_a_wait_for_a_message_can_be_cancelled() -> None:
    made = team()
    received = made.take_receiver("worker-1")
    assert received is not None
    waiting = asyncio.create_task(received.next())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert made.send_message("lead", "worker-1", "still here")
    message = await received.next()
    assert message is not None
    assert message.content == "still here"


def test_a_team_has_one_runner() -> None:
    made = team()
    TeamRunner(made)
    with pytest.raises(UsageError, match="has a runner already"):
        TeamRunner(made)
