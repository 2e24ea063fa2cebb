"""
Questions about calls, and the answers to them.

A question is durable before it is put, and so is its answer, so both outlive the process:
what was answered after a restart holds for the call when the run goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.events import ConfirmationReceived, ConfirmationRequired
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny, Sink

STOP_S = 5.0
"""How long an approver may take to stop; then it is left behind."""


@dataclass(slots=True)
class Approvals:
    """
    The questions of a session that wait for an answer now.

    Attributes:
        view: Gives arguments as the log records them, which is without secrets.
    """

    _waiting: dict[str, asyncio.Future[Allow | Deny]] = field(
        default_factory=dict[str, "asyncio.Future[Allow | Deny]"]
    )
    view: Callable[[JsonObject], JsonObject] = dict

    async def ask(
        self, action: Action, ask: Ask, approver: Approver | None, sink: Sink
    ) -> Allow | Deny:
        """
        Settle an `Ask`, by an answer that is there already or by one that is waited for.

        Args:
            approver: Who is asked; None when nobody is there, which denies.

        Raises:
            StoreError: the question or its answer could not be made durable.
        """
        call = action.call
        earlier = sink.approvals.get(call.id)
        if earlier is not None and earlier.answer is not None:
            if (earlier.asked.tool_name, earlier.asked.args) == (call.name, self.view(call.input)):
                return decision_of(earlier.answer)
            return Deny("what was approved is another call than this one")
        if approver is None:
            return Deny(unanswered(ask, "nobody is there to confirm it"))
        sink.emit(
            ConfirmationRequired(
                tool_id=call.id, tool_name=call.name, args=call.input, timeout_ms=0
            )
        )
        await sink.barrier()
        decision = await self._answered(action, ask, approver)
        recorded = sink.approvals.get(call.id)
        if recorded is not None and recorded.answer is not None:
            return decision_of(recorded.answer)  # somebody was quicker than the approver
        approved = isinstance(decision, Allow)
        sink.emit(ConfirmationReceived(tool_id=call.id, approved=approved, reason=decision.reason))
        await sink.barrier()
        return decision

    def answer(self, given: ConfirmationReceived) -> None:
        """Tell who waits for the answer about a call, if anybody does; it is recorded already."""
        waiting = self._waiting.get(given.tool_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(decision_of(given))

    async def _answered(self, action: Action, ask: Ask, approver: Approver) -> Allow | Deny:
        """Wait for the approver, or for whoever is quicker."""
        call_id = action.call.id
        given = self._waiting[call_id] = asyncio.get_running_loop().create_future()
        asking = asyncio.create_task(_approve(approver, action, ask))
        try:
            await asyncio.wait({asking, given}, return_when=asyncio.FIRST_COMPLETED)
            return given.result() if given.done() else await asking
        finally:
            del self._waiting[call_id]
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking}, timeout=STOP_S)


async def _approve(approver: Approver, action: Action, ask: Ask) -> Allow | Deny:
    try:
        decision = await answer_of(approver.approve(action, ask))
    except Exception as error:  # noqa: BLE001 - an approver is foreign code; a broken one denies
        return Deny(f"the approver failed: {described(error)}")
    if isinstance(decision, Allow):
        return Allow(str(decision.reason))
    if isinstance(decision, Deny):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        return Deny(str(decision.reason))
    return Deny(f"the approver answered with a {type(decision).__name__}, no decision")


def decision_of(answer: ConfirmationReceived) -> Allow | Deny:
    """Give the decision that an answer stands for."""
    if answer.approved:
        return Allow(answer.reason or "approved")
    return Deny(answer.reason or "the user said no; do not try the same again")


def unanswered(ask: Ask, why: str) -> str:
    """Say what was asked, and why nobody answered."""
    asked = ask.reason.rstrip(".; ")
    return f"{asked}. It needs confirmation, and {why}."
