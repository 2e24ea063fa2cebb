"""
From a call to an action that may run, or to the reason why it may not.

    find -> decode -> resolve -> hooks -> gate -> approver -> security provider
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import msgspec

from a3s_code.kernel.approval import Approvals
from a3s_code.kernel.artifacts import SCHEME
from a3s_code.kernel.binding import Approved
from a3s_code.kernel.border import described, failure_of
from a3s_code.kernel.choices import with_choices
from a3s_code.kernel.events import PermissionDenied
from a3s_code.kernel.hooks import after_ask, before_ask, before_tool, rewritten
from a3s_code.kernel.ledger import digest, subject_digest
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.plain import plain
from a3s_code.kernel.ports import (
    Action,
    Allow,
    Approver,
    Ask,
    Authority,
    Decision,
    Deny,
    Gate,
    Guard,
    Hooks,
    Redactor,
    Sink,
)
from a3s_code.kernel.records import EffectSettled
from a3s_code.kernel.space import Space
from a3s_code.kernel.state import OpenEffect
from a3s_code.kernel.tool import Effect, Observation, Tool, failure

MAX_REWRITES = 3
"""How often hooks may replace one call before it is denied."""
REWRITES, GUARD, IN_DOUBT = "rewritten by hooks", "security provider", "effect in doubt"
"""What decides in place of a rule; see `ports.Allow`."""
MAX_SHOWN_CHARS = 500
"""Of arguments that could not be read."""


class Deciders(Protocol):
    """Where tools are found, and who decides about a call."""

    @property
    def tools(self) -> Mapping[str, Tool]: ...

    @property
    def space(self) -> Space: ...

    @property
    def hooks(self) -> Hooks | None: ...

    @property
    def redactor(self) -> Redactor | None: ...

    @property
    def gate(self) -> Gate: ...

    @property
    def guard(self) -> Guard | None: ...

    @property
    def approver(self) -> Approver | None: ...

    @property
    def approvals(self) -> Approvals: ...

    def touched(self, action: Action) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """
    It may run. Whoever has it calls `release` in the end.

    Attributes:
        approved: What it was approved as; None when nobody had to.
    """

    action: Action
    decision: Allow
    approved: Approved | None = None

    @property
    def call(self) -> ToolCall:
        return self.action.call

    @property
    def was_refused(self) -> bool:
        """Whether it did not run after all, since it was not what had been approved any more."""
        return self.approved is not None and self.approved.is_void and not self.approved.is_used

    def release(self) -> None:
        _close(self.action)


@dataclass(frozen=True, slots=True)
class Refused:
    """It does not run; `observation` is what its caller is told instead."""

    call: ToolCall
    observation: Observation

    def release(self) -> None: ...


Step: TypeAlias = Ready | Refused


async def prepare(
    call: ToolCall,
    authority: Authority,
    sink: Sink,
    deciders: Deciders,
    tool: Tool | None = None,
) -> Step:
    """
    Decide about one call; a denial is recorded.

    Whatever decides and raises, or gives no decision, denies. What may have taken effect in
    a process that was killed is run again only when somebody says so.

    Args:
        tool: What is called, when that is none of the tools.

    Raises:
        StoreError: a question could not be made durable.
    """
    asked = call
    for _ in range(MAX_REWRITES):
        action = _decode(asked, authority, deciders, tool)
        if isinstance(action, Observation):
            return Refused(asked, action)
        try:
            verdict = await before_tool(action, deciders.hooks, sink)
            if not isinstance(verdict, ToolCall):
                return await _decide(action, verdict, sink, deciders)
        except BaseException:
            _close(action)
            raise
        _close(action)
        before, asked = asked, ToolCall(call.id, str(verdict.name), verdict.input)
        sink.emit(rewritten(before, asked, deciders.redactor))
    return _deny(call, Deny("the hooks kept rewriting this call", REWRITES), sink)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be decided about an action. Whoever has it calls `release` in the end."""

    action: Action
    decision: Decision

    def release(self) -> None:
        _close(self.action)


def foresee(call: ToolCall, deciders: Deciders, sink: Sink | None) -> Foreseen | Observation:
    """
    Decide about a call of the session as `prepare` does, up to the gate, and leave it there.

    No hook and nobody is asked, and nothing is recorded.

    Args:
        sink: Tells which calls of before are in doubt; None when there are none.
    """
    action = _decode(call, Authority.SESSION, deciders, None)
    if isinstance(action, Observation):
        return action
    decision = ask_gate(action, deciders.gate)
    doubted = _doubted(action, sink) if sink is not None else None
    if doubted is not None:
        decision = _asked_too(decision, Ask(_again(doubted), IN_DOUBT))
    return Foreseen(action, decision)


# Find, decode, resolve


def _decode(
    call: ToolCall, authority: Authority, deciders: Deciders, own: Tool | None
) -> Action | Observation:
    """Find the tool, decode the arguments and resolve the path, or say what is wrong."""
    is_own = own is not None and own.name == call.name
    tool = own if is_own else deciders.tools.get(call.name)
    if tool is None:
        names = ", ".join(sorted(deciders.tools))
        return failure(f"There is no tool named {call.name!r}. Tools: {names}.", "not_found")
    if call.malformed is not None:
        return _malformed(call, call.malformed)
    if not deciders.space.serves(tool):
        return failure(f"This workspace cannot run {tool.name!r}.", "unsupported")
    args = _arguments(call, tool, deciders.guard)
    if isinstance(args, Observation):
        return args
    return _action(call, tool, args, authority, deciders.space)


def _malformed(call: ToolCall, text: str) -> Observation:
    return failure(
        f"The arguments of {call.name} are not a valid JSON object, so nothing was run. "
        f"Send the call again with valid JSON. They were: {text[:MAX_SHOWN_CHARS]}",
        "invalid_argument",
    )


def _arguments(call: ToolCall, tool: Tool, guard: Guard | None) -> msgspec.Struct | Observation:
    try:
        plain(call.input)  # they are recorded, whatever the tool would accept
        given = call.input if guard is None else guard.restored(tool, call.input)
        return msgspec.convert(given, tool.args, strict=False)
    except msgspec.ValidationError as error:
        wrong = with_choices(str(error), tool.schema)
    except Exception as error:  # noqa: BLE001 - values and types of foreign code
        wrong = described(error)
    return failure(f"Invalid arguments for {tool.name}: {wrong}.", "invalid_argument")


def _action(
    call: ToolCall, tool: Tool, args: msgspec.Struct, authority: Authority, space: Space
) -> Action | Observation:
    target = None
    try:
        place = getattr(args, tool.path) if tool.path is not None else None
        if place is not None and not _names_kept(tool, args):
            target = space.files.resolve(place)
        return Action(
            call=call,
            tool=tool,
            args=args,
            subject=_subject(tool, args),
            effect=_effect(tool, args),
            target=target,
            authority=authority,
            root=space.root,
        )
    except Exception as error:  # noqa: BLE001 - a tool is foreign code; the model is told
        if target is not None:
            target.close()
        return failure_of(tool.name, error)


def _names_kept(tool: Tool, args: msgspec.Struct) -> bool:
    """Say whether a call is about an output that the session keeps, and so about no place."""
    return tool.reads_kept and str(getattr(args, tool.path or "")).startswith(SCHEME)


def _subject(tool: Tool, args: msgspec.Struct) -> str:
    subject = tool.subject_of(args)
    if not isinstance(subject, str):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        raise TypeError(f"its subject is a {type(subject).__name__}, not a str")
    return subject


def _effect(tool: Tool, args: msgspec.Struct) -> Effect:
    effect = tool.effect_of(args)
    if not isinstance(effect, Effect):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        raise TypeError(f"its effect is a {type(effect).__name__}, not an Effect")
    return effect


# Gate, approver


async def _decide(action: Action, veto: Deny | None, sink: Sink, deciders: Deciders) -> Step:
    doubted = _doubted(action, sink)
    decision = veto or ask_gate(action, deciders.gate)
    if doubted is not None:
        decision = _asked_too(decision, Ask(_again(doubted), IN_DOUBT))
    found = _inspected(action, deciders.guard)
    if isinstance(found, Ask):
        decision = _asked_too(decision, found)
    approved = None
    if isinstance(decision, Ask):
        decision = await before_ask(action, decision, deciders.hooks, sink)
    if isinstance(decision, Ask):
        ask = decision
        answer = await deciders.approvals.ask(action, ask, deciders, sink)
        approved = answer if isinstance(answer, Approved) else None
        decision = answer.settled if isinstance(answer, Approved) else answer
        decision = replace(decision, rule=decision.rule or ask.rule, part=decision.part or ask.part)
        await after_ask(action, decision, deciders.hooks, sink)
    if isinstance(decision, Allow) and isinstance(found, Deny):
        decision = found
    if not isinstance(decision, Allow):
        _close(action)
        return _deny(action.call, decision, sink)
    if doubted is not None:
        sink.emit(_repeated(doubted))
    version = "" if action.effect is Effect.READ else deciders.gate.policy_version
    reason, rule, part = str(decision.reason), str(decision.rule), str(decision.part)
    settled = Allow(reason, version, rule, part)
    return Ready(action, settled, approved)


def _inspected(action: Action, guard: Guard | None) -> Ask | Deny | None:
    """Have the security provider look at a call of the session."""
    if guard is None or action.authority is Authority.HOST:
        return None
    try:
        found = guard.inspect(action)
    except Exception as error:  # noqa: BLE001 - what it cannot look at does not run
        return Deny(f"the security provider failed: {described(error)}", GUARD)
    return found and replace(found, rule=found.rule or GUARD)


def _asked_too(decision: Decision, why: Ask) -> Decision:
    """Have somebody asked whatever the gate allows or asks; only an answer says yes then."""
    match decision:
        case Deny():
            return decision
        case Allow():
            return replace(why, explicit=True)
        case Ask():
            reason = f"{why.reason.rstrip('. ')}. {decision.reason}".rstrip()
            return replace(decision, reason=reason, explicit=True)


def ask_gate(action: Action, gate: Gate) -> Decision:
    """Give what a gate decides; one that fails, or decides nothing, denies."""
    try:
        decision = gate.decide(action)
    except Exception as error:  # noqa: BLE001 - rules meet any text; what they cannot decide is denied
        return Deny(f"the gate failed: {described(error)}")
    if isinstance(decision, Allow | Ask | Deny):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
        return decision
    return Deny(f"the gate answered with a {type(decision).__name__}, no decision")


def _doubted(action: Action, sink: Sink) -> OpenEffect | None:
    """
    Find the same call of before, if nobody can tell whether it took effect.

    The same is a command with the same text, whatever its timeout; of a tool that writes a
    file the same arguments, since another content is another call.
    """
    if not sink.effects or action.effect is Effect.READ or action.authority is Authority.HOST:
        return None
    return next((effect for effect in sink.effects.values() if _is_same(effect, action)), None)


def _is_same(effect: OpenEffect, action: Action) -> bool:
    intended = effect.intended
    if not effect.doubt or intended.tool != action.tool.name:
        return False
    if intended.args_sha256 == digest(action.args):
        return True
    is_write = action.effect is Effect.WRITE
    return not is_write and intended.subject_sha256 == subject_digest(action)


def _again(doubted: OpenEffect) -> str:
    return (
        f"the same call of {doubted.intended.tool} was cut off before, and may have taken "
        f"effect already ({doubted.doubt})"
    )


def _repeated(doubted: OpenEffect) -> EffectSettled:
    """Settle what is run once more; why it may be stands in the intent of that."""
    return EffectSettled(
        call_id=doubted.intended.call_id,
        outcome="repeated",
        exit_code=0,
        evidence="run once more",
    )


def _deny(call: ToolCall, why: Deny, sink: Sink) -> Refused:
    return Refused(call, denied(call, why, sink))


def denied(call: ToolCall, why: Deny, sink: Sink) -> Observation:
    """Record that a call may not run, and give what its caller is told."""
    reason = str(why.reason)
    sink.emit(
        PermissionDenied(
            tool_id=call.id,
            tool_name=call.name,
            args=call.input,
            reason=reason,
            rule=str(why.rule),
            part=str(why.part),
        )
    )
    return failure(f"Permission denied: {reason}", "permission_denied")


def _close(action: Action) -> None:
    if action.target is not None:
        action.target.close()
