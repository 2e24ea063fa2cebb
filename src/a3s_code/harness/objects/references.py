"""Where the `$ref`s of a schema lead: only to places in itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

from a3s_code.harness.objects.keywords import Schema, walk
from a3s_code.kernel.messages import JsonObject


class References:
    """
    Those of one schema.

    Args:
        schema: With its `$ref`s as they were given.
    """

    __slots__ = ("_anchors", "_schema")

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        self._anchors: Mapping[str, Schema] = {
            each["$anchor"]: each
            for _, each in walk(schema)
            if isinstance(each, dict) and isinstance(each.get("$anchor"), str)
        }

    def target(self, ref: object) -> Schema | None:
        """Give what a `$ref` names; None when that is no place in the schema."""
        if not isinstance(ref, str) or not ref.startswith("#"):
            return None
        name = unquote(ref[1:])
        if not name:
            return self._schema
        if not name.startswith("/"):
            return self._anchors.get(name)
        at: Any = self._schema
        for step in name[1:].split("/"):
            at = _step(at, step.replace("~1", "/").replace("~0", "~"))
        return cast("Schema", at) if isinstance(at, dict | bool) else None


def _step(at: object, step: str) -> object:
    if isinstance(at, dict):
        return cast("dict[str, object]", at).get(step)
    if isinstance(at, list) and step.isascii() and step.isdigit():
        items = cast("list[object]", at)
        return items[int(step)] if int(step) < len(items) else None
    return None
