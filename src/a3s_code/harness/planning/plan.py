"""
A plan: tasks that wait for one another, and how far they are.

Steps whose dependencies are completed make a wave. A step that cannot be completed takes those
that wait for it with it, and what nothing can ever reach is a deadlock, so a plan always ends.

Source:
    A3S Code docs, "Architecture: Planning & Parallel Execution"; SPEC 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tasks import ENDED, Task, TaskStatus
from a3s_code.kernel.told_tasks import as_row

Complexity: TypeAlias = Literal["Simple", "Medium", "Complex", "VeryComplex"]

_BANDS: tuple[tuple[int, Complexity], ...] = ((2, "Simple"), (5, "Medium"), (10, "Complex"))
_LOST = frozenset({"failed", "skipped", "cancelled"})


class Goal(msgspec.Struct, frozen=True):
    """
    Attributes:
        success_criteria: What has to be true when it is reached.
    """

    description: str
    success_criteria: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """
    What a planner answers.

    Attributes:
        steps: At least one, in the order in which they are told and merged; ids are unique.
            Empty: the request needs no plan.
        required_tools: Names; a hint.
        intent: What the request is about, as one of the styles is named; any other text says
            nothing. It chooses the style of the run where no option does.
    """

    goal: Goal
    steps: tuple[Task, ...] = ()
    complexity: Complexity = "Simple"
    required_tools: tuple[str, ...] = ()
    intent: str = ""

    def written_form(self) -> JsonObject:
        """Give it as `planning_end` has it."""
        return {
            "goal": self.goal.description,
            "steps": list(rows(self.steps)),
            "complexity": self.complexity,
            "required_tools": list(self.required_tools),
            "estimated_steps": len(self.steps),
        }


def complexity_of(steps: int) -> Complexity:
    """Name how much a number of steps is."""
    for most, name in _BANDS:
        if steps <= most:
            return name
    return "VeryComplex"


def rows(tasks: Iterable[Task]) -> tuple[JsonObject, ...]:
    """Give tasks as `task_updated` has them; what a task does not say is left out."""
    return tuple(map(as_row, tasks))


class ExecutionPlan:
    """
    The steps of one run, and where each of them is.

    Whatever the dependencies say, repeated marking of what is ready comes to an end: a step that
    depends on itself, on an unknown one or on a circle is never ready, and `has_deadlock` says so.

    Raises:
        InvalidValue: two steps have one id.
    """

    __slots__ = ("_tasks",)

    def __init__(self, steps: Sequence[Task]) -> None:
        self._tasks = {step.id: step for step in steps}
        if len(self._tasks) != len(steps):
            raise InvalidValue("Two steps of a plan have one id.", hint="give each its own")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All of them as they are now, in their order."""
        return tuple(self._tasks.values())

    def get_ready_steps(self) -> tuple[Task, ...]:
        """Give the next wave: what waits, and waits for nothing that is not completed."""
        return tuple(
            task
            for task in self._tasks.values()
            if task.status == "pending" and all(map(self._is_completed, task.dependencies))
        )

    def mark_status(self, step_id: str, status: TaskStatus) -> None:
        """
        Take down what became of a step; one that has ended stays as it is.

        What waits for a step that failed, or was left, is skipped with it.

        Raises:
            InvalidValue: there is no such step.
        """
        task = self._tasks.get(step_id)
        if task is None:
            raise InvalidValue(f"The plan has no step {step_id!r}.")
        if task.status in ENDED:
            return
        self._tasks[step_id] = replace(task, status=status)
        if status in _LOST:
            self._skip_after(step_id)

    def _skip_after(self, step_id: str) -> None:
        lost = [step_id]
        for gone in lost:
            for task in self.tasks:
                if task.status == "pending" and gone in task.dependencies:
                    self._tasks[task.id] = replace(task, status="skipped")
                    lost.append(task.id)

    def end_rest(self, status: TaskStatus) -> None:
        """Mark all that has not ended."""
        for task in self.tasks:
            if task.status not in ENDED:
                self._tasks[task.id] = replace(task, status=status)

    def is_last(self, step_id: str) -> bool:
        """Say that all other steps are completed."""
        return all(task.id == step_id or self._is_completed(task.id) for task in self.tasks)

    @property
    def pending_count(self) -> int:
        return sum(task.status == "pending" for task in self._tasks.values())

    @property
    def completed_count(self) -> int:
        return sum(task.status == "completed" for task in self._tasks.values())

    @property
    def has_deadlock(self) -> bool:
        """Say that steps wait which nothing will ever make ready."""
        runs = any(task.status == "in_progress" for task in self._tasks.values())
        return not runs and bool(self.pending_count) and not self.get_ready_steps()

    @property
    def progress(self) -> float:
        """Give the share of the steps that are completed, 0 to 1."""
        return self.completed_count / len(self._tasks) if self._tasks else 1.0

    def number(self, step_id: str) -> int:
        """Give the place of a step, from 1."""
        return list(self._tasks).index(step_id) + 1

    def _is_completed(self, step_id: str) -> bool:
        task = self._tasks.get(step_id)
        return task is not None and task.status == "completed"
