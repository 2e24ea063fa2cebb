"""
How much work it is to check a value, counted before it is done.

A schema of a few lines can ask for more steps than any machine has: `$ref`s that fork again and
again, and branches that meet in the same value. A check cannot be stopped in the middle, so one
that would go on for too long is never begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from a3s_code.harness.objects.keywords import (
    SAME_PLACE_MANY,
    SAME_PLACE_ONE,
    Schema,
    inner,
)
from a3s_code.harness.objects.references import References
from a3s_code.kernel.messages import JsonObject

MAX_VISITS = 2_000_000
"""Of schemas to values, in one check: below a tenth of a second."""
MAX_COUNTED = 200_000
"""Pairs of a schema and a value that are looked at to count."""
_DEFINITIONS = ("$defs", "definitions")


class TooMuch(Exception):
    """It is more than anybody should wait for."""


class Effort:
    """
    Of checks against one schema.

    Attributes:
        size: Schemas that one value could meet; 0 when a schema leads back to itself, so
            that it depends on the value.
    """

    __slots__ = ("_references", "_schema", "size")

    def __init__(self, schema: JsonObject) -> None:
        self._schema, self._references = schema, References(schema)
        try:
            self.size = self._expanded(schema, {}, set()) or 0
        except RecursionError:
            self.size = 0

    def visits(self, value: object, nodes: int) -> int:
        """
        Give a bound of the visits that a check of `value` takes.

        Args:
            nodes: At least the number of values inside `value`, itself counted.

        Raises:
            TooMuch: it is beyond `MAX_VISITS`, or cannot be counted in time.
        """
        rough = self.size * nodes
        if rough and rough <= MAX_VISITS:
            return rough
        try:
            counted = _Count(self._references).visits(self._schema, value)
        except RecursionError:
            raise TooMuch from None
        if counted > MAX_VISITS:
            raise TooMuch
        return counted

    def _expanded(self, schema: Schema, known: dict[int, int], open_: set[int]) -> int | None:
        """Count a schema with all that it leads to, as often as it does; None when endless."""
        if id(schema) in known:
            return known[id(schema)]
        if id(schema) in open_:
            return None
        open_.add(id(schema))
        total = 1
        for each in self._next(schema):
            part = self._expanded(each, known, open_)
            if part is None:
                return None
            total += part
        open_.discard(id(schema))
        if not isinstance(schema, bool):
            known[id(schema)] = total
        return total

    def _next(self, schema: Schema) -> Iterator[Schema]:
        held = (each for steps, each in inner(schema) if steps[0] not in _DEFINITIONS)
        yield from held
        if isinstance(schema, dict) and "$ref" in schema:
            target = self._references.target(schema["$ref"])
            if target is not None:
                yield target


class _Count:
    """Visits of schemas to values; each pair is looked at once, and counted as often as met."""

    __slots__ = ("_known", "_references")

    def __init__(self, references: References) -> None:
        self._references = references
        self._known: dict[tuple[int, int], int] = {}

    def visits(self, schema: Schema, value: object) -> int:
        if isinstance(schema, bool):
            return 1
        pair = id(schema), id(value)
        known = self._known.get(pair)
        if known is not None:
            return known
        if len(self._known) >= MAX_COUNTED:
            raise TooMuch
        self._known[pair] = 1  # a schema that leads back here, to the same value, ends there
        here = sum(self.visits(each, value) for each in self._same_place(schema))
        again = any(word.startswith("unevaluated") for word in schema)  # looks at them twice
        total = 1 + here * (2 if again else 1)
        total += sum(self.visits(each, part) for each, part in _parts(schema, value))
        self._known[pair] = total
        return total

    def _same_place(self, schema: JsonObject) -> Iterator[Schema]:
        for word in SAME_PLACE_ONE:
            if word in schema:
                yield schema[word]
        for word in SAME_PLACE_MANY:
            yield from schema.get(word, ())
        yield from schema.get("dependentSchemas", {}).values()
        target = self._references.target(schema["$ref"]) if "$ref" in schema else None
        if target is not None:
            yield target


def _parts(schema: JsonObject, value: object) -> Iterator[tuple[Schema, object]]:
    """Give each schema about a part of a value, with that part."""
    if isinstance(value, dict):
        named: JsonObject = schema.get("properties", {})
        for name, part in cast("dict[str, object]", value).items():
            if name in named:
                yield named[name], part
            yield from ((each, part) for each in _of_any(schema, _OF_PROPERTIES))
            yield from ((each, part) for each in schema.get("patternProperties", {}).values())
    elif isinstance(value, list):
        items = cast("list[object]", value)
        yield from zip(schema.get("prefixItems", ()), items, strict=False)
        yield from ((each, part) for part in items for each in _of_any(schema, _OF_ITEMS))


_OF_PROPERTIES = ("additionalProperties", "unevaluatedProperties")
_OF_ITEMS = ("items", "contains", "unevaluatedItems")


def _of_any(schema: JsonObject, words: tuple[str, ...]) -> list[Any]:
    return [schema[word] for word in words if word in schema]
