"""What people decide about the calls of a session: questions, and effects that are in doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from a3s_code.api.outlet import Outlet
from a3s_code.checks import check_bool
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.grants import GrantingGate
from a3s_code.kernel.events import ConfirmationReceived, RunId
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.log import Log
from a3s_code.kernel.records import EffectSettled, Event


@dataclass(frozen=True, slots=True)
class Verdicts:
    """
    Attributes:
        outlet: Gives the log to what belongs to a run.
        work: Runs something to its end, also when its caller is cancelled.
    """

    log: Log
    executor: Executor
    outlet: Callable[[RunId], Outlet]
    work: Callable[[Callable[[], Coroutine[Any, Any, bool]]], Coroutine[Any, Any, bool]]

    async def confirm(
        self,
        call_id: str,
        *,
        approved: bool,
        reason: str | None,
        remember: str | Sequence[str] | None = None,
    ) -> bool:
        """
        Answer the question about a call; False when none waits for an answer.

        Raises:
            InvalidValue, InvalidType: `remember` is no rule, or makes one with a no.
            StoreError: the answer could not be made durable.
        """
        check_bool("approved", approved)
        if not isinstance(reason, str | None):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(f"reason is a {type(reason).__name__}, not a text.")
        if remember and not approved:
            raise InvalidValue("remember was given with a no.", hint="deny with a policy's rules")
        approval, approvals = self.log.state.approvals.get(call_id), self.executor.approvals
        if approval is None or approval.answer is not None or approvals.is_late(call_id):
            return False
        approvals.check(call_id, remember or ())
        given = ConfirmationReceived(tool_id=call_id, approved=approved, reason=reason)
        record = partial(approvals.record, given, remember or (), self.outlet(approval.run))
        counts = await self.work(record)
        if counts:
            approvals.answer(given)
        return counts

    @property
    def granted(self) -> Collection[str]:
        """The rules that answers have made and that hold now."""
        standing = self.executor.approvals.standing
        return standing.rules if isinstance(standing, GrantingGate) else ()

    async def resolve(self, call_id: str, *, took_effect: bool) -> bool:
        """
        Settle an effect that is in doubt; False when none of this call is.

        Raises:
            StoreError: it could not be made durable.
        """
        check_bool("took_effect", took_effect)
        effect = self.log.state.in_doubt.get(call_id)
        if effect is None:
            return False
        outcome = "done" if took_effect else "not_done"
        said = EffectSettled(
            call_id=call_id, outcome=outcome, exit_code=0, evidence="said by the host"
        )
        return await self.work(partial(_record, said, self.outlet(effect.run)))


async def _record(event: Event, sink: Outlet) -> bool:
    sink.emit(event)
    await sink.barrier()
    return True
