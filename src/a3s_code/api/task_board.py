"""The list of tasks of a planned run, and the events that tell how it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from a3s_code.harness.planning.plan import ExecutionPlan, rows
from a3s_code.kernel.events import GoalProgress, StepEnd, StepStart, TaskUpdated
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.tasks import ENDED, Task, TaskStatus

DEADLOCK = "it waits for a step that cannot come before it"


@dataclass(frozen=True, slots=True)
class TaskBoard:
    """
    Attributes:
        goal: What the plan is for, in a sentence.
        failures: Why steps failed, by id.
    """

    plan: ExecutionPlan
    goal: str
    session_id: str
    sink: Sink
    failures: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def total(self) -> int:
        return len(self.plan.tasks)

    @property
    def is_whole(self) -> bool:
        """Say that every step is completed."""
        return self.plan.completed_count == self.total

    def tell(self) -> None:
        """Give the whole list as it is now."""
        self.sink.emit(TaskUpdated(session_id=self.session_id, tasks=rows(self.plan.tasks)))

    def start(self, wave: Sequence[Task]) -> None:
        """Begin all steps of a wave; none of them ends before."""
        for task in wave:
            self.plan.mark_status(task.id, "in_progress")
        self.tell()
        for task in wave:
            self.sink.emit(
                StepStart(
                    step_id=task.id,
                    description=task.content,
                    step_number=self.plan.number(task.id),
                    total_steps=self.total,
                )
            )

    def end(self, task: Task, status: TaskStatus) -> None:
        self.plan.mark_status(task.id, status)
        self._tell_end(task, status)
        self.tell()

    def _tell_end(self, task: Task, status: TaskStatus) -> None:
        self.sink.emit(
            StepEnd(
                step_id=task.id,
                status=status,
                step_number=self.plan.number(task.id),
                total_steps=self.total,
            )
        )

    def settle(self, task: Task, failure: str) -> None:
        """End a step: as failed for a reason, or as completed where there is none."""
        if failure:
            self.failures[task.id] = failure
        self.end(task, "failed" if failure else "completed")

    def fail_rest(self) -> None:
        """End what nothing will ever make ready."""
        if not self.plan.has_deadlock:
            return
        for task in self.plan.tasks:
            if task.status == "pending":
                self.failures[task.id] = DEADLOCK
        self.plan.end_rest("failed")
        self.tell()

    def cancel_rest(self) -> None:
        """End all that has not ended, because the run does."""
        if all(task.status in ENDED for task in self.plan.tasks):
            return
        running = [task for task in self.plan.tasks if task.status == "in_progress"]
        self.plan.end_rest("cancelled")
        for task in running:
            self._tell_end(task, "cancelled")
        self.tell()

    def progressed(self) -> None:
        """Tell how far the plan is, after a wave."""
        self.sink.emit(
            GoalProgress(
                goal=self.goal,
                progress=self.plan.progress,
                completed_steps=self.plan.completed_count,
                total_steps=self.total,
            )
        )
