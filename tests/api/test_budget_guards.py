"""The budget guard of a host: asked before, told after, and a no whatever goes wrong with it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import msgspec
import pytest

from a3s_code import AsyncAgent, PermissionPolicy, Session, ToolResult
from a3s_code.errors import BudgetExhausted, InvalidType
from a3s_code.harness.budgets.guarding import Guarding
from a3s_code.harness.budgets.guards import guarded
from a3s_code.testing import Turn, breaks, calls, says
from api.house import House
from delegation.errands import errand

ALL = PermissionPolicy(default_decision="allow")


class Ledger:
    """A guard that says yes until it is told otherwise, and keeps what it hears."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.tools: list[str] = []
        self.answer: Any = None
        self.tool_answer: Any = None
        self.threads: set[int] = set()

    def check_before_llm(self, session_id: str, estimated_tokens: int) -> Any:
        self.threads.add(threading.get_ident())
        self.asked.append((session_id, estimated_tokens))
        return self.answer

    def record_after_llm(self, session_id: str, usage: dict[str, Any]) -> None:
        self.told.append((session_id, usage))

    def check_before_tool(self, session_id: str, tool_name: str) -> Any:
        self.tools.append(tool_name)
        return self.tool_answer


class Patient:
    """The same, async."""

    def __init__(self) -> None:
        self.answer: Any = None

    async def check_before_llm(self, session_id: str, estimated_tokens: int) -> Any:
        await asyncio.sleep(0)
        return self.answer


def hits(session: Session, prompt: str = "a") -> list[dict[str, Any]]:
    events = session.stream(prompt)
    return [
        msgspec.json.decode(each.data or "{}")
        for each in events
        if each.event_type == "budget_threshold_hit"
    ]


def test_a_guard_is_asked_before_and_told_after_off_the_loop(house: House) -> None:
    guard = Ledger()
    session = house.session(calls("ls"), says("done"), session_id="s1", budget_guard=guard)
    session.send("a")

    assert [name for name, _ in guard.asked] == ["s1", "s1"]
    assert all(tokens > 500 for _, tokens in guard.asked)
    assert guard.tools == ["ls"]
    assert [usage["total_tokens"] for _, usage in guard.told] == [15, 15]
    assert threading.get_ident() not in guard.threads


@pytest.mark.parametrize("answer", [None, {"decision": "allow"}])
def test_what_allows(answer: Any, house: House) -> None:
    guard = Patient()
    guard.answer = answer
    assert house.session(says("ok"), budget_guard=guard).send("a").text == "ok"


class Hollow(Ledger):
    """One that counts as nothing, and that says to be equal to everything."""

    def __len__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def test_a_guard_is_asked_whatever_it_says_of_itself(house: House) -> None:
    guard = Hollow()
    guard.answer = {"decision": "deny", "resource": "llm_tokens", "reason": "nothing is left"}
    with pytest.raises(BudgetExhausted, match="nothing is left"):
        house.session(says("ok"), budget_guard=guard).send("a")


def test_a_soft_answer_is_an_event_and_lets_it_pass(house: House) -> None:
    guard = Patient()
    guard.answer = {"decision": "soft", "resource": "llm_tokens", "consumed": 80, "limit": 100}
    (hit,) = hits(house.session(says("ok"), budget_guard=guard))

    assert (hit["resource"], hit["kind"], hit["consumed"]) == ("llm_tokens", "soft", 80)
    assert hit["scope"] == "budget_guard"


def test_a_no_ends_the_run_typed_and_the_session_stays_open(house: House) -> None:
    guard = Ledger()
    guard.answer = {"decision": "deny", "resource": "llm_tokens", "reason": "nothing is left"}
    session = house.session(says("ok"), budget_guard=guard)
    with pytest.raises(RuntimeError, match="Budget exhausted: nothing is left") as caught:
        session.send("a")

    assert isinstance(caught.value, BudgetExhausted)
    assert caught.value.resource == "llm_tokens"
    assert house.bodies == []
    guard.answer = None
    assert session.send("b").text == "ok"


@pytest.mark.parametrize(
    "answer",
    [True, "allow", 1, [], {}, {"decision": "perhaps"}, {"decision": "soft"}, {"decision": None}],
)
def test_what_is_no_decision_denies(answer: Any, house: House) -> None:
    guard = Patient()
    guard.answer = answer
    with pytest.raises(BudgetExhausted, match="check_before_llm failed"):
        house.session(says("ok"), budget_guard=guard).send("a")
    assert house.bodies == []


class Broken:
    def check_before_llm(self, session_id: str, estimated_tokens: int) -> None:
        raise OSError("no ledger")


class Slow:
    def check_before_llm(self, session_id: str, estimated_tokens: int) -> None:
        time.sleep(1)


class Hanging:
    async def check_before_llm(self, session_id: str, estimated_tokens: int) -> None:
        await asyncio.sleep(30)


class Leaving:
    async def check_before_llm(self, session_id: str, estimated_tokens: int) -> None:
        raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("guard", "why"),
    [
        (Broken(), "OSError: no ledger"),
        (Slow(), "no answer within 50 ms"),
        (Hanging(), "no answer within 50 ms"),
        (Leaving(), "cancelled"),
    ],
)
def test_a_guard_that_fails_denies_and_says_why(guard: object, why: str, house: House) -> None:
    session = house.session(says("ok"), budget_guard=guard, budget_guard_timeout_ms=50)
    with pytest.raises(BudgetExhausted, match=why):
        session.send("a")
    assert house.bodies == []


def test_a_guard_that_could_not_be_told_is_a_no_from_then_on(house: House) -> None:
    class Forgetful(Ledger):
        def record_after_llm(self, session_id: str, usage: dict[str, Any]) -> None:
            raise OSError("disk full")

    session = house.session(default=says("ok"), budget_guard=Forgetful())
    (hit,) = hits(session)
    assert "disk full" in hit["message"]

    with pytest.raises(BudgetExhausted, match="record_after_llm failed"):
        session.send("b")
    with pytest.raises(BudgetExhausted):
        session.send("c")


def test_a_tool_that_the_guard_denies_is_told_to_the_model(house: House) -> None:
    guard = Ledger()
    guard.tool_answer = {"decision": "deny", "resource": "bash", "reason": "bash is used up"}
    session = house.session(calls("ls"), says("without it then"), budget_guard=guard)
    events = list(session.stream("a"))

    end = next(each for each in events if each.event_type == "tool_end")
    assert "Budget exhausted: bash is used up" in (end.tool_output or "")
    assert events[-1].text == "without it then"


def test_a_model_that_goes_on_calling_what_is_denied_is_not_asked_for_ever(house: House) -> None:
    guard = Ledger()
    guard.tool_answer = {"decision": "deny", "reason": "no"}
    turns = [calls("glob", pattern=f"*.{at}") for at in range(9)]
    session = house.session(*turns, budget_guard=guard)
    with pytest.raises(BudgetExhausted, match="refused 3 calls"):
        session.send("a")
    assert len(house.bodies) == 3


def test_a_guard_is_told_of_what_was_cut_off_before_it_is_asked_again(house: House) -> None:
    guard = Ledger()
    long = breaks("bad_json")
    session = house.session(long, long, long, long, says("ok"), budget_guard=guard)
    with pytest.raises(RuntimeError):
        session.send("a")
    session.send("b")

    assert [usage.get("estimated", False) for _, usage in guard.told] == [True, False]
    assert guard.told[0][1]["prompt_tokens"] > 500


def test_a_guard_is_asked_about_children_and_direct_calls(house: House) -> None:
    guard = Ledger()
    session = house.session(
        calls("errand"),
        says("child"),
        says("parent"),
        tools=[errand],
        permission_policy=ALL,
        budget_guard=guard,
    )
    session.send("a")
    session.ls()

    assert len(guard.asked) == 3
    assert guard.tools == ["errand", "ls"]


@pytest.mark.parametrize("wrong", [object(), Ledger, type("T", (), {"check_before_llm": 3})()])
def test_what_is_no_guard_is_refused_where_the_session_is_made(wrong: Any, house: House) -> None:
    agent = house.employ()
    with pytest.raises(InvalidType, match="budget_guard"):
        agent.session(house.root, budget_guard=wrong)


# A guard of some children alone


async def test_a_guard_beside_that_of_the_session_bounds_what_begins_in_its_block(
    house: House,
) -> None:
    class Cap:
        def __init__(self) -> None:
            self.used = 0

        async def check_before_llm(self, session_id: str, estimated_tokens: int) -> Any:
            full = self.used >= 20
            return {"decision": "deny", "reason": "the cap is reached"} if full else None

        async def record_after_llm(self, session_id: str, usage: dict[str, Any]) -> None:
            self.used += usage["total_tokens"]

    cap, results = Cap(), list[ToolResult]()
    turns: list[Turn] = [says(str(at)) for at in range(5)]
    async with AsyncAgent(house.serve(*turns).acl()) as agent:
        session = agent.session(house.root, tools=[errand], permission_policy=ALL)
        with guarded(Guarding(cap)):
            for _ in range(3):
                results.append(await session.tool("errand", {}))
        after = await session.tool("errand", {})

    assert [each.exit_code for each in results] == [0, 0, 1]
    assert "the cap is reached" in results[2].output
    assert cap.used == 30
    assert after.exit_code == 0, "what is outside is not asked about"


@pytest.mark.parametrize("consumed", [10**400, float("nan")])
def test_a_number_that_no_log_can_hold_is_no_decision(consumed: float, house: House) -> None:
    guard = Ledger()
    guard.answer = {"decision": "soft", "resource": "x", "consumed": consumed, "limit": 1}
    kept = house.root.parent / "kept"
    agent = house.employ(says("never"))
    options = {"file_session_store": kept, "auto_save": True, "session_id": "s"}
    session = agent.session(house.root, **options, budget_guard=guard)
    with pytest.raises(BudgetExhausted, match="consumed that is no number"):
        session.send("a")
    session.close()

    again = agent.resume_session("s", file_session_store=kept, budget_guard=Ledger())
    assert again.send("b").text == "never"
