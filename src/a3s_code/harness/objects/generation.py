"""
From an order to a value that is valid, or to the reasons why there is none.

The model is asked, its answer judged, and what is wrong with it put behind the conversation, which
only grows: what was sent once is sent again as it was. Whatever comes out has satisfied the schema.

Source:
    A3S Code README 3.x, "Structured Output"; SPEC 5.16; DESIGN 6, `generate_object`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from a3s_code.errors import ModelRefused
from a3s_code.harness.objects.faults import Fault
from a3s_code.harness.objects.instructions import repair, system_prompt
from a3s_code.harness.objects.judgement import Judge
from a3s_code.harness.objects.means import LADDERS, Mode, Rung, is_about_form
from a3s_code.harness.objects.partials import Incoming
from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.asking import Asker, Question, Said
from a3s_code.kernel.messages import JsonObject, Message, Usage, user

PURPOSE = "object"
"""What it costs is booked under; see `TokensSpent`."""

_REFUSALS = ("refusal", "content_filter")


@dataclass(frozen=True, slots=True)
class Order:
    """
    Attributes:
        form: Its means is that of the first rung, whatever it says.
        system: Of the caller.
        timeout_s: For all attempts together.
    """

    judge: Judge
    form: AnswerForm
    prompt: str
    system: str = ""
    mode: Mode = "auto"
    max_repair_attempts: int = 2
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Made:
    """
    A value that is valid.

    Attributes:
        raw: The answer that it was taken from, as the model gave it.
        facts: `mode`, `means`, `attempts`, `fallbacks`, `errors`, `tokens`, and `source`: where in
            the answer it stood.
    """

    value: Any
    raw: str
    facts: JsonObject


class GaveUp(Exception):
    """
    There is no value.

    Attributes:
        kind: `object_invalid`, `model_refused` or `timeout`.
        faults: Of the last answer.
        facts: As of `Made`, without `source`; no part of an answer but what the faults quote.
    """

    def __init__(
        self, message: str, kind: str, faults: tuple[Fault, ...], facts: JsonObject
    ) -> None:
        super().__init__(message)
        self.kind, self.faults, self.facts = kind, faults, facts


async def generate(order: Order, asker: Asker, emit: Callable[[str], None]) -> Made:
    """
    Ask until an answer holds a value, at most once more than `max_repair_attempts` says.

    Args:
        emit: Shows partial values, and the final one; see `partials`.

    Raises:
        GaveUp: there is none; says why.
        HookBlocked, ModelError, StoreError: as `Asker.ask`.
    """
    generation = _Generation(order, asker, emit)
    scope = asyncio.timeout(order.timeout_s)
    try:
        async with scope:
            return await generation.conduct()
    except TimeoutError:
        if not scope.expired():
            raise
        text = f"There was no valid object within {order.timeout_s:g} s."
        raise generation.gave_up(text, "timeout") from None


@dataclass(slots=True)
class _Generation:
    order: Order
    asker: Asker
    emit: Callable[[str], None]
    attempts: int = 0
    usage: Usage = field(default_factory=Usage)
    faults: tuple[Fault, ...] = ()
    errors: list[list[str]] = field(default_factory=list[list[str]])
    fallbacks: list[str] = field(default_factory=list[str])
    messages: list[Message] = field(default_factory=list[Message])
    taken: set[str] = field(default_factory=set[str])

    async def conduct(self) -> Made:
        order = self.order
        self.messages.append(user(order.prompt))
        incoming = Incoming(self.emit, is_enveloped=order.judge.schema.is_enveloped)
        while True:
            incoming.again()
            said = await self._ask(incoming)
            # In a thread: a short answer can be long work, where its schema is a hard one.
            judged = await asyncio.to_thread(order.judge.judge, said, incoming.arguments)
            if not judged.faults:
                incoming.final(judged.value)
                facts = self.facts() | {"source": judged.place}
                return Made(judged.value, incoming.arguments or said.message.text, facts)
            self.faults = judged.faults
            self.errors.append([str(fault) for fault in judged.faults])
            if self.attempts > order.max_repair_attempts:
                raise self.gave_up(_invalid(self.attempts, judged.faults), "object_invalid")
            self.messages += repair(said.message, judged.faults, self.taken)

    async def _ask(self, incoming: Incoming) -> Said:
        """Ask by the strongest means that the provider takes."""
        while True:
            try:
                said = await self.asker.ask(self._question(), incoming)
            except ModelRefused as error:
                if self._rung == LADDERS[self.order.mode][-1] or not is_about_form(error):
                    raise
                self.fallbacks.append(self._rung)
                incoming.again()
            else:
                self.attempts += 1
                self.usage += said.usage
                if said.stop in _REFUSALS:
                    text = "The model refused, or its provider stopped the answer."
                    raise self.gave_up(text, "model_refused")
                return said

    @property
    def _rung(self) -> Rung:
        return LADDERS[self.order.mode][len(self.fallbacks)]

    def _question(self) -> Question:
        order, rung = self.order, self._rung
        return Question(
            purpose=PURPOSE,
            messages=tuple(self.messages),
            system=system_prompt(order.system, order.form, rung),
            form=None if rung == "words" else replace(order.form, means=rung),
            timeout_s=order.timeout_s,
        )

    def facts(self) -> JsonObject:
        return {
            "mode": self.order.mode,
            "means": self._rung,
            "attempts": self.attempts,
            "fallbacks": [*self.fallbacks],
            "errors": [*self.errors],
            "tokens": self.usage.total_tokens,
        }

    def gave_up(self, text: str, kind: str) -> GaveUp:
        return GaveUp(text, kind, self.faults, self.facts())


def _invalid(attempts: int, faults: tuple[Fault, ...]) -> str:
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    listed = "\n".join(f"- {fault}" for fault in faults)
    return f"No valid object came in {times}. What was wrong with the last answer:\n{listed}"
