"""
The schema of an object: checked itself, compiled, and in the shape that providers take.

Providers want `type: object` on top. A value of another type, or one of alternatives, is asked
for as the field `value` of an envelope, and taken out again.

Source:
    SPEC 5.16; JSON Schema draft 2020-12.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from a3s_code.harness.objects.effort import MAX_VISITS, Effort, TooMuch
from a3s_code.harness.objects.faults import MAX_FAULTS, Fault, fault_of
from a3s_code.harness.objects.json_text import NotJson, check
from a3s_code.harness.objects.keywords import (
    ABOUT_OBJECTS,
    REFUSED,
    Schema,
    Step,
    inner,
    pointer,
    walk,
)
from a3s_code.harness.objects.references import References
from a3s_code.kernel.messages import JsonObject

if TYPE_CHECKING:
    import jsonschema_rs

MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 32
"""Schemas inside each other."""
MAX_PATTERNS = 64
"""Regular expressions of one schema."""
KEPT_SCHEMAS = 64
"""That stay compiled in the process."""

VALUE = "value"
"""The field of the envelope."""

_MAX_DEPTH = 4 * MAX_SCHEMA_DEPTH
_BACKTRACKS, _PATTERN_BYTES = 10_000, 1024 * 1024
_CHECKABLE_VISITS = 5_000
"""A check with more of them, and more than `_PER_BYTE`, says only that something is wrong."""
_PER_BYTE = 50
_FAMILY = ("http://json-schema.org/", "https://json-schema.org/")
_NOT_ON_TOP = frozenset({"anyOf", "oneOf", "allOf", "not", "enum", "const", "if", "$ref"})
_DEFINITIONS = ("$defs", "definitions")


class SchemaRefused(Exception):
    """
    A schema cannot be used.

    Attributes:
        pointer: JSON pointer of the place; empty for the whole.
        kind: `schema_invalid`, `schema_too_large` or `schema_unsupported`.
    """

    def __init__(self, message: str, steps: tuple[Step, ...] = (), kind: str = "") -> None:
        self.pointer, self.kind = pointer(steps), kind or "schema_invalid"
        place = f"at {self.pointer}" if self.pointer else "as a whole"
        super().__init__(f"The schema cannot be used: {place}, {message}.")


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """
    Attributes:
        given: What values are checked against, without `$schema` and `$id`.
        form: What the provider is shown; `type: object` on top.
        is_enveloped: The value is the field `VALUE` of what `form` describes.
        literals: Texts that the schema itself names as values.
    """

    given: JsonObject
    form: JsonObject
    is_enveloped: bool
    literals: frozenset[str]
    _validator: jsonschema_rs.Validator
    _effort: Effort

    def faults(self, value: object) -> tuple[Fault, ...]:
        """Say what is wrong with plain JSON; nothing when it satisfies the schema."""
        size = len(msgspec.json.encode(value))
        try:
            visits = self._effort.visits(value, size // 2 + 1)
        except TooMuch:
            return (Fault("", f"a value that takes less than {MAX_VISITS} steps to check"),)
        if self._validator.is_valid(value):
            return ()
        if visits > max(_CHECKABLE_VISITS, _PER_BYTE * size):
            return (Fault("", "another value: this one does not satisfy the schema"),)
        errors = self._validator.iter_errors(value)
        return tuple(fault_of(error) for error, _ in zip(errors, range(MAX_FAULTS), strict=False))


def accept(given: Mapping[str, Any]) -> ObjectSchema:
    """
    Check and compile a schema; the same one again costs nothing.

    `$schema` and `$id` on top are left out: every schema is read as draft 2020-12 has it, and
    leads only to itself.

    Raises:
        SchemaRefused: it is none, too large, or uses what `keywords.REFUSED` names.
    """
    try:
        data = msgspec.json.encode(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaRefused(f"it is no JSON: {error}") from error
    if len(data) > MAX_SCHEMA_BYTES:
        limit = f"it is larger than {MAX_SCHEMA_BYTES // 1024} KiB"
        raise SchemaRefused(limit, kind="schema_too_large")
    return _accepted(data)


@functools.lru_cache(maxsize=KEPT_SCHEMAS)
def _accepted(data: bytes) -> ObjectSchema:
    schema: JsonObject = msgspec.json.decode(data)
    try:
        check(schema, _MAX_DEPTH)
    except NotJson as error:
        raise SchemaRefused(str(error), kind="schema_too_large") from error
    dialect = schema.pop("$schema", "https://json-schema.org/")
    if not isinstance(dialect, str) or not dialect.startswith(_FAMILY):
        raise SchemaRefused("the dialect is unknown", ("$schema",), "schema_unsupported")
    schema.pop("$id", None)
    _look_over(schema)
    validator = _compiled(schema)
    form, is_enveloped = _form(schema)
    return ObjectSchema(schema, form, is_enveloped, _literals(schema), validator, Effort(schema))


def _compiled(schema: JsonObject) -> jsonschema_rs.Validator:
    import jsonschema_rs

    limits = jsonschema_rs.FancyRegexOptions(
        backtrack_limit=_BACKTRACKS, size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES
    )
    try:
        return jsonschema_rs.Draft202012Validator(
            schema, offline=True, validate_formats=False, pattern_options=limits
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaRefused(str(error.message)[:200], tuple(error.instance_path)) from error
    except ValueError as error:
        raise SchemaRefused(str(error)[:200]) from error


def _look_over(schema: JsonObject) -> None:
    """
    Refuse what is beyond the limits, or would be read otherwise than it is meant.

    Raises:
        SchemaRefused: says what, and where.
    """
    if _is_deep(schema):
        deep = f"it nests deeper than {MAX_SCHEMA_DEPTH}"
        raise SchemaRefused(deep, kind="schema_too_large")
    patterns = 0
    for steps, each in walk(schema):
        if isinstance(each, dict):
            word = next((word for word in (*REFUSED, "$id") if word in each), "")
            if word:
                raise SchemaRefused("this is not supported", (*steps, word), "schema_unsupported")
            patterns += "pattern" in each
            patterns += len(_texts(each.get("patternProperties")))
    if patterns > MAX_PATTERNS:
        many = f"there are more than {MAX_PATTERNS} regular expressions"
        raise SchemaRefused(many, kind="schema_too_large")
    _check_references(schema)


def _texts(value: object) -> list[str]:
    return list(cast("dict[str, object]", value)) if isinstance(value, dict) else []


def _is_deep(schema: JsonObject) -> bool:
    level: list[Schema] = [schema]
    for _ in range(MAX_SCHEMA_DEPTH):
        level = [held for each in level for _, held in inner(each)]
    return bool(level)


def _check_references(schema: JsonObject) -> None:
    references = References(schema)
    for steps, each in walk(schema):
        if isinstance(each, dict) and "$ref" in each and references.target(each["$ref"]) is None:
            nowhere = "a $ref has to name a place in this schema, such as #/$defs/name"
            raise SchemaRefused(nowhere, (*steps, "$ref"))


def _form(schema: JsonObject) -> tuple[JsonObject, bool]:
    """Give the schema that a provider is shown, and whether it is an envelope."""
    if _is_plain(schema):
        return schema, False
    if is_about_objects(schema):
        return {"type": "object", **schema}, False
    notes = {"$ref", "title", "description", *_DEFINITIONS}
    if "$ref" in schema and schema.keys() <= notes:
        target = References(schema).target(schema["$ref"])
        if isinstance(target, dict) and _is_plain(target):
            return {**target, **{k: v for k, v in schema.items() if k != "$ref"}}, False
    return _envelope(schema), True


def is_about_objects(schema: JsonObject) -> bool:
    """Say whether a schema speaks of properties on top, and leaves the type unsaid."""
    return not (_NOT_ON_TOP | {"type"}) & schema.keys() and bool(ABOUT_OBJECTS & schema.keys())


def _is_plain(schema: JsonObject) -> bool:
    return schema.get("type") == "object" and not _NOT_ON_TOP & schema.keys()


def _envelope(schema: JsonObject) -> JsonObject:
    """Put a schema one level down; what its `$ref`s name is then found where it stands now."""
    moved: JsonObject = msgspec.json.decode(msgspec.json.encode(schema))
    for _, each in walk(moved):
        ref = each.get("$ref") if isinstance(each, dict) else None
        if isinstance(each, dict) and isinstance(ref, str) and _stands_inside(ref):
            each["$ref"] = f"#/properties/{VALUE}{ref[1:]}"
    shared = {word: moved.pop(word) for word in _DEFINITIONS if word in moved}
    return {
        "type": "object",
        "properties": {VALUE: moved},
        "required": [VALUE],
        "additionalProperties": False,
        **shared,
    }


def _stands_inside(ref: str) -> bool:
    if ref.startswith("#/"):
        return ref.split("/")[1] not in _DEFINITIONS
    return ref == "#"


def _literals(schema: JsonObject) -> frozenset[str]:
    texts: set[str] = set()
    for _, each in walk(schema):
        if isinstance(each, dict):
            options = [*each.get("enum", ()), each.get("const")]
            texts.update(option for option in options if isinstance(option, str))
    return frozenset(texts)
