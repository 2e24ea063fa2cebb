"""What is made of the answers of both wires, without a socket."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.kernel.messages import Text, Thinking, ToolCall, Usage
from a3s_code.kernel.ports import Reply
from a3s_code.llm.anthropic_answer import AnthropicAnswer
from a3s_code.llm.calls import CallIds
from a3s_code.llm.faults import Fault
from a3s_code.llm.openai_answer import OpenAIAnswer
from a3s_code.llm.sse import SseSplitter
from llm.asking import Watcher
from llm.streams import DONE, block, call_chunk, chunk, event, message

TEXT = {"type": "text", "text": ""}
USE = {"type": "tool_use", "id": "t1", "name": "read", "input": {}}


def hear(
    kind: type[OpenAIAnswer | AnthropicAnswer], stream: bytes, watcher: Watcher | None = None
) -> Reply:
    answer = kind(watcher or Watcher(), CallIds(3))
    splitter = SseSplitter()
    answer.feed(splitter.feed(stream))
    answer.feed(splitter.finish())
    return answer.reply({})


def openai(*events: bytes, finish: str = "stop", watcher: Watcher | None = None) -> Reply:
    return hear(OpenAIAnswer, b"".join(events) + chunk({}, finish) + DONE, watcher)


def anthropic(*blocks: bytes, stop: str = "end_turn", watcher: Watcher | None = None) -> Reply:
    return hear(AnthropicAnswer, message(*blocks, stop=stop), watcher)


def told(answer: OpenAIAnswer | AnthropicAnswer, data: bytes) -> Reply:
    answer.feed([(b"", data)])
    return answer.reply({})


def texts(*pieces: str) -> bytes:
    return block(0, TEXT, *({"type": "text_delta", "text": piece} for piece in pieces))


def inputs(index: int, start: dict[str, Any], *pieces: str) -> bytes:
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return block(index, start, *deltas)


REPEATS = [
    ["1", "12"],
    ["ha", "ha", "ha"],
    ["The ", "The cat"],
    ["line\n", "\n", "\n", "next"],
    ["    ", "    ", "x"],
    ["}\n", "}\n"],
    ["1000", "000"],
]


@pytest.mark.parametrize("pieces", REPEATS)
def test_deltas_are_joined_exactly_on_both_wires(pieces: list[str]) -> None:
    for reply in (openai(*(chunk({"content": p}) for p in pieces)), anthropic(texts(*pieces))):
        assert reply.message.blocks == (Text("".join(pieces)),)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_any_text_comes_through_whole(pieces: list[str]) -> None:
    whole = "".join(pieces)
    seen = Watcher(), Watcher()

    one = openai(*(chunk({"content": p}) for p in pieces), watcher=seen[0])
    two = anthropic(texts(*pieces), watcher=seen[1])

    assert one.message.text == two.message.text == whole
    assert seen[0].text == seen[1].text == whole


def escaped(units: bytes) -> bytes:
    """An event whose text is given as UTF-16 units, whole characters or not."""
    codes = (int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2))
    return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % b"".join(
        b"\\u%04x" % code for code in codes
    )


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.lists(st.integers(0, 30), max_size=5),
)
def test_text_that_is_cut_inside_characters_is_put_together_again(
    whole: str, cuts: list[int]
) -> None:
    units = whole.encode("utf-16-le")
    ends = [0, *sorted(min(2 * cut, len(units)) for cut in cuts), len(units)]
    pieces = (escaped(units[a:b]) for a, b in itertools.pairwise(ends))
    watcher = Watcher()

    reply = openai(*pieces, watcher=watcher)

    assert reply.message.text == watcher.text == whole


def test_half_a_character_that_stays_alone_becomes_a_replacement_and_can_be_stored() -> None:
    stream = b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n'
    reply = openai(stream, chunk({"content": "b"}))

    assert reply.message.text == "a\ufffdb"
    assert msgspec.json.encode(reply)


def test_calls_are_gathered_by_index_in_order_of_appearance() -> None:
    watcher = Watcher()
    reply = openai(
        call_chunk("", id="a", name="read"),
        call_chunk('{"p', index=1, id="b", name="bash"),
        call_chunk('{"x":', index=0),
        call_chunk('":2}', index=1),
        call_chunk("1}", index=0),
        finish="tool_calls",
        watcher=watcher,
    )

    assert reply.message.calls == (ToolCall("a", "read", {"x": 1}), ToolCall("b", "bash", {"p": 2}))
    assert (watcher.arguments("a"), watcher.arguments("b")) == ('{"x":1}', '{"p":2}')
    assert reply.stop == "tool_calls"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("  ", {}),
        ("{}", {}),
        ('{"a": "\\n"}', {"a": "\n"}),
        ('{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
    ],
)
def test_arguments_that_are_an_object_are_parsed(text: str, expected: dict[str, Any]) -> None:
    for reply in (
        openai(call_chunk(text, id="a", name="n")),
        anthropic(inputs(0, USE, text), stop="tool_use"),
    ):
        (call,) = reply.message.calls
        assert (call.input, call.malformed) == (expected, None)


@pytest.mark.parametrize(
    "text",
    [
        "{oops",
        '"a.py"',
        "[1]",
        "null",
        '{"n": NaN}',
        '{"a":1}{',
        '{"a":"\n"}',
        "[" * 5000,
        "{'a':1}",
    ],
)
def test_arguments_that_are_no_object_are_kept_and_told(text: str) -> None:
    for reply in (
        openai(call_chunk(text, id="a", name="n")),
        anthropic(inputs(0, USE, text), stop="tool_use"),
    ):
        (call,) = reply.message.calls
        assert (call.input, call.malformed) == ({}, text)


@pytest.mark.parametrize("text", ["", '{"path": "a'])
def test_the_call_at_which_the_answer_was_cut_does_not_run(text: str) -> None:
    for reply in (
        openai(call_chunk(text, id="a", name="n"), finish="length"),
        anthropic(inputs(0, USE, text), stop="max_tokens"),
    ):
        (call,) = reply.message.calls
        assert call.malformed == text
        assert reply.stop == "length"


def test_ids_are_made_unique_and_deltas_carry_the_same_ids() -> None:
    watcher = Watcher()
    reply = openai(
        call_chunk("{}", index=0, id="a", name="n"),
        call_chunk("{}", index=1, id="a", name="n"),
        call_chunk("{}", index=2, name="n"),
        call_chunk("{}", index=3, id="", name=""),
        watcher=watcher,
    )

    ids = [call.id for call in reply.message.calls]
    assert ids == ["a", "call_3_1", "call_3_2", "call_3_3"]
    assert all(watcher.arguments(call_id) == "{}" for call_id in ids)
    assert reply.message.calls[3].name == ""


def test_servers_that_number_every_call_0_or_not_at_all_are_understood() -> None:
    numbered = openai(
        call_chunk('{"a":1}', index=0, id="a", name="one"),
        call_chunk('{"b":2}', index=0, id="b", name="two"),
    )
    unnumbered = openai(
        call_chunk('{"a"', index=None, id="a", name="one"),
        call_chunk(":1}", index=None),
        call_chunk('{"b":2}', index=None, id="b", name="two"),
    )

    for reply in (numbered, unnumbered):
        assert [(c.id, c.name, c.input) for c in reply.message.calls] == [
            ("a", "one", {"a": 1}),
            ("b", "two", {"b": 2}),
        ]


def test_repeated_ids_and_names_belong_to_the_same_call() -> None:
    reply = openai(
        call_chunk('{"a"', id="a", name="one"),
        call_chunk(":1}", id="a", name="one"),
        chunk(
            {
                "tool_calls": [
                    {"index": 1, "id": "b", "function": {"name": "n", "arguments": {"x": 1}}}
                ]
            }
        ),
    )

    assert [(c.name, c.input) for c in reply.message.calls] == [("one", {"a": 1}), ("n", {"x": 1})]


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "end"),
        ("brand_new", "end"),
    ],
)
def test_the_stop_of_the_completions_wire_is_named(finish: str, stop: str) -> None:
    assert openai(chunk({"content": "x"}), finish=finish).stop == stop


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("tool_use", "end"),
    ],
)
def test_the_stop_of_the_messages_wire_is_named(reason: str, stop: str) -> None:
    assert anthropic(texts("x"), stop=reason).stop == stop


def test_a_refusal_in_its_own_field_is_text_and_a_refusal() -> None:
    reply = openai(chunk({"refusal": "I may not."}))

    assert (reply.message.text, reply.stop) == ("I may not.", "refusal")


def test_calls_that_end_with_stop_still_count() -> None:
    assert openai(call_chunk("{}", id="a", name="n"), finish="stop").stop == "tool_calls"
    assert anthropic(inputs(0, USE, "{}"), stop="end_turn").stop == "tool_calls"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_shown_and_kept(field: str) -> None:
    watcher = Watcher()
    reply = openai(
        chunk({field: "hm"}), chunk({field: "m"}), chunk({"content": "a"}), watcher=watcher
    )

    assert reply.message.blocks == (Thinking("hmm"), Text("a"))
    assert watcher.reasoning == "hmm"


def test_thinking_keeps_its_signature_and_hidden_blocks_their_data() -> None:
    watcher = Watcher()
    reply = anthropic(
        block(
            0,
            {"type": "thinking", "thinking": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "thinking_delta", "thinking": "m"},
            {"type": "signature_delta", "signature": "si"},
            {"type": "signature_delta", "signature": "g"},
        ),
        block(1, {"type": "redacted_thinking", "data": "opaque"}),
        block(2, TEXT, {"type": "text_delta", "text": "a"}),
        inputs(3, USE, '{"x":', "1}"),
        stop="tool_use",
        watcher=watcher,
    )

    assert reply.message.blocks == (
        Thinking("hmm", signature="sig"),
        Thinking("", redacted="opaque"),
        Text("a"),
        ToolCall("t1", "read", {"x": 1}),
    )
    assert (watcher.reasoning, watcher.arguments("t1")) == ("hmm", '{"x":1}')


def test_what_a_block_carries_from_its_start_counts() -> None:
    reply = anthropic(
        block(0, {"type": "text", "text": "a"}, {"type": "text_delta", "text": "b"}),
        block(1, {**USE, "input": {"x": 1}}),
    )

    assert reply.message.blocks == (Text("ab"), ToolCall("t1", "read", {"x": 1}))


def test_tokens_are_counted_with_the_cached_ones_inside_the_prompt() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 60},
    }
    cached = {
        "input_tokens": 10,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 30,
        "output_tokens": 1,
    }
    stream = (
        event("message_start", message={"usage": cached})
        + texts("x")
        + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7})
        + event("message_stop")
    )

    assert openai(chunk({"content": "x"}, usage=usage)).usage == Usage(100, 7, 60, 0)
    assert hear(AnthropicAnswer, stream).usage == Usage(100, 7, 60, 30)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": 5.0, "completion_tokens": 2}]
)
def test_missing_or_odd_token_counts_do_not_spoil_an_answer(usage: Any) -> None:
    assert openai(chunk({"content": "x"}, usage=usage)).message.text == "x"


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        chunk({"content": "x"}),
        chunk({"content": "x"}) + DONE,
        call_chunk('{"path":"a"}', id="a", name="read") + DONE,
        b"data :",
    ],
)
def test_a_stream_that_never_said_why_it_stopped_is_no_answer(stream: bytes) -> None:
    with pytest.raises(Fault) as caught:
        hear(OpenAIAnswer, stream)

    assert caught.value.kind == "truncated"
    assert caught.value.again


def test_a_message_that_never_said_why_it_stopped_is_no_answer() -> None:
    stream = event("message_start", message={}) + inputs(0, USE, '{"a": 1}') + event("message_stop")
    with pytest.raises(Fault) as caught:
        hear(AnthropicAnswer, stream)

    assert (caught.value.kind, caught.value.again) == ("truncated", True)


def test_a_line_that_is_no_json_is_a_fault_and_not_skipped() -> None:
    for kind in (OpenAIAnswer, AnthropicAnswer):
        with pytest.raises(Fault) as caught:
            hear(kind, b"data: {not json\n\n")
        assert (caught.value.kind, caught.value.again) == ("protocol", True)


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":' + b"[" * 100_000,
        b'{"choices":{"a":1}}',
        b"[1]",
        b"7",
        b'{"type":7,"choices":7}',
    ],
)
def test_json_of_another_shape_is_a_fault(data: bytes) -> None:
    for kind in (OpenAIAnswer, AnthropicAnswer):
        answer = kind(Watcher(), CallIds(0))
        with pytest.raises(Fault):
            told(answer, data)


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource"])
def test_a_finish_reason_that_means_failure_is_one(reason: str) -> None:
    with pytest.raises(Fault) as caught:
        openai(chunk({"content": "x"}), finish=reason)

    assert caught.value.again


def test_a_whole_completion_counts_as_an_answer() -> None:
    watcher = Watcher()
    answer = OpenAIAnswer(watcher, CallIds(0))
    function = {"name": "read", "arguments": '{"x":1}'}
    said = {"content": "hi", "tool_calls": [{"id": "a", "function": function}]}
    answer.whole(msgspec.json.encode({"choices": [{"message": said, "finish_reason": "stop"}]}))

    reply = answer.reply({})

    assert reply.message.blocks == (Text("hi"), ToolCall("a", "read", {"x": 1}))
    assert watcher.text == "hi"


def test_a_whole_message_counts_as_an_answer() -> None:
    watcher = Watcher()
    answer = AnthropicAnswer(watcher, CallIds(0))
    blocks = [{"type": "text", "text": "hi"}, {**USE, "input": "{oops"}]
    usage = {"input_tokens": 5, "output_tokens": 2}
    answer.whole(
        msgspec.json.encode({"content": blocks, "stop_reason": "tool_use", "usage": usage})
    )

    reply = answer.reply({})

    assert reply.message.blocks == (Text("hi"), ToolCall("t1", "read", {}, malformed="{oops"))
    assert (watcher.text, reply.usage.total_tokens) == ("hi", 7)


@pytest.mark.parametrize("body", [b'{"error":{"type":"overloaded_error"}}', b"{}", b"[]", b'{"x'])
def test_a_whole_body_without_an_answer_is_a_fault(body: bytes) -> None:
    for kind in (OpenAIAnswer, AnthropicAnswer):
        with pytest.raises(Fault):
            kind(Watcher(), CallIds(0)).whole(body)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "delta",
                        "content",
                        "tool_calls",
                        "index",
                        "function",
                        "arguments",
                        "error",
                        "type",
                        "usage",
                        "finish_reason",
                        "message",
                        "content_block",
                        "input",
                        "id",
                        "name",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_ends_in_a_reply_or_in_a_fault(value: Any) -> None:
    data = msgspec.json.encode(value)
    for kind in (OpenAIAnswer, AnthropicAnswer):
        answer = kind(Watcher(), CallIds(0))
        for take in (lambda a=answer: a.feed([(b"", data)]), lambda a=answer: a.whole(data)):
            try:
                take()
                answer.reply({})
            except Fault:
                pass
