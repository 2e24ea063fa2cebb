"""
How far a run is, on a terminal: its style, plan, tasks, goal, and what was checked.

A list of tasks is shown whole once, and then what changes of it. What a model or a planner wrote
stays on its line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from a3s_code.api.event import AgentEvent
from a3s_code.kernel.tasks import Task
from a3s_code.kernel.verification import Report, Reporter, status_of
from a3s_code.kernel.visible import on_one_line

MAX_ROWS = 20
"""Tasks or checks of one event; the rest is counted."""
MAX_CHARS = 160

_MARKS = {
    "pending": "[ ]",
    "in_progress": "[>]",
    "completed": "[x]",
    "passed": "[x]",
    "failed": "[!]",
    "needs_review": "[?]",
}
_ENDED = "[-]"
"""Of what was skipped, cancelled or taken off the list."""
_TOLD_BY_STEPS = frozenset({"in_progress", "completed"})


class Progress:
    """Of one run; knows the list of tasks as it was shown last."""

    __slots__ = ("_plan", "_tasks")

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._plan: frozenset[str] = frozenset()

    def of(self, event: AgentEvent) -> list[str]:
        """Give the lines for an event; none for one that is about something else."""
        tell = _TELLERS.get(event.event_type)
        try:
            return tell(self, event) if tell is not None else []
        except msgspec.MsgspecError:  # of a later version
            return [f"** {event.event_type}"]

    def mode(self, event: AgentEvent) -> list[str]:
        said = _read(event, _Mode)
        return [_line(f"** {said.mode}: {said.description}")]

    def planning(self, _: AgentEvent) -> list[str]:
        return ["** planning"]

    def planned(self, event: AgentEvent) -> list[str]:
        said = _read(event, _Planned)
        self._plan = frozenset(step.id for step in said.plan.steps)
        if said.plan.fallback is not None:
            return [_line(f"** no plan, one step: {said.plan.fallback}")]
        return [_line(f"** plan: {_count(said.estimated_steps, 'step')}: {said.plan.goal}")]

    def tasks(self, event: AgentEvent) -> list[str]:
        before, tasks = self._tasks, _read(event, _Tasks).tasks
        self._tasks = {task.id: task for task in tasks}
        gone = [task for key, task in before.items() if key not in self._tasks]
        rows = [_row(task.status, task.content) for task in tasks if self._is_news(before, task)]
        rows += [_row("", f"{task.content} (not on the list any more)") for task in gone]
        if not before and rows:
            return [f"** {_count(len(tasks), 'task')}", *_some(rows)]
        return _some(rows)

    def _is_news(self, before: dict[str, Task], task: Task) -> bool:
        was = before.get(task.id)
        if was is None or was.content != task.content:
            return True
        if was.status == task.status:
            return False
        return task.id not in self._plan or task.status not in _TOLD_BY_STEPS

    def step(self, event: AgentEvent) -> list[str]:
        said = _read(event, _Step)
        return [_line(f"** step {said.step_number} of {said.total_steps}: {said.description}")]

    def step_ended(self, event: AgentEvent) -> list[str]:
        said = _read(event, _Step)
        return [_line(f"** step {said.step_number} of {said.total_steps} {said.status}")]

    def goal(self, event: AgentEvent) -> list[str]:
        return [_line(f"** goal: {_read(event, _Goal).goal.description}")]

    def goal_progress(self, event: AgentEvent) -> list[str]:
        said = _read(event, _GoalProgress)
        steps = f"{said.completed_steps} of {_count(said.total_steps, 'step')}"
        return [f"** goal: {said.progress:.0%}, {steps}"]

    def achieved(self, event: AgentEvent) -> list[str]:
        said = _read(event, _GoalProgress)
        seconds = f"{said.duration_ms / 1000:.1f} s"
        return [f"** goal achieved: {_count(said.total_steps, 'step')}, {seconds}"]

    def verification(self, event: AgentEvent) -> list[str]:
        said = _read(event, _Verification)
        report = said.report
        whose = "" if said.made_by == "harness" else f", says the {said.made_by}"
        rows = [_row(check.status, f"{check.description} ({check.id})") for check in report.checks]
        risks = [_line(f"   ! {risk.text}") for risk in report.residual_risks]
        head = f"** verification {status_of(report)}{whose}: {report.subject}"
        return [_line(head), *_some(rows), *_some(risks)]

    def ended(self, event: AgentEvent) -> list[str]:
        """Say what all checks come to, when there were any."""
        given = event.verification_summary_json
        if given is None or not msgspec.json.decode(given, type=_Summary).report_count:
            return []
        first, *others = (event.verification_summary_text or "").splitlines() or [""]
        return [_line(f"** {first}"), *_some([_line(f"   {line}") for line in others])]


_TELLERS: dict[str, Callable[[Progress, AgentEvent], list[str]]] = {
    "agent_mode_changed": Progress.mode,
    "planning_start": Progress.planning,
    "planning_end": Progress.planned,
    "task_updated": Progress.tasks,
    "step_start": Progress.step,
    "step_end": Progress.step_ended,
    "goal_extracted": Progress.goal,
    "goal_progress": Progress.goal_progress,
    "goal_achieved": Progress.achieved,
    "verification": Progress.verification,
    "end": Progress.ended,
}


# What is read of an event; the rest of it is in `--json`


class _Mode(msgspec.Struct):
    mode: str
    description: str


class _PlanStep(msgspec.Struct):
    id: str


class _Plan(msgspec.Struct):
    goal: str = ""
    steps: tuple[_PlanStep, ...] = ()
    fallback: str | None = None


class _Planned(msgspec.Struct):
    plan: _Plan
    estimated_steps: int


class _Tasks(msgspec.Struct):
    tasks: tuple[Task, ...]


class _Step(msgspec.Struct):
    step_number: int
    total_steps: int
    description: str = ""
    status: str = ""


class _GoalText(msgspec.Struct):
    description: str


class _Goal(msgspec.Struct):
    goal: _GoalText


class _GoalProgress(msgspec.Struct):
    total_steps: int
    progress: float = 0.0
    completed_steps: int = 0
    duration_ms: int = 0


class _Verification(msgspec.Struct):
    report: Report
    made_by: Reporter


class _Summary(msgspec.Struct):
    report_count: int = 0


S = TypeVar("S", bound=msgspec.Struct)


def _read(event: AgentEvent, kind: type[S]) -> S:
    return msgspec.json.decode(event.data or "{}", type=kind)


def _row(status: str, text: str) -> str:
    return _line(f"   {_MARKS.get(status, _ENDED)} {text}")


def _line(text: str) -> str:
    """Give one line, cut where it is too long for a terminal."""
    one = " ".join(text.split("\n"))
    return on_one_line(one if len(one) <= MAX_CHARS else f"{one[: MAX_CHARS - 2]} …")


def _some(rows: list[str]) -> list[str]:
    if len(rows) <= MAX_ROWS:
        return rows
    return [*rows[:MAX_ROWS], f"   … {len(rows) - MAX_ROWS} more"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
