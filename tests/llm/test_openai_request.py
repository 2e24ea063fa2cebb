from __future__ import annotations

import json
from typing import Any

import msgspec

from a3s_code.kernel.encoded import Encoded
from a3s_code.kernel.messages import (
    Attachment,
    Conversation,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    user,
)
from a3s_code.kernel.ports import ModelRequest
from a3s_code.kernel.tool import Effect, Observation, ToolContext, ToolSet, tool
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.openai import OpenAIWire, encode_message
from llm.asking import ask

PNG = Attachment.png(b"\x89PNG")
PNG_URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}


class EchoArgs(msgspec.Struct, frozen=True):
    text: str


@tool(EchoArgs, effect=Effect.READ)
async def echo(args: EchoArgs, context: ToolContext) -> Observation:
    """Say it again."""
    return Observation(args.text)


def sent(request: ModelRequest, **endpoint: Any) -> Any:
    where = Endpoint("openai/m", "m", **{"base_url": "http://h", **endpoint})
    return json.loads(bytes(OpenAIWire(where).body(request)))


def wire(*messages: Message) -> Any:
    return sent(ask(*messages))["messages"]


def test_a_plain_request_has_the_standard_fields_and_no_others() -> None:
    assert sent(ask(user("hi"), system="Be kind.")) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hi"},
        ],
    }


def test_settings_are_sent_when_they_are_set() -> None:
    body = sent(ask(temperature=0.25, max_output_tokens=77, thinking_budget=2048, tools=[echo]))

    assert (body["temperature"], body["max_tokens"]) == (0.25, 77)
    assert "thinking" not in body
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "echo",
                "description": "Say it again.",
                "parameters": echo.schema,
            },
        }
    ]


def test_openai_itself_gets_the_new_name_of_the_token_limit() -> None:
    body = sent(ask(max_output_tokens=77), base_url="https://api.openai.com/v1")

    assert body["max_completion_tokens"] == 77
    assert "max_tokens" not in body


def test_images_go_out_as_data_urls_before_the_text() -> None:
    assert wire(user("what is this?", (PNG,))) == [
        {"role": "user", "content": [PNG_URL, {"type": "text", "text": "what is this?"}]}
    ]


def test_a_tool_round_pairs_calls_and_results() -> None:
    messages = wire(
        user("go"),
        Message(
            "assistant",
            (
                Thinking("hmm"),
                Text("I look."),
                ToolCall("c1", "read", {"a": 1}),
                ToolCall("c2", "bash", {}, malformed="{oops"),
            ),
        ),
        Message("tool", (ToolResult("c1", "one"), ToolResult("c2", "no", is_error=True))),
    )

    assert messages[1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "hmm",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "read", "arguments": '{"a":1}'},
                },
                {"id": "c2", "type": "function", "function": {"name": "bash", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "no"},
    ]


def test_reasoning_is_sent_back_only_with_tool_calls_and_only_where_it_is_the_servers_own() -> None:
    call = ToolCall("c1", "read", {})
    answered, signed = wire(
        Message("assistant", (Thinking("hmm"), Text("done"))),
        Message("assistant", (Thinking("hmm", signature="sig"), call)),
    )

    assert answered == {"role": "assistant", "content": "done"}
    assert "reasoning_content" not in signed


def test_images_of_tool_results_follow_all_results_in_a_user_message() -> None:
    assert wire(
        Message("tool", (ToolResult("c1", "a png", images=(PNG,)), ToolResult("c2", "b")))
    ) == [
        {"role": "tool", "tool_call_id": "c1", "content": "a png"},
        {"role": "tool", "tool_call_id": "c2", "content": "b"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Images of tool call c1:"}, PNG_URL],
        },
    ]


def test_an_empty_answer_is_left_out_of_what_is_sent() -> None:
    assert wire(user("a"), Message("assistant", ()), user("b")) == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
    ]


def test_a_made_up_tool_name_cannot_make_the_provider_refuse_the_conversation() -> None:
    calls = tuple(ToolCall(f"c{n}", name, {}) for n, name in enumerate(("", "rm -rf /", "x" * 99)))
    (assistant,) = wire(Message("assistant", calls))

    names = [call["function"]["name"] for call in assistant["tool_calls"]]
    assert names == ["unnamed", "rm_-rf__", "x" * 64]


def test_half_a_character_does_not_break_the_request() -> None:
    half = "\ud83d"
    body = sent(
        ask(
            user(f"a{half}"),
            Message("assistant", (ToolCall("c1", "write", {"x": [f"b{half}", {f"k{half}": 1}]}),)),
            Message("tool", (ToolResult("c1", f"c{half}"),)),
            system=f"s{half}",
        )
    )

    assert body["messages"][0]["content"] == "s\ufffd"
    assert body["messages"][1]["content"] == "a\ufffd"
    assert body["messages"][3]["content"] == "c\ufffd"


def test_nul_and_line_separators_are_kept() -> None:
    assert wire(user("a\0b\u2028c"))[0]["content"] == "a\0b\u2028c"


def test_history_is_encoded_once() -> None:
    encoded: list[Message] = []

    class Counting(Conversation):
        def encoded(self, wire: str, encode: Any) -> Encoded[Message]:
            def counted(message: Message) -> bytes:
                encoded.append(message)
                return encode(message)

            return super().encoded(wire, counted)

    conversation = Counting([user("one")])
    endpoint = OpenAIWire(Endpoint("openai/m", "m", "http://h"))
    bodies: list[bytes] = []
    for n in range(3):
        request = ModelRequest("sys", conversation, ToolSet(()), "s")
        bodies.append(bytes(endpoint.body(request)))
        conversation.append(user(str(n)))

    assert [message.text for message in encoded] == ["one", "0", "1"]
    assert bodies[2].startswith(bodies[1][: -len(b"]}")])
    assert encode_message(user("one")) in bodies[2]
