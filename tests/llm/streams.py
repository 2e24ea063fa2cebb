"""Answers of providers, as bytes of the two wires."""

from __future__ import annotations

from typing import Any

import msgspec


def chunk(delta: Any = None, finish: str | None = None, **top: Any) -> bytes:
    """One event of the Chat Completions wire."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return b"data: " + msgspec.json.encode({"choices": [choice], **top}) + b"\n\n"


DONE = b"data: [DONE]\n\n"
HELLO = chunk({"content": "Hel"}) + chunk({"content": "lo"}) + chunk({}, "stop") + DONE


def call_chunk(arguments: str | None, index: int | None = 0, **fields: Any) -> bytes:
    """One event with a piece of a tool call; `id` and `name` as given."""
    name = fields.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name is not None else {})}
    return chunk({"tool_calls": [{"index": index, "function": function, **fields}]})


def event(kind: str, **fields: Any) -> bytes:
    """One event of the Messages wire."""
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def block(index: int, start: Any, *deltas: Any) -> bytes:
    """A whole content block of the Messages wire."""
    return b"".join(
        (
            event("content_block_start", index=index, content_block=start),
            *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
            event("content_block_stop", index=index),
        )
    )


def message(*blocks: bytes, stop: str = "end_turn", output_tokens: int = 2) -> bytes:
    """A whole stream of the Messages wire."""
    return b"".join(
        (
            event("message_start", message={"usage": {"input_tokens": 5, "output_tokens": 0}}),
            *blocks,
            event(
                "message_delta",
                delta={"stop_reason": stop},
                usage={"output_tokens": output_tokens},
            ),
            event("message_stop"),
        )
    )


HELLO_MESSAGE = message(
    block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hello"})
)


def texts_of(text: str) -> bytes:
    """The start of a stream of the Messages wire, up to and without its end."""
    start = event("message_start", message={"usage": {"input_tokens": 5}})
    delta = {"type": "text_delta", "text": text}
    return start + block(0, {"type": "text", "text": ""}, delta)
