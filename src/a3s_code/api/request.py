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
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import (
    Attachment,
    Block,
    JsonObject,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_FIELDS = frozenset({"prompt", "history", "attachments"})


class Request(msgspec.Struct, frozen=True):
    """`history` is None when the session's own conversation goes on."""

    prompt: str
    history: list[Message] | None = None
    attachments: tuple[Attachment, ...] = ()


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
    return Request(
        text,
        None if history is None else _messages(history),
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


def _messages(history: Sequence[Mapping[str, Any]]) -> list[Message]:
    if isinstance(history, str | bytes | Mapping) or not isinstance(history, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(f"history is a {type(history).__name__}, not a list of messages.")
    return [_message(index, item) for index, item in enumerate(history)]


def _message(index: int, item: Mapping[str, Any]) -> Message:
    where = f"history[{index}]"
    if not isinstance(item, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(f"{where} is a {type(item).__name__}, not a message.")
    role, content = item.get("role"), item.get("content")
    if role not in {"user", "assistant"}:
        raise InvalidValue(f"{where}: role is {role!r}.", hint="use 'user' or 'assistant'")
    if isinstance(content, str):
        return Message(role, (Text(content),))
    if not isinstance(content, list | tuple):
        kind = type(content).__name__
        raise InvalidType(f"{where}: content is a {kind}, not a string or a list of blocks.")
    given = cast("Sequence[Any]", content)
    blocks = tuple(_block(f"{where}.content[{i}]", block) for i, block in enumerate(given))
    results = any(isinstance(block, ToolResult) for block in blocks)
    return Message("tool" if results else role, blocks)


def _block(where: str, value: Any) -> Block:  # noqa: ANN401 - the border
    try:
        match value:
            case {"type": "text", "text": str(text)}:
                return Text(text)
            case {"type": "thinking", "thinking": str(text)}:
                return Thinking(text, str(value.get("signature", "")))
            case {"type": "tool_use", "id": str(id_), "name": str(name), "input": dict(given)}:  # pyright: ignore[reportUnknownVariableType] - any JSON object
                return ToolCall(id_, name, cast("JsonObject", given))
            case {"type": "tool_result", "tool_use_id": str(id_)}:
                content = value.get("content", "")
                return ToolResult(id_, _plain(content), bool(value.get("is_error")))
            case {"type": "image", "source": {"data": str(data), "media_type": str(kind)}}:
                return Attachment(base64.b64decode(data, validate=True), kind)
            case _:
                pass
    except binascii.Error as error:
        raise InvalidValue(f"{where}: the image is not valid base64.") from error
    raise InvalidType(f"{where} is no block that a message can hold.", hint="see session.history()")


def _plain(content: Any) -> str:  # noqa: ANN401 - the border
    if isinstance(content, str):
        return content
    parts = (cast("Mapping[str, Any]", part) for part in content if isinstance(part, Mapping))
    return "\n".join(str(part.get("text", "")) for part in parts)


def history_rows(messages: Sequence[Message]) -> list[JsonObject]:
    """Give messages in the public shape: `{"role", "content": [blocks]}`, plain JSON."""
    return [_row(message) for message in messages]


def _row(message: Message) -> JsonObject:
    role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
    return {"role": role, "content": [_block_row(block) for block in message.blocks]}


def _block_row(block: Block) -> JsonObject:
    match block:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Thinking(text=text, signature=signature):
            return {"type": "thinking", "thinking": text, "signature": signature}
        case ToolCall(id=id_, name=name, input=given):
            return {"type": "tool_use", "id": id_, "name": name, "input": given}
        case ToolResult() as result:
            return {
                "type": "tool_result",
                "tool_use_id": result.tool_use_id,
                "content": result.content,
                "is_error": result.is_error,
            }
        case Attachment(data=data, media_type=kind):
            encoded = base64.b64encode(data).decode()
            source = {"type": "base64", "media_type": kind, "data": encoded}
            return {"type": "image", "source": source}
