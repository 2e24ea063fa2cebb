"""A request becomes steps, and stays what the user wrote."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from a3s_code import AgentEvent, AsyncAgent, PermissionPolicy, SessionOptions
from a3s_code.api import plan_making, planned
from a3s_code.errors import InvalidType, LimitReached, ModelError
from a3s_code.harness.context import Budget
from a3s_code.harness.planning.plan import Goal, Plan
from a3s_code.harness.planning.planner import PlanRequest
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.tasks import Task
from a3s_code.testing import Turn, When, calls, on, refuses, says
from api.house import WIRES, House, come, meanwhile, unanswered
from api.plans import LIST, at, plan, planner, statuses, step, told, types

SEQUENCE = (step("a"), step("b", "a"))
FORK = (step("a"), step("b"), step("c", "a", "b"))


def asked_of(house: House) -> list[str]:
    """Name the tool that each request was forced to call; empty for those of turns."""
    forced = []
    for body in house.bodies:
        choice = body.get("tool_choice")
        forced.append(json.dumps(choice) if choice else "")
    return forced


def turns_of(house: House) -> list[Any]:
    return [body for body in house.bodies if not body.get("tool_choice")]


# The words of the user


@pytest.mark.parametrize("kind", WIRES)
def test_the_words_of_the_user_stand_and_what_is_said_of_steps_is_beside_them(
    house: House, kind: str
) -> None:
    rules = (planner(*SEQUENCE),)
    session = house.session(
        rules=rules, default=says("ok"), kind=kind, planning_mode="enabled", permissive=True
    )
    assert session.send("MY OWN WORDS").text == "ok"
    assert session.history()[0]["content"][-1]["text"] == "MY OWN WORDS"
    for body in turns_of(house):
        assert "MY OWN WORDS" in json.dumps(body["messages"])
        assert "REWRITTEN" not in json.dumps(body)
    rows = session.context_receipts(session.runs()[-1]["id"])
    notes = [part for row in rows for part in row.parts if part.source.startswith("plan://")]
    assert {part.kind for part in notes} == {"context"}
    trusted = {part.source.endswith("/steps"): part.trust for part in notes}
    assert trusted == {True: "external", False: "host"}


@pytest.mark.parametrize("kind", WIRES)
def test_a_planner_sees_the_request_what_was_said_before_and_the_tools(
    house: House, kind: str
) -> None:
    session = house.session(
        rules=(planner(*SEQUENCE),), default=says("ok"), kind=kind, planning_mode="enabled"
    )
    session.send("FIRST")
    session.send("SECOND")
    question = json.dumps([body for body in house.bodies if body.get("tool_choice")][1])
    for words in ("FIRST", "SECOND", "bash"):
        assert words in question


# Waves


def test_each_step_is_told_and_the_list_is_whole_each_time(house: House) -> None:
    session = house.session(
        rules=(planner(*FORK),), default=says("ok"), planning_mode="enabled", permissive=True
    )
    events = list(session.stream("go"))
    kinds = [kind for kind in types(events) if kind.startswith(("step_", "planning_", "goal_"))]
    assert kinds == [
        *("planning_start", "planning_end"),
        *("step_start", "step_start", "step_end", "step_end", "goal_progress"),
        *("step_start", "step_end", "goal_progress"),
    ]
    assert statuses(events)[0] == ["pending"] * 3
    assert statuses(events)[1] == ["in_progress", "in_progress", "pending"]
    assert statuses(events)[-1] == ["completed"] * 3
    assert [row["step_number"] for row in told(events, "step_start")] == [1, 2, 3]
    assert [row["progress"] for row in told(events, "goal_progress")] == [2 / 3, 1.0]
    assert told(events, "planning_end")[0]["estimated_steps"] == 3
    first = told(events, "task_updated")[0]["tasks"][2]
    assert first["dependencies"] == ["a", "b"]


def test_steps_that_wait_for_nothing_run_at_the_same_time(house: House) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet() -> str:
        """Wait for the other one."""
        both.wait()
        return "met"

    rules = (planner(step("a"), step("b")), at("STEP-a", calls("meet"), says("A.")))
    rules = (*rules, at("STEP-b", calls("meet"), says("B.")))
    session = house.session(
        rules=rules, default=says("ok"), planning_mode="enabled", permissive=True, tools=[meet]
    )
    events = list(session.stream("go"))
    assert [event.tool_output for event in events if event.event_type == "tool_end"] == ["met"] * 2


@pytest.mark.parametrize("kind", WIRES)
def test_what_steps_brought_enters_the_conversation_together_and_in_order(
    house: House, kind: str
) -> None:
    rules = (
        planner(*FORK),
        at("STEP-a", says("FROM-A", delay_s=0.1)),
        at("STEP-b", says("FROM-B")),
        at("STEP-c", says("THE ANSWER")),
    )
    session = house.session(rules=rules, kind=kind, planning_mode="enabled", permissive=True)
    assert session.send("go").text == "THE ANSWER"
    last = json.dumps(house.bodies[-1]["messages"])
    assert last.index("FROM-A") < last.index("FROM-B") < last.index("STEP-c")
    branches = [json.dumps(body["messages"]) for body in turns_of(house)[:2]]
    assert not any("FROM-" in branch for branch in branches)


@pytest.mark.parametrize("kind", WIRES)
def test_a_branch_begins_with_the_bytes_of_the_conversation(house: House, kind: str) -> None:
    rules = (planner(step("a"), step("b"), step("c"), needed=True),)
    session = house.session(
        rules=rules, default=says("ok"), kind=kind, planning_mode="enabled", permissive=True
    )
    session.send("go")
    a, b, c, closing = turns_of(house)
    for name in ("tools", "system"):
        assert a.get(name) == b.get(name) == c.get(name) == closing.get(name)
    shared = len(a["messages"]) - 1
    plain = [_unmarked(body["messages"][:shared]) for body in (a, b, c, closing)]
    assert plain[0] == plain[1] == plain[2] == plain[3]


def _unmarked(messages: Any) -> str:
    return json.dumps(messages).replace(', "cache_control": {"type": "ephemeral"}', "")


def test_calls_of_parallel_steps_are_told_apart_though_the_model_names_them_alike(
    house: House,
) -> None:
    turns = [_with_id(calls("bash", command=f"echo {name} >> {name}"), "same") for name in "ab"]
    rules = (
        planner(step("a"), step("b")),
        on(When(last="Your step: STEP-a"), turns[0]),
        on(When(last="Your step: STEP-b"), turns[1]),
    )
    session = house.session(
        rules=rules, default=says("ok"), planning_mode="enabled", permissive=True
    )
    events = list(session.stream("go"))
    ids = {event.tool_id for event in events if event.event_type == "tool_end"}
    run = session.runs()[-1]["id"]
    assert ids == {f"{run}.1.1", f"{run}.2.1"}
    assert (house.get("a"), house.get("b")) == ("a\n", "b\n")
    assert all(unanswered(body) == [] for body in turns_of(house))


def _with_id(turn: Turn, id_: str) -> Turn:
    named = tuple(msgspec.structs.replace(call, id=id_) for call in turn.calls)
    return msgspec.structs.replace(turn, calls=named)


def test_what_parallel_steps_say_is_not_shown_as_one_text(house: House) -> None:
    rules = (planner(step("a"), step("b")), at("STEP-a", says("AAAA")), at("STEP-b", says("BBBB")))
    session = house.session(rules=rules, default=says("THE END"), planning_mode="enabled")
    events = list(session.stream("go"))
    text = "".join(event.text or "" for event in events if event.event_type == "text_delta")
    assert text == "THE END"
    assert [event.turn for event in events if event.event_type == "turn_start"] == [1]


def test_turns_are_numbered_through_the_steps_of_a_run(house: House) -> None:
    rules = (planner(*SEQUENCE),)
    session = house.session(
        calls("ls"),
        says("one"),
        says("two"),
        rules=rules,
        planning_mode="enabled",
        permissive=True,
    )
    events = list(session.stream("go"))
    assert [event.turn for event in events if event.event_type == "turn_start"] == [1, 2, 3]
    rows = session.context_receipts(session.runs()[-1]["id"])
    assert [row.turn for row in rows] == [0, 1, 2, 3]


def test_no_more_steps_run_at_once_than_max_parallel_tasks(house: House) -> None:
    now, most = 0, 0
    lock = threading.Lock()

    def work() -> str:
        """Work."""
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.05)
        with lock:
            now -= 1
        return "done"

    names = "abcde"
    rules = (planner(*(step(name) for name in names)),)
    rules += tuple(at(f"STEP-{name}", calls("work")) for name in names)
    session = house.session(
        rules=rules,
        default=says("ok"),
        planning_mode="enabled",
        permissive=True,
        tools=[work],
        max_parallel_tasks=2,
    )
    events = list(session.stream("go"))
    assert statuses(events)[-1] == ["completed"] * 5
    assert most == 2


# Steps that fail


def test_what_waits_for_a_step_that_says_that_it_failed_is_skipped(house: House) -> None:
    rules = (
        planner(step("a"), step("b"), step("c", "a")),
        at("STEP-a", says("I looked.\nSTEP FAILED: there is no such file")),
        at("STEP-b", says("FROM-B")),
    )
    session = house.session(rules=rules, default=says("B is done."), planning_mode="enabled")
    events = list(session.stream("go"))
    assert statuses(events)[-1] == ["failed", "completed", "skipped"]
    assert [row["step_id"] for row in told(events, "step_start")] == ["a", "b"]
    assert events[-1].event_type == "end"
    closing = json.dumps(house.bodies[-1]["messages"])
    for words in ("FROM-B", "there is no such file", "[skipped] STEP-c"):
        assert words in closing


@pytest.mark.parametrize("others", [(), (step("b"),)], ids=["alone", "beside another"])
def test_a_step_that_comes_to_a_limit_fails_and_the_run_answers(
    house: House, others: tuple[Any, ...]
) -> None:
    rules = (
        planner(step("a"), *others, step("c", "a")),
        at("STEP-a", calls("ls")),
        at("STEP-b", says("FROM-B")),
        on(When(last="come to an end"), says("A failed.")),
    )
    house.put("x/y")
    session = house.session(
        rules=rules,
        default=calls("ls", path="x"),
        planning_mode="enabled",
        max_tool_rounds=1,
        permissive=True,
    )
    result = session.send("go")
    assert result.text == "A failed."
    assert "Max tool rounds" in json.dumps(house.bodies[-1]["messages"])
    assert unanswered(house.bodies[-1]) == []
    assert session.runs()[-1]["status"] == "completed"


@pytest.mark.parametrize("others", [(), (step("b"),)], ids=["alone", "beside another"])
def test_a_step_whose_model_fails_is_a_step_that_failed(
    house: House, others: tuple[Any, ...]
) -> None:
    rules = (planner(step("a"), *others), at("STEP-a", refuses(400)))
    session = house.session(rules=rules, default=says("A failed."), planning_mode="enabled")
    events = list(session.stream("go"))
    assert statuses(events)[-1][0] == "failed"
    assert events[-1].text == "A failed."


def test_each_step_has_rounds_of_its_own(house: House) -> None:
    rules = (planner(*SEQUENCE),)
    turns = (calls("ls"), says("one"), calls("ls", path="."), says("two"))
    session = house.session(
        *turns, rules=rules, planning_mode="enabled", max_tool_rounds=1, permissive=True
    )
    assert session.send("go").text == "two"


def test_a_plan_in_which_steps_wait_for_each_other_ends_and_is_answered(house: House) -> None:
    rules = (planner(step("a"), step("b", "c"), step("c", "b"), step("d", "d")),)
    session = house.session(rules=rules, default=says("Only a."), planning_mode="enabled")
    events = list(session.stream("go"))
    assert statuses(events)[-1] == ["completed", "failed", "failed", "failed"]
    assert events[-1].text == "Only a."
    assert "cannot come before it" in json.dumps(house.bodies[-1]["messages"])


def test_a_model_that_withholds_its_answer_has_not_done_its_step(house: House) -> None:
    rules = (planner(*SEQUENCE), at("STEP-a", says("No.", stop="refusal")))
    session = house.session(
        rules=rules, default=says("It was refused."), kind="anthropic", planning_mode="enabled"
    )
    events = list(session.stream("go"))
    assert statuses(events)[-1] == ["failed", "skipped"]


# Planners that fail


@pytest.mark.parametrize("answer", [says("no JSON"), says(""), refuses(400), plan(), plan(7)])
def test_a_planner_that_gives_no_plan_costs_the_plan_and_nothing_else(
    house: House, answer: Turn
) -> None:
    rules = (on(When(forced_tool="plan"), answer),)
    session = house.session(rules=rules, default=says("the answer"), planning_mode="enabled")
    events = list(session.stream("do it"))
    assert events[-1].text == "the answer"
    assert statuses(events)[-1] == ["completed"]
    (made,) = told(events, "planning_end")
    assert made["plan"]["fallback"]
    assert made["plan"]["steps"][0]["content"] == "do it"
    (turn,) = turns_of(house)
    assert "plan://" not in json.dumps(turn)


def test_a_planner_that_is_asked_again_is_told_while_it_plans(house: House) -> None:
    limited = refuses(429, headers={"retry-after": "0"})
    session = house.session(limited, default=says("ok"), planning_mode="enabled")
    seen = types(list(session.stream("go")))

    assert seen.index("planning_start") < seen.index("model_retry") < seen.index("planning_end")


def test_the_failure_of_a_run_that_could_not_be_planned_is_that_of_the_run(house: House) -> None:
    session = house.session(default=refuses(400), planning_mode="enabled")
    with pytest.raises(ModelError):
        session.send("go")
    run = session.runs()[-1]
    assert run["status"] == "failed"


def _made(request: PlanRequest) -> Plan:
    return Plan(Goal("of the host"), (Task(id="x", content=f"STEP-X for {request.prompt}"),))


async def _made_later(request: PlanRequest) -> Plan:
    return _made(request)


class Planning:
    def __init__(self) -> None:
        self.forced: list[bool] = []

    async def plan(self, request: PlanRequest) -> Plan | None:
        self.forced.append(request.forced)
        return _made(request)


@pytest.mark.parametrize(
    "planner", [_made, _made_later, Planning()], ids=["def", "async", "object"]
)
def test_a_host_may_bring_a_planner(house: House, planner: Any) -> None:
    session = house.session(says("done"), planning_mode="enabled", planner=planner)
    events = list(session.stream("MINE"))
    assert told(events, "planning_end")[0]["plan"]["goal"] == "of the host"
    (body,) = house.bodies
    assert "STEP-X for MINE" in json.dumps(body["messages"])


def _raises(_: PlanRequest) -> Plan:
    raise RuntimeError("no luck")


def _nonsense(_: PlanRequest) -> Any:
    return {"steps": []}


def _twice(_: PlanRequest) -> Plan:
    return Plan(Goal("x"), (Task(id="a", content="x"), Task(id="a", content="y")))


def _exits(_: PlanRequest) -> Plan:
    raise SystemExit(3)


def _of_parts(goal: Any, *steps: Any) -> Callable[[PlanRequest], Plan]:
    return lambda _: Plan(goal, steps)


UNFIT = (
    _of_parts("x", Task(id="a", content="x")),
    _of_parts(Goal("x"), 3),
    _of_parts(Goal("x"), {"id": "a"}),
    _of_parts(Goal("x"), Task(id=3, content="x")),
    _of_parts(Goal("x"), Task(id="a", content=None)),
    _of_parts(Goal("x"), Task(id="a", content="x", dependencies="b")),
)


@pytest.mark.parametrize("planner", [_raises, _nonsense, _twice, _exits, *UNFIT])
def test_a_planner_of_the_host_that_fails_costs_the_plan_and_nothing_else(
    house: House, planner: Any
) -> None:
    session = house.session(says("the answer"), planning_mode="enabled", planner=planner)
    events = list(session.stream("do it"))
    assert events[-1].text == "the answer"
    assert told(events, "planning_end")[0]["plan"]["fallback"]


def test_a_note_of_the_plan_that_does_not_enter_is_told_in_the_receipt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planned, "BUDGET", Budget(1, 100_000, 1, 100_000))
    session = house.session(plan(step("a")), says("Done."), planning_mode="enabled")
    session.send("go")
    receipts = session.context_receipts(session.runs()[-1]["id"])

    (left,) = [left for receipt in receipts for left in receipt.left_out]
    assert left.source.startswith("plan://")


def test_a_planner_that_never_answers_costs_the_plan_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_making, "MAX_PLANNING_S", 0.05)

    async def planner(request: PlanRequest) -> Plan | None:
        await asyncio.Event().wait()
        return None

    session = house.session(says("the answer"), planning_mode="enabled", planner=planner)
    events = list(session.stream("go"))

    assert events[-1].text == "the answer"
    assert "did not answer within" in told(events, "planning_end")[0]["plan"]["fallback"]


@pytest.mark.parametrize("planner", [Planning, object(), "plan", 7])
def test_what_cannot_plan_is_refused_when_the_session_is_created(
    house: House, planner: Any
) -> None:
    agent = house.employ()
    with pytest.raises(InvalidType, match="planner"):
        agent.session(house.root, planner=planner)


# Economy


@pytest.mark.parametrize("prompt", ["hi", "What is this?", "fix the typo in README.md"])
def test_what_is_simple_costs_no_call_in_auto(house: House, prompt: str) -> None:
    session = house.session(says("hello"))
    session.send(prompt)
    assert asked_of(house) == [""]


def test_a_request_for_several_things_is_looked_at_and_planned(house: House) -> None:
    session = house.session(rules=(planner(*SEQUENCE),), default=says("ok"))
    events = list(session.stream(LIST))
    assert statuses(events)[-1] == ["completed", "completed"]


def test_a_request_that_needs_no_plan_is_answered_as_it_is(house: House) -> None:
    session = house.session(rules=(planner(*SEQUENCE, needed=False),), default=says("ok"))
    events = list(session.stream(LIST))
    assert "task_updated" not in types(events)
    assert told(events, "planning_end")[0]["estimated_steps"] == 0
    (turn,) = turns_of(house)
    shown = [row for row in turn["messages"] if row["role"] != "system"]
    assert shown == [{"role": "user", "content": LIST}]


@pytest.mark.parametrize("options", [{"planning_mode": "disabled"}, {"planning": False}])
def test_a_session_that_is_told_not_to_plan_asks_nobody(house: House, options: Any) -> None:
    session = house.session(says("ok"), **options)
    session.send(LIST)
    assert asked_of(house) == [""]


def test_planning_true_is_enabled_and_the_newer_name_wins(house: House) -> None:
    session = house.session(rules=(planner(*SEQUENCE),), default=says("ok"), planning=True)
    assert "step_start" in types(list(session.stream("go")))
    session = house.session(says("ok"), planning=True, planning_mode="off")
    assert "step_start" not in types(list(session.stream("go")))


def test_a_history_of_the_callers_own_is_planned_only_on_demand(house: House) -> None:
    history = [{"role": "user", "content": "EARLIER"}, {"role": "assistant", "content": "yes"}]
    session = house.session(says("ok"))
    session.send(LIST, history)
    assert asked_of(house) == [""]
    session = house.session(
        rules=(planner(*FORK),), default=says("ok"), planning_mode="enabled", permissive=True
    )
    session.send("go", history)
    assert all("EARLIER" in json.dumps(body["messages"]) for body in turns_of(house))
    assert session.history() == []


def test_a_resumed_session_plans_as_before(house: House) -> None:
    agent = house.employ(rules=(planner(*SEQUENCE),), default=says("ok"))
    session = agent.session(house.root, session_id="s1", planning_mode="enabled", auto_save=True)
    session.send("go")
    session.close()
    later = agent.resume_session("s1", SessionOptions())
    assert "step_start" in types(list(later.stream("go")))


# What it costs, and who is told


def test_all_that_steps_use_is_the_runs(house: House) -> None:
    session = house.session(rules=(planner(*FORK),), default=says("ok"), planning_mode="enabled")
    result = session.send("go")
    assert len(house.bodies) == 4
    assert result.total_tokens == 4 * 15
    purposes = [row.purpose for row in session.cost_records()]
    assert sorted(purposes) == ["plan", "step", "step", "turn"]


def test_hooks_hear_of_a_plan_and_runs_say_that_they_plan(house: House) -> None:
    session = house.session(
        rules=(planner(*SEQUENCE),), default=says("ok"), planning_mode="enabled"
    )
    heard: list[tuple[str, Any, str]] = []

    def hear(event: Any) -> None:
        status = session.runs()[-1]["status"]
        heard.append((event["event_type"], event["payload"], status))

    session.register_hook("before", "pre_planning", handler=hear)
    session.register_hook("after", "post_planning", handler=hear)
    session.send("go")
    (first, asked, one), (second, planned, other) = heard
    assert (first, second) == ("pre_planning", "post_planning")
    assert (one, other) == ("planning", "planning")
    assert (asked["prompt"], asked["mode"]) == ("go", "enabled")
    assert [row["id"] for row in planned["plan"]["steps"]] == ["a", "b"]
    assert session.runs()[-1]["status"] == "completed"


def test_a_plan_is_bound_by_the_gate_like_everything_else(house: House) -> None:
    rules = (
        planner(step("a"), step("b")),
        at("STEP-a", calls("bash", command="touch a")),
        at("STEP-b", calls("write", file_path="b", content="x")),
    )
    policy = PermissionPolicy(deny=["bash(*)"], default_decision="allow")
    session = house.session(
        rules=rules, default=says("ok"), planning_mode="enabled", permission_policy=policy
    )
    events = list(session.stream("go"))
    assert "permission_denied" in types(events)
    assert house.has("b")
    assert not house.has("a")


def test_a_conversation_is_compacted_in_the_middle_of_a_plan(house: House) -> None:
    rules = (
        planner(step("a"), step("b", "a"), step("c", "b")),
        on(When(any_tool=False), says("SUMMARY")),
    )
    many = [calls("bash", command=f"echo {n} {'word ' * 200}") for n in range(16)]
    full = msgspec.structs.replace(says("one"), usage=Usage(prompt_tokens=39_000))
    session = house.session(
        *many,
        full,
        rules=rules,
        default=says("ok"),
        planning_mode="enabled",
        auto_compact=True,
        max_context_tokens=40_000,
        permissive=True,
    )
    events = list(session.stream("KEEP-MY-WORDS"))
    assert "context_compacted" in types(events)
    assert statuses(events)[-1] == ["completed"] * 3
    assert "KEEP-MY-WORDS" in json.dumps(house.bodies[-1]["messages"])


# Limits and cancellation


@pytest.mark.parametrize("steps", [SEQUENCE, (step("a"), step("b"))], ids=["alone", "beside"])
def test_a_plan_that_is_cancelled_ends_all_its_steps_and_the_session_goes_on(
    house: House, steps: tuple[Any, ...]
) -> None:
    rules = (
        planner(*steps),
        on(When(last="Your step"), says("late", delay_s=60), times=len(steps)),
    )
    session = house.session(rules=rules, default=says("on we go"), planning_mode="enabled")
    events: list[AgentEvent] = []

    def run() -> None:
        events.extend(session.stream("go"))

    with meanwhile(run):
        come(lambda: len(turns_of(house)) >= (1 if steps == SEQUENCE else 2))
        assert session.cancel()
    assert events[-1].event_type == "error"
    assert set(statuses(events)[-1]) == {"cancelled"}
    assert session.runs()[-1]["status"] == "cancelled"
    later = house.agent.session(house.root, planning_mode="disabled")
    assert later.send("hello").text == "on we go"
    assert unanswered(house.bodies[-1]) == []


def test_the_time_of_a_run_is_that_of_all_its_steps(house: House) -> None:
    rules = (planner(*SEQUENCE), at("STEP-b", says("late", delay_s=60)))
    session = house.session(
        rules=rules, default=says("ok"), planning_mode="enabled", max_execution_time_ms=1_500
    )
    with pytest.raises(LimitReached, match="max_execution_time_ms"):
        session.send("go")
    assert session.runs()[-1]["status"] == "failed"


def test_closing_a_session_ends_a_plan(house: House) -> None:
    rules = (planner(step("a"), step("b")), on(When(last="Your step"), says("late", delay_s=60)))
    session = house.session(rules=rules, planning_mode="enabled")
    with meanwhile(lambda: session.send("go")) as came:
        come(lambda: len(turns_of(house)) == 2)
        session.close()
    assert isinstance(came[0], Exception)
    assert session.is_closed


def test_two_steps_are_one_async_run(house: House) -> None:
    async def run() -> str:
        made = plan(step("a"), step("b", "a"))
        async with AsyncAgent(house.serve(made, says("one"), says("two")).acl()) as agent:
            session = agent.session(house.root, planning_mode="enabled")
            return (await session.send("go")).text

    assert asyncio.run(run()) == "two"
