"""
Models behind the Messages wire of Anthropic.

Three places are marked for the provider's prompt cache: the last tool, the system prompt
and the last block of the conversation, so that each turn reads what the one before wrote.

Source:
    Anthropic API reference, "Messages", "Prompt caching", "Extended thinking", "Structured
    outputs" (`output_config.format`, which needs no beta header any more).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping

from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.measure import Measure, Piece, escaped
from a3s_code.kernel.messages import (
    Attachment,
    Block,
    Context,
    JsonObject,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from a3s_code.kernel.ports import ModelRequest, ReplyListener
from a3s_code.kernel.tool import Tool
from a3s_code.llm import enforced_schemas
from a3s_code.llm.anthropic_answer import AnthropicAnswer
from a3s_code.llm.body import Body
from a3s_code.llm.calls import CallIds
from a3s_code.llm.endpoint import Endpoint
from a3s_code.llm.wire import assemble, encode, tool_name
from a3s_code.llm.wire_model import WireModel

DEFAULT_MAX_TOKENS = 8192
_VERSION = "2023-06-01"
_WIRE = "anthropic"
_CACHE: JsonObject = {"cache_control": {"type": "ephemeral"}}
_MARK = b',"cache_control":{"type":"ephemeral"}'
_END = b"}]}"
"""What a message ends with: its last block, its content, itself."""
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


class AnthropicWire:
    """The format; see `wire.Wire`."""

    __slots__ = ("endpoint",)

    path = "messages"

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def headers(self) -> Mapping[str, str]:
        headers = {"anthropic-version": _VERSION}
        key = self.endpoint.api_key
        return {**headers, "x-api-key": key} if key else headers

    def body(self, request: ModelRequest) -> Body:
        items = request.conversation.encoded(_WIRE, encode_message).items
        if _is_marked(request):
            # The mark moves from turn to turn, so it must not get into the kept bytes.
            items = [*items[:-1], items[-1][: -len(_END)] + _MARK + _END]
        return assemble(self._frame(request), items)

    def measure(self, request: ModelRequest) -> Measure:
        kept = request.conversation.encoded(_WIRE, encode_message)
        mark = len(_MARK) if _is_marked(request) else 0
        identity = encode([self.endpoint.model, request.thinking_budget])
        return Measure(_WIRE, identity, self._frame(request), kept, len(kept.items), mark)

    def _frame(self, request: ModelRequest) -> tuple[Piece, ...]:
        """Give all that stands before the messages."""
        settings = {"model": self.endpoint.model, "stream": True, **self._sampling(request)}
        if request.form is not None:
            settings |= _held_to(request.form)
        pieces = [Piece("settings", encode(settings)[:-1])]
        if request.system:
            pieces += (
                Piece("joints", b',"system":[{"type":"text","text":"'),
                Piece("system", escaped(request.system)),
                Piece("joints", b'"%s}]' % _MARK),
            )
        if request.tools.tools:
            tools = request.tools.encoded(_WIRE, encode_tools)
            pieces += (Piece("joints", b',"tools":'), Piece("tools", tools))
        elif request.form is not None and not _is_native(request.form):
            pieces += (Piece("joints", b',"tools":'), Piece("tools", _form_tool(request.form)))
        return (*pieces, Piece("joints", b',"messages":['))

    def answer(self, request: ModelRequest, listener: ReplyListener) -> AnthropicAnswer:
        return AnthropicAnswer(listener, CallIds(len(request.conversation)))

    def _sampling(self, request: ModelRequest) -> JsonObject:
        asked = request.max_output_tokens or self.endpoint.max_output_tokens
        max_tokens = asked or DEFAULT_MAX_TOKENS
        budget = request.thinking_budget
        if budget:
            if max_tokens <= budget:
                max_tokens += budget
            thinking = {"type": "enabled", "budget_tokens": budget}
            return {"max_tokens": max_tokens, "thinking": thinking}
        if request.temperature is not None:
            return {"max_tokens": max_tokens, "temperature": request.temperature}
        return {"max_tokens": max_tokens}


class AnthropicModel(WireModel):
    """
    A model behind the Messages wire; see `kernel.ports.Model`.

    With a `thinking_budget` the temperature is left out, since the provider then accepts
    no other than its own, and the token limit is raised above the budget.
    """

    __slots__ = ()

    wire = AnthropicWire

    @property
    def max_output_tokens(self) -> int:
        return super().max_output_tokens or DEFAULT_MAX_TOKENS


def _held_to(form: AnswerForm) -> JsonObject:
    """Have the provider enforce a schema that it can; all else is the call of a tool."""
    if _is_native(form):
        return {"output_config": {"format": {"type": "json_schema", "schema": form.schema}}}
    return {"tool_choice": {"type": "tool", "name": form.name}}


def _is_native(form: AnswerForm) -> bool:
    return form.means == "schema" and enforced_schemas.ANTHROPIC.takes(form.schema)


def _form_tool(form: AnswerForm) -> bytes:
    return encode(
        [{"name": form.name, "description": form.description, "input_schema": form.schema}]
    )


def encode_tools(tools: tuple[Tool, ...]) -> bytes:
    wire: list[JsonObject] = [
        {"name": tool.name, "description": tool.summary, "input_schema": tool.schema}
        for tool in tools
    ]
    return encode([*wire[:-1], {**wire[-1], **_CACHE}] if wire else wire)


def encode_message(message: Message) -> bytes:
    """Encode one message; one without content becomes nothing."""
    content = [_block(block) for block in message.blocks if _is_sent(block)]
    if not content:
        return b""
    role = "assistant" if message.role == "assistant" else "user"
    return encode({"role": role, "content": content})


def _is_marked(request: ModelRequest) -> bool:
    """Say whether the last block of the conversation carries a mark for the prompt cache."""
    last = request.conversation.last
    sent = [block for block in last.blocks if _is_sent(block)] if last is not None else []
    return bool(sent) and not isinstance(sent[-1], Thinking)


def _is_sent(block: Block) -> bool:
    """Say whether the provider takes a block; it would refuse a message for one it does not."""
    if isinstance(block, Text | Context):
        return bool(block.text.strip())
    if isinstance(block, Thinking):  # another provider's, which this one cannot check
        return bool(block.redacted or block.signature)
    return True


def _block(block: Block) -> JsonObject:
    if isinstance(block, Text | Context):
        return {"type": "text", "text": block.text}
    if isinstance(block, ToolCall):
        return {
            "type": "tool_use",
            "id": _id(block.id),
            "name": tool_name(block.name),
            "input": block.input,
        }
    if isinstance(block, ToolResult):
        return _result(block)
    if isinstance(block, Attachment):
        return _image(block)
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.redacted}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature}


def _result(result: ToolResult) -> JsonObject:
    content: str | list[JsonObject] = result.content
    if result.images:
        text = [{"type": "text", "text": result.content}] if result.content.strip() else []
        content = [*text, *(_image(image) for image in result.images)]
    wire: JsonObject = {
        "type": "tool_result",
        "tool_use_id": _id(result.tool_use_id),
        "content": content,
    }
    return {**wire, "is_error": True} if result.is_error else wire


def _image(image: Attachment) -> JsonObject:
    data = b64encode(image.data).decode()
    source = {"type": "base64", "media_type": image.media_type, "data": data}
    return {"type": "image", "source": source}


def _id(call_id: str) -> str:
    """Give an id as this provider accepts it; other providers are freer."""
    return _NOT_IN_IDS.sub("_", call_id)
