"""
The server's side of Chat Completions.

Source:
    OpenAI API reference, "Chat Completions: create, streaming".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

import msgspec

from a3s_code.kernel.messages import JsonObject
from a3s_code.testing.script import Asked
from a3s_code.testing.turn import Turn
from a3s_code.testing.wire import Frame, Part, Sent, text_of, usage_of

PATH = "/chat/completions"
CREATED_S = 1_700_000_000
_INSTRUCTIONS = ("system", "developer")
_STOPS = {"end": "stop"}


class _Message(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None


class _Function(msgspec.Struct):
    name: str = ""


class _Tool(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Body(msgspec.Struct):
    messages: list[_Message]
    model: str
    tools: list[_Tool] | None = None
    tool_choice: str | _Tool | None = None
    stream: bool | None = None


class _Options(msgspec.Struct):
    stream_options: _StreamOptions | None = None


class OpenAIWire:
    """See `wire.Wire`."""

    __slots__ = ()

    id_prefix = "call_"

    def asked(self, path: str, body: bytes) -> Asked:
        given = msgspec.json.decode(body, type=_Body)
        talk = [message for message in given.messages if message.role not in _INSTRUCTIONS]
        system = (text_of(m.content) for m in given.messages if m.role in _INSTRUCTIONS)
        choice = given.tool_choice
        return Asked(
            system="\n".join(system),
            users=tuple(text_of(message.content) for message in talk if message.role == "user"),
            last=_last(talk),
            tools=tuple(tool.function.name for tool in given.tools or ()),
            forced_tool=choice.function.name if isinstance(choice, _Tool) else None,
            tool_results=sum(message.role == "tool" for message in talk),
            model=given.model,
            streams=bool(given.stream),
            path=path,
            body=body.decode(),
        )

    def whole(self, turn: Turn, asked: Asked, number: int) -> bytes:
        message: JsonObject = {"role": "assistant", "content": turn.text or None}
        if turn.thinking:
            message["reasoning_content"] = turn.thinking
        if turn.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in turn.calls
            ]
        return msgspec.json.encode(
            {
                "id": f"chatcmpl-{number}",
                "object": "chat.completion",
                "created": CREATED_S,
                "model": asked.model,
                "choices": [{"index": 0, "message": message, "finish_reason": _finish(turn)}],
                "usage": _usage(turn),
            }
        )

    def stream(self, turn: Turn, asked: Asked, number: int) -> Sent:
        frames = _Frames(asked.model, number)
        closing = [frames.choice({}, _finish(turn))]
        options = msgspec.json.decode(asked.body, type=_Options).stream_options
        if options is not None and options.include_usage:
            closing.append(frames.chunk([], usage=_usage(turn)))
        closing.append(Frame(b"data: [DONE]\n\n"))
        return Sent(tuple(_content(frames, turn)), tuple(closing))

    def error(self, status: int, message: str) -> JsonObject:
        kind = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004 - HTTP
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _last(talk: list[_Message]) -> str:
    """Give the text of the last message. The results of one turn are a message for each here."""
    results = list(takewhile(lambda message: message.role == "tool", reversed(talk)))
    texts = [text_of(message.content) for message in reversed(results or talk[-1:])]
    return "\n".join(text for text in texts if text)


class _Frames:
    """Chunks of one completion."""

    __slots__ = ("_head",)

    def __init__(self, model: str, number: int) -> None:
        self._head: JsonObject = {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion.chunk",
            "created": CREATED_S,
            "model": model,
        }

    def chunk(
        self, choices: list[JsonObject], *, usage: JsonObject | None = None, is_delta: bool = False
    ) -> Frame:
        body = {**self._head, "choices": choices}
        if usage is not None:
            body["usage"] = usage
        return Frame(b"data: " + msgspec.json.encode(body) + b"\n\n", is_delta)

    def choice(
        self, delta: JsonObject, finish: str | None = None, *, is_delta: bool = False
    ) -> Frame:
        return self.chunk(
            [{"index": 0, "delta": delta, "finish_reason": finish}], is_delta=is_delta
        )


def _content(frames: _Frames, turn: Turn) -> Iterator[Frame]:
    yield frames.choice({"role": "assistant", "content": ""})
    for piece in turn.thinking_deltas:
        yield frames.choice({"reasoning_content": piece}, is_delta=True)
    for piece in turn.text_deltas:
        yield frames.choice({"content": piece}, is_delta=True)
    for index, call in enumerate(turn.calls):
        opening = {
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield frames.choice({"tool_calls": [opening]})
        for piece in call.deltas:
            delta = {"index": index, "function": {"arguments": piece}}
            yield frames.choice({"tool_calls": [delta]}, is_delta=True)


def _finish(turn: Turn) -> str:
    return _STOPS.get(turn.stopped_by, turn.stopped_by)


def _usage(turn: Turn) -> JsonObject:
    usage = usage_of(turn)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
    }
