"""
Answers that satisfy a schema and say nothing.

A schema that requires little is satisfied by an empty object, by itself, and by texts that stand
where a value should. None of that is data:

- an empty object on top, unless the schema has it by `enum`, `const`, `maxProperties: 0` or says
  `minProperties: 0`;
- what is no object, where the schema speaks of properties on top and leaves the type unsaid;
- the schema given back;
- a text that is nothing but `...`, `TODO`, `TBD`, `FIXME`, `XXX`, `PLACEHOLDER`, `lorem ipsum`,
  `<string>`, `[name]`, `{{name}}` or `${name}`;
- two texts or more that are all names of JSON types, and no other text.

Such a text is data where the schema names it by `enum` or `const`, and, but for dots, where the
prompt has it word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from a3s_code.harness.objects.faults import MAX_FAULTS, Fault, shown
from a3s_code.harness.objects.keywords import Step, pointer
from a3s_code.harness.objects.schema import ObjectSchema, is_about_objects
from a3s_code.kernel.messages import JsonObject

MAX_CHARS = 64
"""A longer text is none of these."""

_DOTS = re.compile(r"[.…\s]*[.…][.…\s]*")
_WORDS = frozenset(
    {
        *("todo", "tbd", "tba", "fixme", "xxx", "placeholder", "lorem ipsum"),
        *("to be determined", "to be filled", "fill me in", "insert here", "your value here"),
    }
)
_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array"})
_MARKED = re.compile(r"<[A-Za-z][^<>]*>|\{\{[^{}]*\}\}|\$\{[^{}]*\}|\[[A-Za-z][A-Za-z _-]*\]")


def placeholders(schema: ObjectSchema, value: object, prompt: str) -> tuple[Fault, ...]:
    """
    Say where a value is none; nothing when it is one.

    Args:
        value: What satisfies `schema`.
        prompt: What the model was asked; its words may be data.
    """
    if _is_empty(value) and not _may_be_empty(schema.given):
        return (Fault("", "data from the request, and no empty object", "{}"),)
    if not _is_object(value) and is_about_objects(schema.given):
        return (Fault("", "an object, since the schema names its properties", shown(value)),)
    if _is_echo(schema, value):
        return (Fault("", "a value that satisfies the schema, and not the schema itself"),)
    texts = [*_texts(value)]
    own = {text for _, text in texts} - schema.literals
    if len(texts) > 1 and own and all(text in _TYPES and text not in prompt for _, text in texts):
        return (Fault("", "data from the request, and no names of types"),)
    found = (
        Fault(pointer(steps), "data from the request, and no placeholder", shown(text))
        for steps, text in texts
        if text not in schema.literals and is_placeholder(text, prompt)
    )
    return tuple(fault for fault, _ in zip(found, range(MAX_FAULTS), strict=False))


def is_placeholder(text: str, prompt: str) -> bool:
    """Say whether a text stands where a value should, and is no word of the prompt."""
    bare = text.strip()
    if not bare or len(bare) > MAX_CHARS:
        return False
    if _DOTS.fullmatch(bare):
        return True
    looks = bare.casefold().rstrip(".!:") in _WORDS or _MARKED.fullmatch(bare) is not None
    return looks and bare not in prompt


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_empty(value: object) -> bool:
    return value == {}


def _may_be_empty(schema: JsonObject) -> bool:
    least, most = schema.get("minProperties"), schema.get("maxProperties")
    named = [*schema.get("enum", ()), schema.get("const")]
    return most == 0 or least == 0 or {} in named


def _is_echo(schema: ObjectSchema, value: object) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    if value in (schema.given, schema.form):
        return True
    known = schema.given.get("properties", {})
    is_own = "properties" in known or "$schema" in known
    looks = isinstance(cast("JsonObject", value).get("properties"), dict)
    named = cast("JsonObject", value).get("type") == "object" or "$schema" in value
    return looks and named and not is_own


def _texts(value: object) -> Iterator[tuple[tuple[Step, ...], str]]:
    waiting: list[tuple[tuple[Step, ...], object]] = [((), value)]
    while waiting:
        steps, each = waiting.pop()
        if isinstance(each, str):
            yield steps, each
        elif isinstance(each, dict):
            named = cast("dict[str, object]", each).items()
            waiting += [((*steps, name), part) for name, part in reversed(named)]
        elif isinstance(each, list):
            items = cast("list[object]", each)
            numbered = zip(range(len(items)), items, strict=True)
            waiting += [((*steps, place), part) for place, part in reversed(list(numbered))]
