"""How the wires hold an answer to a form, by what each provider has for it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from a3s_code.kernel.answer_form import AnswerForm, Means
from a3s_code.kernel.messages import JsonObject, user
from a3s_code.llm.anthropic import AnthropicWire
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.enforced_schemas import ANTHROPIC, OPENAI, Enforced
from a3s_code.llm.openai import OpenAIWire
from llm.asking import ask

CLOSED: JsonObject = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
OPEN: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}}


def sent(wire: Any, schema: JsonObject, means: Means) -> Any:
    request = replace(ask(user("go")), form=AnswerForm(name="f", schema=schema, means=means))
    where = Endpoint("p/m", "m", "http://h")
    return json.loads(bytes(wire(where).body(request)))


def test_openai_enforces_a_schema_that_it_takes_and_is_only_told_of_others() -> None:
    asked = sent(OpenAIWire, CLOSED, "schema")["response_format"]
    assert asked == {
        "type": "json_schema",
        "json_schema": {"name": "f", "schema": CLOSED, "strict": True},
    }
    assert "strict" not in sent(OpenAIWire, OPEN, "schema")["response_format"]["json_schema"]


def test_openai_enforces_the_arguments_of_a_forced_tool_too() -> None:
    body = sent(OpenAIWire, CLOSED, "tool")
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["tools"][0]["function"]["strict"] is True
    assert "strict" not in sent(OpenAIWire, OPEN, "tool")["tools"][0]["function"]


def test_anthropic_enforces_a_schema_that_it_takes_and_no_tool_is_named_then() -> None:
    body = sent(AnthropicWire, CLOSED, "schema")
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}
    assert "tools" not in body
    assert "tool_choice" not in body


@pytest.mark.parametrize(("schema", "means"), [(OPEN, "schema"), (CLOSED, "tool"), (OPEN, "json")])
def test_anthropic_calls_a_tool_for_all_else(schema: JsonObject, means: Means) -> None:
    body = sent(AnthropicWire, schema, means)
    assert body["tool_choice"] == {"type": "tool", "name": "f"}
    assert body["tools"][0]["input_schema"] == schema
    assert "output_config" not in body


def closed(properties: JsonObject, *required: str, **more: Any) -> JsonObject:
    names = list(required or properties)
    return {**CLOSED, "properties": properties, "required": names, **more}


TREE = {
    "Node": closed({"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}),
}


@pytest.mark.parametrize(
    ("schema", "openai", "anthropic"),
    [
        (CLOSED, True, True),
        (OPEN, False, False),
        (closed({"a": {"type": "string"}, "b": {"type": "string"}}, "a"), False, True),
        (closed({"a": {"type": ["string", "null"]}}), True, True),
        (closed({"a": {"type": "integer", "minimum": 1}}), True, False),
        (closed({"a": {"type": "string", "minLength": 1}}), False, False),
        (closed({"a": {"type": "array", "items": {"type": "string"}}}), True, True),
        (closed({"a": {"type": "array"}}), False, False),
        (closed({"a": OPEN}), False, False),
        (closed({"a": {}}), False, False),
        (closed({"a": {"type": "string", "format": "date"}}), True, True),
        (closed({"a": {"type": "string", "format": "phone"}}), False, False),
        (closed({"a": {"oneOf": [{"type": "string"}]}}), False, False),
        (closed({"a": {"$ref": "#/$defs/Node"}}, **{"$defs": TREE}), True, False),
        (closed({"a": {"$ref": "#/$defs/N"}}, **{"$defs": {"N": CLOSED}}), True, True),
        (
            closed({"a": {"$ref": "#/$defs/N", "title": "x"}}, **{"$defs": {"N": CLOSED}}),
            False,
            False,
        ),
        ({"anyOf": [CLOSED], **CLOSED}, False, False),
        (closed({"a": True}), False, False),
    ],
)
def test_only_what_a_provider_takes_is_asked_to_be_enforced(
    schema: JsonObject, openai: bool, anthropic: bool
) -> None:
    def takes(part: Enforced) -> bool:
        return part.takes(schema)

    assert (takes(OPENAI), takes(ANTHROPIC)) == (openai, anthropic)


def test_a_schema_that_nests_beyond_the_limit_is_not_enforced() -> None:
    schema = CLOSED
    for _ in range(12):
        schema = closed({"a": schema})
    assert not OPENAI.takes(schema)
