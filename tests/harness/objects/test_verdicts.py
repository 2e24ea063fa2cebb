"""What satisfies a schema: a few cases of our own for each keyword that is checked."""

from __future__ import annotations

from typing import Any

import pytest

from a3s_code.harness.objects.keywords import KEYWORDS
from a3s_code.harness.objects.schema import accept

CASES: dict[str, list[tuple[Any, list[Any], list[Any]]]] = {
    "type": [
        ({"type": "integer"}, [1, 1.0, 10**30], [1.5, "1", True, None]),
        ({"type": ["string", "null"]}, ["", None], [0, []]),
    ],
    "enum": [({"enum": [1, "a", None]}, [1, 1.0, "a", None], [True, "1", []])],
    "const": [({"const": {"a": [False]}}, [{"a": [False]}], [{"a": [0]}, {}])],
    "required": [({"required": ["a"]}, [{"a": None}, []], [{}, {"b": 1}])],
    "properties": [({"properties": {"a": {"type": "string"}}}, [{"a": ""}, {}], [{"a": 1}])],
    "patternProperties": [
        ({"patternProperties": {"^n": {"type": "integer"}}}, [{"n1": 1, "m": ""}], [{"n1": ""}])
    ],
    "additionalProperties": [
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            [{"a": 1}, {}],
            [{"a": 1, "b": 1}],
        ),
    ],
    "propertyNames": [({"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}])],
    "dependentRequired": [
        ({"dependentRequired": {"a": ["b"]}}, [{"b": 1}, {"a": 1, "b": 1}], [{"a": 1}])
    ],
    "dependentSchemas": [
        ({"dependentSchemas": {"a": {"minProperties": 2}}}, [{"b": 1}], [{"a": 1}])
    ],
    "minProperties": [({"minProperties": 1}, [{"a": 1}], [{}])],
    "maxProperties": [({"maxProperties": 1}, [{}, {"a": 1}], [{"a": 1, "b": 1}])],
    "unevaluatedProperties": [
        (
            {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
            [{"a": 1}],
            [{"b": 1}],
        )
    ],
    "items": [({"items": {"type": "integer"}}, [[], [1]], [[1, "x"]])],
    "prefixItems": [({"prefixItems": [{"const": 1}]}, [[], [1, "x"]], [[2]])],
    "contains": [({"contains": {"const": 1}}, [[0, 1]], [[], [0]])],
    "minContains": [({"contains": {"const": 1}, "minContains": 2}, [[1, 1]], [[1]])],
    "maxContains": [({"contains": {"const": 1}, "maxContains": 1}, [[1]], [[1, 1]])],
    "minItems": [({"minItems": 1}, [[0], {}], [[]])],
    "maxItems": [({"maxItems": 1}, [[], [0]], [[0, 0]])],
    "uniqueItems": [({"uniqueItems": True}, [[1, True, "1"]], [[1, 1.0], [{"a": 1}, {"a": 1}]])],
    "unevaluatedItems": [
        ({"prefixItems": [{}], "unevaluatedItems": False}, [[1]], [[1, 2]]),
    ],
    "minimum": [({"minimum": 1}, [1, 1.0, "x"], [0.99])],
    "maximum": [({"maximum": 1}, [1], [1.01])],
    "exclusiveMinimum": [({"exclusiveMinimum": 1}, [1.01], [1])],
    "exclusiveMaximum": [({"exclusiveMaximum": 1}, [0.99], [1])],
    "multipleOf": [({"multipleOf": 0.01}, [0.07, 3], [0.075])],
    "minLength": [({"minLength": 2}, ["ab", "日本"], ["a", "日"])],
    "maxLength": [({"maxLength": 1}, ["", "😀"], ["ab"])],
    "pattern": [({"pattern": "^[a-z]+$"}, ["abc"], ["Abc", ""])],
    "allOf": [({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [1, 2], [0, 3])],
    "anyOf": [({"anyOf": [{"const": 1}, {"minimum": 5}]}, [1, 5], [2])],
    "oneOf": [({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, [0, 6], [1, 5])],
    "not": [({"not": {"type": "string"}}, [1], ["x"])],
    "if": [({"if": {"const": 1}, "then": False}, [2], [1])],
    "then": [({"if": {"minimum": 5}, "then": {"multipleOf": 5}}, [1, 10], [6])],
    "else": [({"if": {"minimum": 5}, "else": {"const": 1}}, [1, 6], [2])],
    "$ref": [
        ({"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"const": 1}}}, [1], [2]),
        (
            {"properties": {"next": {"$ref": "#"}}, "maxProperties": 1},
            [{"next": {}}],
            [{"next": {"a": 1, "b": 1}}],
        ),
    ],
    "$anchor": [({"$ref": "#here", "$defs": {"x": {"$anchor": "here", "const": 1}}}, [1], [2])],
    "$defs": [({"$defs": {"x": False}}, [1, {}], [])],
    "definitions": [({"$ref": "#/definitions/x", "definitions": {"x": {"const": 1}}}, [1], [2])],
}
"""By keyword: a schema, what satisfies it, and what does not."""

NOTES = [
    {"format": "date"},
    {"contentMediaType": "application/json"},
    {"default": 1, "examples": [1]},
    {"nullable": False, "x-own": {"type": "string"}},
]


def test_every_keyword_that_is_checked_has_cases() -> None:
    assert CASES.keys() == KEYWORDS


@pytest.mark.parametrize("keyword", sorted(KEYWORDS))
def test_a_value_satisfies_a_keyword_or_is_told_why_not(keyword: str) -> None:
    for schema, right, wrong in CASES[keyword]:
        accepted = accept(schema)
        assert [value for value in right if accepted.faults(value)] == []
        assert [value for value in wrong if not accepted.faults(value)] == []


@pytest.mark.parametrize("schema", NOTES, ids=str)
def test_notes_decide_nothing(schema: dict[str, Any]) -> None:
    assert not accept(schema).faults("no date")


@pytest.mark.parametrize("value", [True, False])
def test_schemas_may_be_boolean_inside(value: bool) -> None:
    assert bool(accept({"allOf": [value]}).faults(1)) is not value
