"""
The server's side of Messages.

Source:
    Anthropic API reference, "Messages: create, streaming".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from a3s_code.kernel.messages import JsonObject
from a3s_code.testing.script import Asked
from a3s_code.testing.turn import Call, Turn
from a3s_code.testing.wire import Frame, Part, Sent, text_of, usage_of

PATH = "/messages"
SIGNATURE = "scripted-signature"
"""Of every block of thinking."""

_STOPS = {
    "end": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class _Message(msgspec.Struct):
    role: str
    content: str | list[Part]

    @property
    def results(self) -> int:
        return sum(part.type == "tool_result" for part in self._parts)

    @property
    def said(self) -> str | None:
        """What the user said; None for a message that only holds results of tools."""
        if self.role != "user":
            return None
        spoken = [part for part in self._parts if part.type != "tool_result"]
        return text_of(spoken) if spoken or not self._parts else None

    @property
    def _parts(self) -> list[Part]:
        return [Part("text", self.content)] if isinstance(self.content, str) else self.content


class _Named(msgspec.Struct):
    name: str = ""
    type: str = ""


class _Body(msgspec.Struct):
    messages: list[_Message]
    model: str
    max_tokens: int
    system: str | list[Part] | None = None
    tools: list[_Named] | None = None
    tool_choice: _Named | None = None
    stream: bool | None = None


class AnthropicWire:
    """See `wire.Wire`."""

    __slots__ = ()

    id_prefix = "toolu_"

    def asked(self, path: str, body: bytes) -> Asked:
        given = msgspec.json.decode(body, type=_Body)
        choice = given.tool_choice
        said = (message.said for message in given.messages)
        return Asked(
            system=text_of(given.system),
            users=tuple(text for text in said if text is not None),
            last=text_of(given.messages[-1].content) if given.messages else "",
            tools=tuple(tool.name for tool in given.tools or ()),
            forced_tool=choice.name if choice is not None and choice.type == "tool" else None,
            tool_results=sum(message.results for message in given.messages),
            model=given.model,
            streams=bool(given.stream),
            path=path,
            body=body.decode(),
        )

    def whole(self, turn: Turn, asked: Asked, number: int) -> bytes:
        blocks: list[JsonObject] = []
        if turn.thinking:
            thinking = {"type": "thinking", "thinking": turn.thinking, "signature": SIGNATURE}
            blocks.append(thinking)
        if turn.text:
            blocks.append({"type": "text", "text": turn.text})
        blocks.extend({**_tool_use(call), "input": _input(call)} for call in turn.calls)
        message = _message(asked, number, _input_usage(turn) | _output_usage(turn))
        return msgspec.json.encode({**message, "content": blocks, "stop_reason": _reason(turn)})

    def stream(self, turn: Turn, asked: Asked, number: int) -> Sent:
        start = _message(asked, number, _input_usage(turn) | {"output_tokens": 1})
        stop = {"stop_reason": _reason(turn), "stop_sequence": None}
        content = (
            _event("message_start", message=start),
            _event("ping"),
            *_content(turn),
        )
        closing = (
            _event("message_delta", delta=stop, usage=_output_usage(turn)),
            _event("message_stop"),
        )
        return Sent(content, closing)

    def error(self, status: int, message: str) -> JsonObject:
        kind = _ERRORS.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}


def _content(turn: Turn) -> Iterator[Frame]:
    index = 0
    if turn.thinking:
        deltas = [{"type": "thinking_delta", "thinking": p} for p in turn.thinking_deltas]
        signature = {"type": "signature_delta", "signature": SIGNATURE}
        opening = {"type": "thinking", "thinking": "", "signature": ""}
        yield from _block(index, opening, [*deltas, signature])
        index += 1
    if turn.text:
        deltas = [{"type": "text_delta", "text": p} for p in turn.text_deltas]
        yield from _block(index, {"type": "text", "text": ""}, deltas)
        index += 1
    for place, call in enumerate(turn.calls, index):
        deltas = [{"type": "input_json_delta", "partial_json": p} for p in call.deltas]
        yield from _block(place, {**_tool_use(call), "input": {}}, deltas)


def _block(index: int, opening: JsonObject, deltas: list[dict[str, str]]) -> Iterator[Frame]:
    yield _event("content_block_start", index=index, content_block=opening)
    for delta in deltas:
        data = _event("content_block_delta", index=index, delta=delta).data
        yield Frame(data, delta["type"] != "signature_delta")
    yield _event("content_block_stop", index=index)


def _event(kind: str, **fields: Any) -> Frame:  # noqa: ANN401 - the fields of a JSON object
    data = msgspec.json.encode({"type": kind, **fields})
    return Frame(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))


def _message(asked: Asked, number: int, usage: JsonObject) -> JsonObject:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _tool_use(call: Call) -> JsonObject:
    return {"type": "tool_use", "id": call.id, "name": call.name}


def _input(call: Call) -> Any:  # noqa: ANN401 - any JSON
    """Give the arguments as JSON, or as text where they are none."""
    try:
        return msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return call.arguments


def _reason(turn: Turn) -> str:
    return _STOPS.get(turn.stopped_by, turn.stopped_by)


def _input_usage(turn: Turn) -> JsonObject:
    usage = usage_of(turn)
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "input_tokens": max(0, usage.prompt_tokens - cached),
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
    }


def _output_usage(turn: Turn) -> JsonObject:
    return {"output_tokens": usage_of(turn).completion_tokens}
