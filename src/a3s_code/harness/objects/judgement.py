"""
Whether an answer holds a value, and which.

The first place of the answer that holds one which fits decides; two that fit and differ, in one
place, are none, since nobody can tell which was meant. An answer that was cut off is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

import msgspec

from a3s_code.harness.objects.candidates import Candidate, Place, candidates
from a3s_code.harness.objects.faults import Fault
from a3s_code.harness.objects.json_text import MAX_JSON_BYTES
from a3s_code.harness.objects.placeholders import placeholders
from a3s_code.harness.objects.schema import VALUE, ObjectSchema
from a3s_code.kernel.asking import Said
from a3s_code.kernel.messages import JsonObject

Check = Callable[[bytes], str]
"""Looks at the JSON of a value beside the schema; says what is wrong, nothing when it is right."""


@dataclass(frozen=True, slots=True)
class Judged:
    """
    Attributes:
        value: Plain JSON; means nothing when there are faults.
        place: Where it stood in the answer.
    """

    value: Any = None
    place: Place | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """
    Attributes:
        tool: The name of the tool that was to be called.
        prompt: What the model was asked.
    """

    schema: ObjectSchema
    tool: str
    prompt: str
    check: Check | None = None

    def judge(self, said: Said, arguments: str) -> Judged:
        """Decide about one answer; `arguments` as for `candidates`."""
        if said.stop == "length":
            wanted = "a complete answer; yours was cut off at the limit of output tokens"
            return Judged(faults=(Fault("", f"{wanted}, so give a shorter one"),))
        found = candidates(said, self.tool, arguments)
        first: Judged | None = None
        for _, group in groupby(found.candidates, lambda each: each.place):
            judged = self._group([*group])
            if not judged.faults:
                return judged
            first = first or judged
        if first is not None:
            return first
        faults = found.faults or ("there is no JSON in the answer",)
        return Judged(faults=tuple(Fault("", "one JSON value", text) for text in faults))

    def _group(self, group: Sequence[Candidate]) -> Judged:
        fitting: list[Judged] = []
        worst: Judged | None = None
        for each in group:
            judged = self._candidate(each)
            if judged.faults:
                worst = worst or judged
            elif not any(_is_same(judged.value, other.value) for other in fitting):
                fitting.append(judged)
        if len(fitting) > 1:
            wanted = f"one value; the answer has {len(fitting)} that fit, and they differ"
            return Judged(faults=(Fault("", wanted),))
        return fitting[0] if fitting else worst or Judged()

    def _candidate(self, candidate: Candidate) -> Judged:
        first: Judged | None = None
        for prefix, value in self._readings(candidate.value):
            faults = self._faults(value)
            if not faults:
                return Judged(value, candidate.place)
            placed = tuple(
                msgspec.structs.replace(fault, pointer=f"{prefix}{fault.pointer}")
                for fault in faults
            )
            first = first or Judged(faults=placed)
        return first or Judged()

    def _readings(self, value: object) -> Iterator[tuple[str, object]]:
        """Give what may be meant: what is in the envelope, and what came without one."""
        if self.schema.is_enveloped and isinstance(value, dict):
            fields = cast("JsonObject", value)
            if fields.keys() == {VALUE}:
                yield f"/{VALUE}", fields[VALUE]
        yield "", value

    def _faults(self, value: object) -> tuple[Fault, ...]:
        data = msgspec.json.encode(value)
        if len(data) > MAX_JSON_BYTES:
            return (Fault("", f"at most {MAX_JSON_BYTES // 1024} KiB of JSON"),)
        faults = self.schema.faults(value) or placeholders(self.schema, value, self.prompt)
        if faults or self.check is None:
            return faults
        wrong = self.check(data)
        return (Fault("", wrong),) if wrong else ()


def _is_same(one: object, other: object) -> bool:
    """Compare plain JSON, in which `1`, `1.0` and `true` are not the same text."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
