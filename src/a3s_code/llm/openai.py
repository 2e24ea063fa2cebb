"""
Models behind the Chat Completions wire: OpenAI and the many servers that speak it.

Only fields of the standard are sent, with one exception: what a server itself called
`reasoning_content` goes back to it on messages with tool calls, since the models that
reason between calls refuse the round without it.

Source:
    OpenAI API reference, "Chat Completions: create, streaming".
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.encoded import Encoded
from a3s_code.kernel.measure import Measure, Piece, escaped
from a3s_code.kernel.messages import (
    Attachment,
    Context,
    JsonObject,
    Message,
    Text,
    Thinking,
    ToolResult,
)
from a3s_code.kernel.ports import ModelRequest, ReplyListener
from a3s_code.kernel.tool import Tool
from a3s_code.llm import enforced_schemas
from a3s_code.llm.body import Body
from a3s_code.llm.calls import CallIds
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.openai_answer import OpenAIAnswer
from a3s_code.llm.wire import assemble, encode, tool_name
from a3s_code.llm.wire_model import WireModel

_HEADS = {role: b'{"role":"%s","content":' % role.encode() for role in ("user", "assistant")}
_WIRE = "openai"
_OWN_HOST = "api.openai.com"


class OpenAIWire:
    """The format; see `wire.Wire`."""

    __slots__ = ("endpoint",)

    path = "chat/completions"

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def headers(self) -> Mapping[str, str]:
        key = self.endpoint.api_key
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, request: ModelRequest) -> Body:
        kept = request.conversation.encoded(_WIRE, encode_message)
        return assemble(self._frame(request, kept), kept.items)

    def measure(self, request: ModelRequest) -> Measure:
        kept = request.conversation.encoded(_WIRE, encode_message)
        identity = self.endpoint.model.encode()
        return Measure(_WIRE, identity, self._frame(request, kept), kept, len(kept.items))

    def _frame(self, request: ModelRequest, kept: Encoded[Message]) -> tuple[Piece, ...]:
        """Give all that stands before the messages."""
        pieces = [Piece("settings", encode(self._settings(request))[:-1])]
        if request.tools.tools:
            tools = request.tools.encoded(_WIRE, encode_tools)
            pieces += (Piece("joints", b',"tools":'), Piece("tools", tools))
        elif request.form is not None and request.form.means == "tool":
            asked = encode([_function(request.form)])
            pieces += (Piece("joints", b',"tools":'), Piece("tools", asked))
        pieces.append(Piece("joints", b',"messages":['))
        if request.system:
            follows = kept.filled(len(kept.items)) > 0
            pieces += (
                Piece("joints", b'{"role":"system","content":"'),
                Piece("system", escaped(request.system)),
                Piece("joints", b'"},' if follows else b'"}'),
            )
        return tuple(pieces)

    def _settings(self, request: ModelRequest) -> JsonObject:
        settings: JsonObject = {
            "model": self.endpoint.model,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.temperature is not None:
            settings["temperature"] = request.temperature
        if request.max_output_tokens is not None:
            # OpenAI's own reasoning models refuse the old name, other servers the new one.
            own = self.endpoint.host == _OWN_HOST
            name = "max_completion_tokens" if own else "max_tokens"
            settings[name] = request.max_output_tokens
        if request.form is not None:
            settings |= _held_to(request.form)
        return settings

    def answer(self, request: ModelRequest, listener: ReplyListener) -> OpenAIAnswer:
        return OpenAIAnswer(listener, CallIds(len(request.conversation)))


class OpenAIModel(WireModel):
    """
    A model behind the Chat Completions wire; see `kernel.ports.Model`.

    `thinking_budget` has no field on this wire and is not sent.
    """

    __slots__ = ()

    wire = OpenAIWire


def _held_to(form: AnswerForm) -> JsonObject:
    match form.means:
        case "tool":
            return {"tool_choice": {"type": "function", "function": {"name": form.name}}}
        case "schema":
            asked: JsonObject = {"name": form.name, "schema": form.schema, **_strict(form)}
            if form.description:
                asked["description"] = form.description
            return {"response_format": {"type": "json_schema", "json_schema": asked}}
        case "json":
            return {"response_format": {"type": "json_object"}}


def _strict(form: AnswerForm) -> JsonObject:
    return {"strict": True} if enforced_schemas.OPENAI.takes(form.schema) else {}


def _function(form: AnswerForm) -> JsonObject:
    function = {"name": form.name, "description": form.description, "parameters": form.schema}
    return {"type": "function", "function": function | _strict(form)}


def encode_tools(tools: tuple[Tool, ...]) -> bytes:
    return encode(
        [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.summary,
                    "parameters": tool.schema,
                },
            }
            for tool in tools
        ]
    )


def encode_message(message: Message) -> bytes:
    """
    Encode one message, as the one or more that this wire makes of it, joined by commas.

    Images of tool results follow in a user message, since this wire's tool results hold
    text only. A message without content becomes nothing.
    """
    blocks = message.blocks
    if len(blocks) == 1 and type(blocks[0]) is Text and blocks[0].text and message.role in _HEADS:
        return b"%b%b}" % (_HEADS[message.role], encode(blocks[0].text))  # as most messages are
    if message.role == "assistant":
        parts = _assistant(message)
    elif message.role == "tool":
        parts = _results(message)
    else:
        parts = _user(message)
    return b",".join(encode(part) for part in parts)


def _user(message: Message) -> list[JsonObject]:
    images = [block for block in message.blocks if isinstance(block, Attachment)]
    if not images:
        parts = [item.text for item in message.context]
        return [{"role": "user", "content": "\n\n".join([*parts, message.text])}]
    content: list[JsonObject] = []
    for block in message.blocks:
        if isinstance(block, Attachment):
            content.append(_image(block))
        elif isinstance(block, Text | Context) and block.text:
            content.append({"type": "text", "text": block.text})
    return [{"role": "user", "content": content}]


def _assistant(message: Message) -> list[JsonObject]:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": tool_name(call.name),
                # Broken arguments go back as an empty object: servers parse this field.
                "arguments": encode(call.input).decode(),
            },
        }
        for call in message.calls
    ]
    if not calls:
        return [{"role": "assistant", "content": message.text}] if message.text else []
    wire: dict[str, Any] = {
        "role": "assistant",
        "content": message.text or None,
        "tool_calls": calls,
    }
    reasoning = "".join(
        block.text
        for block in message.blocks
        if isinstance(block, Thinking) and not block.signature and not block.redacted
    )
    return [{**wire, "reasoning_content": reasoning} if reasoning else wire]


def _results(message: Message) -> list[JsonObject]:
    results = [block for block in message.blocks if isinstance(block, ToolResult)]
    wire: list[JsonObject] = [
        {"role": "tool", "tool_call_id": result.tool_use_id, "content": result.content}
        for result in results
    ]
    if wire and message.context:  # this wire lets nobody speak between results and the model
        wire[-1]["content"] = "\n\n".join(
            [wire[-1]["content"], *(item.text for item in message.context)]
        )
    seen: list[JsonObject] = []
    for result in results:
        if result.images:
            seen.append({"type": "text", "text": f"Images of tool call {result.tool_use_id}:"})
            seen.extend(_image(image) for image in result.images)
    return [*wire, {"role": "user", "content": seen}] if seen else wire


def _image(image: Attachment) -> JsonObject:
    data = b64encode(image.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{data}"}}
