"""Objects from a model: valid, or a failure that says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from a3s_code import ToolResult
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import Turn, calls, calls_text, refuses, says
from api.house import WIRES, House

NUMBER: JsonObject = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}},
    "required": ["n"],
    "additionalProperties": False,
}


def ask(house: House, *turns: Turn, kind: str = "openai", **args: Any) -> ToolResult:
    given = {"schema": NUMBER, "prompt": "Count the legs of a cat.", **args}
    return house.session(*turns, kind=kind).tool("generate_object", given)


def made(result: ToolResult) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def lines(deltas: str) -> list[Any]:
    return [json.loads(line) for line in deltas.splitlines()]


@pytest.mark.parametrize("kind", WIRES)
def test_a_direct_call_gives_an_object_that_satisfies_the_schema(house: House, kind: str) -> None:
    result = ask(house, calls("*", n=4), kind=kind, schema_name="legs of it")
    output = made(result)
    assert output == {"object": {"n": 4}, "mode": "auto", "means": "tool", "attempts": 1}
    facts = result.metadata["generate_object"]
    assert (facts["source"], facts["errors"], facts["fallbacks"]) == ("arguments", [], [])
    (body,) = house.bodies
    assert "legs_of_it" in json.dumps(body["tool_choice"])
    assert "Count the legs" in json.dumps(body["messages"])


@pytest.mark.parametrize("kind", WIRES)
def test_an_invalid_answer_is_sent_back_with_its_faults_and_the_conversation_only_grows(
    house: House, kind: str
) -> None:
    result = ask(house, calls("*", n=0), calls("*", n="4"), calls("*", n=4), kind=kind)
    assert made(result)["attempts"] == 3
    first, second, third = (body["messages"] for body in house.bodies)
    plain = [
        json.dumps(each).replace(', "cache_control": {"type": "ephemeral"}', "")
        for each in (first, second, third)
    ]
    assert plain[1].startswith(plain[0][:-1])
    assert plain[2].startswith(plain[1][:-1])
    assert "/n: wanted minimum 1; found 0" in plain[1]
    assert "/n: wanted type" in plain[2]
    errors = result.metadata["generate_object"]["errors"]
    assert [len(each) for each in errors] == [1, 1]


def test_when_attempts_are_used_up_there_is_a_typed_failure_and_no_object(house: House) -> None:
    result = ask(house, says('{"n": "SECRET-WORD"}'), says('{"n": 0}'), max_repair_attempts=1)
    assert (result.exit_code, result.error_kind) == (1, "object_invalid")
    assert json.loads(result.error_kind_json or "")["attempts"] == 2
    assert "/n: wanted minimum 1; found 0" in result.output
    assert "object" not in result.metadata
    with pytest.raises(json.JSONDecodeError):
        json.loads(result.output)
    assert len(house.bodies) == 2


@pytest.mark.parametrize(
    ("mode", "field", "value"),
    [
        ("strict", "response_format", "json_schema"),
        ("json", "response_format", "json_object"),
        ("tool", "tool_choice", "function"),
        ("auto", "tool_choice", "function"),
    ],
)
def test_a_mode_is_the_means_that_the_provider_has_for_it(
    house: House, mode: str, field: str, value: str
) -> None:
    assert made(ask(house, says('{"n": 4}'), mode=mode))["object"] == {"n": 4}
    assert house.bodies[0][field]["type"] == value


def test_by_prompt_the_schema_is_said_in_words_alone(house: House) -> None:
    assert made(ask(house, says('Here:\n```json\n{"n": 4}\n```'), mode="prompt"))["object"]
    (body,) = house.bodies
    assert body.keys().isdisjoint({"response_format", "tool_choice", "tools"})
    assert '\\"minimum\\":1' in json.dumps(body["messages"])


@pytest.mark.parametrize(
    ("mode", "said", "means"),
    [
        ("auto", "'tool_choice' is not supported by this model", "json"),
        ("strict", "Invalid parameter: 'response_format' of type 'json_schema'", "tool"),
        ("json", "response_format is unknown", "words"),
    ],
)
def test_a_provider_that_refuses_a_means_is_asked_by_the_next_weaker_one(
    house: House, mode: str, said: str, means: str
) -> None:
    refusal = refuses(400, {"error": {"message": said, "type": "invalid_request_error"}})
    result = ask(house, refusal, says('{"n": 4}'), mode=mode)
    output = made(result)
    assert (output["means"], output["attempts"]) == (means, 1)
    assert len(result.metadata["generate_object"]["fallbacks"]) == 1


def test_another_refusal_is_no_reason_to_ask_again(house: House) -> None:
    result = ask(house, refuses(400, {"error": {"message": "the model is retired"}}))
    assert (result.exit_code, result.error_kind) == (1, "model.refused")
    assert len(house.bodies) == 1


def test_a_provider_that_takes_no_means_at_all_is_asked_a_bounded_number_of_times(
    house: House,
) -> None:
    refusal = refuses(400, {"error": {"message": "no tools, no response_format"}})
    session = house.session(default=refusal)
    result = session.tool("generate_object", {"schema": NUMBER, "prompt": "p", "mode": "strict"})
    assert result.error_kind == "model.refused"
    assert len(house.bodies) == 4


def test_an_answer_that_was_cut_off_is_never_taken_even_if_it_could_be_read(house: House) -> None:
    cut = says('{"n": 4}', stop="length")
    result = ask(house, cut, says('{"n": 5}'))
    assert made(result)["object"] == {"n": 5}
    assert "cut off" in result.metadata["generate_object"]["errors"][0][0]


def test_a_model_that_refuses_is_not_asked_again(house: House) -> None:
    result = ask(house, says("I will not.", stop="content_filter"))
    assert (result.exit_code, result.error_kind) == (1, "model_refused")
    assert len(house.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "says_why"),
    [
        (says("four"), "no JSON in the answer"),
        (says('{"n": 4,}'), "trailing comma"),
        (says('{"n": 3, "n": 4}'), "uplicate key"),
        (calls_text("*", '{"n": 3, "n": 4}'), "uplicate key"),
        (calls_text("*", '{"n": 4'), "EOF"),
        (says('{"n": NaN}'), "expected value"),
        (says('One: {"n": 3}, or {"n": 4}'), "2 that fit, and they differ"),
        (calls("*", n=3) + calls("*", n=4), "2 that fit, and they differ"),
    ],
)
def test_what_nobody_can_read_in_one_way_is_sent_back(
    house: House, answer: Turn, says_why: str
) -> None:
    result = ask(house, answer, calls("*", n=4))
    assert made(result)["object"] == {"n": 4}
    assert says_why in str(result.metadata["generate_object"]["errors"])


LOOSE: JsonObject = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "tags": {"type": "array"}},
}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"name": "..."},
        {"name": "<string>"},
        {"name": " TODO "},
        {"tags": ["a", {"b": "{{tag}}"}]},
        {"name": "string", "tags": ["array"]},
        LOOSE,
        {"type": "object", "properties": {"name": {"type": "string"}}},
    ],
)
def test_an_answer_that_says_nothing_is_no_object_even_if_the_schema_allows_it(
    house: House, value: JsonObject
) -> None:
    result = ask(house, calls("*", **value), schema=LOOSE, max_repair_attempts=0)
    assert (result.exit_code, result.error_kind) == (1, "object_invalid")


def test_words_of_the_prompt_and_of_the_schema_are_data(house: House) -> None:
    mark = {"enum": ["TODO", "..."]}
    schema = {"type": "object", "properties": {"a": mark, "b": {"type": "string"}}}
    value = {"a": "...", "b": "FIXME"}
    result = ask(house, calls("*", **value), schema=schema, prompt="Which marks, such as FIXME?")
    assert made(result)["object"] == value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "array", "items": {"type": "integer"}}, [1, 2]),
        ({"type": "integer"}, 4),
        ({"enum": ["a", "b"]}, "b"),
        ({"type": ["string", "null"]}, None),
        ({"anyOf": [NUMBER, {"type": "string"}]}, {"n": 4}),
        ({"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"type": "integer"}]}}, [[1], 2]),
        ({"$ref": "#/$defs/N", "$defs": {"N": {"type": "array"}}}, [1]),
    ],
)
@pytest.mark.parametrize("kind", WIRES)
def test_what_is_no_object_is_asked_for_in_an_envelope_and_taken_out_of_it(
    house: House, kind: str, schema: JsonObject, value: object
) -> None:
    assert made(ask(house, calls("*", value=value), kind=kind, schema=schema))["object"] == value
    tool = house.bodies[0]["tools"][0]
    form = tool["function"]["parameters"] if kind == "openai" else tool["input_schema"]
    assert form["type"] == "object"
    assert list(form["properties"]) == ["value"]


def test_a_value_that_came_without_its_envelope_is_taken_too(house: House) -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    assert made(ask(house, says("[1, 2]"), schema=schema))["object"] == [1, 2]


def test_faults_inside_an_envelope_are_named_where_the_model_wrote_them(house: House) -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    ask(house, calls("*", value=[1, "x"]), calls("*", value=[1]), schema=schema)
    assert "/value/1: wanted type" in json.dumps(house.bodies[1]["messages"])


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        ({"schema": {"type": "strange"}}, "schema_invalid"),
        ({"schema": {"properties": {"a": {"pattern": "(["}}}}, "schema_invalid"),
        ({"schema": {"description": "x" * 70_000}}, "schema_too_large"),
        ({"schema": {"$dynamicRef": "#a"}}, "schema_unsupported"),
        ({"prompt": "x" * 140_000}, "invalid_argument"),
        ({"system": "x" * 40_000}, "invalid_argument"),
        ({"prompt": " "}, "invalid_argument"),
        ({"max_repair_attempts": 6}, "invalid_argument"),
        ({"timeout_ms": 0}, "invalid_argument"),
        ({"mode": "fast"}, "invalid_argument"),
        ({"mood": "fast"}, "invalid_argument"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_model_is(
    house: House, args: JsonObject, kind: str
) -> None:
    result = ask(house, says("never"), **args)
    assert (result.exit_code, result.error_kind) == (1, kind)
    assert not house.server.requests


def test_a_schema_that_is_wrong_is_told_with_the_place_of_the_fault(house: House) -> None:
    schema = {"type": "object", "properties": {"a/b": {"minimum": "x"}}}
    result = ask(house, says("never"), schema=schema)
    kind = json.loads(result.error_kind_json or "")
    assert kind == {"type": "schema_invalid", "pointer": "/properties/a~1b/minimum"}


def test_all_attempts_together_have_one_deadline(house: House) -> None:
    result = ask(house, says('{"n": 4}', delay_s=30.0), timeout_ms=100)
    assert result.exit_code == 1
    assert result.error_kind in {"timeout", "model.unavailable"}


def test_the_answer_as_it_was_written_is_given_on_request(house: House) -> None:
    output = made(ask(house, says('So: {"n":  4}'), include_raw_text=True))
    assert output["raw_text"] == 'So: {"n":  4}'


def test_a_model_may_call_it_and_its_parts_are_shown_as_they_come(house: House) -> None:
    session = house.session(
        calls("generate_object", schema=NUMBER, prompt="Count."),
        calls("*", n=4711),
        says("done"),
    )
    events = list(session.stream("go"))
    shown = "".join(e.text or "" for e in events if e.event_type == "tool_output_delta")
    assert lines(shown)[-1] == {"object_partial": {"n": 4711}, "final": True}
    assert "4711" in json.dumps(house.bodies[2])
    assert events[-1].text == "done"


def test_it_is_always_shown_to_models_and_costs_are_booked_as_object(house: House) -> None:
    session = house.session(
        calls("generate_object", schema=NUMBER, prompt="Count."), calls("*", n=1), says("done")
    )
    session.send("Hello.")
    names = [tool["function"]["name"] for tool in house.bodies[0]["tools"]]
    assert "generate_object" in names
    assert [row.purpose for row in session.cost_records()] == ["turn", "object", "turn"]


def test_it_does_not_touch_the_conversation(house: House) -> None:
    session = house.session(calls("*", n=4), says("done"))
    session.tool("generate_object", {"schema": NUMBER, "prompt": "ASIDE"})
    session.send("Hello.")
    assert "ASIDE" not in json.dumps(house.bodies[1])


def test_a_schema_that_names_properties_wants_an_object_even_without_a_type(house: House) -> None:
    schema = {"properties": {"n": {"type": "integer"}}}
    result = ask(house, says('"none"'), calls("*", n=4), schema=schema)
    assert made(result)["object"] == {"n": 4}
    assert "an object" in result.metadata["generate_object"]["errors"][0][0]
