"""
Which schemas a provider can enforce itself, token by token.

Each takes a part of JSON Schema and refuses a request with the rest, so a schema outside of that
part is sent without asking for it. Values are checked in any case by whoever asked.

Source:
    OpenAI, "Structured Outputs: Supported schemas"; Anthropic, "Structured outputs: JSON Schema
    limitations".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from a3s_code.kernel.messages import JsonObject

MAX_NESTING = 10
MAX_OPTIONAL = 24
"""Properties of one schema that need not be there, for providers that allow any."""

_NOTES = frozenset({"title", "description"})
_SHAPE = frozenset(
    {
        *("type", "properties", "required", "additionalProperties", "items", "enum", "const"),
        *("anyOf", "$ref", "$defs"),
    }
)
_BOUNDS = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("pattern", "format", "minItems", "maxItems"),
    }
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)


@dataclass(frozen=True, slots=True)
class Enforced:
    """
    The part of JSON Schema that one provider takes.

    Attributes:
        words: Keywords; a schema with another one is not taken.
        all_required: Objects have to list every property in `required`.
        may_recur: A `$ref` may lead back to a schema that it stands in.
    """

    words: frozenset[str]
    all_required: bool
    may_recur: bool

    def takes(self, schema: JsonObject) -> bool:
        """Say whether the provider enforces `schema`, an object on top."""
        if schema.get("type") != "object" or "anyOf" in schema:
            return False
        defined: JsonObject = schema.get("$defs", {})
        optional = 0
        level: list[Any] = [schema]
        for _ in range(MAX_NESTING):
            for each in level:
                if not self._is_taken(each):
                    return False
                optional += len(each.get("properties", ())) - len(each.get("required", ()))
            level = [held for each in level for held in _inside(each)]
        few = self.all_required or optional <= MAX_OPTIONAL
        return not level and few and (self.may_recur or not _recurs(defined))

    def _is_taken(self, schema: object) -> bool:
        if not isinstance(schema, dict):
            return False
        given = cast("JsonObject", schema)
        if "$ref" in given:
            ref = given["$ref"]
            return given.keys() == {"$ref"} and isinstance(ref, str) and ref.startswith("#/$defs/")
        if not given.keys() <= self.words | _NOTES or not given.keys() & {"type", "anyOf"}:
            return False
        if "format" in given and given["format"] not in _FORMATS:
            return False
        kinds = given.get("type", ())
        kinds = {kinds} if isinstance(kinds, str) else {*kinds}
        if "object" in kinds and not self._is_closed(given):
            return False
        return "array" not in kinds or isinstance(given.get("items"), dict)

    def _is_closed(self, schema: JsonObject) -> bool:
        named, required = schema.get("properties", {}), schema.get("required", [])
        if schema.get("additionalProperties") is not False or not {*required} <= named.keys():
            return False
        return not self.all_required or named.keys() == {*required}


OPENAI = Enforced(_SHAPE | _BOUNDS, all_required=True, may_recur=True)
ANTHROPIC = Enforced(_SHAPE | {"format"}, all_required=False, may_recur=False)


def _inside(schema: JsonObject) -> Iterator[Any]:
    for word in ("properties", "$defs"):
        yield from schema.get(word, {}).values()
    yield from schema.get("anyOf", ())
    if "items" in schema:
        yield schema["items"]


def _recurs(defined: JsonObject) -> bool:
    """Say whether a definition leads back to itself."""
    leads = {name: {*_names(each)} for name, each in defined.items()}
    for _ in leads:
        leads = {
            name: ends.union(*(leads.get(end, set()) for end in ends))
            for name, ends in leads.items()
        }
    return any(name in ends for name, ends in leads.items())


def _names(schema: object) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    given = cast("JsonObject", schema)
    if isinstance(given.get("$ref"), str):
        yield given["$ref"].removeprefix("#/$defs/")
    for held in _inside(given):
        yield from _names(held)
