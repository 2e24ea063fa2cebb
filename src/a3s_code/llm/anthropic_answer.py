"""
Answers of the Messages wire: events of a stream, or one whole message.

Events and fields that are not known are passed over, as the interface asks of clients.
"""

from __future__ import annotations

from typing import Any

import msgspec

from a3s_code.kernel.events import ReasoningDelta, TextDelta, ToolInputDelta
from a3s_code.kernel.messages import Block, Message, Text, Thinking, Usage
from a3s_code.kernel.ports import Reply, ReplyListener
from a3s_code.llm.calls import CallBuilder, CallIds
from a3s_code.llm.faults import Fault
from a3s_code.llm.pieces import Pieces
from a3s_code.llm.refusals import of_object
from a3s_code.llm.sse import ServerEvent
from a3s_code.llm.wire import encode

_STOPS = {
    "end_turn": "end",
    "stop_sequence": "end",
    "pause_turn": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str | None = None
    data: str = ""
    id: str | None = None
    name: str | None = None
    input: Any = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: Any = None


class _Whole(msgspec.Struct):
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    error: Any = None


_EVENTS = msgspec.json.Decoder(_Event)
_WHOLES = msgspec.json.Decoder(_Whole)


class _Open:
    """One content block while it comes in."""

    __slots__ = ("block", "call", "pieces", "signature")

    def __init__(self, block: _Block, call: CallBuilder | None) -> None:
        self.block, self.call = block, call
        self.pieces: list[str] = []
        self.signature = block.signature or ""


class AnthropicAnswer:
    """One answer of the Messages wire; see `wire.Answer`."""

    __slots__ = (
        "_by_index",
        "_ids",
        "_listener",
        "_open",
        "_pieces",
        "_stop_reason",
        "_usage",
        "done",
    )

    def __init__(self, listener: ReplyListener, ids: CallIds) -> None:
        self._listener, self._ids = listener, ids
        self._pieces = Pieces(_EVENTS)
        self._open: list[_Open] = []
        self._by_index: dict[int, _Open] = {}
        self._usage = Usage()
        self._stop_reason = ""
        self.done = False

    @property
    def finished(self) -> bool:
        return bool(self._stop_reason)

    def feed(self, events: list[ServerEvent]) -> None:
        decode = _EVENTS.decode
        for _, data in events:
            try:
                event = decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                event = self._pieces.decode(data)
            if event.type == "content_block_delta" and event.delta is not None:
                self._take_delta(event.index, event.delta)
            else:
                self._take(event)

    def whole(self, body: bytes) -> None:
        decoder = Pieces(_WHOLES)
        message = decoder.decode(body)
        self._pieces.broken = decoder.broken
        if message.error is not None:
            raise of_object(message.error)
        if message.content is None:
            raise Fault("protocol", "the message has no content", again=False)
        for index, block in enumerate(message.content):
            self._begin(index, block)
        self._count(message.usage)
        self._stop_reason = message.stop_reason or "end_turn"
        self.done = True

    def reply(self, meta: dict[str, str | int]) -> Reply:
        if not self._stop_reason:
            kind = "truncated" if self._open else "empty"
            raise Fault(kind, "the stream ended without a stop_reason", again=True)
        blocks = self._blocks()
        message = Message("assistant", blocks)
        stop = _STOPS.get(self._stop_reason, "end")
        if message.calls and stop == "end":
            stop = "tool_calls"
        elif not message.calls and stop == "tool_calls":
            stop = "end"
        return Reply(message, self._usage, stop, meta)

    def _take(self, event: _Event) -> None:
        if event.error is not None or event.type == "error":
            raise of_object(event.error)
        if event.type == "content_block_start" and event.content_block is not None:
            self._begin(event.index, event.content_block)
        elif event.type == "message_start" and event.message is not None:
            self._count(event.message.usage)
        elif event.type == "message_delta":
            self._count(event.usage)
            if event.delta is not None and event.delta.stop_reason:
                self._stop_reason = event.delta.stop_reason
        elif event.type == "message_stop":
            self.done = True

    def _begin(self, index: int, block: _Block) -> None:
        call = None
        if block.type == "tool_use":
            sent_id = block.id or ""
            call = CallBuilder(self._ids.take(sent_id), block.name or "", sent_id)
        opened = _Open(block, call)
        self._open.append(opened)
        self._by_index[index] = opened
        given = _given(block)
        if given:
            self._grow(opened, given)

    def _take_delta(self, index: int, delta: _Delta) -> None:
        opened = self._by_index.get(index)
        if opened is None:
            raise Fault("protocol", f"a delta of block {index}, which never began", again=True)
        if delta.signature:
            opened.signature += delta.signature
        else:
            piece = delta.text or delta.thinking or delta.partial_json
            if piece:
                self._grow(opened, piece)

    def _grow(self, opened: _Open, piece: str) -> None:
        if self._pieces.broken:
            piece = self._pieces.mend(str(id(opened)), piece)
        opened.pieces.append(piece)
        kind = opened.block.type
        if kind == "text":
            self._listener.delta(TextDelta(text=piece))
        elif opened.call is not None:
            self._listener.delta(ToolInputDelta(id=opened.call.id, delta=piece))
        elif kind == "thinking":
            self._listener.delta(ReasoningDelta(text=piece))

    def _count(self, usage: _Usage | None) -> None:
        """Take a report of tokens. Reports are totals, and some servers leave out parts."""
        if usage is None:
            return
        read = usage.cache_read_input_tokens or 0
        written = usage.cache_creation_input_tokens or 0
        known = self._usage
        self._usage = Usage(
            prompt_tokens=max(known.prompt_tokens, (usage.input_tokens or 0) + read + written),
            completion_tokens=max(known.completion_tokens, usage.output_tokens or 0),
            cache_read_tokens=max(known.cache_read_tokens, read),
            cache_write_tokens=max(known.cache_write_tokens, written),
        )

    def _blocks(self) -> tuple[Block, ...]:
        cut = _STOPS.get(self._stop_reason) == "length"
        blocks: list[Block] = []
        for opened in self._open:
            text = "".join(opened.pieces)
            if opened.call is not None:
                opened.call.pieces = opened.pieces
                blocks.append(opened.call.build(cut=cut and opened is self._open[-1]))
            elif opened.block.type == "thinking":
                blocks.append(Thinking(text, opened.signature))
            elif opened.block.type == "redacted_thinking":
                blocks.append(Thinking("", redacted=opened.block.data))
            elif opened.block.type == "text" and text:
                blocks.append(Text(text))
        return tuple(blocks)


def _given(block: _Block) -> str:
    """Give what a block carries from its start; usually nothing."""
    if block.type != "tool_use":
        return block.text or block.thinking
    if isinstance(block.input, str):
        return block.input
    return encode(block.input).decode() if block.input else ""
