"""JSON is found where models put it, and only JSON is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.objects.candidates import MAX_CANDIDATES, Candidate, candidates
from a3s_code.kernel.asking import Said
from a3s_code.kernel.messages import Block, Message, Text, Thinking, ToolCall, Usage

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab{}[]"\\', max_size=4), inner)
    ),
    max_leaves=12,
)


def said(*blocks: Block) -> Said:
    return Said(Message("assistant", blocks), Usage())


def found(*blocks: Block, tool: str = "result", arguments: str = "") -> list[Candidate]:
    return list(candidates(said(*blocks), tool, arguments).candidates)


def faults(*blocks: Block, arguments: str = "") -> str:
    got = candidates(said(*blocks), "result", arguments)
    assert not got.candidates
    return " | ".join(got.faults)


def test_arguments_of_the_tool_come_before_text() -> None:
    call = ToolCall("1", "result", {"a": 1})
    assert found(Text('{"a": 2}'), call) == [
        Candidate("arguments", {"a": 1}),
        Candidate("text", {"a": 2}),
    ]


def test_arguments_of_another_tool_come_last() -> None:
    call = ToolCall("1", "other", {"a": 1})
    assert [each.place for each in found(Text('{"a": 2}'), call)] == ["text", "arguments"]


@pytest.mark.parametrize(
    ("text", "place", "value"),
    [
        (' {"a": 1}\n', "text", {"a": 1}),
        ("\ufeff[1]", "text", [1]),
        ('"word"', "text", "word"),
        ('So:\n```json\n{"a": 1}\n```\nDone {"b": 2}.', "fence", {"a": 1}),
        ("~~~\n[1, 2]\n~~~", "fence", [1, 2]),
        ('It is {"a": "}"} here.', "inline", {"a": "}"}),
        ('I took [ and then {"a": [1]}', "inline", {"a": [1]}),
    ],
)
def test_text_is_taken_as_a_whole_then_from_fences_then_from_prose(
    text: str, place: str, value: object
) -> None:
    assert found(Text(text)) == [Candidate(place, value)]  # type: ignore[arg-type]


def test_thoughts_count_only_where_nothing_was_said() -> None:
    thought = Thinking('It will be {"a": 1}.')
    assert found(thought) == [Candidate("reasoning", {"a": 1})]
    assert found(thought, Text('{"a": 2}')) == [Candidate("text", {"a": 2})]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 2}', "duplicate key"),
        ('{"a": NaN}', "expected value"),
        ('{"a": 1e999}', "too large"),
        ('{"a": 1,}', "trailing comma"),
        ('{"a": "x', "EOF"),
        ("[" * 65 + "]" * 65, "deeper than 64"),
        ('```json\n{"a": }\n```', "a fenced block"),
    ],
)
def test_what_is_no_json_is_a_fault_with_its_reason(text: str, says: str) -> None:
    assert says.casefold() in faults(Text(text)).casefold()


def test_prose_without_json_is_neither() -> None:
    got = candidates(said(Text("I cannot do that.")))
    assert (got.candidates, got.faults) == ((), ())


def test_a_key_that_stands_twice_in_arguments_is_seen_in_their_text() -> None:
    call = ToolCall("1", "result", {"a": 2})
    assert "uplicate key" in faults(call, arguments='{"a": 1, "a": 2}')


def test_arguments_that_broke_off_are_a_fault() -> None:
    assert "EOF" in faults(ToolCall("1", "result", {}, malformed='{"a": '))


def test_no_answer_gives_more_than_a_bounded_number() -> None:
    assert len(found(Text("[1] " * 100))) == MAX_CANDIDATES


@given(JSON)
def test_every_value_is_found_as_it_was_written(value: object) -> None:
    assert found(Text(json.dumps(value))) == [Candidate("text", value)]
    fenced = f"Here:\n```json\n{json.dumps(value, indent=1)}\n```\n"
    assert found(Text(fenced)) == [Candidate("fence", value)]


@given(st.text(st.characters(codec="utf-8") | st.sampled_from('{}[]"\\`~\n'), max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    got = candidates(said(Text(text)))
    assert not (got.candidates and got.faults)
