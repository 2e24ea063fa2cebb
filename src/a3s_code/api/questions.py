"""
What a session asks about the calls of its model, and who answers.

`Questions` is written here once; `Session` in `api/sync.py` is generated from it.

Source:
    A3S Code Python SDK, "HITL Confirmations"; SPEC 6.2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from a3s_code.api import records_view
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.log import Log


class Questions(ABC):
    """Gives `AsyncSession` its questions; see `ConfirmationPolicy` for when there are any."""

    __slots__ = ()

    _engine: Engine | None

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _log(self) -> Log | None:
        """Give what is recorded; None when the session was not used."""

    def pending_confirmations(self) -> list[JsonObject]:
        """
        List the questions about calls that nobody has answered, oldest first.

        Those that a process left behind are among them; `resume_run` takes up the answers.

        Returns:
            `tool_id`, `tool_name`, `args`; `remaining_ms`, None when no time runs; `reason`,
            why it is asked, with `part` of the call and `rule` of the policy where there are;
            `rules`, what `remember` of `confirm_tool_use` may be given to allow exactly this
            from now on; `view`, all of it as text for a person, with control, bidirectional
            and invisible characters escaped and nothing left out.

        Raises:
            SessionClosed: the session was closed.
        """
        log, engine = self._log(), self._engine
        if log is None or engine is None:
            return []
        remaining_ms = engine.executor.approvals.remaining_ms
        return records_view.pending_confirmations(log, remaining_ms)

    async def confirm_tool_use(
        self,
        tool_id: str,
        approved: bool,
        reason: str | None = None,
        remember: str | Sequence[str] | None = None,
    ) -> bool:
        """
        Answer the question about a call; False when none waits for an answer, or no more.

        A yes holds for this call as it was asked about, and once: when its arguments, the
        files that it would change, its tool or the policy are others when it is about to run,
        it is refused, and the model is told what changed.

        Args:
            reason: Recorded; the model is told that of a no.
            remember: With a yes: rules that the session's policy allows from now on, such as
                `bash(make test)` or the `rules` of the question. They are recorded, go on
                with the session, change the policy's version, and allow nothing that it
                denies. Another `permission_policy` ends them.

        Raises:
            InvalidType: `approved` is no bool, `reason` no text, or `remember` no rule.
            InvalidValue: `remember` is no rule, or was given with a no.
            StoreError: the answer could not be made durable.
            SessionClosed: the session was closed.
        """
        verdicts = (await self._awake()).verdicts
        return await verdicts.confirm(tool_id, approved=approved, reason=reason, remember=remember)

    async def cancel_confirmations(self) -> int:
        """
        Answer every question that waits with no; give how many there were.

        Raises:
            StoreError: an answer could not be made durable.
            SessionClosed: the session was closed.
        """
        verdicts = (await self._awake()).verdicts
        waiting = [question["tool_id"] for question in self.pending_confirmations()]
        said = "the question was cancelled"
        answered = [await verdicts.confirm(each, approved=False, reason=said) for each in waiting]
        return sum(answered)

    def granted_rules(self) -> list[JsonObject]:
        """
        List the rules that answers have made and that hold now, oldest first.

        Returns:
            `rule`, `tool_id` of the call that was asked about, `granted_at_ms` (Unix time).

        Raises:
            SessionClosed: the session was closed.
        """
        log, engine = self._log(), self._engine
        return records_view.granted_rules(log, engine.verdicts.granted) if log and engine else []
