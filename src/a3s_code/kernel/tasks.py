"""
The list of tasks that a run works through, whoever made it: a planner, or the model itself.

Source:
    A3S Code docs, "Tasks" (SPEC 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

TaskStatus: TypeAlias = Literal[
    "pending", "in_progress", "completed", "failed", "skipped", "cancelled"
]
Priority: TypeAlias = Literal["high", "medium", "low"]

ENDED: frozenset[str] = frozenset({"completed", "failed", "skipped", "cancelled"})
"""Statuses that do not change any more."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        id: Unique in its list.
        content: What is to be done, in a sentence.
        tool: The tool that it is mostly about; a hint.
        dependencies: Ids of tasks of the list that have to be completed before.
        success_criteria: What has to be true when it is done.
    """

    id: str
    content: str
    status: TaskStatus = "pending"
    priority: Priority = "medium"
    tool: str | None = None
    dependencies: tuple[str, ...] = ()
    success_criteria: str | None = None


class TaskList(Protocol):
    """The list of one conversation, and no other's: a child has its own."""

    def show(self, tasks: Sequence[Task]) -> None:
        """Make these the whole list; whoever watches sees it, and the session keeps it."""
        ...
