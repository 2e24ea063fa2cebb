"""
The questions of a child, put where its parent's are put.

Source:
    SPEC 6.3; INVARIANTS 11 ("Ask in a child reaches the parent's approver or is denied").
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from a3s_code.kernel.approval import Approvals, Court
from a3s_code.kernel.events import ConfirmationReceived
from a3s_code.kernel.ports import Action, Allow, Ask, Deny, Sink


@dataclass(frozen=True, slots=True)
class Relay:
    """
    Puts the questions of a child where its parent's are put, on the parent's terms.

    They are in the parent's log and among its `pending_confirmations`; yolo lanes and the
    time for an answer are the parent's. What the answer holds for is bound in the child.

    Its questions have ids of their own there, `<task>.<id of the call>`: models name their calls
    alike, and an answer to one child must say nothing for another.

    Attributes:
        task: The call of the parent that the child belongs to, and more where one call has
            several children; nothing else has it.
        court, sink: Of the parent; the sink is asked for when there is a question.
    """

    task: str
    approvals: Approvals
    court: Court
    sink: Callable[[], Sink]

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        sink, call = self.sink(), action.call
        action = replace(action, call=msgspec.structs.replace(call, id=f"{self.task}.{call.id}"))
        try:
            answer = await self.approvals.ask(action, ask, self.court, sink)
        except asyncio.CancelledError:
            self._withdraw(action, sink)
            raise
        if isinstance(answer, Deny):
            return answer
        return Allow(answer.decision.reason if answer.decision is not None else "approved")

    @staticmethod
    def _withdraw(action: Action, sink: Sink) -> None:
        """End the question of a child that was stopped."""
        waiting = sink.approvals.get(action.call.id)
        if waiting is not None and waiting.answer is None:
            stopped = "the child that asked was stopped"
            sink.emit(ConfirmationReceived(tool_id=action.call.id, approved=False, reason=stopped))
