"""Schemas are checked themselves, lead nowhere, and cannot hold the process up."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.objects.effort import Effort
from a3s_code.harness.objects.schema import (
    MAX_SCHEMA_DEPTH,
    ObjectSchema,
    SchemaRefused,
    accept,
)
from a3s_code.kernel.messages import JsonObject


def refused(schema: JsonObject) -> SchemaRefused:
    with pytest.raises(SchemaRefused) as caught:
        accept(schema)
    return caught.value


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "strange"}, "/type"),
        ({"properties": {"a~b": {"required": "x"}}}, "/properties/a~0b/required"),
        ({"items": {"pattern": "a("}}, "/items/pattern"),
        ({"items": [{}]}, "/items"),
        ({"anyOf": []}, "/anyOf"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "/properties/a/$ref"),
        ({"$defs": {"a": {"$ref": "other.json"}}}, "/$defs/a/$ref"),
    ],
)
def test_a_schema_that_is_none_is_refused_with_the_place(schema: JsonObject, pointer: str) -> None:
    error = refused(schema)
    assert (error.kind, error.pointer) == ("schema_invalid", pointer)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$dynamicRef": "#x"}}},
        {"properties": {"a": {"$id": "https://example.com/a"}}},
        {"$schema": "https://example.com/my-own-dialect"},
        {"dependencies": {"a": ["b"]}},
    ],
)
def test_words_that_would_be_read_otherwise_than_meant_are_refused(schema: JsonObject) -> None:
    assert refused(schema).kind == "schema_unsupported"


def test_words_of_a_schema_are_no_words_where_they_name_a_property() -> None:
    accept({"properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}}})
    accept({"const": {"$dynamicRef": 1}})


def nested(depth: int) -> JsonObject:
    schema: JsonObject = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def test_size_depth_and_expressions_have_limits() -> None:
    accept(nested(MAX_SCHEMA_DEPTH - 1))
    assert refused(nested(MAX_SCHEMA_DEPTH)).kind == "schema_too_large"
    assert refused({"description": "x" * 65_536}).kind == "schema_too_large"
    many = {"patternProperties": {f"^{number}": {} for number in range(65)}}
    assert refused(many).kind == "schema_too_large"
    assert refused({"enum": [[[0] * 1] * 1], "const": _deep(200)}).kind == "schema_too_large"


def _deep(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


class Seen(http.server.BaseHTTPRequestHandler):
    paths: list[str]

    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def listening() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Seen)
    server.paths = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "hold",
    [
        lambda uri: {"$ref": uri},
        lambda uri: {"properties": {"a": {"$ref": uri}}},
        lambda uri: {"$id": uri, "properties": {"a": {"$ref": "b"}}},
        lambda uri: {"$schema": uri},
        lambda uri: {"$defs": {"a": {"$schema": uri, "$id": uri}}},
        lambda uri: {"$dynamicRef": uri},
    ],
)
def test_nothing_is_ever_fetched(
    listening: http.server.HTTPServer, tmp_path: Path, hold: object
) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"type": "string"}')
    for uri in (f"http://127.0.0.1:{listening.server_port}/x.json", file.as_uri()):
        refused(hold(uri))  # type: ignore[operator]
    assert listening.paths == []  # type: ignore[attr-defined]


def forking(levels: int) -> JsonObject:
    """Two `$ref`s a level: twice as much work with each."""
    fork: JsonObject = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**fork, f"d{levels}": {"type": "string"}}}


MEETING: JsonObject = {
    "anyOf": [
        {"properties": {"a": {"$ref": "#"}}, "required": ["z"]},
        {"properties": {"a": {"$ref": "#"}}, "required": ["y"]},
    ]
}


def chain(length: int) -> JsonObject:
    value: JsonObject = {}
    for _ in range(length):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (forking(40), "x"),
        (forking(300), "x"),
        (MEETING, chain(60)),
        ({"items": {"pattern": "^(?:(a+)\\1)+$"}}, ["a" * 40 + "!"] * 50),
        ({"items": {"pattern": "^(?=(a+)+b)x"}}, ["a" * 40 + "!"] * 50),
        ({"items": {"pattern": "^(a|aa)+$"}}, ["a" * 5_000 + "!"] * 10),
    ],
)
def test_a_check_that_would_not_end_is_a_fault_instead(schema: JsonObject, value: object) -> None:
    assert accept(schema).faults(value)


def test_an_expression_that_fills_the_memory_is_refused() -> None:
    assert refused({"pattern": "(a{1000}){1000}"}).pointer == "/pattern"


def test_a_schema_that_leads_back_to_itself_is_checked_at_every_depth() -> None:
    tree = accept(
        {
            "$ref": "#/$defs/N",
            "$defs": {
                "N": {
                    "type": "object",
                    "properties": {"n": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}},
                    "required": ["n"],
                }
            },
        }
    )
    assert not tree.faults({"n": {"n": {"n": None}}})
    assert tree.faults({"n": {"n": {"n": 1}}})


VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)
PLAIN = st.sampled_from(
    [{"type": "string"}, {"type": "object"}, {"const": 1}, True, False, {"$ref": "#/$defs/x"}]
)
SCHEMAS = st.recursive(
    PLAIN,
    lambda inner: (
        st.fixed_dictionaries({"items": inner})
        | st.fixed_dictionaries({"properties": st.fixed_dictionaries({"a": inner})})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"not": inner, "unevaluatedProperties": inner})
    ),
    max_leaves=6,
)


@given(SCHEMAS, SCHEMAS, VALUES)
def test_any_schema_and_value_have_a_verdict_and_bounded_faults(
    top: object, defined: object, value: object
) -> None:
    schema = {"allOf": [top], "$defs": {"x": defined}}
    faults = accept(schema).faults(value)
    assert sum(len(str(fault)) for fault in faults) < 10_000
    assert Effort(schema).visits(value, len(msgspec.json.encode(value))) > 0


def test_the_same_schema_is_compiled_once() -> None:
    schema = {"type": "object", "properties": {"once": {"type": "string"}}}
    first: ObjectSchema = accept(schema)
    assert accept(dict(schema)) is first


def test_faults_are_bounded_however_large_the_value_is() -> None:
    schema = accept({"type": "object", "additionalProperties": {"type": "integer"}})
    faults = schema.faults({f"k{number}": "x" * 10_000 for number in range(1_000)})
    assert len(faults) == 10
    assert all(len(str(fault)) < 500 for fault in faults)
