"""The prefix of requests changes only where an event says so, and what the event says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code import Agent, FileSessionStore, MemorySessionStore, Session, Usage
from a3s_code.testing import Turn, When, calls, on, says
from api.house import WIRES, House
from prefix_audit import Cached

PRICED = "cost { input = 10, output = 50, cache_read = 1, cache_write = 12.5 }"
COUNTED = Usage(prompt_tokens=4_000, completion_tokens=10)


def rows(session: Session) -> list[dict[str, Any]]:
    """Give what stands before each request of the last run: the change that was told, or {}."""
    found: list[dict[str, Any]] = []
    said: dict[str, Any] = {}
    for row in session.run_events(session.runs()[-1]["id"]):
        event = row["event"]
        if event["type"] == "prefix_changed":
            said = event
        if event["type"] == "turn_start":
            found.append(said)
            said = {}
    return found


def changes(session: Session) -> list[dict[str, Any]]:
    return [row for row in rows(session) if row]


def one(session: Session) -> dict[str, Any]:
    [change] = changes(session)
    return change


def talk(house: House, *turns: Turn, kind: str = "openai", **options: Any) -> Session:
    """Make a session that has sent something, with a model that has prices."""
    default = says("Fine.", usage=COUNTED)
    agent = Agent(house.serve(*turns, default=default).acl(kind, model_extra=PRICED))
    house._open.callback(agent.close)
    house.agent = agent
    session = agent.session(house.root, **options)
    session.send("first")
    assert changes(session) == []
    return session


# Two hundred requests


class Workday:
    """A session that is made to change its prefix in every way there is."""

    def __init__(self, house: House, kind: str, store: Path) -> None:
        self.house, self.kind = house, kind
        self.store = FileSessionStore(store)
        script = [turn for run in range(50) for turn in self._turns(run)]
        summary = on(When(any_tool=False), says("A summary."))
        acl = house.serve(*script, rules=(summary,)).acl(kind, model_extra=PRICED)
        self.agent = Agent(acl)
        house._open.callback(self.agent.close)
        self.session = self.agent.session(house.root, session_id="day", session_store=self.store)
        self.cached, self.told, self.silent, self.idle = Cached(), 0, 0, 0
        self.requests = 0

    def _turns(self, run: int) -> Iterator[Turn]:
        yield calls("ls", path=".")
        yield calls("glob", pattern=f"*.{run}")
        yield calls("ls", path=".")
        yield says(f"Run {run} is done.")

    def run(self, number: int) -> None:
        self._before(number)
        history = [{"role": "user", "content": "other"}] if number == 40 else None
        start = len(self.house.server.requests)
        self.session.send(f"run {number}", history=history)
        asked = [msgspec.json.encode(body) for body in self.house.bodies[start:]]
        told = rows(self.session)
        assert len(told) == len(asked) == 4
        for body, change in zip(asked, told, strict=True):
            self._compare(body, change, lane="" if history is None else "40")

    def _compare(self, body: bytes, change: dict[str, Any], lane: str) -> None:
        self.requests += 1
        model = json.loads(body)["model"]
        is_same = self.cached.takes(body, model, lane)
        self.told += bool(change)
        self.silent += not is_same and not change
        self.idle += is_same and bool(change) and change["segment"] != "model"

    def _before(self, number: int) -> None:
        if number % 6 == 5:
            self.session.send("/compact")
        if number % 7 == 1:
            self.house.put("AGENTS.md", f"Be brief, part {number}.")
        if number % 9 == 2:
            self.session.register_tool(_tool(number))
        if number % 10 == 4:
            self.session.send(f"/model {self.kind}/other")
        if number % 10 == 6:
            self.session.send(f"/model {self.kind}/m1")
        if number == 20:
            self.session.send("/clear")
        if number == 27:
            self.session.rewind(self.session.checkpoints()[-1]["id"], files=False)
        if number in (31, 36):
            self.session.close()
            if number == 36:
                self.house.put("AGENTS.md", "Other words, while nobody was there.")
            self.session = self.agent.resume_session("day", session_store=self.store)


def _tool(number: int) -> Any:
    def extra() -> str:
        """Do something more."""
        return "done"

    extra.__name__ = f"extra_{number}"
    return extra


@pytest.mark.parametrize("kind", WIRES)
def test_in_two_hundred_requests_no_prefix_changes_silently(
    kind: str, house: House, tmp_path: Path
) -> None:
    day = Workday(house, kind, tmp_path / "store")
    for number in range(50):
        day.run(number)

    assert day.requests == 200
    assert day.silent == 0
    assert day.idle == 0
    assert day.told >= 20


# What an event says


@pytest.mark.parametrize("kind", WIRES)
def test_a_conversation_that_only_grows_changes_nothing(kind: str, house: House) -> None:
    session = talk(house, says("a"), calls("ls", path="."), calls("ls"), says("b"), kind=kind)
    for text in ("go", "on", "and on"):
        session.send(text)
        assert changes(session) == []


def test_what_is_disclosed_is_named_and_what_is_behind_it_is_paid_again(house: House) -> None:
    session = talk(house)
    session.register_tool(_tool(1))
    session.send("second")
    change = one(session)
    before, now = house.bodies[-2], house.bodies[-1]

    assert (change["segment"], change["why"]) == ("tools", "tools disclosed: extra_1")
    assert "also" not in change
    assert "message" not in change
    behind = sum(len(msgspec.json.encode(row)) for row in before["messages"])
    per_byte = 4_000 / len(msgspec.json.encode(before))
    assert change["tokens"] == pytest.approx(behind * per_byte, rel=0.02)
    assert change["cost_usd"] == pytest.approx(change["tokens"] * 12.5 / 1e6)
    assert [tool["function"]["name"] for tool in now["tools"]][-1] == "extra_1"


def test_instructions_that_changed_are_named(house: House) -> None:
    house.put("AGENTS.md", "Say yes.")
    session = talk(house)
    house.put("AGENTS.md", "Say no.")
    session.send("second")
    change = one(session)

    assert (change["segment"], change["why"]) == ("system", "file://AGENTS.md changed")
    assert change["tokens"] > 0


def test_a_model_that_is_switched_to_has_read_nothing_yet(house: House) -> None:
    session = talk(house)
    session.send("/model openai/other")
    session.send("second")
    change = one(session)

    assert (change["segment"], change["why"]) == ("model", "openai/m1 answered before")
    assert change["model"] == "openai/other"
    assert change["tokens"] == pytest.approx(4_000, rel=0.02)  # all of the request before
    assert "cost_usd" not in change  # nobody knows the price of this one

    session.send("/model openai/m1")
    session.send("third")
    back = one(session)
    assert back["segment"] == "model"
    assert 0 < back["tokens"] < 100  # what was said meanwhile; the rest it has in its cache


def test_a_conversation_that_was_cleared_pays_nothing_again(house: House) -> None:
    session = talk(house)
    session.send("/clear")
    session.send("second")
    change = one(session)

    assert (change["segment"], change.get("message", 0)) == ("messages", 0)
    assert change["why"] == "the conversation was cleared"
    assert change.get("tokens", 0) == 0


def test_after_a_compaction_the_messages_that_stay_are_paid_again(house: House) -> None:
    session = talk(house)
    for number in range(14):
        session.send(f"number {number} " + "x" * 100)
    session.send("/compact")
    session.send("after")
    change = one(session)

    assert (change["segment"], change["message"]) == ("messages", 2)
    assert change["why"] == "the conversation was compacted"
    kept = house.bodies[-1]["messages"][4:-1]  # behind the system prompt, the head and the summary
    size = len(msgspec.json.encode(kept))
    per_byte = 4_000 / len(msgspec.json.encode(house.bodies[-3]))
    assert change["tokens"] == pytest.approx(size * per_byte, rel=0.1)


def test_a_session_that_went_back_says_so(house: House) -> None:
    session = talk(house)
    session.send("second")
    session.rewind(session.checkpoints()[-1]["id"], files=False)
    session.send("another second")
    change = one(session)

    assert (change["segment"], change["message"]) == ("messages", 2)
    assert change["why"] == "the conversation was rewound"


@pytest.mark.parametrize("kind", WIRES)
def test_a_resumed_session_knows_what_was_sent_before(kind: str, house: House) -> None:
    store = MemorySessionStore()
    house.put("AGENTS.md", "Say yes.")
    session = talk(house, kind=kind, session_id="s", session_store=store)
    session.close()
    session = house.agent.resume_session("s", session_store=store)
    session.send("second")
    assert changes(session) == []

    session.send("/clear")
    session.close()
    house.put("AGENTS.md", "Say no.")
    session = house.agent.resume_session("s", session_store=store)
    session.send("third")
    change = one(session)
    assert change["segment"] == "system"
    assert change["also"] == ("messages",)
    assert change["why"] == "another system prompt than before; the conversation was cleared"


def test_after_a_resume_the_first_message_that_may_be_another_is_found(house: House) -> None:
    store = MemorySessionStore()
    session = talk(house, session_id="s", session_store=store)
    for text in ("second", "third"):
        session.send(text)
    session.rewind(session.checkpoints()[-1]["id"], files=False)
    session.close()
    session = house.agent.resume_session("s", session_store=store)
    session.send("another third")

    # Behind the last request that agrees; its answer, at 3, agrees as well, and nobody knows.
    assert one(session)["message"] == 3
    assert one(session)["why"] == "the conversation was rewound"


def test_a_history_of_the_callers_own_is_a_conversation_of_its_own(house: House) -> None:
    session = talk(house, calls("ls", path="."), says("x"))
    session.send("aside", history=[{"role": "user", "content": "hello"}])
    assert changes(session) == []
    session.send("second")
    assert changes(session) == []

    house.put("AGENTS.md", "Say yes.")
    session.send("aside", history=[{"role": "user", "content": "hello"}])
    assert one(session)["segment"] == "system"
    assert one(session).get("also", ()) == ()
