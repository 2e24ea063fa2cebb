"""
Intent before effect, outcome after it.

The intent of a call that can change something is durable before the call starts, so a
crash leaves evidence of everything that may have happened; `settlement` reads it. Calls
that only read have no entry.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Action, Allow, Sink
from a3s_code.kernel.records import EffectIntended, EffectSettled
from a3s_code.kernel.tool import Effect, Observation


def digest(value: msgspec.Struct | JsonObject) -> str:
    """Give the SHA-256, in hex, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()


def subject_digest(action: Action) -> str:
    """Give the SHA-256, in hex, of what a call is about: the text that rules match."""
    return hashlib.sha256(action.subject.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Traces:
    """What a call will be told by later; the fields of `EffectIntended` of these names."""

    evidence: str = ""
    before: str = ""
    exit_record: str = ""
    apart: str = ""


async def intend(action: Action, decision: Allow, sink: Sink, traces: Traces) -> None:
    """
    Record that `action` is about to run, and return when that is durable.

    Raises:
        StoreError: it could not be recorded; the action must not run.
    """
    if action.effect is Effect.READ:
        return
    sink.emit(
        EffectIntended(
            call_id=action.call.id,
            tool=action.tool.name,
            args_sha256=digest(action.args),
            decision=decision.reason,
            authority=action.authority.value,
            effect=action.effect.value,
            policy_version=decision.policy_version,
            evidence=traces.evidence,
            before=traces.before,
            exit_record=traces.exit_record,
            subject_sha256=subject_digest(action),
            rule=decision.rule,
            part=decision.part,
            apart=traces.apart,
        )
    )
    await sink.barrier()


def settle(action: Action, observation: Observation, sink: Sink) -> None:
    """Record how an intended action ended; durable at the next barrier."""
    if action.effect is Effect.READ:
        return
    outcome = "failed" if observation.failed else "done"
    sink.emit(
        EffectSettled(call_id=action.call.id, outcome=outcome, exit_code=observation.exit_code)
    )
