"""
Which values an argument may have, for an error that only says which one it may not.

msgspec refuses a value of an enumeration or a `Literal` by naming it and its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from a3s_code.kernel.messages import JsonObject

MAX_CHOICES = 20
"""That are listed; who has more of them is told none."""

_REFUSED = re.compile(r"Invalid enum value .* - at `\$(?P<path>[^`]*)`", re.DOTALL)
_PART = re.compile(r"\.([^.\[]+)|\[[^]]*\]")


def with_choices(said: str, schema: JsonObject) -> str:
    """
    Add what could stand in the place of a refused value.

    Args:
        said: Text of a `msgspec.ValidationError`.
        schema: JSON Schema of what was to be read.

    Returns:
        The text as it is, when it is about something else, or nobody can tell.
    """
    refused = _REFUSED.fullmatch(said)
    if refused is None:
        return said
    places = [schema]
    for part in _PART.finditer(refused["path"]):
        key = part[1]
        places = [under for place in places for under in _under(place, key, schema)]
    choices = [repr(each) for place in places for each in _list(place.get("enum"))]
    if not choices or len(choices) > MAX_CHOICES:
        return said
    return f"{said}; give one of {', '.join(choices)}"


def _under(place: JsonObject, key: str | None, schema: JsonObject) -> list[JsonObject]:
    """Give the schemas of a property, or of the items where there is no key."""
    found = place.get("items") if key is None else _object(place.get("properties")).get(key)
    return list(_alternatives(found, schema))


def _alternatives(found: object, schema: JsonObject) -> Iterator[JsonObject]:
    """Give a schema and those that it may be instead, with references into `$defs` followed."""
    waiting, seen = [found], set[int]()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, dict) or id(cast("object", each)) in seen:
            continue
        seen.add(id(cast("object", each)))
        place = cast("JsonObject", each)
        yield place
        name = str(place.get("$ref", "")).removeprefix("#/$defs/")
        waiting += [_object(schema.get("$defs")).get(name), *_list(place.get("anyOf"))]


# Schemas may be a host's own, and hold anything


def _object(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
