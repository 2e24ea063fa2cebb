from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

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
from a3s_code.llm.anthropic import AnthropicWire
from a3s_code.llm.endpoint import Endpoint
from llm.asking import ask

CACHE = {"cache_control": {"type": "ephemeral"}}
PNG = Attachment.png(b"\x89PNG")
PNG_WIRE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
}


class NoArgs(msgspec.Struct, frozen=True):
    pass


@tool(NoArgs, effect=Effect.READ)
async def first(args: NoArgs, context: ToolContext) -> Observation:
    """One."""
    return Observation("")


@tool(NoArgs, effect=Effect.READ)
async def second(args: NoArgs, context: ToolContext) -> Observation:
    """Two."""
    return Observation("")


def sent(request: ModelRequest, **endpoint: Any) -> Any:
    where = Endpoint("anthropic/m", "m", "http://h", **endpoint)
    return json.loads(bytes(AnthropicWire(where).body(request)))


def wire(*messages: Message) -> Any:
    """The messages as sent, with the mark of the last block taken off."""
    encoded = sent(ask(*messages))["messages"]
    encoded[-1]["content"][-1].pop("cache_control", None)
    return encoded


def test_a_plain_request_has_the_standard_fields_and_no_others() -> None:
    assert sent(ask(user("hi"), system="Be kind.")) == {
        "model": "m",
        "stream": True,
        "max_tokens": 8192,
        "system": [{"type": "text", "text": "Be kind.", **CACHE}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", **CACHE}]}],
    }


def test_the_prompt_cache_is_marked_on_the_last_tool_and_the_last_block() -> None:
    body = sent(
        ask(user("a"), Message("assistant", (Text("b"),)), user("c"), tools=[first, second])
    )

    assert body["tools"] == [
        {"name": "first", "description": "One.", "input_schema": first.schema},
        {"name": "second", "description": "Two.", "input_schema": second.schema, **CACHE},
    ]
    marks = [b for m in body["messages"] for b in m["content"] if "cache_control" in b]
    assert marks == [{"type": "text", "text": "c", **CACHE}]


def test_the_mark_of_a_turn_is_gone_in_the_next() -> None:
    conversation = Conversation([user("a")])
    endpoint = AnthropicWire(Endpoint("anthropic/m", "m", "http://h"))
    request = ModelRequest("", conversation, ToolSet(()), "s")
    endpoint.body(request)
    conversation.append(Message("assistant", (Text("b"),)))
    conversation.append(user("c"))

    assert bytes(endpoint.body(request)).count(b"ephemeral") == 1


@pytest.mark.parametrize(
    ("settings", "limit", "expected"),
    [
        ({}, None, {"max_tokens": 8192}),
        ({}, 4000, {"max_tokens": 4000}),
        ({"max_output_tokens": 100}, 4000, {"max_tokens": 100}),
        ({"temperature": 0.25}, None, {"max_tokens": 8192, "temperature": 0.25}),
        (
            {"temperature": 0.25, "thinking_budget": 2048},
            None,
            {"max_tokens": 8192, "thinking": {"type": "enabled", "budget_tokens": 2048}},
        ),
        (
            {"thinking_budget": 10_000},
            None,
            {"max_tokens": 18_192, "thinking": {"type": "enabled", "budget_tokens": 10_000}},
        ),
    ],
)
def test_limits_and_thinking_agree(
    settings: dict[str, Any], limit: int | None, expected: dict[str, Any]
) -> None:
    body = sent(ask(**settings), max_output_tokens=limit)

    for field in ("max_tokens", "temperature", "thinking"):
        assert body.get(field) == expected.get(field)


def test_thinking_goes_back_with_its_proof_and_before_the_calls() -> None:
    messages = wire(
        user("go"),
        Message(
            "assistant",
            (
                Thinking("hmm", signature="sig"),
                Thinking("", redacted="opaque"),
                Thinking("another provider's"),
                Text("  "),
                ToolCall("c1", "read", {"a": 1}),
                ToolCall("functions.read:0", "no such!", {}, malformed="{oops"),
            ),
        ),
        Message(
            "tool", (ToolResult("c1", ""), ToolResult("functions.read:0", "no", is_error=True))
        ),
    )

    assert messages[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hmm", "signature": "sig"},
                {"type": "redacted_thinking", "data": "opaque"},
                {"type": "tool_use", "id": "c1", "name": "read", "input": {"a": 1}},
                {
                    "type": "tool_use",
                    "id": "functions_read_0",
                    "name": "no_such_",
                    "input": {},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": ""},
                {
                    "type": "tool_result",
                    "tool_use_id": "functions_read_0",
                    "content": "no",
                    "is_error": True,
                },
            ],
        },
    ]


def test_images_stand_in_messages_and_in_tool_results() -> None:
    asked, result = wire(
        user("what?", (PNG,)), Message("tool", (ToolResult("c1", "a png", images=(PNG,)),))
    )

    assert asked["content"] == [PNG_WIRE, {"type": "text", "text": "what?"}]
    assert result["content"][0]["content"] == [{"type": "text", "text": "a png"}, PNG_WIRE]


def test_what_the_provider_would_refuse_is_left_out() -> None:
    messages = wire(user("a"), Message("assistant", (Thinking("x"), Text(" \n"))), user("b"))

    assert [m["content"][0]["text"] for m in messages] == ["a", "b"]


def test_a_thinking_block_at_the_end_carries_no_mark() -> None:
    body = sent(ask(user("a"), Message("assistant", (Thinking("x", signature="s"),))))

    assert "cache_control" not in json.dumps(body)
