"""
The child runs of a session: what each is, and ending one.

`Subagents` is written here once; `Session` in `api/sync.py` is generated from it.

Source:
    SPEC 9.5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from a3s_code.api import records_view
from a3s_code.checks import check_text
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.log import Log


class Subagents(ABC):
    """Gives `AsyncSession` its child runs, as its log tells of them."""

    __slots__ = ()

    _engine: Engine | None

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raise SessionClosed when it is closed."""

    def subagent_tasks(self) -> list[JsonObject]:
        """
        List the child runs of the session, oldest first: tasks, and skills that ran as one.

        Those of before a resume are among them. `retention_limits` may drop the oldest that have
        ended.

        Returns:
            `task_id`; `parent_session_id`; `child_session_id`; `agent`; `description`; `status`:
            `running`, `completed`, `failed` or `cancelled`; `started_ms`, `updated_ms` and
            `finished_ms` in Unix time; `output`, what it said, or why it failed; `success`; and
            `progress`, the last 50 rows of `status`, `metadata` and `timestamp_ms`. While it
            runs, `finished_ms`, `output` and `success` are None. One that had a worktree and has
            ended has `merge`, what became of that.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.child_runs(log) if log else []

    def subagent_task(self, task_id: str) -> JsonObject | None:
        """
        Give one child run, as `subagent_tasks` lists it; None when there is none.

        Raises:
            InvalidType: the id is no text.
            SessionClosed: the session was closed.
        """
        check_text("task_id", task_id)
        rows = (row for row in self.subagent_tasks() if row["task_id"] == task_id)
        return next(rows, None)

    def pending_subagent_tasks(self) -> list[JsonObject]:
        """List the child runs that go on."""
        return [row for row in self.subagent_tasks() if row["status"] == "running"]

    async def cancel_subagent_task(self, task_id: str) -> bool:
        """
        End a child run, with what it has started; True when it was running.

        The call that waits for it fails with the kind `child.cancelled`, and its run goes on.

        Raises:
            InvalidType: the id is no text.
            SessionClosed: the session was closed.
            UsageError: it did not stop within 10 s; says what goes on by itself.
        """
        check_text("task_id", task_id)
        self._check_open()
        return await self._engine.cancel_child(task_id) if self._engine else False
