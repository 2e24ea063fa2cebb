"""The list of tasks of a session: what its model showed last, and no child's or other history's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent, FileSessionStore, PermissionPolicy, Session, SessionOptions
from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.testing import Scripted, Turn, When, calls, on, says
from delegation.errands import errand

FULL = Usage(prompt_tokens=190_000, completion_tokens=10)
IS_SUMMARY = "Summarise it, so that"
ALL = PermissionPolicy(default_decision="allow")


class Desk:
    """Sessions with a model in this process, which are kept in a directory."""

    def __init__(self, root: Path) -> None:
        self.store = root / "store"
        self.root = root / "work"
        self.root.mkdir()
        self.agent = Agent('default_model = "scripted/model"')
        self.model: Scripted

    def options(self, *turns: Turn, **more: Any) -> SessionOptions:
        notes = on(When(last_user=IS_SUMMARY), says("NOTES"))
        self.model = Scripted(*turns, rules=(notes,), default=says("answer"))
        return SessionOptions(
            llm_client=self.model,
            tools=[errand],
            permission_policy=ALL,
            session_store=FileSessionStore(str(self.store)),
            **more,
        )

    def session(self, *turns: Turn, **more: Any) -> Session:
        return self.agent.session(self.root, self.options(*turns, session_id="s", **more))

    def resumed(self, *turns: Turn, **more: Any) -> Session:
        return self.agent.resume_session("s", self.options(*turns, **more))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.agent.close()


def plan(*steps: str, usage: Usage | None = None) -> Turn:
    """Show these steps; those that end with a `!` are done."""
    rows = [
        {"step": step.rstrip("!"), "status": "completed" if step.endswith("!") else "pending"}
        for step in steps
    ]
    turn = calls("update_plan", plan=rows)
    return Turn(calls=turn.calls, usage=usage) if usage is not None else turn


def steps(session: Session) -> list[str]:
    rows = session.task_list()
    return [f"{row['content']}{'!' * (row['status'] == 'completed')}" for row in rows]


def shown(session: Session, prompt: str) -> list[JsonObject]:
    """Give the lists that a run shows, as its events have them."""
    events = [each for each in session.stream(prompt) if each.event_type == "task_updated"]
    return [json.loads(event.data or "") for event in events]


def test_the_list_is_what_was_shown_last_and_each_showing_is_an_event(desk: Desk) -> None:
    session = desk.session(plan("a", "b"), plan("a!", "b"), says("done"))
    assert session.task_list() == []

    events = shown(session, "do it")

    assert steps(session) == ["a!", "b"]
    assert [len(event["tasks"]) for event in events] == [2, 2]
    assert {event["session_id"] for event in events} == {"s"}
    (first, _) = session.task_list()
    assert first == {"id": "1", "content": "a", "status": "completed", "priority": "medium"}


def test_what_is_given_away_is_no_part_of_the_record(desk: Desk) -> None:
    session = desk.session(plan("a"), says("done"))
    session.send("do it")
    session.task_list()[0]["content"] = "other"

    assert steps(session) == ["a"]


def test_a_plan_that_is_none_leaves_the_list_as_it_is(desk: Desk) -> None:
    session = desk.session(plan("a"), calls("update_plan", plan="x"), says("done"))
    session.send("do it")

    assert steps(session) == ["a"]


def test_the_host_can_show_a_plan_itself(desk: Desk) -> None:
    session = desk.session()
    assert session.tool("update_plan", {"plan": ["a"]}).exit_code == 0
    assert steps(session) == ["a"]


def test_the_list_is_there_again_when_the_session_is_resumed(desk: Desk) -> None:
    session = desk.session(plan("a!", "b"), says("done"))
    session.send("do it")
    session.close()
    again = desk.resumed(retention_limits={"max_events_per_run": 0, "max_runs_retained": 0})
    again.send("go on")
    assert steps(again) == ["a!", "b"]
    again.close()
    third = desk.resumed()
    third.history()
    third.ls()

    assert steps(third) == ["a!", "b"]


def test_the_list_is_empty_after_clear_and_is_pinned_nowhere(desk: Desk) -> None:
    session = desk.session(plan("a"), says("done"))
    session.send("do it")
    session.send("/clear")
    assert session.task_list() == []
    for at in range(13):
        session.send(f"question {at}")
    session.send("/compact")

    assert "Plan:" not in str(session.history())


def test_a_rewind_brings_back_the_list_of_then(desk: Desk) -> None:
    session = desk.session(plan("a"), says("one"), plan("b"), says("two"))
    session.send("first")
    session.send("second")
    place = session.checkpoints()[-1]["id"]
    undo = session.rewind(place, files=False)["undo"]
    assert steps(session) == ["a"]
    session.rewind(undo, files=False)

    assert steps(session) == ["b"]


def test_the_plan_of_a_history_of_its_own_is_not_that_of_the_session(desk: Desk) -> None:
    session = desk.session(plan("mine"), says("ok"), plan("apart"), says("ok"), plan("mine!"))
    session.send("do it")
    session.send("do it", history=[{"role": "user", "content": "before"}])
    assert steps(session) == ["mine"]
    session.send("do it")

    assert steps(session) == ["mine!"]


# Children, compaction


def test_the_plan_of_a_child_is_its_own(desk: Desk) -> None:
    turns = (plan("mine"), calls("errand"), plan("the child's"), says("child"), says("done"))
    session = desk.session(*turns)
    own, childs = shown(session, "PARENT")

    assert steps(session) == ["mine"]
    assert own["session_id"] == "s"
    assert childs["session_id"].startswith("task-run-")
    assert [row["content"] for row in childs["tasks"]] == ["the child's"]
    session.close()
    again = desk.resumed()
    again.ls()
    assert steps(again) == ["mine"]


def test_the_plan_of_a_session_is_pinned_when_it_is_compacted_and_not_that_of_a_child(
    desk: Desk,
) -> None:
    turns = (says("q"), plan("mine!", "and on"), calls("errand"), plan("theirs"), says("child"))
    session = desk.session(*turns, auto_compact=True)
    session.send("do it")
    for at in range(13):
        session.send(f"question {at}")
    session.send("do it")
    for at in range(13):
        session.send(f"question {at}")
    session.send("/compact")
    pinned = str(session.history())

    assert '"content": "and on"' in pinned
    assert '"content": "theirs"' not in pinned
    assert steps(session) == ["mine!", "and on"]


def test_the_plan_of_a_child_is_pinned_in_its_own_compaction(desk: Desk) -> None:
    for at in range(12):
        desk.root.joinpath(f"{at}.txt").write_text(f"CONTENT-{at}\n")
    reads = [calls("read", file_path=f"{at}.txt") for at in range(12)]
    looking = [Turn(calls=each.calls, usage=FULL) for each in reads]
    turns = (
        plan("mine"),
        calls("errand"),
        *looking[:1],
        plan("theirs"),
        *looking[1:],
        says("child"),
        says("done"),
    )
    session = desk.session(*turns, auto_compact=True)
    session.send("PARENT")
    asked = [
        str([message.text for message in each.conversation.messages])
        for each in desk.model.seen
        if "HELPER-ROLE" in each.system
    ]

    assert any('"content": "theirs"' in text for text in asked)
    assert not any('"content": "mine"' in text for text in asked)
    assert steps(session) == ["mine"]
