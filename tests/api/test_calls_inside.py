"""Programs, batches, objects and lists of steps inside one another, in children and in plans."""

from __future__ import annotations

import json
from typing import Any

import pytest

from a3s_code import PermissionPolicy, Session
from a3s_code.capabilities.skills.registry import SkillRegistry
from a3s_code.capabilities.skills.skill import Skill
from a3s_code.testing import Rule, Turn, When, calls, on, says
from api.house import WIRES, House, come, meanwhile
from api.plans import beside, plan, planner, statuses, step, told, types

ALL = PermissionPolicy(default_decision="allow")
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}
OBJECT: dict[str, Any] = {"schema": SCHEMA, "prompt": "HOW-MANY", "schema_name": "count"}
ANSWER = on(When(forced_tool="count"), calls("*", n=7))


def script(body: str, **request: Any) -> Turn:
    return calls("program", source=source(body), **request)


def source(body: str) -> str:
    return f"export default async function run(ctx, inputs) {{ {body} }}"


def batch(*invocations: tuple[str, dict[str, Any]]) -> Turn:
    return calls("batch", invocations=[{"tool": tool, "args": args} for tool, args in invocations])


def ends(events: list[Any], tool: str) -> list[Any]:
    return [each for each in events if each.event_type == "tool_end" and each.tool_name == tool]


def registry(*skills: Skill) -> SkillRegistry:
    made = SkillRegistry()
    for skill in skills:
        made.register_unchecked(skill)
    return made


def purposes(session: Session) -> list[tuple[str, bool]]:
    """Give what each request was for, and whether a child or a step made it."""
    return [(row.purpose, bool(row.child)) for row in session.cost_records()]


def tokens(session: Session, run: str) -> int:
    rows = session.cost_records()
    return sum(row.total_tokens for row in rows if row.run_id == run)


def receipts(session: Session, run: str) -> list[str]:
    """Give what the requests of a run were for that have a receipt and were answered."""
    return [each.purpose for each in session.context_receipts(run) if each.usage is not None]


# Objects


@pytest.mark.parametrize("kind", WIRES)
def test_a_program_has_an_object_made_and_its_costs_are_those_of_the_run(
    house: House, kind: str
) -> None:
    body = f"""
      const made = await ctx.tools.generate_object({json.dumps(OBJECT)});
      return JSON.parse(made.output).object.n;
    """
    session = house.session(script(body), says("done"), rules=(ANSWER,), kind=kind, permissive=True)
    events = list(session.stream("go"))
    (end,) = ends(events, "program")
    assert "Result:\n7" in end.tool_output
    run = session.runs()[-1]["id"]
    assert purposes(session) == [("turn", False), ("object", False), ("turn", False)]
    assert events[-1].total_tokens == tokens(session, run)
    assert receipts(session, run) == ["turn", "object", "turn"]


def test_a_batch_has_no_object_made(house: House) -> None:
    session = house.session(
        batch(("generate_object", OBJECT), ("ls", {})),
        says("done"),
        rules=(ANSWER,),
        permissive=True,
    )
    events = list(session.stream("go"))
    (end,) = ends(events, "batch")
    assert "1 of 2 calls failed" in end.tool_output
    assert "call it by itself" in end.tool_output
    assert [each.tool_name for each in events if each.event_type == "tool_end"].count("ls") == 1
    assert purposes(session) == [("turn", False), ("turn", False)]


@pytest.mark.parametrize("kind", WIRES)
def test_in_a_child_the_object_is_asked_of_the_childs_model_and_booked_to_it(
    house: House, kind: str
) -> None:
    maker = Skill(
        name="maker", description="Make", body="M.", allowed_tools=("generate_object(*)",)
    )
    session = house.session(
        calls("Skill", skill_name="maker"),
        calls("generate_object", **OBJECT),
        says("it is 7"),
        says("done"),
        rules=(ANSWER,),
        kind=kind,
        permission_policy=ALL,
        skill_registry=registry(maker),
    )
    result = session.send("go")
    assert purposes(session) == [
        ("turn", False),
        ("child", True),
        ("object", True),
        ("child", True),
        ("turn", False),
    ]
    run = session.runs()[-1]["id"]
    assert result.usage.total_tokens == tokens(session, run)
    assert receipts(session, run) == ["turn", "turn"]
    (child,) = {row.child for row in session.cost_records() if row.child}
    assert receipts(session, child) == ["turn", "object", "turn"]


@pytest.mark.parametrize("kind", WIRES)
def test_in_a_step_beside_others_an_object_is_booked_to_the_step(house: House, kind: str) -> None:
    rules: tuple[Rule, ...] = (
        planner(step("a"), step("b")),
        ANSWER,
        beside("STEP-a", calls("generate_object", **OBJECT), says("A.")),
        beside("STEP-b", says("B.")),
    )
    session = house.session(
        says("done"), rules=rules, kind=kind, planning_mode="enabled", permissive=True
    )
    result = session.send("go")
    run = session.runs()[-1]["id"]
    rows = {row.purpose: row.child for row in session.cost_records()}
    assert rows["object"] == f"{run}.1"
    assert sorted(purposes(session)) == [
        ("object", True),
        ("plan", False),
        ("step", True),
        ("step", True),
        ("step", True),
        ("turn", False),
    ]
    assert result.usage.total_tokens == tokens(session, run)
    assert receipts(session, run) == ["plan", "turn"]
    assert receipts(session, f"{run}.1") == ["turn", "object", "turn"]
    assert receipts(session, f"{run}.2") == ["turn"]


def test_the_host_has_an_object_made_while_a_run_is_active(house: House) -> None:
    session = house.session(
        calls("bash", command="while [ ! -e go ]; do sleep 0.02; done"),
        says("done"),
        rules=(on(When(forced_tool="result"), calls("*", value=3)), ANSWER),
        permissive=True,
    )
    with meanwhile(lambda: session.send("go")) as came:
        come(session.active_tools)
        made = session.tool("generate_object", OBJECT)
        house.put("go")
    assert json.loads(made.output)["object"] == {"n": 7}
    assert came[0].text == "done"
    rows = {row.purpose: row.run_id for row in session.cost_records()}
    assert rows["object"] == ""
    assert came[0].usage.total_tokens == tokens(session, session.runs()[-1]["id"])
    assert len(session.history()) == 4


# Programs


@pytest.mark.parametrize("kind", WIRES)
def test_a_program_in_a_step_beside_others_calls_under_the_ids_of_the_step(
    house: House, kind: str
) -> None:
    rules: tuple[Rule, ...] = (
        planner(step("a"), step("b")),
        beside(
            "STEP-a", script("await ctx.tools.write({file_path: 'one', content: '1'})"), says("A.")
        ),
        beside(
            "STEP-b", script("await ctx.tools.write({file_path: 'two', content: '2'})"), says("B.")
        ),
    )
    session = house.session(
        says("done"), rules=rules, kind=kind, planning_mode="enabled", permissive=True
    )
    events = list(session.stream("go"))
    run = session.runs()[-1]["id"]
    assert (house.get("one"), house.get("two")) == ("1", "2")
    assert {end.tool_id for end in ends(events, "write")} == {f"{run}.1.1.1", f"{run}.2.1.1"}
    assert statuses(events)[-1] == ["completed", "completed"]


def test_a_program_in_a_child_has_the_rights_of_the_child(house: House) -> None:
    reader = Skill(
        name="reader", description="Read", body="R.", allowed_tools=("program(*)", "read(*)")
    )
    house.put("a", "TEXT-A")
    body = """
      const text = await ctx.readFile('a');
      try { await ctx.tools.write({file_path: 'b', content: text}); return 'wrote'; }
      catch (error) { return `${text.trim()} and: ${error.message}`; }
    """
    session = house.session(
        calls("Skill", skill_name="reader"),
        script(body),
        says("child"),
        says("done"),
        permission_policy=ALL,
        skill_registry=registry(reader),
    )
    events = list(session.stream("go"))
    assert not house.has("b")
    (end,) = ends(events, "program")
    assert "TEXT-A and: " in end.tool_output


def test_a_program_that_may_starts_a_skill_whose_rights_stay_its_own(house: House) -> None:
    reader = Skill(name="reader", description="Read", body="R.", allowed_tools=("read(*)",))
    body = "return (await ctx.tool('Skill', {skill_name: 'reader'})).output"
    session = house.session(
        script(body, allowed_tools=["Skill"]),
        calls("write", file_path="b", content="x"),
        says("child says so"),
        says("done"),
        permission_policy=ALL,
        skill_registry=registry(reader),
    )
    events = list(session.stream("go"))
    assert not house.has("b")
    (end,) = ends(events, "program")
    assert "child says so" in end.tool_output
    (outer,) = [
        each.tool_id
        for each in events
        if each.event_type == "tool_start" and each.tool_name == "program"
    ]
    (started,) = [each for each in events if each.event_type == "subagent_start"]
    assert started.tool_id.startswith(f"{outer}.1")
    (inner,) = ends(events, "write")
    assert inner.tool_id.startswith(started.tool_id)
    assert inner.exit_code == 1


def test_a_child_starts_no_child_through_a_program(house: House) -> None:
    deep = Skill(name="deep", description="Go on", body="D.", allowed_tools=("*",))
    body = "return (await ctx.tool('Skill', {skill_name: 'deep'})).output"
    turn = script(body, allowed_tools=["Skill"])
    session = house.session(
        turn,
        turn,
        says("the child ends"),
        says("done"),
        permission_policy=ALL,
        skill_registry=registry(deep),
    )
    events = list(session.stream("go"))
    assert types(events).count("subagent_start") == 1
    inner, outer = ends(events, "program")
    assert "Program script failed" in inner.tool_output
    assert "the child ends" in outer.tool_output


# Lists of steps

ROWS = [{"step": "one", "status": "in_progress"}, {"step": "two"}]


def shown(session: Session) -> list[str]:
    return [row["content"] for row in session.task_list()]


def test_a_program_shows_the_list_of_the_conversation_that_called_it(house: House) -> None:
    body = f"await ctx.tools.update_plan({{plan: {json.dumps(ROWS)}}})"
    session = house.session(script(body), says("done"), permissive=True)
    session.send("go")
    assert shown(session) == ["one", "two"]


def test_a_batch_shows_the_list_of_the_conversation_that_called_it(house: House) -> None:
    session = house.session(
        batch(("update_plan", {"plan": ROWS}), ("ls", {})), says("done"), permissive=True
    )
    session.send("go")
    assert shown(session) == ["one", "two"]


@pytest.mark.parametrize(
    "inner",
    [
        script(f"await ctx.tools.update_plan({{plan: {json.dumps(ROWS)}}})"),
        batch(("update_plan", {"plan": ROWS})),
    ],
)
def test_what_runs_in_a_child_shows_the_list_of_the_child(house: House, inner: Turn) -> None:
    free = Skill(name="free", description="Free", body="F.")
    session = house.session(
        calls("Skill", skill_name="free"),
        inner,
        says("child"),
        says("done"),
        permission_policy=ALL,
        skill_registry=registry(free),
    )
    (row,) = told(list(session.stream("go")), "task_updated")
    assert row["session_id"].startswith("task-run-")
    assert shown(session) == []


def test_a_step_beside_others_shows_a_list_of_its_own(house: House) -> None:
    rules: tuple[Rule, ...] = (
        planner(step("a"), step("b")),
        beside("STEP-a", calls("update_plan", plan=ROWS), says("A.")),
        beside("STEP-b", says("B.")),
    )
    session = house.session(says("done"), rules=rules, planning_mode="enabled", permissive=True)
    session.send("go")
    assert shown(session) == ["STEP-a", "STEP-b"]


def test_a_list_that_a_step_keeps_never_takes_the_place_of_the_plan(house: House) -> None:
    session = house.session(
        plan(step("a"), step("b", "a")),
        calls("update_plan", plan=ROWS),
        says("a"),
        says("b"),
        permissive=True,
        planning_mode="enabled",
    )
    rows = told(list(session.stream("go")), "task_updated")
    lists = {row["session_id"]: len(row["tasks"]) for row in rows}
    own = [row["tasks"] for row in rows if row["session_id"] == session.session_id]

    assert len(lists) == 2
    assert {task["content"] for tasks in own for task in tasks} == {"STEP-a", "STEP-b"}
    assert shown(session) == ["STEP-a", "STEP-b"]


def test_the_list_of_a_plan_stays_until_an_ordinary_run_shows_another(house: House) -> None:
    session = house.session(
        plan(step("a"), step("b", "a")),
        says("a"),
        says("b"),
        says("ordinary"),
        calls("update_plan", plan=ROWS),
        says("done"),
        permissive=True,
        planning_mode="auto",
    )
    session.send(
        "Please do all of this:\n1. write the first file\n2. write the second\n3. check them"
    )
    assert [row["status"] for row in session.task_list()] == ["completed"] * 2
    session.send("thanks")
    assert shown(session) == ["STEP-a", "STEP-b"]
    session.send("now that")
    assert shown(session) == ["one", "two"]


# What a program says that it has checked


PASSES = "[{id: 'unit', kind: 'test', description: 'ran it', status: 'passed'}]"


def test_what_a_program_says_that_it_has_checked_is_a_claim(house: House) -> None:
    body = f"return await ctx.verify('tests', {PASSES})"
    session = house.session(script(body), says("All is proven."), permissive=True)
    result = session.send("go")
    (report,) = session.verification_reports()
    assert (report["made_by"], report["status"]) == ("program", "needs_review")
    assert result.verification_status == "needs_review"
    assert "needs_review" in json.dumps(house.bodies[1]["messages"][-1])


def test_a_claim_of_a_program_does_not_stand_for_a_required_check(house: House) -> None:
    write = "await ctx.tools.write({file_path: 'a', content: 'x'})"
    body = f"{write}; await ctx.verify('required', {PASSES})"
    session = house.session(
        script(body),
        default=says("All is proven."),
        permissive=True,
        verification={"commands": [{"id": "unit", "command": "false"}], "max_rounds": 1},
    )
    assert session.send("go").verification_status != "passed"
    assert [each["made_by"] for each in session.verification_reports()] == ["program", "harness"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("", "verify: the report"),
        ("'tests', [{id: 1}]", "verify: the report"),
        ("'tests', [{id: 'x'.repeat(40000)}]", "KiB at most"),
        ("{subject: 'tests', made_by: 'harness'}", "made_by"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(house: House, args: str, said: str) -> None:
    session = house.session(permissive=True)
    result = session.program({"source": source(f"await ctx.verify({args})")})
    assert result.exit_code == 1
    assert said in result.output
    assert session.verification_reports() == []


def test_a_program_makes_a_bounded_number_of_reports(house: House) -> None:
    session = house.session(permissive=True)
    body = f"for (;;) await ctx.verify('tests', {PASSES})"
    assert "at most" in session.program({"source": source(body)}).output
    assert len(session.verification_reports()) == 32
