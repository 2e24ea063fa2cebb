"""A child that fills the window of its model makes room in its own conversation, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent, PermissionPolicy, Session
from a3s_code.kernel.events import CompactionFailed, ContextCompacted, PrefixChanged
from a3s_code.kernel.messages import Conversation, Message, Usage
from a3s_code.kernel.records import (
    Compacted,
    HistoryAppended,
    HistoryReplaced,
    RequestReceipt,
    TokensSpent,
)
from a3s_code.testing import Scripted, Turn, When, calls, on, overflows, refuses, says
from delegation.errands import errand

SMALL = Usage(prompt_tokens=1_000, completion_tokens=10)
FULL = Usage(prompt_tokens=190_000, completion_tokens=10)
SUMMARY = Usage(prompt_tokens=7, completion_tokens=3)
IS_SUMMARY = "Summarise it, so that"
ROUNDS = 12


class Desk:
    """Sessions with a model in this process, which can start a child."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.agent = Agent('default_model = "scripted/model"')
        self.model: Scripted

    def session(self, *turns: Turn, notes: Turn | None = None, **options: Any) -> Session:
        answer = notes or says("NOTES-OF-MIDDLE", usage=SUMMARY)
        self.model = Scripted(
            *turns, rules=(on(When(last_user=IS_SUMMARY), answer),), default=says("answer")
        )
        policy = PermissionPolicy(default_decision="allow", deny=["bash(rm *)"])
        return self.agent.session(
            self.root, llm_client=self.model, tools=[errand], permission_policy=policy, **options
        )

    def looking(self, usage: Usage) -> list[Turn]:
        """Let a child read as many files as make a middle of its conversation."""
        for at in range(ROUNDS):
            self.root.joinpath(f"{at}.txt").write_text(f"CONTENT-{at}\n")
        read = [calls("read", file_path=f"{at}.txt") for at in range(ROUNDS)]
        return [Turn(calls=turn.calls, usage=usage) for turn in read]

    def asked(self, role: str) -> list[Conversation]:
        """Give the requests of who has this role."""
        return [each.conversation for each in self.model.seen if role in each.system]


CHILDS, PARENTS = "HELPER-ROLE", "You are"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.agent.close()


def recorded(session: Session, *kinds: type[Any]) -> list[Any]:
    records = session._inner._engine.log.records
    return [record.event for record in records if isinstance(record.event, kinds)]


def texts(conversation: Conversation) -> list[str]:
    return [message.text for message in conversation.messages]


def test_a_child_that_fills_the_window_is_compacted_and_its_parent_is_not(desk: Desk) -> None:
    session = desk.session(
        calls("errand"), *desk.looking(FULL), says("done"), says("good"), auto_compact=True
    )
    assert session.send("PARENT").text == "good"

    last = desk.asked(CHILDS)[-1]
    assert texts(last)[0] == "CHILD"
    assert any(text.startswith("[Summary of") for text in texts(last))
    assert len(last) < 2 * ROUNDS + 1
    (record,) = recorded(session, Compacted)
    assert (record.trigger, record.is_isolated, record.child) == ("threshold", True, "call_1.1")
    assert record.summary.text in texts(last)
    (told,) = recorded(session, ContextCompacted)
    assert told.session_id == "task-run-call_1.1"
    assert recorded(session, HistoryReplaced) == []
    assert len(session.history()) == 4


def test_a_child_goes_on_after_its_request_was_too_large(desk: Desk) -> None:
    session = desk.session(
        calls("errand"), *desk.looking(SMALL), overflows(), says("fits now"), says("good")
    )
    session.send("PARENT")

    (record,) = recorded(session, Compacted)
    assert (record.trigger, record.child) == ("overflow", "call_1.1")
    assert "fits now" in json.dumps(session.history())


def test_a_child_whose_summary_fails_goes_on_and_says_why(desk: Desk) -> None:
    turns = (calls("errand"), *desk.looking(FULL), says("done"), says("good"))
    session = desk.session(*turns, notes=refuses(401), auto_compact=True)
    assert session.send("PARENT").text == "good"

    failed = recorded(session, CompactionFailed)
    assert failed
    assert {each.session_id for each in failed} == {"task-run-call_1.1"}


def test_the_transcript_and_the_tokens_of_a_compacted_child_are_whole(desk: Desk) -> None:
    turns = (calls("errand"), *desk.looking(FULL), says("done"), says("good"))
    session = desk.session(*turns, auto_compact=True)
    events = list(session.stream("PARENT"))
    (end,) = (each for each in events if each.tool_name == "errand" and each.exit_code == 0)
    facts = json.loads(end.data or "{}")["metadata"]
    kept = session.get_artifact(facts["transcript"])

    assert kept is not None
    for at in range(ROUNDS):
        assert f"CONTENT-{at}" in kept["content"]
    own = [row for row in recorded(session, TokensSpent) if row.child]
    assert [row.purpose for row in own].count("compact") == 1
    assert facts["tokens"] == sum(row.usage.total_tokens for row in own)
    assert {row.model for row in own} == {"scripted/model"}
    listed = session.context_receipts("call_1.1")
    assert [each.turn for each in listed if each.turn] == list(range(1, ROUNDS + 2))
    assert [each.usage for each in listed if not each.turn] == [SUMMARY]
    assert listed[-1].usage == own[-1].usage


def test_what_a_child_was_denied_survives_its_compaction(desk: Desk) -> None:
    first, *others = desk.looking(FULL)
    session = desk.session(
        calls("errand"),
        first,
        calls("bash", command="rm 0.txt"),
        *others,
        says("done"),
        says("good"),
        auto_compact=True,
    )
    session.send("PARENT")

    (record,) = recorded(session, Compacted)
    (verdict,) = record.summary.pinned.verdicts
    assert (verdict.tool, verdict.approved) == ("bash", False)
    assert "rm 0.txt" in verdict.about


def test_a_prefix_that_changes_in_a_child_is_told_as_the_childs(desk: Desk) -> None:
    turns = (calls("errand"), *desk.looking(FULL), says("done"), says("good"))
    session = desk.session(*turns, auto_compact=True)
    session.send("PARENT")
    session.send("again")

    (changed,) = recorded(session, PrefixChanged)
    assert (changed.child, changed.segment) == ("call_1.1", "messages")
    assert changed.why == "the conversation was compacted"
    receipts = recorded(session, RequestReceipt)
    assert all(each.prefix is not None for each in receipts if each.turn)
    assert all(each.prefix.isolated for each in receipts if each.turn and each.child)


def test_a_child_between_two_requests_of_its_parent_changes_no_prefix(desk: Desk) -> None:
    session = desk.session(calls("errand"), says("plain"), says("good"), calls("errand"))
    session.send("PARENT")
    session.send("again")

    assert recorded(session, PrefixChanged) == []


def test_what_was_reported_of_a_conversation_counts_also_after_a_child(desk: Desk) -> None:
    """The messages of a child are none of its parent's."""
    full = Turn(calls=calls("errand").calls, usage=FULL)
    session = desk.session(
        *[says("answer", usage=SMALL)] * ROUNDS, full, says("plain", usage=SMALL), auto_compact=True
    )
    for at in range(ROUNDS + 1):
        session.send(f"question {at}")

    (record,) = recorded(session, Compacted)
    assert (record.child, record.trigger) == ("", "threshold")
    assert record.used >= FULL.total_tokens


def test_messages_of_a_child_are_recorded_once(desk: Desk) -> None:
    turns = (calls("errand"), *desk.looking(FULL), says("done"), says("good"))
    session = desk.session(*turns, auto_compact=True)
    session.send("PARENT")

    rows: list[Message] = [row.message for row in recorded(session, HistoryAppended) if row.child]
    assert len(rows) == 2 * ROUNDS + 2
