"""
The answer of a child that has to be a JSON value.

The child is told the schema, its last answer is judged by it, and what is wrong goes back to it a
bounded number of times. There is no second model, and what comes out has satisfied the schema.

Source:
    SPEC 5.13, 5.16, 9.6 (`output_schema`).
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.harness.objects.faults import Fault
from a3s_code.harness.objects.instructions import repair
from a3s_code.harness.objects.judgement import Judge
from a3s_code.harness.objects.schema import ObjectSchema, SchemaRefused, accept
from a3s_code.kernel.asking import Said
from a3s_code.kernel.messages import Conversation, JsonObject, Message, Text
from a3s_code.kernel.ports import Reply, Review

MAX_REPAIRS = 2
"""How often an answer that does not fit is sent back; SPEC 5.16 has the same for objects."""

_FORM = (
    "When the work is done, answer with one JSON value that satisfies this JSON Schema and with "
    "nothing else: no words around it, no code fence. Take what is in it from what you found; "
    'never put a placeholder such as "..." or "TODO" in the place of data.\n{schema}'
)


async def accepted(given: JsonObject) -> ObjectSchema:
    """
    Check and compile the schema of a child.

    Raises:
        InvalidValue: it is none, or cannot be used; says where and why.
    """
    try:
        return await asyncio.to_thread(accept, given)
    except SchemaRefused as error:
        raise InvalidValue(
            str(error), hint="give output_schema as a JSON Schema, draft 2020-12"
        ) from error


class Fitting:
    """
    The review of such a child.

    Args:
        inner: What reviews the answers of other children; it has one that was cut go on.
        prompt: What the child was asked.

    Attributes:
        is_met: The last answer satisfied the schema.
        value: That answer as plain JSON.
        faults: What was wrong with the last one.
    """

    __slots__ = ("_before", "_inner", "_judge", "_repairs", "faults", "is_met", "value")

    def __init__(self, inner: Review, schema: ObjectSchema, prompt: str) -> None:
        self._inner = inner
        self._judge = Judge(schema, "", prompt)
        self._before = ""
        self._repairs = 0
        self.is_met = False
        self.value: Any = None
        self.faults: tuple[Fault, ...] = ()

    async def __call__(self, conversation: Conversation, reply: Reply) -> Message | None:
        if reply.stop == "length":
            onward = await self._inner(conversation, reply)
            if onward is not None:
                self._before += reply.message.text
                return onward
        message = _whole(self._before, reply.message)
        self._before = ""
        judged = await asyncio.to_thread(self._judge.judge, Said(message, reply.usage), "")
        self.faults, self.is_met = judged.faults, not judged.faults
        if self.is_met:
            self.value = judged.value
            return None
        if self._repairs >= MAX_REPAIRS:
            return None
        self._repairs += 1
        _, onward = repair(message, judged.faults, set())
        return onward

    @property
    def form(self) -> str:
        """How the child is to answer, as it is told."""
        return _FORM.format(schema=msgspec.json.encode(self._judge.schema.given).decode())

    @property
    def wrong(self) -> str:
        """Why there is no value."""
        listed = "; ".join(map(str, self.faults)) or "it was withheld"
        return f"Its answer does not satisfy output_schema: {listed}."


def _whole(before: str, last: Message) -> Message:
    return Message(last.role, (Text(before + last.text),)) if before else last
