"""How a plan, its tasks and its checks look on a terminal."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from a3s_code import AgentEvent
from a3s_code.cli.progress import MAX_CHARS, MAX_ROWS
from a3s_code.cli.transcript import show
from a3s_code.testing import calls, says
from cli.command_line import CommandLine

SKILL = "---\nname: look\ndescription: Looks\n---\nLook."


def event(kind: str, **data: Any) -> AgentEvent:
    return AgentEvent(kind, data=json.dumps(data))


def shown(*events: AgentEvent) -> list[str]:
    note = io.StringIO()
    show(events, io.StringIO(), note)
    return note.getvalue().splitlines()


def tasks(**statuses: str) -> AgentEvent:
    rows = [{"id": id_, "content": f"do {id_}", "status": at} for id_, at in statuses.items()]
    return event("task_updated", session_id="s", tasks=rows)


def test_a_list_is_shown_whole_once_and_then_what_changes() -> None:
    assert shown(
        tasks(a="in_progress", b="pending", c="pending"),
        tasks(a="in_progress", b="pending", c="pending"),
        tasks(a="completed", b="in_progress", c="pending"),
        tasks(a="completed", b="failed", d="pending"),
    ) == [
        "** 3 tasks",
        "   [>] do a",
        "   [ ] do b",
        "   [ ] do c",
        "   [x] do a",
        "   [>] do b",
        "   [!] do b",
        "   [ ] do d",
        "   [-] do c (not on the list any more)",
    ]


def test_the_tasks_of_a_plan_are_told_by_its_steps_but_for_those_that_never_ran() -> None:
    plan = {"goal": "a parser", "steps": [{"id": "a"}, {"id": "b"}]}

    assert shown(
        AgentEvent("planning_start", prompt="go"),
        event("planning_end", plan=plan, estimated_steps=2),
        tasks(a="pending", b="pending"),
        event("step_start", step_id="a", description="do a", step_number=1, total_steps=2),
        tasks(a="in_progress", b="pending"),
        event("step_end", step_id="a", status="failed", step_number=1, total_steps=2),
        tasks(a="failed", b="skipped"),
    ) == [
        "** planning",
        "** plan: 2 steps: a parser",
        "** 2 tasks",
        "   [ ] do a",
        "   [ ] do b",
        "** step 1 of 2: do a",
        "** step 1 of 2 failed",
        "   [!] do a",
        "   [-] do b",
    ]


def test_a_planner_that_failed_is_told_with_why() -> None:
    plan = {"goal": "", "steps": [{"id": "step-1"}], "fallback": "ModelError: the server\nfailed"}

    assert shown(event("planning_end", plan=plan, estimated_steps=1)) == [
        "** no plan, one step: ModelError: the server failed"
    ]


def test_a_goal_is_told_with_how_far_it_is() -> None:
    assert shown(
        event("goal_extracted", goal={"description": "No failing test"}),
        event("goal_progress", goal="g", progress=0.5, completed_steps=1, total_steps=2),
        event("goal_achieved", goal="g", total_steps=2, duration_ms=1234),
    ) == [
        "** goal: No failing test",
        "** goal: 50%, 1 of 2 steps",
        "** goal achieved: 2 steps, 1.2 s",
    ]


def check(id_: str, status: str) -> dict[str, Any]:
    return {
        "id": id_,
        "kind": "test",
        "description": f"runs {id_}",
        "status": status,
        "required": True,
    }


def test_what_was_checked_is_told_with_who_says_so() -> None:
    report = {
        "schema": "a3s.verification_report.v1",
        "subject": "the parser",
        "checks": [check("unit", "passed"), check("types", "failed")],
        "residual_risks": [{"kind": "check_failed", "text": "types: 2 errors"}],
    }
    good = {**report, "checks": [check("unit", "passed")], "residual_risks": []}

    assert shown(
        event("verification", report=report, made_by="harness"),
        event("verification", report=good, made_by="host"),
    ) == [
        "** verification failed: the parser",
        "   [x] runs unit (unit)",
        "   [!] runs types (types)",
        "   ! types: 2 errors",
        "** verification passed, says the host: the parser",
        "   [x] runs unit (unit)",
    ]


def test_the_end_says_what_all_checks_come_to_when_there_were_any() -> None:
    def end(count: int) -> AgentEvent:
        text = "Verification failed: 1 report.\n- the parser (stale): x"
        summary = json.dumps({"status": "failed", "report_count": count})
        return AgentEvent(
            "end", "", verification_summary_text=text, verification_summary_json=summary
        )

    assert shown(end(1)) == ["** Verification failed: 1 report.", "   - the parser (stale): x"]
    assert shown(end(0)) == []


@pytest.mark.parametrize(
    "made",
    [
        lambda text: event("agent_mode_changed", mode="m", agent="a", description=text),
        lambda text: event("task_updated", tasks=[{"id": "a", "content": text}]),
        lambda text: event("goal_extracted", goal={"description": text}),
        lambda text: event("step_start", description=text, step_number=1, total_steps=1),
        lambda text: event("planning_end", plan={"goal": text}, estimated_steps=1),
    ],
    ids=["mode", "task", "goal", "step", "plan"],
)
def test_no_text_leaves_its_line_or_tells_the_terminal_anything(made: Any) -> None:
    lines = shown(made("evil\x1b[2J\n<- read\n** verification passed: all\u202e" + "x" * 400))

    assert all("\x1b" not in line and "\u202e" not in line for line in lines)
    assert sum("evil" in line for line in lines) == 1
    assert not any(line.startswith(("<- read", "** verification")) for line in lines)
    assert max(map(len, lines)) <= MAX_CHARS + 30


def test_a_long_list_is_counted() -> None:
    lines = shown(tasks(**{f"t{at}": "pending" for at in range(MAX_ROWS + 5)}))

    assert lines[-1] == "   … 5 more"


def test_an_event_of_another_form_is_named_and_ends_nothing() -> None:
    assert shown(event("task_updated", tasks="none")) == ["** task_updated"]
    assert shown(AgentEvent("step_start", data="{")) == ["** step_start"]


def test_a_call_inside_another_is_set_in_and_tells_its_output_only_when_it_fails() -> None:
    assert shown(
        AgentEvent("tool_start", tool_name="batch", tool_id="c"),
        AgentEvent("tool_start", tool_name="read", tool_id="c.1"),
        AgentEvent("tool_start", tool_name="ls", tool_id="c.2"),
        AgentEvent("tool_end", tool_name="read", tool_id="c.1", tool_output="a", exit_code=0),
        AgentEvent("tool_end", tool_name="ls", tool_id="c.2", tool_output="no", exit_code=1),
        AgentEvent("tool_end", tool_name="batch", tool_id="c", tool_output="both", exit_code=1),
        AgentEvent("tool_start", tool_name="read", tool_id="other.1"),
    ) == [
        "-> batch",
        "   -> read",
        "   -> ls",
        "   <- ls failed (1)",
        "      no",
        "<- batch failed (1)",
        "   both",
        "-> read",
    ]


def test_a_run_on_the_command_line_tells_its_style_and_its_inner_calls(
    command_line: CommandLine,
) -> None:
    command_line.put("skills/look.md", SKILL)
    command_line.configure(
        calls("Skill", skill_name="look", prompt="at all"),
        calls("ls"),
        says("Nothing."),
        says("There is nothing."),
    )
    done = command_line.run("--skills", "skills", "Review my changes")
    lines = done.stderr.splitlines()

    assert lines[0] == "** code_review: Look for what is wrong with a change"
    assert "   -> skill look: ls" in lines
    assert done.stdout == "There is nothing.\n"


def test_on_a_terminal_it_looks_the_same_and_has_no_colours(command_line: CommandLine) -> None:
    command_line.configure(calls("bash", command="make"), says("All is well."))
    done = command_line.answer("Review my changes", keys=b"n\n")

    assert done.returncode == 0
    assert done.stderr.startswith("** code_review: Look for what is wrong with a change\r\n")
    assert "\x1b" not in done.stderr
