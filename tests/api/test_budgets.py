"""Budgets of sessions: nothing overspends, whoever asks."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from a3s_code import AsyncAgent, PermissionPolicy, Session, function_tool
from a3s_code.api.event import AgentEvent
from a3s_code.errors import BudgetExhausted, InvalidType, InvalidValue, LimitReached, ToolFailed
from a3s_code.harness.budgets.tenant import TenantBudget
from a3s_code.kernel.budget import Budget
from a3s_code.kernel.events import TurnEnd
from a3s_code.kernel.messages import Message, Text, Usage
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.kernel.records import RequestReceipt
from a3s_code.testing import Turn, When, breaks, calls, on, refuses, says
from api.house import WIRES, House, come, meanwhile
from delegation.errands import errand

ALL = PermissionPolicy(default_decision="allow")
ROOMY = 1_000_000
PRICED = "cost { input = 1, output = 10 }"


def costing(answered: int, text: str = "ok") -> Turn:
    return says(text, usage=Usage(10, answered))


def told(events: list[AgentEvent]) -> list[tuple[str, str, str]]:
    hits = [each for each in events if each.event_type == "budget_threshold_hit"]
    rows = [msgspec.json.decode(each.data or "{}") for each in hits]
    return [(row["resource"], row["kind"], row["scope"]) for row in rows]


def is_even(session: Session) -> bool:
    """Say whether nothing is reserved, and all that is inside adds up."""
    usage = session.budget()
    inside = sum(each.tokens for each in usage.children)
    return usage.reserved_tokens == 0 and usage.tokens == inside


# Tokens


@pytest.mark.parametrize("kind", WIRES)
def test_a_request_that_could_use_too_much_is_not_made_and_the_run_says_so(
    kind: str, house: House
) -> None:
    session = house.session(
        costing(60_000, "one"), says("two"), kind=kind, budget=Budget(tokens=60_100)
    )
    assert session.send("a").text == "one"

    with pytest.raises(
        BudgetExhausted,
        match=r"^Budget exhausted: 60,010 of 60,100 .* the next request may take [\d,]+\.",
    ) as caught:
        session.send("b")

    error = caught.value
    assert (error.resource, error.scope, error.limit) == ("tokens", "session", 60_100)
    assert isinstance(error, LimitReached)
    assert len(house.bodies) == 1, "nothing was sent"
    assert session.run_snapshot(error.run_id)["status"] == "failed"
    assert session.budget().tokens == 60_010
    assert is_even(session)


def test_a_stream_ends_with_an_error_and_the_session_stays_open(house: House) -> None:
    session = house.session(says("never"), budget=Budget(tokens=90))

    events = list(session.stream("a"))

    assert events[-1].event_type == "error"
    assert told(events) == [("tokens", "hard", "session")]
    assert session.tool("ls", {}).exit_code == 0, "what needs no tokens goes on"
    assert told(list(session.stream("b"))) == [], "what is known is told once"


@pytest.mark.parametrize("kind", WIRES)
def test_an_answer_is_bounded_by_what_is_left_and_the_receipt_says_so(
    kind: str, house: House
) -> None:
    session = house.session(costing(90_000), costing(1), kind=kind, budget=Budget(tokens=100_000))
    session.send("a")
    session.send("b")

    bounds = [body.get("max_tokens") for body in house.bodies]
    assert bounds[1] < bounds[0]
    assert 256 <= bounds[1] < 10_000
    log = session._inner._log()
    assert log is not None
    sizes = [each.event.bytes for each in log.records if isinstance(each.event, RequestReceipt)]
    sent = [int(each.headers["content-length"]) for each in house.server.requests]
    assert sizes == sent


def test_a_session_without_a_budget_is_asked_for_no_bound(house: House) -> None:
    session = house.session(says("one"))
    session.send("a")

    assert "max_tokens" not in house.bodies[0]
    assert session.budget().tokens == 15


def test_the_soft_limit_is_told_once(house: House) -> None:
    session = house.session(default=costing(100), budget=Budget(tokens=ROOMY, soft=0.01))
    events = [event for prompt in ("a", "b", "c") for event in session.stream(prompt)]

    assert told(events) == [("tokens", "soft", "session")]


def test_each_run_has_a_budget_of_its_own_and_keeps_what_was_said(house: House) -> None:
    session = house.session(
        says("I look.", usage=Usage(10, 90_000)) + calls("ls"),
        costing(10, "of another run"),
        budget=Budget(per_run=Budget(tokens=90_100)),
    )

    with pytest.raises(BudgetExhausted) as caught:
        session.send("a")

    assert caught.value.scope == "run"
    assert caught.value.partial_text == "I look."
    assert session.send("b").text == "of another run"


def test_what_was_seen_of_an_answer_that_broke_is_booked_and_so_is_the_next(house: House) -> None:
    words = "many words that are seen and then gone " * 40
    session = house.session(
        breaks("truncate", says(words)), costing(7), budget=Budget(tokens=ROOMY)
    )
    plain = house.session(costing(7), budget=Budget(tokens=ROOMY))
    plain.send("a")
    house.server.requests.clear()
    session.send("a")

    assert session.budget().tokens > plain.budget().tokens + 500
    assert is_even(session)


def test_a_request_that_was_refused_costs_nothing(house: House) -> None:
    session = house.session(refuses(401), budget=Budget(tokens=ROOMY))
    with pytest.raises(RuntimeError):
        session.send("a")

    assert session.budget().tokens == 0
    assert is_even(session)


def test_what_was_asked_when_somebody_cancels_is_booked_and_nothing_stays_reserved(
    house: House,
) -> None:
    session = house.session(says("a b c d " * 300, piece_delay_s=0.2), budget=Budget(tokens=ROOMY))
    with meanwhile(lambda: session.send("a")):
        come(lambda: house.server.requests or None)
        assert session.budget().reserved_tokens > 0
        come(lambda: session.cancel() or None)

    assert session.budget().tokens > 500
    assert is_even(session)


def test_a_provider_that_counts_nothing_is_booked_as_estimated(house: House) -> None:
    session = house.session(says("hello there", usage=Usage()), budget=Budget(tokens=ROOMY))
    session.send("a")

    assert session.budget().tokens > 500


# US dollars


def priced(house: House, *turns: Turn, **options: Any) -> Session:
    from a3s_code import Agent

    agent = Agent(house.serve(*turns).acl(model_extra=PRICED))
    house._open.callback(agent.close)
    return agent.session(house.root, **options)


def test_dollars_bound_a_session_as_tokens_do(house: House) -> None:
    session = priced(house, costing(50_000), says("two"), budget=Budget(usd=0.5001))
    session.send("a")
    assert session.budget().usd == pytest.approx(0.50001)

    with pytest.raises(BudgetExhausted) as caught:
        session.send("b")
    assert caught.value.resource == "usd"
    assert len(house.bodies) == 1


def test_an_answer_is_bounded_by_the_dollars_that_are_left(house: House) -> None:
    session = priced(house, costing(50_000), says("two"), budget=Budget(usd=0.55))
    session.send("a")
    session.send("b")

    assert house.bodies[1]["max_tokens"] < 5_000


def test_a_model_without_a_price_is_refused_where_dollars_are_bounded(house: House) -> None:
    agent = house.employ(says("x"))
    for options in (
        {"budget": Budget(usd=1)},
        {"budget": Budget(per_child=Budget(usd=1))},
        {"tenant_budget": TenantBudget(Budget(usd=1))},
    ):
        with pytest.raises(InvalidValue, match="price of openai/m1"):
            agent.session(house.root, **options)


# Calls


def test_a_call_that_is_not_there_any_more_is_refused_and_the_run_ends_typed(house: House) -> None:
    session = house.session(
        calls("ls") + calls("ls", path=".") + calls("glob", pattern="*"),
        says("another run"),
        budget=Budget(tool_calls=2),
    )

    events = list(session.stream("a"))

    ends = [each for each in events if each.event_type == "tool_end"]
    refused = [each for each in ends if each.exit_code]
    assert (len(ends), len(refused)) == (3, 1)
    assert "Budget exhausted: 2 of 2 tool calls" in (refused[0].tool_output or "")
    assert events[-1].event_type == "error"
    assert told(events) == [("tool_calls", "soft", "session"), ("tool_calls", "hard", "session")]
    assert len(house.bodies) == 1
    assert session.send("b").text == "another run", "an answer without calls is still there"


def test_direct_calls_and_calls_inside_programs_count(house: House) -> None:
    session = house.session(
        permission_policy=ALL,
        budget=Budget(tool_calls=4),
    )
    session.ls()
    inside = session.tool("batch", {"invocations": [{"tool": "ls", "args": {}}] * 4})

    assert "Budget exhausted" in inside.output
    with pytest.raises(ToolFailed, match="Budget exhausted"):
        session.read_file("x")
    assert session.budget().tool_calls == 4


# Time


def test_a_run_that_takes_too_long_ends_typed(house: House) -> None:
    session = house.session(
        says("slow", delay_s=5), says("next"), budget=Budget(per_run=Budget(wall_time_ms=300))
    )
    with pytest.raises(BudgetExhausted, match="300 of 300 ms of the run") as caught:
        session.send("a")

    assert caught.value.resource == "wall_time_ms"
    assert is_even(session)
    assert session.send("b").text == "next"


def test_the_runs_of_a_session_take_its_time_together(house: House) -> None:
    session = house.session(
        says("one", delay_s=0.2), says("slow", delay_s=5), budget=Budget(wall_time_ms=600)
    )
    session.send("a")
    assert 200 <= session.budget().wall_time_ms < 600
    with pytest.raises(BudgetExhausted, match="of the session"):
        session.send("b")
    with pytest.raises(BudgetExhausted, match="of the session"):
        session.send("c")
    assert len(house.bodies) == 2


# Children


def begun(house: House, *turns: Turn, **options: Any) -> Session:
    return house.session(*turns, tools=[errand], permission_policy=ALL, **options)


def test_a_child_pays_from_all_budgets_around_it(house: House) -> None:
    session = begun(
        house,
        calls("errand"),
        costing(1_000, "child"),
        costing(10, "parent"),
        budget=Budget(tokens=ROOMY),
    )
    session.send("a")

    usage = session.budget()
    (run,) = usage.children
    (child,) = run.children
    assert run.id == session.runs()[0]["id"]
    assert (child.scope, child.tokens) == ("child", 1_010)
    assert usage.tokens == run.tokens == 1_010 + 20 + 15
    assert run.tool_calls == 1


def test_a_child_that_has_used_up_its_own_is_a_failed_outcome_and_the_parent_goes_on(
    house: House,
) -> None:
    session = begun(
        house,
        calls("errand"),
        says("found: X", usage=Usage(10, 90_000)) + calls("ls"),
        costing(10, "parent goes on"),
        budget=Budget(per_child=Budget(tokens=90_100)),
    )
    events = list(session.stream("a"))

    end = next(e for e in events if e.event_type == "tool_end" and e.tool_name == "errand")
    assert "run.budget_exhausted: Budget exhausted" in (end.tool_output or "")
    assert events[-1].text == "parent goes on"
    assert ("tokens", "hard", "child") in told(events)


def test_a_child_that_uses_up_the_run_ends_the_run(house: House) -> None:
    session = begun(
        house,
        calls("errand"),
        costing(90_000, "child"),
        says("never"),
        budget=Budget(tokens=90_100),
    )
    with pytest.raises(BudgetExhausted):
        session.send("a")
    assert len(house.bodies) == 2


def test_a_child_that_takes_too_long_is_stopped(house: House) -> None:
    session = begun(
        house,
        calls("errand"),
        says("slow", delay_s=5),
        says("went on"),
        budget=Budget(per_child=Budget(wall_time_ms=300)),
    )
    events = list(session.stream("a"))

    assert ("wall_time_ms", "hard", "child") in told(events)
    assert events[-1].text == "went on"


def test_no_child_is_started_below_the_depth(house: House) -> None:
    session = begun(house, calls("errand"), says("done"), budget=Budget(depth=0))
    events = list(session.stream("a"))

    end = next(e for e in events if e.event_type == "tool_end")
    assert "child.too_deep" in (end.tool_output or "")
    assert len(house.bodies) == 2


@pytest.mark.parametrize(
    ("budget", "deep"),
    [
        (None, 1),
        (Budget(tokens=ROOMY), 1),
        (Budget(depth=1), 1),
        (Budget(depth=3), 3),
        (Budget(per_run=Budget(depth=2)), 2),
        (Budget(depth=3, per_run=Budget(depth=1)), 1),
        (Budget(depth=3, per_child=Budget(depth=1)), 2),
        (Budget(depth=3, per_child=Budget(depth=0)), 1),
    ],
)
def test_an_agent_that_may_starts_children_as_deep_as_the_budget_says(
    budget: Budget | None, deep: int, house: House
) -> None:
    house.put("agents/a.yaml", "description: d\ncan_spawn_subagents: true\nprompt: P\n")
    again = calls("task", agent="a", description="d", prompt="go on")
    session = house.session(
        *[again] * (deep + 1),
        default=says("end"),
        permission_policy=ALL,
        agent_dirs=[house.root / "agents"],
        budget=budget,
    )
    session.send("go")

    rows = session.subagent_tasks()
    assert [row["success"] for row in rows] == [True] * deep
    parents = [session.session_id, *[row["child_session_id"] for row in rows]]
    assert [row["parent_session_id"] for row in rows] == parents[:deep]
    shown = ["task" in str(body["tools"]) for body in house.bodies[: deep + 1]]
    assert shown == [True] * deep + [False]


# Whoever else asks


def test_questions_beside_the_conversation_pay(house: House) -> None:
    session = house.session(
        says('{"a": 1}', usage=Usage(10, 400)), permission_policy=ALL, budget=Budget(tokens=ROOMY)
    )
    session.tool("generate_object", {"schema": {"type": "object"}, "prompt": "p", "mode": "json"})

    assert session.budget().tokens == 410


def test_a_plan_ends_with_its_budget(house: House) -> None:
    steps = [{"id": "a", "description": "one"}, {"id": "b", "description": "two"}]
    planner = on(When(forced_tool="plan"), calls("*", requires_planning=True, steps=steps))
    session = house.session(
        rules=(planner,),
        default=costing(11_000),
        planning_mode="enabled",
        budget=Budget(tokens=25_000),
    )
    with pytest.raises(BudgetExhausted):
        session.send("do one and two")
    assert session.budget().tokens == 15 + 2 * 11_010, "both steps, and no answer of the whole"
    assert is_even(session)


# Tenants


def test_sessions_share_the_budget_of_a_tenant(house: House) -> None:
    shared = TenantBudget(Budget(tokens=60_100), name="acme")
    agent = house.employ(default=costing(60_000))
    first, second = (agent.session(house.root, tenant_budget=shared) for _ in range(2))
    first.send("a")

    with pytest.raises(BudgetExhausted, match="of the tenant"):
        second.send("b")

    assert shared.usage().tokens == 60_010
    assert [each.tokens for each in shared.usage().children] == [60_010, 0]


def test_a_tenant_counts_on_from_what_it_had_used(house: House) -> None:
    before = TenantBudget(Budget(tokens=ROOMY))
    agent = house.employ(default=costing(60_000))
    agent.session(house.root, tenant_budget=before).send("a")
    after = TenantBudget(Budget(tokens=60_100), used=before.usage())

    with pytest.raises(BudgetExhausted):
        agent.session(house.root, tenant_budget=after).send("b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": -1},
        {"tokens": True},
        {"tokens": 1.5},
        {"usd": float("nan")},
        {"usd": "1"},
        {"soft": 0},
        {"soft": 1.1},
        {"per_run": {"tokens": 1}},
        {"per_run": Budget(per_child=Budget(tokens=1))},
    ],
)
def test_a_budget_that_is_none_is_refused_where_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises((InvalidValue, InvalidType)):
        Budget(**wrong)


def test_a_tenant_bounds_what_can_be_shared() -> None:
    for wrong in (Budget(), Budget(wall_time_ms=1), Budget(tokens=1, depth=1)):
        with pytest.raises(InvalidValue):
            TenantBudget(wrong)
    with pytest.raises(InvalidType):
        TenantBudget({"tokens": 1})  # type: ignore[arg-type]


THREADS, SESSIONS = 4, 50


def test_200_that_spend_at_once_never_get_over_the_cap(house: House) -> None:
    cap = 400_000
    shared = TenantBudget(Budget(tokens=cap))
    server = house.serve(default=costing(3_000))
    seen: list[int] = []
    ended: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            now = shared.usage()
            seen.append(now.tokens + now.reserved_tokens)

    async def spend(agent: AsyncAgent) -> None:
        session = agent.session(house.root, tenant_budget=shared)
        try:
            await session.send("go")
            ended.append("answered")
        except BudgetExhausted:
            ended.append("refused")

    async def many() -> None:
        async with AsyncAgent(server.acl()) as agent:
            await asyncio.gather(*(spend(agent) for _ in range(SESSIONS)))

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(THREADS)]
    looking = threading.Thread(target=watch)
    looking.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    over.set()
    looking.join()

    usage = shared.usage()
    assert len(ended) == THREADS * SESSIONS, "none hangs"
    assert ended.count("answered") * 3_010 == usage.tokens
    assert ended.count("refused") > 0
    assert usage.tokens > cap - 40_000, "what others only reserve is waited for"
    assert max(seen) <= cap
    assert usage.reserved_tokens == 0


# The record


def test_a_session_that_goes_on_has_what_is_left(house: House) -> None:
    agent = house.employ(calls("ls"), costing(60_000), says("never"))
    kept = house.root.parent / "kept"
    options = {"file_session_store": kept, "auto_save": True, "session_id": "s"}
    session = agent.session(house.root, **options, budget=Budget(tokens=60_100, tool_calls=5))
    session.send("a")
    before = session.budget()
    session.close()

    again = agent.resume_session("s", file_session_store=kept)

    after = again.budget()
    assert (after.tokens, after.tool_calls) == (before.tokens, 1)
    assert after.wall_time_ms == before.wall_time_ms
    assert after.limits == Budget(tokens=60_100, tool_calls=5)
    with pytest.raises(BudgetExhausted):
        again.send("b")


def test_a_budget_that_is_given_later_counts_what_the_log_tells(house: House) -> None:
    agent = house.employ(calls("ls"), costing(60_000))
    kept = house.root.parent / "kept"
    session = agent.session(house.root, file_session_store=kept, auto_save=True, session_id="s")
    session.send("a")
    session.close()

    again = agent.resume_session("s", file_session_store=kept, budget=Budget(tokens=60_100))

    assert again.budget().tokens == 60_025
    assert again.budget().tool_calls == 1
    with pytest.raises(BudgetExhausted):
        again.send("b")


def test_what_a_host_gave_as_an_object_has_to_be_given_again(house: House) -> None:
    agent = house.employ(default=costing(1))
    kept = house.root.parent / "kept"
    shared = TenantBudget(Budget(tokens=ROOMY))
    session = agent.session(
        house.root,
        file_session_store=kept,
        auto_save=True,
        session_id="s",
        tenant_budget=shared,
    )
    session.send("a")
    session.close()

    with pytest.raises(InvalidValue, match="tenant_budget"):
        agent.resume_session("s", file_session_store=kept)
    again = agent.resume_session("s", file_session_store=kept, tenant_budget=shared)
    again.send("b")
    assert shared.usage().tokens == 22


def test_a_function_of_the_host_that_uses_another_session_pays_there(house: House) -> None:
    agent = house.employ(calls("ask_other"), costing(500, "other"), costing(10))
    other = agent.session(house.root, budget=Budget(tokens=ROOMY))

    @function_tool
    def ask_other() -> str:
        """Ask another session."""
        return other.send("x").text

    session = agent.session(
        house.root, tools=[ask_other], permission_policy=ALL, budget=Budget(tokens=ROOMY)
    )
    session.send("a")

    assert other.budget().tokens == 510
    assert session.budget().tokens == 15 + 20


@pytest.mark.parametrize(
    "claimed", [Usage(-60_000, -60_000), Usage(10, 10, 0, -(10**12)), Usage(10, 10, -(10**12), 0)]
)
def test_an_answer_that_claims_less_than_nothing_gives_nothing_back(
    claimed: Usage, house: House
) -> None:
    class Refunding:
        ref, context_window = "anthropic/claude-sonnet-4-20250514", 200_000

        async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
            return Reply(Message("assistant", (Text("ok"),)), claimed)

    session = house.session(llm_client=Refunding(), budget=Budget(tokens=ROOMY, usd=1_000.0))
    answer = session.send("a")
    log = session._inner._log()
    assert log is not None
    recorded = [record.event.usage for record in log.records if isinstance(record.event, TurnEnd)]

    assert session.budget().tokens > 0
    assert 0 < session.budget().usd < 1
    assert min(msgspec.structs.astuple(recorded[0])) >= 0, "a resume goes on from it"
    assert answer.total_tokens >= 0
