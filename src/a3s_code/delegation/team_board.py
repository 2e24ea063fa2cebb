"""
The board of a team: its tasks, and where each of them stands.

    open ──claim──> in_progress ──complete──> in_review ──approve──> done
      ^                │                          └──────reject───> rejected ──claim──> …
      └────release─────┘

A step that is not drawn here is refused, so no task is lost and none has two claimants. All
methods are safe from any thread.

Source:
    A3S Code README of the 0.9 crate, "Agent Teams"; SPEC 9.8.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container
from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec.structs import replace

from a3s_code.checks import check_count, check_text
from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import JsonObject

TeamTaskStatus: TypeAlias = Literal["open", "in_progress", "in_review", "done", "rejected"]
STATUSES: tuple[TeamTaskStatus, ...] = get_args(TeamTaskStatus)
"""In the order of `TeamTaskBoard.stats`."""
MAX_TASKS = 50
"""Of a board, unless it is told otherwise."""


class TeamEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Where the result of a task comes from, to be looked up.

    Attributes:
        session_id: The session whose log has it; empty where that is not known.
        run_id: As `session.runs()` has it; of a child run, its id as the events have it.
        files_changed: Paths that file tools have written, relative to the workspace.
        verification_summary: As of `AgentResult`; empty where none was given.
    """

    session_id: str = ""
    run_id: str = ""
    files_changed: tuple[str, ...] = ()
    verification_summary: JsonObject = msgspec.field(default_factory=dict[str, Any])


class TeamTask(msgspec.Struct, frozen=True, kw_only=True):
    """
    A task as it stood when it was asked for.

    Attributes:
        id: `task-1`, `task-2`, … in the order in which they were posted.
        assigned_to: Who has it, or had it last; None for one that anybody may claim.
        result: What was handed in last.
        created_at, updated_at: Unix seconds.
        review: What the reviewer said last; of a rejected task, why.
        evidence: Where the result comes from; None for one that the host handed in without.
    """

    id: str
    description: str
    posted_by: str
    status: TeamTaskStatus
    created_at: int
    updated_at: int
    assigned_to: str | None = None
    result: str | None = None
    review: str = ""
    evidence: TeamEvidence | None = None


class TeamTaskBoard:
    """
    Args:
        max_tasks: Tasks at most, those that are done included.

    Raises:
        InvalidValue: `max_tasks` is not above 0.
    """

    __slots__ = ("_lock", "_max_tasks", "_tasks", "_untaken", "_watch")

    def __init__(self, max_tasks: int = MAX_TASKS) -> None:
        check_count("max_tasks", max_tasks)
        self._max_tasks = max_tasks
        self._lock = threading.Lock()
        self._tasks: dict[str, TeamTask] = {}
        self._untaken: set[str] = set()
        self._watch: Callable[[], None] | None = None

    def post(self, description: str, posted_by: str, assigned_to: str | None = None) -> str | None:
        """
        Put up a task and give its id; None when the board is full.

        Args:
            assigned_to: Who alone can claim it. It is `in_progress` at once.

        Raises:
            InvalidType: one of them is no text.
            InvalidValue: the description is empty.
        """
        check_text("description", description)
        check_text("posted_by", posted_by)
        if assigned_to is not None:
            check_text("assigned_to", assigned_to)
        if not description.strip():
            raise InvalidValue("The description of a task is empty.", hint="say what is to be done")
        with self._lock:
            if len(self._tasks) >= self._max_tasks:
                return None
            now, id_ = int(time.time()), f"task-{len(self._tasks) + 1}"
            self._tasks[id_] = TeamTask(
                id=id_,
                description=description,
                posted_by=posted_by,
                status="open" if assigned_to is None else "in_progress",
                created_at=now,
                updated_at=now,
                assigned_to=assigned_to,
            )
            if assigned_to is not None:
                self._untaken.add(id_)
        self._changed()
        return id_

    def claim(self, member: str, beside: Container[str] = ()) -> TeamTask | None:
        """
        Take the next task: one that was assigned to this member, else the first one that is open
        or was rejected. None when there is none.

        Args:
            beside: Ids of tasks that are not wanted.
        """
        with self._lock:
            wanted = [task for task in self._tasks.values() if task.id not in beside]
            free = [task for task in wanted if task.status in {"open", "rejected"}]
            own = [each for each in wanted if each.id in self._untaken]
            mine = [task for task in own if task.assigned_to == member]
            found = next(iter((*mine, *free)), None)
            if found is None:
                return None
            self._untaken.discard(found.id)
            taken = self._put(found, status="in_progress", assigned_to=member)
        self._changed()
        return taken

    def complete(self, task_id: str, result: str, evidence: TeamEvidence | None = None) -> bool:
        """Hand in what came of a task in progress; False when there is none of this id."""
        check_text("result", result)
        return self._step(
            task_id, {"in_progress"}, status="in_review", result=result, evidence=evidence
        )

    def approve(self, task_id: str, review: str = "") -> bool:
        """Accept a task that is in review; False when there is none of this id."""
        return self._step(task_id, {"in_review"}, status="done", review=review)

    def reject(self, task_id: str, review: str = "") -> bool:
        """
        Send a task that is in review back, for anybody to claim; False when there is none.

        Args:
            review: Why; whoever claims it next is told.
        """
        return self._step(
            task_id, {"in_review"}, status="rejected", assigned_to=None, review=review
        )

    def release(self, task_id: str) -> bool:
        """Open a task in progress again that is not gone on with; False when there is none."""
        return self._step(task_id, {"in_progress"}, status="open", assigned_to=None)

    def get(self, task_id: str) -> TeamTask | None:
        """Give a task as it stands now; None when there is none of this id."""
        with self._lock:
            return self._tasks.get(task_id)

    def all(self) -> list[TeamTask]:
        """Give every task, in the order in which they were posted."""
        with self._lock:
            return list(self._tasks.values())

    def by_status(self, status: str) -> list[TeamTask]:
        """
        Raises:
            InvalidValue: there is no such status.
        """
        if status not in STATUSES:
            raise InvalidValue(
                f"{status!r} is no status of a task.", hint=f"use one of {', '.join(STATUSES)}"
            )
        return [task for task in self.all() if task.status == status]

    def by_assignee(self, member: str) -> list[TeamTask]:
        """Give the tasks that a member has, or had last, in the order in which they were posted."""
        return [task for task in self.all() if task.assigned_to == member]

    def len(self) -> int:
        """The same as `len(board)`."""
        return len(self)

    def __len__(self) -> int:
        with self._lock:
            return len(self._tasks)

    def __bool__(self) -> bool:
        """A board is one, also without tasks."""
        return True

    def stats(self) -> tuple[int, int, int, int, int]:
        """Count tasks that are open, in progress, in review, done and rejected."""
        found = [task.status for task in self.all()]
        open_, progress, review, done, rejected = (found.count(status) for status in STATUSES)
        return open_, progress, review, done, rejected

    def is_claimable(self, members: Container[str], beside: Container[str] = ()) -> bool:
        """Say whether one of `members` could claim something; `beside` as of `claim`."""
        with self._lock:
            return any(
                task.status in {"open", "rejected"}
                or (task.id in self._untaken and (task.assigned_to or "") in members)
                for task in self._tasks.values()
                if task.id not in beside
            )

    def leave(self, member: str) -> None:
        """Open what was assigned to a member that is gone, and that it did not claim."""
        with self._lock:
            left = [self._tasks[id_] for id_ in self._untaken]
            for task in left:
                if task.assigned_to == member:
                    self._untaken.discard(task.id)
                    self._put(task, status="open", assigned_to=None)
        self._changed()

    def watch(self, told: Callable[[], None] | None) -> None:
        """Have `told` called after every change, from any thread; None = nobody is."""
        self._watch = told

    def _step(
        self,
        task_id: str,
        before: Container[str],
        **now: Any,  # noqa: ANN401 - fields of the task
    ) -> bool:
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.status not in before:
                return False
            self._untaken.discard(task_id)
            self._put(task, **now)
        self._changed()
        return True

    def _put(self, task: TeamTask, **now: Any) -> TeamTask:  # noqa: ANN401 - as above
        made = replace(task, updated_at=int(time.time()), **now)
        self._tasks[task.id] = made
        return made

    def _changed(self) -> None:
        watch = self._watch
        if watch is not None:
            watch()
