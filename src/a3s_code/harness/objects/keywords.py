"""
What the keywords of JSON Schema hold, as far as schemas of objects may use them.

`KEYWORDS` is all of draft 2020-12 that is checked. What could lead out of a schema, or gives a
word in it another meaning, is refused: `REFUSED`. All other words are notes for the reader.

Source:
    JSON Schema draft 2020-12, "Core" and "Validation"; SPEC 5.16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, cast

from a3s_code.kernel.messages import JsonObject

Schema: TypeAlias = JsonObject | bool
Step: TypeAlias = str | int

SAME_PLACE_ONE = ("not", "if", "then", "else")
SAME_PLACE_MANY = ("allOf", "anyOf", "oneOf")
"""Schemas that are about the same value as the one that holds them, as `dependentSchemas` are."""
_ONE = (
    *SAME_PLACE_ONE,
    *("additionalProperties", "propertyNames", "items", "contains"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
_MANY = (*SAME_PLACE_MANY, "prefixItems")
_BY_NAME = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")

KEYWORDS = frozenset(
    {
        *_ONE,
        *_MANY,
        *_BY_NAME,
        *("$ref", "$anchor", "type", "enum", "const", "required", "dependentRequired"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
        *("minContains", "maxContains", "minProperties", "maxProperties"),
    }
)
"""What is checked, word for word."""
REFUSED = (
    *("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"),
    *("dependencies", "additionalItems"),  # which earlier drafts check, and this one does not
)
ABOUT_OBJECTS = frozenset(
    {
        *("properties", "patternProperties", "additionalProperties", "required"),
        *("minProperties", "maxProperties", "propertyNames", "dependentRequired"),
    }
)


def inner(schema: Schema) -> Iterator[tuple[tuple[Step, ...], Schema]]:
    """Give each schema that `schema` holds, with the steps that lead there."""
    if isinstance(schema, bool):
        return
    for word in _ONE:
        if _is_schema(schema.get(word)):
            yield (word,), schema[word]
    for word in _MANY:
        held = schema.get(word)
        if isinstance(held, list):
            each_of = enumerate(cast("list[Any]", held))
            yield from (((word, place), each) for place, each in each_of if _is_schema(each))
    for word in _BY_NAME:
        held = schema.get(word)
        if isinstance(held, dict):
            by_name = cast("JsonObject", held).items()
            yield from (((word, name), each) for name, each in by_name if _is_schema(each))


def walk(schema: Schema) -> Iterator[tuple[tuple[Step, ...], Schema]]:
    """Give a schema and all that it holds, with the steps that lead there."""
    waiting: list[tuple[tuple[Step, ...], Schema]] = [((), schema)]
    while waiting:
        steps, each = waiting.pop()
        yield steps, each
        waiting += [(steps + more, held) for more, held in inner(each)]


def pointer(steps: tuple[Step, ...] | list[Step]) -> str:
    """Write steps as a JSON pointer (RFC 6901); empty for the root."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "".join(f"/{step}" for step in escaped)


def _is_schema(value: object) -> bool:
    return isinstance(value, dict | bool)
