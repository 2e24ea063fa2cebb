"""A conversation that fills the window of its model makes room by itself, and loses no rule."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code import Agent, AsyncAgent, FileSessionStore, PermissionPolicy, Session
from a3s_code.api import room
from a3s_code.api.lane import Lane, reported
from a3s_code.errors import ContextOverflow, RunCancelled
from a3s_code.harness.compaction import Notes, summary
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import (
    CompactionFailed,
    ContextCompacted,
    RunId,
    SessionId,
    TurnEnd,
)
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Message, ToolResult, Usage
from a3s_code.kernel.pinned import Pinned
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.kernel.records import (
    Compacted,
    HistoryAppended,
    HistoryReplaced,
    RequestReceipt,
    RunStarted,
    TokensSpent,
)
from a3s_code.testing import Rule, Scripted, Turn, When, breaks, calls, on, overflows, refuses, says
from api.house import House, arrive, come, meanwhile
from harness.planted import RULES, message_with

FULL = Usage(prompt_tokens=190_000, completion_tokens=10)
HALF = Usage(prompt_tokens=100_000, completion_tokens=10)
IS_SUMMARY = "Summarise it, so that"


def summarising(answer: Turn) -> Rule:
    return on(When(last_user=IS_SUMMARY), answer)


class Desk:
    """Sessions with a model in this process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.agent = Agent('default_model = "scripted/model"')
        self.model: Scripted

    def session(
        self, *turns: Turn, notes: Turn | None = None, window: int = 200_000, **keywords: Any
    ) -> Session:
        rules = (summarising(notes or says("NOTES-OF-MIDDLE")),)
        script: dict[str, Any] = {"default": keywords.pop("default", says("answer"))}
        self.model = Scripted(*turns, rules=rules, context_window=window, **script)
        return self.agent.session(self.root, llm_client=self.model, **keywords)

    @property
    def asked(self) -> list[list[Message]]:
        """The messages of every request that was no summary."""
        whole = [list(request.conversation.messages) for request in self.model.seen]
        return [each for each in whole if IS_SUMMARY not in each[-1].text]

    @property
    def summaries(self) -> int:
        return len(self.model.seen) - len(self.asked)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.agent.close()


def events(session: Session, *kinds: type[Any]) -> list[Any]:
    records = session._inner._engine.log.records
    return [record.event for record in records if isinstance(record.event, kinds)]


def talk(session: Session, turns: int, said: Callable[[int], str] = "question {}".format) -> None:
    for at in range(turns):
        session.send(said(at))


def whole(session: Session) -> bytes:
    return msgspec.json.encode(session._inner._engine.log.state.conversation.messages)


# When


def test_a_conversation_that_fills_the_window_is_compacted_before_the_next_request(
    desk: Desk,
) -> None:
    session = desk.session(default=says("answer", usage=FULL), auto_compact=True)
    talk(session, 13)

    last = desk.asked[-1]
    assert len(last) == 23
    assert [m.text for m in last[:2]] == ["question 0", "answer"]
    assert last[2].text.startswith("[Summary of 3 earlier messages]")
    assert "NOTES-OF-MIDDLE" in last[2].text
    assert last[-1].text == "question 12"
    (told,) = events(session, ContextCompacted)
    assert (told.before_messages, told.after_messages) == (25, 23)
    assert told.percent_before == pytest.approx(95.0, abs=0.1)


@pytest.mark.parametrize("options", [{}, {"auto_compact": False}])
def test_it_is_off_unless_it_is_asked_for(desk: Desk, options: dict[str, Any]) -> None:
    session = desk.session(default=says("answer", usage=FULL), **options)
    talk(session, 16)

    assert desk.summaries == 0
    assert session.init_warning is None


@pytest.mark.parametrize(
    ("options", "is_made"),
    [
        ({}, False),
        ({"auto_compact_threshold": 0.4}, True),
        ({"context_threshold": 0.4}, True),
        ({"max_context_tokens": 120_000}, True),
        ({"max_context_tokens": 900_000}, False),
    ],
)
def test_threshold_and_window_can_be_set(
    desk: Desk, options: dict[str, Any], is_made: bool
) -> None:
    session = desk.session(default=says("answer", usage=HALF), auto_compact=True, **options)
    talk(session, 16)

    assert (desk.summaries > 0) is is_made


def test_what_was_set_holds_after_a_resume_and_can_be_taken_back(tmp_path: Path) -> None:
    root, store = tmp_path / "w", tmp_path / "s"
    root.mkdir()
    desk = Desk(root)
    half = says("answer", usage=HALF)
    session = desk.session(
        default=half,
        auto_compact=True,
        auto_compact_threshold=0.4,
        session_store=FileSessionStore(store),
        session_id="s",
    )
    talk(session, 12)
    desk.agent.close()

    for options, made in (({"auto_compact": False}, False), ({"auto_compact": True}, True)):
        desk = Desk(root)
        model = desk.model = Scripted(rules=(summarising(says("NOTES")),), default=half)
        again = desk.agent.resume_session(
            "s", session_store=FileSessionStore(store), llm_client=model, **options
        )
        talk(again, 3)
        desk.agent.close()
        assert (desk.summaries > 0) is made


@pytest.mark.parametrize("is_isolated", [False, True], ids=["own", "history of the caller"])
def test_what_a_child_said_is_no_part_of_the_conversation_that_was_reported(
    is_isolated: bool,
) -> None:
    log, run = Log(SessionId("s"), SystemClock(), None), RunId("r")
    said = HistoryAppended(message=Message("assistant", ()), isolated=is_isolated)
    inside = HistoryAppended(message=Message("assistant", ()), isolated=True, child="call_1.1")
    for event in (RunStarted(prompt="go"), TurnEnd(turn=1, usage=FULL), said, inside, inside, said):
        log.append(event, run)

    assert reported(log, Lane(run if is_isolated else None)) == (FULL, 2)


def test_an_estimate_counts_where_it_is_more_than_what_was_reported(desk: Desk) -> None:
    session = desk.session(window=20_000, auto_compact=True)
    talk(session, 13, lambda n: f"{n} " + "word " * 1_500)

    assert desk.summaries == 1
    (record,) = events(session, Compacted)
    assert record.tokens_after < record.tokens_before == record.used


def test_what_a_run_with_its_own_history_used_says_nothing_of_the_session(desk: Desk) -> None:
    turns = [says("answer")] * 14
    session = desk.session(*turns, says("other", usage=FULL), auto_compact=True)
    talk(session, 14)
    session.send("elsewhere", history=[{"role": "user", "content": "x"}])
    talk(session, 1)

    assert desk.summaries == 0


def test_nothing_is_tried_at_every_turn_where_it_did_not_help(desk: Desk) -> None:
    """The window stays full by what the provider says, whatever is done."""
    session = desk.session(default=says("answer", usage=FULL), auto_compact=True)
    talk(session, 60)

    assert 2 <= desk.summaries <= 7


def test_a_long_run_makes_room_between_its_turns(desk: Desk) -> None:
    desk.root.joinpath("a.txt").write_text("a\n")
    turns = [calls("read", file_path="a.txt", offset=n % 2) for n in range(16)]
    session = desk.session(*turns, says("done"), window=600, auto_compact=True)

    assert session.send("read it often").text == "done"
    assert desk.summaries >= 1
    for request in desk.asked:
        assert_whole(request)


def assert_whole(messages: list[Message]) -> None:
    """Every call has its result right behind it, and every result its call."""
    open_: list[str] = []
    for message in messages:
        results = [b.tool_use_id for b in message.blocks if isinstance(b, ToolResult)]
        assert results == open_
        open_ = [call.id for call in message.calls]
    assert not open_


# Pruning


def test_old_outputs_go_first_and_no_model_is_asked_when_that_is_enough(desk: Desk) -> None:
    for n in range(6):
        desk.root.joinpath(f"f{n}.txt").write_text(f"file {n}\n" + "many words of it\n" * 1_500)
    reads = [calls("read", file_path=f"f{n}.txt") for n in range(6)]
    session = desk.session(*reads, says("done"), window=60_000, auto_compact=True)
    assert session.send("read all").text == "done"

    assert desk.summaries == 0
    (record,) = events(session, Compacted)
    assert (record.trigger, record.count) == ("threshold", 0)
    assert record.tokens_after < record.tokens_before - 15_000
    first = record.pruned[0]
    stored = session.get_artifact(first.uri)
    assert stored is not None
    assert "file 0" in stored["content"]
    assert f"The whole is {first.uri} , which read shows" in str(desk.asked[-1])
    again = session.tool("read", {"file_path": first.uri, "limit": 1})
    assert "file 0" in again.output
    assert "call read again (f0.txt)" in str(desk.asked[-1])
    assert "file 5" in str(desk.asked[-1])
    (told,) = events(session, ContextCompacted)
    assert told.before_messages == told.after_messages


# What survives


def test_rules_words_files_and_decisions_stand_beside_the_summary(house: House) -> None:
    """Approvals and denials are taken from the log, and files from the calls."""
    house.put("a.txt", "a")
    turns = [
        calls("read", file_path="a.txt"),
        says("read"),
        calls("write", file_path="b.txt", content="b"),
        calls("bash", command="true"),
        says("wrote"),
    ]
    session = house.session(
        *turns,
        default=says("ok"),
        rules=(summarising(says("NOTES")),),
        permission_policy=PermissionPolicy(allow=["read(*)", "write(*)"], deny=["bash(*)"]),
    )
    session.send("first")
    session.send("Never touch vendor/. Read a.txt, and then?")
    talk(session, 13)
    session.send("/compact")
    summary = next(m for m in session._inner._engine.log.state.conversation.messages if m.pinned)
    pinned = summary.pinned

    assert pinned is not None
    assert pinned.constraints == ("Never touch vendor/.",)
    assert {file.path: file.changed for file in pinned.files}["b.txt"] is True
    assert [(v.tool, v.approved) for v in pinned.verdicts] == [("bash", False)]
    assert "question 1" in pinned.words
    row = next(row for row in session.history() if "pinned" in row)
    assert row["pinned"]["constraints"] == ["Never touch vendor/."]


def test_the_record_says_what_was_replaced_and_by_what(desk: Desk) -> None:
    session = desk.session(default=says("answer", usage=FULL), auto_compact=True)
    talk(session, 12)
    before = session._inner._engine.log.state.conversation.messages
    talk(session, 1)
    record, replaced = events(session, Compacted)[0], events(session, HistoryReplaced)[0]

    assert (record.trigger, record.first, record.count) == ("threshold", 2, 3)
    assert record.sha256 == hashlib.sha256(canonical(before[2:5])).hexdigest()
    assert (record.window, record.used > 190_000) == (200_000, True)
    assert replaced.reason == "compact"
    assert replaced.messages[2].pinned.words == ("question 1", "question 2")
    assert [each.purpose for each in events(session, TokensSpent)] == ["compact"]


def test_facts_are_carried_through_many_compactions_and_a_resume(tmp_path: Path) -> None:
    root, store = tmp_path / "w", tmp_path / "s"
    root.mkdir()
    for life in range(3):
        desk = Desk(root)
        if life == 0:
            session = desk.session(session_store=FileSessionStore(store), session_id="s")
            talk(session, 1)
            session.send("Never touch vendor/. Is that clear?")
        else:
            model = Scripted(rules=(summarising(says("NOTES")),), default=says("ok"))
            session = desk.agent.resume_session(
                "s", session_store=FileSessionStore(store), llm_client=model
            )
        for _ in range(4):
            talk(session, 12)
            session.send("/compact")
        messages = session._inner._engine.log.state.conversation.messages
        desk.agent.close()

        (pinned,) = [m.pinned for m in messages if m.pinned is not None]
        assert pinned.constraints[0] == "Never touch vendor/."


def test_half_a_character_does_not_get_in_the_way(house: House) -> None:
    session = house.session(default=says("ok"))
    talk(session, 13, lambda n: f"Never say \ud800 {n}.")
    session.send("/compact")

    row = next(row for row in session.history() if "pinned" in row)
    assert row["pinned"]["constraints"] == ["Never say \ud800 1.", "Never say \ud800 2."]


def test_secrets_of_a_history_reach_neither_the_summary_nor_the_log(desk: Desk) -> None:
    secret = "sk-" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9fG1h"
    session = desk.session(window=20_000, auto_compact=True, default_security=True)
    history: list[dict[str, Any]] = [
        {"role": ("user", "assistant")[n % 2], "content": f"Never print {secret}! " + "Word " * 900}
        for n in range(30)
    ]
    session.send("and now?", history=history)

    (record,) = events(session, Compacted)
    assert record.summary.pinned.constraints
    assert secret not in str(record)
    assert all(secret not in str(request.conversation.messages) for request in desk.model.seen)


def test_fifty_rules_survive_ten_compactions_of_a_session(desk: Desk) -> None:
    chance = random.Random(7)
    session = desk.session(window=20_000, auto_compact=True, default=says("answer " * 350))
    for rule in chance.sample(RULES, len(RULES)):
        for text in (message_with(rule, chance), "Go on.", "Go on.", "Go on.", "Go on."):
            session.send(text)

    assert len(events(session, ContextCompacted)) >= 10
    text = "\n".join(message.text for message in desk.asked[-1])
    assert [rule for rule in RULES if rule.rstrip(".。") not in text] == []
    for request in desk.asked:
        assert sum(message.pinned is not None for message in request) <= 1


# What fails changes nothing


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        (says(""), "the summary is empty"),
        (says("much too long " * 500), "the summary is longer"),
        (refuses(401), ""),
    ],
)
def test_a_summary_that_is_none_changes_nothing_and_the_run_goes_on(
    desk: Desk, notes: Turn, why: str
) -> None:
    session = desk.session(notes=notes, default=says("answer", usage=FULL), auto_compact=True)
    talk(session, 12)
    before = whole(session)
    assert session.send("and now?").text == "answer"

    assert whole(session).startswith(before[:-1])
    assert events(session, ContextCompacted, HistoryReplaced, Compacted) == []
    (failed,) = events(session, CompactionFailed)
    assert why in failed.reason
    assert failed.again_at > 25
    talk(session, 1)
    assert len(events(session, CompactionFailed)) == 1


def test_a_compaction_that_would_lose_a_rule_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(notes: Notes, pinned: Pinned) -> Message:
        return summary(notes, msgspec.structs.replace(pinned, constraints=()))

    monkeypatch.setattr(room, "summary", forgetful)
    session = desk.session()
    talk(session, 14, "Never touch number {}.".format)
    before = whole(session)

    assert "facts would be lost, such as Never touch number 1." in session.send("/compact").text
    assert whole(session) == before


def test_a_command_says_why_nothing_was_changed(desk: Desk) -> None:
    session = desk.session(notes=says(""))
    talk(session, 14)
    before = whole(session)

    assert "left as it is: the summary is empty" in session.send("/compact").text
    assert whole(session) == before


def test_a_run_that_is_cancelled_while_room_is_made_leaves_all_as_it_was(desk: Desk) -> None:
    session = desk.session(
        notes=breaks("hang"), default=says("answer", usage=FULL), auto_compact=True
    )
    talk(session, 12)
    before = whole(session)
    with meanwhile(lambda: session.send("and now?")) as came:
        come(lambda: desk.summaries)
        assert session.cancel()

    assert isinstance(came[0], RunCancelled)
    assert whole(session).startswith(before[:-1])
    assert events(session, ContextCompacted, HistoryReplaced) == []


async def test_a_process_that_ends_while_room_is_made_leaves_all_as_it_was(
    tmp_path: Path,
) -> None:
    root, store = tmp_path / "w", tmp_path / "s"
    root.mkdir()
    model = Scripted(rules=(summarising(breaks("hang")),), default=says("answer", usage=FULL))
    agent = AsyncAgent('default_model = "scripted/model"')
    kept = FileSessionStore(store)
    session = agent.session(
        root, llm_client=model, auto_compact=True, session_store=kept, session_id="s"
    )
    for at in range(12):
        await session.send(f"question {at}")
    before = session.history()
    going = asyncio.create_task(session.send("and now?"))
    await arrive(lambda: IS_SUMMARY in model.seen[-1].conversation.messages[-1].text)
    await kept.close()  # as a process that is killed: nothing more is written

    other = AsyncAgent('default_model = "scripted/model"')
    resumed = await other.resume_session(
        "s", llm_client=Scripted(default=says("ok")), session_store=FileSessionStore(store)
    )
    history = resumed.history()
    assert history[: len(before)] == before
    assert len(history) <= len(before) + 1
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    await other.close()


# A request that was too large


def test_a_request_that_is_too_large_is_made_again_with_less_also_when_it_is_off(
    desk: Desk,
) -> None:
    answers = [says("answer")] * 13
    session = desk.session(*answers, overflows(), says("fits now"))
    talk(session, 13)
    assert session.send("one more").text == "fits now"

    (record,) = events(session, Compacted)
    assert record.trigger == "overflow"
    assert len(desk.asked[-1]) == 23
    assert session.runs()[-1]["status"] == "completed"


def test_every_request_of_a_run_has_its_receipt_also_one_that_was_refused_and_the_summary(
    desk: Desk,
) -> None:
    session = desk.session(*[says("answer")] * 13, overflows(), says("fits now"))
    talk(session, 13)
    before = len(desk.model.seen)
    session.send("one more")
    receipts = session.context_receipts(session.runs()[-1]["id"])

    assert len(receipts) == len(desk.model.seen) - before == 3
    assert [each.turn for each in receipts] == [1, 0, 1]
    refused, summarised, answered = (each.usage for each in receipts)
    assert refused is None
    assert summarised is not None
    assert answered is not None
    assert session.context_receipt(session.runs()[-1]["id"], 1) == receipts[-1]


def test_a_request_that_cannot_be_made_smaller_says_what_to_do(desk: Desk) -> None:
    session = desk.session(overflows())
    with pytest.raises(ContextOverflow, match="clear it, or use a model with a larger window"):
        session.send("hello")

    assert events(session, ContextCompacted, CompactionFailed) == []


def test_outputs_alone_make_room_where_no_summary_can_be_had(desk: Desk) -> None:
    desk.root.joinpath("big.txt").write_text("many words of it\n" * 1_500)
    answers = [says("answer")] * 13
    session = desk.session(
        *answers,
        calls("read", file_path="big.txt"),
        overflows(),
        says("fits now"),
        notes=refuses(401),
        window=20_000,
    )
    talk(session, 13)
    assert session.send("read it").text == "fits now"

    (record,) = events(session, Compacted)
    assert (record.count, len(record.pruned)) == (0, 1)
    assert len(events(session, CompactionFailed)) == 1


class Clumsy(Scripted):
    """A model of the host's own that can answer, and not summarise."""

    notes: Any = None

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        if IS_SUMMARY not in request.conversation.messages[-1].text:
            return await super().reply(request, listener)
        if isinstance(self.notes, Exception):
            raise self.notes
        return self.notes


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        (RuntimeError("no notes"), "the model failed: RuntimeError: no notes"),
        ("a text", "a str, not a Reply"),
        (Reply(Message("assistant", ()), usage=None), "cannot be used"),  # pyright: ignore[reportArgumentType]
    ],
    ids=["raises", "nonsense", "no usage"],
)
def test_a_run_goes_on_when_a_model_of_the_hosts_own_cannot_summarise(
    desk: Desk, notes: Any, why: str
) -> None:
    model = Clumsy(default=says("answer", usage=FULL))
    model.notes = notes
    session = desk.agent.session(desk.root, llm_client=model, auto_compact=True)
    talk(session, 13)

    assert {run["status"] for run in session.runs()} == {"completed"}
    assert why in events(session, CompactionFailed)[0].reason


# A history of the caller's own


def test_a_history_of_the_caller_is_shortened_for_its_run_alone(desk: Desk) -> None:
    session = desk.session(says("mine"), window=20_000, auto_compact=True)
    session.send("Never forget me.")
    before = whole(session)
    history: list[dict[str, Any]] = [
        {"role": ("user", "assistant")[n % 2], "content": f"{n} must stay. Words: " + "word " * 900}
        for n in range(30)
    ]
    given = msgspec.json.encode(history)
    assert session.send("and now?", history=history).text == "answer"

    assert whole(session) == before
    assert msgspec.json.encode(history) == given
    assert len(desk.asked[-1]) == 23
    (record,) = events(session, Compacted)
    assert record.is_isolated
    assert record.summary.text == desk.asked[-1][2].text
    assert "2 must stay." in record.summary.pinned.constraints
    assert events(session, HistoryReplaced) == []
    (told,) = events(session, ContextCompacted)
    assert (told.before_messages, told.after_messages) == (31, 23)


def test_a_summary_that_went_out_and_came_back_keeps_its_facts(desk: Desk) -> None:
    session = desk.session()
    session.send("hi")
    session.send("Never touch vendor/.")
    talk(session, 12)
    session.send("/compact")
    history = session.history()
    other = desk.session(window=6_000, auto_compact=True)
    more = [
        {"role": ("user", "assistant")[n % 2], "content": f"{n} " + "word " * 300}
        for n in range(30)
    ]
    other.send("and now?", history=[*history, *more])

    (record,) = events(other, Compacted)
    assert "Never touch vendor/." in record.summary.pinned.constraints


def test_the_request_for_a_summary_has_a_receipt_and_so_has_the_summary(desk: Desk) -> None:
    session = desk.session()
    talk(session, 13)
    session.send("/compact")
    talk(session, 1)
    *_, notes, last = events(session, RequestReceipt)

    assert (notes.turn, last.turn) == (0, 1)
    assert [part.source for part in notes.parts if part.kind == "context"] == [
        "conversation://middle"
    ]
    assert "conversation://summary" in {part.source for part in last.parts}
    for receipt in (notes, last):
        assert sum(part.bytes for part in receipt.parts) == receipt.bytes


def test_every_request_is_listed_with_what_the_provider_counted(desk: Desk) -> None:
    answers = [says("word " * 60) for _ in range(13)]
    session = desk.session(*answers, overflows(), says("fits now"))
    talk(session, 14)
    run = session.runs()[-1]["id"]
    refused, notes, fits = session.context_receipts(run)

    assert [each.turn for each in (refused, notes, fits)] == [1, 0, 1]
    assert [each.usage is not None for each in (refused, notes, fits)] == [False, True, True]
    assert session.context_receipt(run) == session.context_receipt(run, 1) == fits
    assert session.context_receipt(run, 0) == notes


def test_a_summary_that_was_asked_for_is_listed_without_a_run(desk: Desk) -> None:
    session = desk.session()
    talk(session, 13)
    assert session.context_receipts("") == []
    session.send("/compact")
    (notes,) = session.context_receipts("")

    assert notes.turn == 0
    assert notes.usage is not None


def test_each_summary_of_a_run_is_listed_where_it_was_made_with_what_it_took(desk: Desk) -> None:
    for at in range(40):
        desk.root.joinpath(f"{at}.txt").write_text(f"{at} " + "words of it " * 60)
    took = Usage(prompt_tokens=70, completion_tokens=7)
    reading = [calls("read", file_path=f"{at}.txt").calls for at in range(40)]
    turns = [Turn(calls=each, usage=FULL) for each in reading]
    session = desk.session(*turns, notes=says("NOTES", usage=took), auto_compact=True)
    session.send("read all of it")
    run = session.runs()[-1]["id"]
    listed = session.context_receipts(run)

    summaries = [at for at, each in enumerate(listed) if not each.turn]
    assert len(summaries) == desk.summaries >= 2
    assert [each.turn for each in listed if each.turn] == list(range(1, 42))
    assert {listed[at].usage for at in summaries} == {took}
    assert session.context_receipt(run, 0) == listed[summaries[-1]]
    for at in summaries:
        assert "conversation://summary" in {part.source for part in listed[at + 1].parts}


# The prefix


def test_over_two_hundred_turns_the_prefix_changes_only_where_an_event_says_so(
    desk: Desk,
) -> None:
    desk.root.joinpath("a.txt").write_text("many words of it\n" * 120)
    turns = [
        calls("read", file_path="a.txt", offset=n % 7) if n % 4 < 3 else says(f"answer {n}")
        for n in range(200)
    ]
    session = desk.session(*turns, window=24_000, auto_compact=True, max_tool_rounds=500)
    for at in range(50):
        session.send(f"Always keep number {at} in mind, please.")

    assert len(desk.asked) == 200
    requests = [
        [msgspec.json.encode(message) for message in request.conversation.messages]
        for request in desk.model.seen
        if IS_SUMMARY not in request.conversation.messages[-1].text
    ]
    systems = {request.system for request in desk.model.seen if request.tools.tools}
    changed = sum(later[: len(earlier)] != earlier for earlier, later in pairwise(requests))
    assert len(systems) == 1
    assert changed == len(events(session, ContextCompacted)) >= 4
    for request in desk.asked:
        assert_whole(request)
    text = str(desk.asked[-1])
    assert [n for n in range(50) if f"Always keep number {n} in mind, please." not in text] == []


# In any words


DEMANDS = ("English comments", "Tests live in tests/", "缩进四个空格", "f-strings throughout")


def test_short_demands_in_any_words_survive_ten_commands_in_a_nearly_empty_window(
    desk: Desk,
) -> None:
    session = desk.session()
    session.send("hi")
    for text in DEMANDS:
        session.send(text)
    for round_ in range(10):
        talk(session, 12, lambda n, at=round_: f"question {at} {n}")
        session.send("/compact")
    session.send("and now?")

    assert len(events(session, ContextCompacted)) == 10
    assert [text for text in DEMANDS if text not in str(desk.asked[-1])] == []


def test_demands_in_any_words_survive_in_a_history_with_images(desk: Desk) -> None:
    session = desk.session(window=20_000, auto_compact=True)
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}}
    history: list[dict[str, Any]] = [{"role": "user", "content": "hi"}, answer("hello")]
    for text in DEMANDS:
        history += [{"role": "user", "content": [{"type": "text", "text": text}, image]}]
        history += [answer("yes " * 1_200)]
    history += [message for n in range(11) for message in (asked(f"{n}?"), answer("no " * 900))]
    session.send("and now?", history=history)

    assert len(events(session, ContextCompacted)) == 1
    assert [text for text in DEMANDS if text not in str(desk.asked[-1])] == []


def asked(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}
