"""
What `send` and `stream` accept, at the border: a prompt, or an object with a prompt.

    "text"
    {"prompt": "text", "history": [MESSAGE, …], "attachments": [ATTACHMENT, …]}

MESSAGE is `{"role": "user" | "assistant", "content": "text" | [BLOCK, …]}` with the blocks
of `session.history()`; ATTACHMENT is `Attachment` or `{"data": bytes, "media_type": str}`.
Source: SPEC 1.10.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import asdict

from a3s_code.errors import InvalidType, InvalidValue
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
from a3s_code.kernel.pinned import Pinned
from a3s_code.kernel.plain import canonical

_FIELDS = frozenset({"prompt", "history", "attachments"})


# Blocks in the public shape, where it is not that of `kernel/messages.py`.


class _Thinking(msgspec.Struct, frozen=True, tag="thinking"):
    thinking: str
    signature: str = ""


class _RedactedThinking(msgspec.Struct, frozen=True, tag="redacted_thinking"):
    data: str


class _Source(msgspec.Struct, frozen=True):
    data: str
    media_type: str


class _Image(msgspec.Struct, frozen=True, tag="image"):
    source: _Source


class _ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    tool_use_id: str
    content: str | tuple[Text | _Image, ...] = ""
    is_error: bool = False


_Block = Text | Context | ToolCall | _Thinking | _RedactedThinking | _ToolResult | _Image


class _Message(msgspec.Struct, frozen=True, gc=False):
    role: Literal["user", "assistant"]
    content: str | tuple[_Block, ...]
    pinned: Pinned | None = None


class Request(msgspec.Struct, frozen=True):
    """
    Attributes:
        history: None when the session's own conversation goes on.
        queued: Id of the prompt that waited for its turn; empty for one that did not.
    """

    prompt: str
    history: list[Message] | None = None
    attachments: tuple[Attachment, ...] = ()
    queued: str = ""


def parse(
    prompt: str | Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] | None = None,
    attachments: Sequence[Attachment | Mapping[str, Any]] | None = None,
) -> Request:
    """
    Read what a caller gave.

    Raises:
        InvalidType: a value is of the wrong kind.
        InvalidValue: a field is missing, unknown, or has a value that is not accepted.
    """
    if isinstance(prompt, Mapping):
        unknown = set(prompt) - _FIELDS
        if "prompt" not in prompt or unknown:
            raise InvalidValue(
                f"The request has the fields {sorted(prompt)}.",
                hint="it takes 'prompt', and optionally 'history' and 'attachments'",
            )
        history = history if history is not None else prompt.get("history")
        attachments = attachments if attachments is not None else prompt.get("attachments")
    text = prompt["prompt"] if isinstance(prompt, Mapping) else prompt
    if not isinstance(text, str):
        raise InvalidType(f"The prompt is a {type(text).__name__}.", hint="give a string or a dict")
    if attachments is not None and not isinstance(attachments, list | tuple):
        raise InvalidType(f"attachments is a {type(attachments).__name__}, not a list.")
    return Request(
        text,
        None if history is None else read_history(history),
        tuple(map(attachment, attachments or ())),
    )


def attachment(value: Attachment | Mapping[str, Any]) -> Attachment:
    """
    Read one attachment.

    Raises:
        InvalidType: `data` is not bytes.
        InvalidValue: a field is missing, or the media type is not accepted.
    """
    if isinstance(value, Attachment):
        return value
    if not isinstance(value, Mapping) or not {"data", "media_type"} <= set(value):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidValue("An attachment needs 'data' (bytes) and 'media_type'.")
    data = value["data"]
    if not isinstance(data, bytes | bytearray):
        raise InvalidType(f"The data of an attachment is a {type(data).__name__}, not bytes.")
    return Attachment(bytes(data), str(value["media_type"]))


def read_history(history: Sequence[Mapping[str, Any]]) -> list[Message]:
    """
    Read messages in the public shape.

    Raises:
        InvalidType: one has another shape; says where.
        InvalidValue: an image cannot be read, or has a media type that is not accepted.
    """
    try:
        given = msgspec.convert(history, list[_Message])
        return [_message(message) for message in given]
    except InvalidValue:
        raise
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidType(f"history: {error}.", hint="see session.history()") from error
    except ValueError as error:
        raise InvalidValue("history: an image is not valid base64.") from error


def _message(given: _Message) -> Message:
    if isinstance(given.content, str):
        return Message(given.role, (Text(given.content),), given.pinned)
    if len(given.content) == 1 and type(given.content[0]) is Text:
        return Message(given.role, cast("tuple[Text]", given.content), given.pinned)
    blocks = tuple([block if type(block) is Text else _block(block) for block in given.content])
    results = any(type(block) is ToolResult for block in blocks)
    return Message("tool" if results else given.role, blocks)


def _block(given: _Block) -> Block:
    match given:
        case _Thinking():
            return Thinking(given.thinking, given.signature)
        case _RedactedThinking(data=data):
            return Thinking("", redacted=data)
        case _ToolResult():
            return _tool_result(given)
        case _Image():
            return _image(given)
        case _:
            return given


def _tool_result(given: _ToolResult) -> ToolResult:
    if isinstance(given.content, str):
        return ToolResult(given.tool_use_id, given.content, given.is_error)
    text = "\n".join(part.text for part in given.content if isinstance(part, Text))
    images = tuple(_image(part) for part in given.content if isinstance(part, _Image))
    return ToolResult(given.tool_use_id, text, given.is_error, images)


def _image(given: _Image) -> Attachment:
    source = given.source
    return Attachment(base64.b64decode(source.data, validate=True), source.media_type)


def history_rows(messages: Sequence[Message]) -> list[JsonObject]:
    """Give messages in the public shape: `{"role", "content": [blocks]}`, plain JSON."""
    return [_row(message) for message in messages]


def _row(message: Message) -> JsonObject:
    role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
    row: JsonObject = {"role": role, "content": [_block_row(block) for block in message.blocks]}
    if message.pinned is not None:
        row["pinned"] = json.loads(canonical(message.pinned))
    return row


def _block_row(block: Block) -> JsonObject:
    match block:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Thinking():
            return _thinking_row(block)
        case ToolCall(id=id_, name=name, input=given, malformed=malformed):
            row = {"type": "tool_use", "id": id_, "name": name, "input": given}
            return row if malformed is None else {**row, "malformed": malformed}
        case ToolResult() as result:
            return {
                "type": "tool_result",
                "tool_use_id": result.tool_use_id,
                "content": _content(result),
                "is_error": result.is_error,
            }
        case Context() as context:
            return {"type": "context", "items": [asdict(item) for item in context.items]}
        case Attachment(data=data, media_type=kind):
            encoded = base64.b64encode(data).decode()
            source = {"type": "base64", "media_type": kind, "data": encoded}
            return {"type": "image", "source": source}


def _thinking_row(block: Thinking) -> JsonObject:
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.redacted}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature}


def _content(result: ToolResult) -> str | list[JsonObject]:
    if not result.images:
        return result.content
    return [_block_row(Text(result.content)), *map(_block_row, result.images)]
