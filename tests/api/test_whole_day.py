"""A plan, programs, objects, checks and lists in one session: what its record is good for after."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code import (
    ConfirmationPolicy,
    FileSessionStore,
    PermissionPolicy,
    Session,
    SessionOptions,
)
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import EffectSettled
from a3s_code.testing import Rule, Turn, When, calls, on, says
from api.bundles import export
from api.house import WIRES, House
from api.plans import beside, planner, step, types
from api.test_calls_inside import ANSWER, OBJECT, ROWS, batch, ends, script, shown
from api.test_interrupted import Job

REVIEW = "Review what is there"
CHECK = {"id": "t", "command": "test -e one"}
YES = on(
    When(forced_tool="achievement"),
    calls("*", achieved=True, progress=1.0, remaining_criteria=[]),
)
RULES: tuple[Rule, ...] = (
    planner(step("a"), step("b"), intent="Explore"),
    ANSWER,
    YES,
    beside(
        "STEP-a",
        script(
            "await ctx.tools.write({file_path: 'one', content: '1'}); await ctx.bash('cat one')"
        ),
        calls("generate_object", **OBJECT),
        says("A."),
    ),
    beside("STEP-b", batch(("update_plan", {"plan": ROWS}), ("ls", {})), says("B.")),
)


def day(house: House, *turns: Turn, kind: str = "openai", **options: Any) -> Session:
    """Give a session that has lived through one planned run with all of it."""
    session = house.session(
        *turns,
        default=says("done"),
        rules=RULES,
        kind=kind,
        session_id="s",
        permissive=True,
        planning_mode="enabled",
        goal_tracking=True,
        verification={"commands": [CHECK]},
        **options,
    )
    result = session.send("go")
    assert (result.text, result.verification_status) == ("done", "passed")
    return session


@pytest.mark.parametrize("kind", WIRES)
def test_what_the_requests_of_a_run_took_adds_up_to_what_the_run_took(
    house: House, kind: str
) -> None:
    session = house.session(
        default=says("done"),
        rules=RULES,
        kind=kind,
        permissive=True,
        planning_mode="enabled",
        goal_tracking=True,
    )
    result = session.send("go")
    run = session.runs()[-1]["id"]
    rows = session.cost_records()
    assert sorted({row.purpose for row in rows}) == ["goal", "object", "plan", "step", "turn"]
    assert len(rows) == len(house.bodies)
    assert sum(row.total_tokens for row in rows) == result.usage.total_tokens
    whose = [run, *sorted({row.child for row in rows if row.child})]
    receipts = [each for own in whose for each in session.context_receipts(own)]
    assert len(receipts) == len(house.bodies)
    took = [each.usage.total_tokens for each in receipts if each.usage is not None]
    assert sum(took) == result.usage.total_tokens


def test_a_bundle_of_it_replays_and_the_store_holds_together(house: House, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = day(house, session_store=store)
    _, bundle = export(store, session, tmp_path / "x.a3s")
    assert bundle.replay().difference is None
    session.close()
    found = subprocess.run(
        [sys.executable, "-m", "a3s_code.cli.main", "verify", str(tmp_path / "sessions")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_session_that_goes_on_has_all_of_it(house: House, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    session = day(house, session_store=store)
    before = (
        session.task_list(),
        session.verification_reports(),
        session.history(),
        session.cost_records(),
        session.trace_events(),
    )
    session.close()
    again = house.agent.resume_session("s", SessionOptions(session_store=store))
    assert before == (
        again.task_list(),
        again.verification_reports(),
        again.history(),
        again.cost_records(),
        again.trace_events(),
    )
    assert again.verification_summary()["status"] == "passed"


def test_a_rewind_takes_back_its_list_and_its_files_and_what_was_checked_is_stale(
    house: House, tmp_path: Path
) -> None:
    session = day(house, session_store=FileSessionStore(tmp_path / "sessions"))
    assert shown(session) == ["STEP-a", "STEP-b"]
    first = session.checkpoints()[0]
    session.rewind(first["id"])
    assert not house.has("one")
    assert (session.task_list(), session.history()) == ([], [])
    assert session.verification_summary()["status"] != "passed"
    assert session.send("go").text == "done"


def test_a_fork_goes_on_from_it(house: House, tmp_path: Path) -> None:
    session = day(house, session_store=FileSessionStore(tmp_path / "sessions"))
    other = session.fork()
    assert other.history() == session.history()
    assert other.task_list() == session.task_list()
    assert other.send("go").text == "done"
    assert shown(session) == ["STEP-a", "STEP-b"]


def test_a_fork_from_before_a_list_has_none(house: House, tmp_path: Path) -> None:
    session = day(house, session_store=FileSessionStore(tmp_path / "sessions"))
    assert session.fork(session.checkpoints()[0]["id"]).task_list() == []


def test_what_is_beyond_the_limits_of_a_session_goes_and_what_is_in_force_stays(
    house: House, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    limits = {"max_runs_retained": 1, "max_events_per_run": 5, "max_trace_events": 2}
    session = day(house, session_store=store, retention_limits=limits)
    session.send("go")
    session.send("go")
    assert len(session.runs()) == 1
    tasks, reports = session.task_list(), session.verification_reports()
    assert shown(session) == ["STEP-a", "STEP-b"]
    session.close()
    again = house.agent.resume_session("s", SessionOptions(session_store=store))
    assert (again.task_list(), again.verification_reports()) == (tasks, reports)
    assert again.send("go").text == "done"


# Hooks


def test_hooks_hear_of_calls_inside_programs_and_batches_and_may_change_them(
    house: House,
) -> None:
    session = house.session(
        script("await ctx.tools.write({file_path: 'one', content: 'old'})"),
        batch(("write", {"file_path": "two", "content": "old"})),
        says("done"),
        permissive=True,
    )
    heard: list[str] = []

    def change(event: Any) -> Any:
        payload = event["payload"]
        heard.append(payload["tool"])
        if payload["tool"] != "write":
            return None
        return {"action": "modify", "args": {**payload["args"], "content": "new"}}

    session.register_hook("h", "pre_tool_use", change)
    session.send("go")
    assert heard == ["program", "write", "batch", "write"]
    assert (house.get("one"), house.get("two")) == ("new", "new")


def test_hooks_hear_of_every_question_to_a_model(house: House) -> None:
    session = house.session(
        default=says("done"),
        rules=RULES,
        permissive=True,
        planning_mode="enabled",
        goal_tracking=True,
    )
    heard: list[str] = []
    session.register_hook("h", "generate_start", lambda event: heard.append(str(event)))
    session.send("go")
    assert len(heard) == len(house.bodies)


def test_a_hook_that_blocks_questions_costs_the_plan_and_the_object_and_no_run(
    house: House,
) -> None:
    session = house.session(
        calls("generate_object", **OBJECT),
        says("done"),
        rules=RULES,
        permissive=True,
        planning_mode="enabled",
    )

    def block(event: Any) -> Any:
        is_turn = "go" in str(event["payload"].get("prompt")) and len(asked) > 0
        asked.append(event)
        return None if is_turn else {"action": "block", "reason": "not now"}

    asked: list[Any] = []
    session.register_hook("h", "generate_start", block)
    events = list(session.stream("go"))
    (end,) = ends(events, "generate_object")
    assert end.exit_code == 1
    assert "not now" in end.tool_output
    assert events[-1].text == "done"


def test_planning_hooks_stop_nothing(house: House) -> None:
    session = house.session(
        default=says("done"), rules=RULES, permissive=True, planning_mode="enabled"
    )
    block = {"action": "block", "reason": "no"}
    for name in ("pre_planning", "post_planning", "intent_detection"):
        session.register_hook(name, name, lambda _: block)
    events = list(session.stream("go"))
    assert types(events).count("step_start") == 2
    assert events[-1].text == "done"


def test_a_call_inside_a_batch_is_asked_about_by_itself(house: House) -> None:
    session = house.session(
        batch(("bash", {"command": "touch one"}), ("write", {"file_path": "two", "content": "x"})),
        says("done"),
        permission_policy=PermissionPolicy(allow=["batch", "write"], ask=["bash"]),
        confirmation_policy=ConfirmationPolicy(enabled=True),
    )
    heard: list[str] = []
    session.register_hook("h", "on_confirmation", lambda it: heard.append(it["payload"]["tool"]))
    for event in session.stream("go"):
        if event.event_type == "confirmation_required":
            assert session.confirm_tool_use(event.tool_id or "", True)
    assert heard == ["bash"]
    assert house.has("one")
    assert house.get("two") == "x"


# Modes


@pytest.mark.parametrize(
    "turn",
    [
        script("await ctx.tools.write({file_path: 'one', content: '1'})"),
        batch(("write", {"file_path": "one", "content": "1"})),
    ],
)
@pytest.mark.parametrize(("mode", "wrote"), [("plan", False), ("default", True), ("bypass", True)])
def test_a_mode_holds_inside_whatever_runs_calls(
    house: House, turn: Turn, mode: str, *, wrote: bool
) -> None:
    options = {"permissive": True} if mode == "bypass" else {"permission_mode": mode}
    session = house.session(turn, says("done"), **options)
    session.send("go")
    assert house.has("one") is wrote


@pytest.mark.parametrize("mode", ["plan", "default"])
def test_lists_and_objects_are_made_in_every_mode(house: House, mode: str) -> None:
    session = house.session(
        calls("update_plan", plan=ROWS),
        calls("generate_object", **OBJECT),
        says("done"),
        rules=(ANSWER,),
        permission_mode=mode,
    )
    events = list(session.stream("go"))
    assert [end.exit_code for end in events if end.event_type == "tool_end"] == [0, 0]
    assert shown(session) == ["one", "two"]


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("program", {"source": "export default () => 1"}),
        ("batch", {"invocations": [{"tool": "ls", "args": {}}]}),
        ("generate_object", OBJECT),
        ("update_plan", {"plan": ROWS}),
    ],
)
def test_what_explains_decisions_knows_every_tool_and_agrees_with_the_run(
    house: House, tool: str, args: dict[str, Any]
) -> None:
    for policy in (None, PermissionPolicy(deny=[tool]), PermissionPolicy(default_decision="allow")):
        options = {} if policy is None else {"permission_policy": policy}
        session = house.session(calls(tool, **args), says("done"), rules=(ANSWER,), **options)
        said = session.explain(tool, args)["decision"]
        events = list(session.stream("go"))
        (end,) = ends(events, tool)
        assert (said == "allow") is (end.exit_code == 0), (policy, said, end)


# Crash


@pytest.mark.parametrize("effect", ["echo once >> log", "sleep 0; echo once >> log"])
def test_an_effect_in_a_program_that_was_killed_is_settled_and_not_done_again(
    house: House, tmp_path: Path, effect: str
) -> None:
    job = Job(house, tmp_path)
    job.die(script(f"await ctx.bash({json.dumps(effect)})"), before="EffectSettled")
    assert house.get("log") == "once\n"
    session = job.resume(says("looked"))
    assert session.resume_run(session.runs()[0]["id"]).text == "looked"
    assert house.get("log") == "once\n"
    (told,) = job.results()
    assert "Interrupted" in told


def test_every_call_of_a_program_that_was_killed_is_settled_by_itself(
    house: House, tmp_path: Path
) -> None:
    job = Job(house, tmp_path)
    body = "return await Promise.all([ctx.bash('echo one >> log'), ctx.readFile('x')])"
    house.put("x", "X")
    job.die(script(body), before="EffectSettled")
    session = job.resume(calls("bash", command="cat log"), says("looked"))
    session.resume_run(session.runs()[0]["id"])
    log = session._inner._engine.log
    settled = [each.event for each in log.records if isinstance(each.event, EffectSettled)]
    ran = [each for each in settled if each.call_id.endswith((".1", ".2"))]
    assert [each.outcome for each in ran] == ["done"]
    assert house.get("log") == "one\n"
    assert log.state.in_doubt == {}


# Compaction


def test_the_list_that_a_step_shows_is_pinned_when_a_plan_is_compacted(house: House) -> None:
    rules = (
        planner(step("a"), step("b", "a"), step("c", "b")),
        on(When(any_tool=False), says("SUMMARY")),
    )
    many = [calls("bash", command=f"echo {n} {'word ' * 200}") for n in range(16)]
    full = msgspec.structs.replace(says("one"), usage=Usage(prompt_tokens=39_000))
    session = house.session(
        calls("update_plan", plan=ROWS),
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
    assert shown(session) == ["STEP-a", "STEP-b", "STEP-c"]
    last = json.dumps(house.bodies[-1]["messages"])
    assert "STEP-b" in last
    assert "Your step: STEP-c" in last
