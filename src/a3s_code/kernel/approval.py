"""
Questions about calls, and the answers to them.

A question is durable before it is put, and so is its answer before it counts, so both
outlive the process: what was answered after a restart holds for the call when the run goes
on. Who may answer: the approver of the session and whoever calls `confirm_tool_use`; the
first answer counts. A yes holds for the call as it was asked about; see `binding`.

Source:
    SPEC 6.2; DESIGN 5; INVARIANTS 12, 13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from a3s_code.errors import A3SError, InvalidValue
from a3s_code.kernel.binding import Approved, World, take, untold
from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.clock import Clock, SystemClock
from a3s_code.kernel.events import (
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
)
from a3s_code.kernel.plain import plain
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Deny, Sink
from a3s_code.kernel.records import ConfirmationWaived, RuleGranted
from a3s_code.kernel.state import Approval

STOP_S = 5.0
"""How long an approver may take to stop; then it is left behind."""

VOID = "void approval"
"""What decides in place of a rule; see `ports.Allow`."""

_NO = "the user said no; do not try the same again"


class Terms(Protocol):
    """How a session puts its questions."""

    @property
    def enabled(self) -> bool:
        """False denies without asking anybody."""
        ...

    @property
    def timeout_s(self) -> float | None:
        """How long one waits for an answer; None = until there is one."""
        ...

    @property
    def approves_late(self) -> bool:
        """Whether no answer in time is a yes."""
        ...

    def waived(self, action: Action) -> str:
        """Say why an action is approved without a question; nothing when it is not."""
        ...


class Standing(Protocol):
    """The rules of a session that answers have made."""

    def suggested(self, action: Action) -> tuple[str, ...]:
        """Give rules that would allow this action; empty when none would."""
        ...

    def granting(self, call_id: str, rules: Iterable[str]) -> RuleGranted:
        """
        Give the record that makes `rules` hold.

        Raises:
            InvalidValue, InvalidType: one of them is no rule.
        """
        ...

    def grant(self, granted: RuleGranted) -> None:
        """Let them hold from now on; the record is durable."""
        ...


class Court(World, Protocol):
    """Who is asked, and what a call depends on."""

    @property
    def approver(self) -> Approver | None: ...


@dataclass(slots=True)
class _Question:
    """
    Attributes:
        sink: Of the run that waits, which is watched.
        deadline: In seconds of `Clock.monotonic`; None = no limit.
    """

    answer: asyncio.Future[Allow | Deny]
    sink: Sink
    deadline: float | None


@dataclass(slots=True)
class Approvals:
    """
    The questions of a session that wait for an answer now, and the yeses that are not used.

    Attributes:
        terms: None where the session has none: only its approver is asked, without a limit.
        standing: None where answers make no rules.
    """

    terms: Terms | None = None
    standing: Standing | None = None
    clock: Clock = field(default_factory=SystemClock)
    _open: dict[str, _Question] = field(default_factory=dict[str, _Question])
    _unused: WeakKeyDictionary[Approved, Court] = field(
        default_factory=WeakKeyDictionary[Approved, Court]
    )
    _granting: asyncio.Lock = field(default_factory=asyncio.Lock)

    # Asking

    async def ask(self, action: Action, ask: Ask, court: Court, sink: Sink) -> Approved | Deny:
        """
        Settle an `Ask`, by an answer that is there already or by one that is waited for.

        Raises:
            StoreError: the question or its answer could not be made durable.
        """
        earlier = sink.approvals.get(action.call.id)
        if earlier is not None and _counts(earlier, ask):
            return await self._taken_up(earlier, action, court)
        nobody = self._nobody(court.approver)
        if nobody:
            return Deny(unanswered(ask, nobody))
        waived = self.terms.waived(action) if self.terms and not ask.explicit else ""
        if waived:
            return await self._waive(action, ask, waived, court, sink)
        approved = Approved(plain(action.call.input), await take(action, court))
        if large := untold(approved.binding):
            return Deny(unanswered(ask, f"{large} is too large to tell whether it changes"))
        self._unused[approved] = court
        decision = await self._put(approved, action, ask, court.approver, sink)
        if isinstance(decision, Deny):
            return decision
        approved.decision = decision
        return approved

    async def _taken_up(self, earlier: Approval, action: Action, court: Court) -> Approved | Deny:
        """Take an answer that was given before the process ended, if it is about this call."""
        decision, binding = decision_of(earlier), earlier.asked.binding
        if isinstance(decision, Deny) or binding is None:
            return decision if isinstance(decision, Deny) else Deny(_NO)
        approved = Approved(earlier.asked.args, binding, decision)
        changed = await approved.changed(action, court)
        if changed:
            return void(changed)
        self._unused[approved] = court
        return approved

    def _nobody(self, approver: Approver | None) -> str:
        """Say why nobody can be asked; nothing when somebody can."""
        if self.terms is None:
            return "" if approver is not None else "nobody is there to confirm it"
        if not self.terms.enabled:
            return "confirmations are off; ConfirmationPolicy(enabled=True) turns them on"
        return ""

    async def _waive(
        self, action: Action, ask: Ask, reason: str, court: Court, sink: Sink
    ) -> Approved:
        """Say yes without a question; nobody has seen a file, so none has to stay as it is."""
        binding = await take(action, court, contents=False)
        sink.emit(
            ConfirmationWaived(
                call_id=action.call.id,
                tool=action.tool.name,
                asked=ask.reason,
                reason=reason,
                binding=binding,
                rule=ask.rule,
                part=ask.part,
            )
        )
        approved = Approved(plain(action.call.input), binding, Allow(reason))
        self._unused[approved] = court
        return approved

    # Waiting

    async def _put(
        self, approved: Approved, action: Action, ask: Ask, approver: Approver | None, sink: Sink
    ) -> Allow | Deny:
        """Put the question, and give the answer once it is durable."""
        call_id = action.call.id
        limit_s = self.terms.timeout_s if self.terms is not None else None
        deadline = None if limit_s is None else self.clock.monotonic() + limit_s
        question = _Question(asyncio.get_running_loop().create_future(), sink, deadline)
        self._open[call_id] = question
        try:
            sink.emit(self._required(approved, action, ask, limit_s))
            await sink.barrier()
            decision = await self._answered(question, action, ask, approver)
        finally:
            del self._open[call_id]
        recorded = sink.approvals.get(call_id)
        if recorded is not None and recorded.answer is not None:
            return decision_of(recorded)  # somebody was quicker
        if decision is None:
            return await self._time_out(call_id, ask, sink)
        return await self._take(call_id, decision, sink)

    def _required(
        self, approved: Approved, action: Action, ask: Ask, limit_s: float | None
    ) -> ConfirmationRequired:
        standing = self.standing
        return ConfirmationRequired(
            tool_id=action.call.id,
            tool_name=action.call.name,
            args=approved.args,
            timeout_ms=round(limit_s * 1000) if limit_s is not None else 0,
            reason=ask.reason,
            part=ask.part,
            rule=ask.rule,
            rules=standing.suggested(action) if standing is not None else (),
            explicit=ask.explicit,
            binding=approved.binding,
        )

    async def _answered(
        self, question: _Question, action: Action, ask: Ask, approver: Approver | None
    ) -> Allow | Deny | None:
        """Wait for the approver, or for whoever is quicker; None when the time is over."""
        given = question.answer
        asking = asyncio.create_task(_approve(approver, action, ask)) if approver else None
        late = (
            asyncio.create_task(self._until(question.deadline))
            if question.deadline is not None
            else None
        )
        waiting = {each for each in (asking, given, late) if each is not None}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if given.done():
                return given.result()
            return _said(asking) if asking is not None and asking.done() else None
        finally:
            ending = {each for each in (asking, late) if each is not None and not each.done()}
            for each in ending:
                each.cancel()
            if ending:
                await asyncio.wait(ending, timeout=STOP_S)

    async def _until(self, deadline: float) -> None:
        while (left_s := deadline - self.clock.monotonic()) > 0:
            await self.clock.sleep(left_s)

    async def _time_out(self, call_id: str, ask: Ask, sink: Sink) -> Allow | Deny:
        approves = self.terms is not None and self.terms.approves_late and not ask.explicit
        action_taken = "auto_approved" if approves else "rejected"
        sink.emit(ConfirmationTimeout(tool_id=call_id, action_taken=action_taken))
        await sink.barrier()
        said = "nobody answered in time"
        return Allow(f"{said}, which approves it here") if approves else Deny(f"{said}")

    async def _take(self, call_id: str, decision: Allow | Deny, sink: Sink) -> Allow | Deny:
        """Record what the approver said; rules of its that are none make it a no."""
        remember = decision.remember if isinstance(decision, Allow) else ()
        try:
            self.check(call_id, remember)
        except A3SError as error:
            decision, remember = Deny(f"the approver's rule was refused: {error.message}"), ()
        approved = isinstance(decision, Allow)
        given = ConfirmationReceived(tool_id=call_id, approved=approved, reason=decision.reason)
        if await self.record(given, remember, sink):
            return decision
        recorded = sink.approvals.get(call_id)
        return decision_of(recorded) if recorded is not None else Deny(_NO)

    # Answering

    def is_late(self, call_id: str) -> bool:
        """Whether the time for an answer is over, also when nobody has noticed it yet."""
        question = self._open.get(call_id)
        if question is None or question.deadline is None:
            return False
        return self.clock.monotonic() >= question.deadline

    def remaining_ms(self, call_id: str) -> int | None:
        """Give what is left of the time for an answer; None where no time runs."""
        question = self._open.get(call_id)
        if question is None or question.deadline is None:
            return None
        return max(0, round((question.deadline - self.clock.monotonic()) * 1000))

    def answer(self, given: ConfirmationReceived) -> None:
        """Tell who waits for the answer about a call, if anybody does; it is recorded already."""
        question = self._open.get(given.tool_id)
        if question is not None and not question.answer.done():
            question.answer.set_result(_decision(given))

    def check(self, call_id: str, remember: Iterable[str]) -> None:
        """
        See that an answer may make these rules.

        Raises:
            InvalidValue, InvalidType: one of them is no rule, or none can be made here.
        """
        self._granted(call_id, remember)

    async def record(
        self, given: ConfirmationReceived, remember: Iterable[str], sink: Sink
    ) -> bool:
        """
        Make an answer durable, with the rules that it makes; only then they count.

        Args:
            sink: For a question of before, which nobody waits at.

        Returns:
            False when the question is answered already, or its call has ended; nothing was
            recorded then.

        Raises:
            StoreError: it could not be made durable.
            InvalidValue, InvalidType: as `check`.
        """
        waiting = self._open.get(given.tool_id)
        sink = waiting.sink if waiting is not None else sink
        async with self._granting:
            asked = sink.approvals.get(given.tool_id)
            if asked is None or asked.answer is not None:
                return False
            granted = self._granted(given.tool_id, remember)
            if granted is not None:
                sink.emit(granted)
            sink.emit(given)
            try:
                await sink.barrier()
            except asyncio.CancelledError:
                self._grant(granted)  # recorded, and durable before the next effect
                raise
            self._grant(granted)
            return True

    def _granted(self, call_id: str, remember: Iterable[str]) -> RuleGranted | None:
        if not remember:
            return None
        if self.standing is None:
            raise InvalidValue("No rule can be remembered here.", hint="leave `remember` out")
        return self.standing.granting(call_id, remember)

    def _grant(self, granted: RuleGranted | None) -> None:
        """Let rules hold. They forbid nothing, so what was approved before them stays approved."""
        if granted is None or self.standing is None:
            return
        holding = [
            (approved, court)
            for approved, court in self._unused.items()
            if approved.binding.policy_version == str(court.gate.policy_version)
        ]
        self.standing.grant(granted)
        for approved, court in holding:
            version = str(court.gate.policy_version)
            approved.binding = replace(approved.binding, policy_version=version)


async def _approve(approver: Approver, action: Action, ask: Ask) -> Allow | Deny:
    try:
        decision = await answer_of(approver.approve(action, ask))
    except Exception as error:  # noqa: BLE001 - an approver is foreign code; a broken one denies
        return Deny(f"the approver failed: {described(error)}")
    if isinstance(decision, Allow):
        given = cast("object", decision.remember)
        rules = (given,) if isinstance(given, str) else given
        if not isinstance(rules, list | tuple):
            return Deny(f"the approver's rule was refused: remember is {rules!r}, no rule")
        return Allow(str(decision.reason), remember=tuple(cast("Sequence[str]", rules)))
    if isinstance(decision, Deny):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        return Deny(str(decision.reason))
    return Deny(f"the approver answered with a {type(decision).__name__}, no decision")


def _said(asking: asyncio.Task[Allow | Deny]) -> Allow | Deny:
    """Give what an approver said; one that ended its own task has said nothing."""
    if asking.cancelled():
        return Deny("the approver failed: it cancelled itself")
    return asking.result()


def _counts(approval: Approval, ask: Ask) -> bool:
    """
    Whether there is an answer to what is asked now.

    A yes that names no digests is asked for once more, and so is one that time or somebody gave
    before only an answer could say yes, as when the same call has been cut off meanwhile.
    """
    answer, asked = approval.answer, approval.asked
    if answer is None or not answer.approved:
        return answer is not None
    return asked.binding is not None and (asked.explicit or not ask.explicit)


def _decision(answer: ConfirmationReceived) -> Allow | Deny:
    if answer.approved:
        return Allow(answer.reason or "approved")
    return Deny(answer.reason or _NO)


def decision_of(approval: Approval) -> Allow | Deny:
    """Give the decision that the answer to a question stands for; without one it is no."""
    return _decision(approval.answer) if approval.answer is not None else Deny(_NO)


def unanswered(ask: Ask, why: str) -> str:
    """Say what was asked, and why nobody answered."""
    asked = ask.reason.rstrip(".; ")
    return f"{asked}. It needs confirmation, and {why}."


def void(changed: str) -> Deny:
    """Deny a call whose approval does not hold any more, and say why."""
    return Deny(
        f"what was approved is not what would run: {changed}. Nothing was run; make the call "
        "again to have it approved as it is now.",
        VOID,
    )
