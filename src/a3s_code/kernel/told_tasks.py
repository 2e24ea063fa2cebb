"""The list of tasks of one conversation, as a call has it: showing it makes it an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from a3s_code.kernel.events import TaskUpdated
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.tasks import Task


@dataclass(frozen=True, slots=True)
class ToldTasks:
    """See `tasks.TaskList`; what a child shows is its own (`delegation.child_sink`)."""

    session_id: str
    sink: Sink

    def show(self, tasks: Sequence[Task]) -> None:
        self.sink.emit(
            TaskUpdated(session_id=self.session_id, tasks=tuple(as_row(task) for task in tasks))
        )


def as_row(task: Task) -> JsonObject:
    """Give a task as events have it: plain JSON, without what it does not say."""
    row: JsonObject = msgspec.to_builtins(task) | {"dependencies": [*task.dependencies]}
    return {name: value for name, value in row.items() if value not in (None, [])}
