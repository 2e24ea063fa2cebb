"""What is wrong with a value, in the words that the model and the host are told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from a3s_code.harness.objects.keywords import pointer

if TYPE_CHECKING:  # most sessions never check an object
    import jsonschema_rs

MAX_FAULTS = 10
"""Of one answer that are told."""
MAX_SHOWN_CHARS = 120
"""Of a value, or of what was wanted in its place."""
MAX_BRANCHES = 4
"""Alternatives of `anyOf` and `oneOf` whose faults are told."""


class Fault(msgspec.Struct, frozen=True, gc=False):
    """
    Attributes:
        pointer: JSON pointer of the value; empty for the whole.
        wanted: What the schema, or whoever checks beside it, wants there.
        found: What is there, as JSON that may be cut; empty where nothing is.
    """

    pointer: str
    wanted: str
    found: str = ""

    def __str__(self) -> str:
        found = f"; found {self.found}" if self.found else ""
        return f"{self.pointer or 'the whole value'}: wanted {self.wanted}{found}"


def shown(value: object) -> str:
    """Write a value as JSON, at most `MAX_SHOWN_CHARS` of it."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"


def fault_of(error: jsonschema_rs.ValidationError) -> Fault:
    """Say what the checker has found."""
    word = error.kind.name
    found = "" if word in _WITHOUT_VALUE else shown(error.instance)
    return Fault(pointer(error.instance_path), _wanted(word, error.kind.value), found)


_WITHOUT_VALUE = frozenset(
    {"required", "additionalProperties", "unevaluatedProperties", "propertyNames"}
)


def _wanted(word: str, value: Any) -> str:  # noqa: ANN401 - what the keyword is about
    match word:
        case "required":
            wanted = f"the property {shown(value)}, which is missing"
        case "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems":
            wanted = f"nothing but what the schema names; drop {shown(value)}"
        case "anyOf" | "oneOf":
            wanted = f"{_one_of(word)} ({_branches(value)})"
        case "propertyNames":
            wanted = f"other names of properties: {str(value)[:MAX_SHOWN_CHARS]}"
        case "falseSchema":
            wanted = "nothing here"
        case "contains":
            wanted = "as many fitting items as `contains` asks for"
        case _:
            wanted = f"{word} {shown(value)}"
    return wanted


def _one_of(word: str) -> str:
    return "at least one of the alternatives" if word == "anyOf" else "exactly one alternative"


def _branches(context: Iterable[list[jsonschema_rs.ValidationError]]) -> str:
    """Say of each alternative what is wrong first; one without a fault fits."""
    branches = list(context)
    said = [
        f"{number}: {_brief(branch[0]) if branch else 'fits'}"
        for number, branch in enumerate(branches[:MAX_BRANCHES], 1)
    ]
    return "; ".join([*said, *(["…"] if len(branches) > MAX_BRANCHES else [])])


def _brief(error: jsonschema_rs.ValidationError) -> str:
    if error.kind.name in {"anyOf", "oneOf"}:
        return f"{pointer(error.instance_path)} no alternative fits".strip()
    value = error.kind.value
    given = shown(value) if not isinstance(value, BaseException) else ""
    return f"{pointer(error.instance_path)} {error.kind.name} {given}".strip()
