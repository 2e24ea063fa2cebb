"""
What a session's log tells its callers, and the doubts that they can settle.

`SessionRecords` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from a3s_code.api import records_view
from a3s_code.api.event_page import event_page
from a3s_code.api.receipt_view import ContextReceipt, receipts_of
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.log import Log


class SessionRecords(ABC):
    """Gives `AsyncSession` its records; none of them is kept twice."""

    __slots__ = ()

    _engine: Engine | None

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _check_open(self) -> None:
        """
        Raises:
            SessionClosed: the session was closed.
        """

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    # Records

    def history(self) -> list[JsonObject]:
        """
        Give the conversation: `{"role", "content": [blocks]}`, oldest first.

        Empty until the session is first used, also when its store knows it. Like every
        record it goes with the session: read it before `close`, or resume the session.

        Raises:
            SessionClosed: the session was closed; nothing of it is kept in memory.
        """
        log = self._log()
        return records_view.history(log) if log else []

    def runs(self) -> list[JsonObject]:
        """
        Give the snapshots of all runs, oldest first; fields of `RunSnapshot`.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.runs(log) if log else []

    def run_snapshot(self, run_id: str) -> JsonObject | None:
        """
        Give the snapshot of one run; None for an unknown id.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.run_snapshot(log, run_id) if log else None

    def run_events(self, run_id: str) -> list[JsonObject]:
        """
        List `{"sequence", "timestamp_ms", "event"}` of one run, without gaps.

        The first is 0, or what `retention_limits` left of a long run.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.run_events(log, run_id) if log else []

    def run_event_page(
        self, run_id: str, after_sequence: int | None = None, limit: int = 256
    ) -> JsonObject | None:
        """
        Give a part of `run_events`, so that a long run can be followed piece by piece.

        Args:
            after_sequence: The last one that was seen; `next_after_sequence` of the page
                before. None = from the beginning.
            limit: Events at most.

        Returns:
            `events`; `first_available_sequence`, that of the oldest one that is kept;
            `latest_sequence_exclusive`, that of the next one to come;
            `next_after_sequence`, None while the run has no event; `retention_gap`, some
            between what was seen and this page were dropped; `has_more`. None for an
            unknown run.

        Raises:
            InvalidType, InvalidValue: a number is none, or outside what is accepted.
            SessionClosed: the session was closed.

        Source:
            SPEC 4.1.
        """
        return event_page(self._log(), run_id, after_sequence, limit)

    def current_run(self) -> JsonObject | None:
        """Give the snapshot of the active run; None when the session is idle or closed."""
        engine = self._engine
        return records_view.active_run(engine.log, engine.current) if engine else None

    def active_tools(self) -> list[JsonObject]:
        """List `{"id", "name", "started_at_ms"}` of the tool calls that run now."""
        calls = self._engine.executor.active.items() if self._engine else ()
        return [{"id": id_, "name": name, "started_at_ms": at} for id_, (name, at) in calls]

    def trace_events(self) -> list[JsonObject]:
        """
        List every tool call with its duration and size, without its output; SPEC 4.2.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.trace_events(log) if log else []

    def context_receipt(self, run_id: str, turn: int | None = None) -> ContextReceipt | None:
        """
        Say what a request of a run was made of: what the model was shown, why, from where, how
        much of it, and what was left out.

        Args:
            run_id: Of a run, or of a child run as its events have it (`task_id`); empty for what
                is in no run, such as `/compact`.
            turn: From 1; None for the last one, 0 for the last request for a summary. A turn
                whose first request was refused as too long has the one that followed.

        Returns:
            None for a run or a turn that is not known, or whose record was dropped.

        Raises:
            SessionClosed: the session was closed.
        """
        found = self.context_receipts(run_id)
        asked = [each for each in found if each.turn == turn or (turn is None and each.turn)]
        return asked[-1] if asked else None

    def context_receipts(self, run_id: str) -> list[ContextReceipt]:
        """
        List what the requests of a run were made of, as they were made; see `context_receipt`.

        Each request is listed: one of a turn that was refused as too long beside the one that
        followed, and that for a summary, with turn 0.

        Args:
            run_id: As of `context_receipt`.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return receipts_of(log.records, log.state, run_id) if log else []

    def task_list(self) -> list[JsonObject]:
        """
        List the tasks of the session as its model, or its planner, showed them last.

        Those of child runs and of runs with a `history` of their own are in their events alone.

        Returns:
            `id`, `content`, `status` (`pending`, `in_progress`, `completed`, `failed`, `skipped`,
            `cancelled`), `priority` (`high`, `medium`, `low`), and where a task says so `tool`,
            `dependencies` and `success_criteria`. Empty before there are any, and after `/clear`.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.tasks(log) if log else []

    async def get_artifact(self, artifact_uri: str) -> JsonObject | None:
        """
        Give a tool's complete output by the `a3s://` URI that stood in the cut one.

        Returns:
            `artifact_id`, `artifact_uri`, `tool_name`, `content`, `original_bytes`,
            `shown_bytes`; None for an unknown URI, or after the limits evicted it.

        Raises:
            SessionClosed: the session was closed.
        """
        self._check_open()
        artifact = await self._engine.artifact(artifact_uri) if self._engine else None
        return records_view.row(artifact) if artifact is not None else None

    async def log_head(self) -> JsonObject | None:
        """
        Give `{"sequence", "hash"}` of the last record that the store holds: an anchor.

        Kept somewhere else, it shows later whether the log was cut off or written anew:
        `a3s-code verify DIR --session ID --head HASH`.

        Returns:
            None when the session was not used, has no store yet, or one without anchors.

        Raises:
            StoreError: the store cannot be read.
            SessionClosed: the session was closed.
        """
        log = self._log()
        head = await log.head() if log else None
        return {"sequence": head[0] - 1, "hash": head[1]} if head else None

    # What is left to decide

    def in_doubt(self) -> list[JsonObject]:
        """
        List the effects of which nobody can tell whether they came about.

        They were about to run when their process ended. The same call of the model is put
        to the approver, and denied when there is none, until `resolve_in_doubt` is called.

        Returns:
            `call_id`, `tool`, `args` (None where the conversation has them no more),
            `args_sha256`, `run_id`, `since_ms` (Unix time), `reason`. Empty until a session
            that its store knows is first used; `resume_session` gives one that is.

        Raises:
            SessionClosed: the session was closed.
        """
        log = self._log()
        return records_view.in_doubt(log) if log else []

    async def resolve_in_doubt(self, call_id: str, took_effect: bool) -> bool:
        """
        Say of an effect in doubt what it came to; False when none of this call is.

        Raises:
            InvalidType: `took_effect` is no bool.
            StoreError: it could not be made durable.
            SessionClosed: the session was closed.
        """
        return await (await self._awake()).verdicts.resolve(call_id, took_effect=took_effect)
