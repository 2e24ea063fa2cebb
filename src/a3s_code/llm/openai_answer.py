"""
Answers of the Chat Completions wire: chunks of a stream, or one whole completion.

Servers that speak this wire differ in detail, so what is read is read tolerantly: unknown
fields, null where a value is usual, indexes that are missing or all 0, and errors in
mid-stream. Only choice 0 counts.
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

_STOPS = {
    "stop": "end",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "content_filter": "content_filter",
    "refusal": "refusal",
}
_FAILED = {"error": "server", "insufficient_system_resource": "overloaded"}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _CallDelta(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(msgspec.Struct):
    index: int | None = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _CachedTokens(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _CachedTokens | None = None
    prompt_cache_hit_tokens: int | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_CHUNKS = msgspec.json.Decoder(_Chunk)


class OpenAIAnswer:
    """One answer of the Chat Completions wire; see `wire.Answer`."""

    __slots__ = (
        "_by_index",
        "_calls",
        "_finish",
        "_ids",
        "_listener",
        "_pieces",
        "_reasoning",
        "_refused",
        "_text",
        "_usage",
        "done",
    )

    def __init__(self, listener: ReplyListener, ids: CallIds) -> None:
        self._listener, self._ids = listener, ids
        self._pieces = Pieces(_CHUNKS)
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[CallBuilder] = []
        self._by_index: dict[int, CallBuilder] = {}
        self._usage = _Usage()
        self._finish = ""
        self._refused = False
        self.done = False

    @property
    def finished(self) -> bool:
        return bool(self._finish)

    def feed(self, events: list[ServerEvent]) -> None:
        decode = _CHUNKS.decode
        for _, data in events:
            try:
                chunk = decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                if data.strip() == b"[DONE]":
                    self.done = True
                    return
                chunk = self._pieces.decode(data)
            self._take(chunk)

    def whole(self, body: bytes) -> None:
        chunk = self._pieces.decode(body)
        if chunk.choices is None and chunk.error is None:
            raise Fault("protocol", "the completion has no choices", again=False)
        self._take(chunk)
        if not chunk.choices:
            raise Fault("empty", "the list of choices is empty", again=True)
        self._finish = self._finish or "stop"
        self.done = True

    def reply(self, meta: dict[str, str | int]) -> Reply:
        if not self._finish:
            nothing = self.done and not (self._text or self._reasoning or self._calls)
            kind = "empty" if nothing else "truncated"
            raise Fault(kind, "the stream ended without a finish_reason", again=True)
        stop = _STOPS.get(self._finish, "end")
        if self._refused:
            stop = "refusal"
        if self._calls and stop == "end":
            stop = "tool_calls"
        elif not self._calls and stop == "tool_calls":
            stop = "end"
        return Reply(Message("assistant", self._blocks(stop)), self._tokens(), stop, meta)

    def _take(self, chunk: _Chunk) -> None:
        if chunk.error is not None:
            raise of_object(chunk.error)
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.index:
                continue
            delta = choice.delta or choice.message
            if delta is not None:
                self._take_delta(delta)
            if choice.finish_reason:
                self._finish = choice.finish_reason
                if self._finish in _FAILED:
                    raise Fault(_FAILED[self._finish], f"stopped by {self._finish}", again=True)

    def _take_delta(self, delta: _Delta) -> None:
        if delta.content:
            self._say(delta.content)
        elif delta.refusal:
            self._refused = True
            self._say(delta.refusal)
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning:
            if self._pieces.broken:
                reasoning = self._pieces.mend("reasoning", reasoning)
            self._reasoning.append(reasoning)
            self._listener.delta(ReasoningDelta(text=reasoning))
        for call in delta.tool_calls or ():
            self._take_call(call)

    def _say(self, text: str) -> None:
        if self._pieces.broken:
            text = self._pieces.mend("text", text)
        self._text.append(text)
        self._listener.delta(TextDelta(text=text))

    def _take_call(self, delta: _CallDelta) -> None:
        function = delta.function or _Function()
        call = self._call(delta, function.name or "")
        arguments = function.arguments
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        if not arguments:
            return
        if self._pieces.broken:
            arguments = self._pieces.mend(call.id, arguments)
        call.pieces.append(arguments)
        self._listener.delta(ToolInputDelta(id=call.id, delta=arguments))

    def _call(self, delta: _CallDelta, name: str) -> CallBuilder:
        """Find the call that a delta belongs to, or begin a new one."""
        sent_id = delta.id or ""
        index = delta.index
        if index is None:
            index = len(self._calls) if sent_id or not self._calls else len(self._calls) - 1
        call = self._by_index.get(index)
        # Some servers give every call index 0 and tell them apart by their ids alone.
        if call is None or (name and sent_id and call.sent_id and sent_id != call.sent_id):
            call = CallBuilder(self._ids.take(sent_id), name, sent_id)
            self._by_index[index] = call
            self._calls.append(call)
        elif name and name != call.name:
            call.name += name
        return call

    def _blocks(self, stop: str) -> tuple[Block, ...]:
        blocks: list[Block] = []
        if self._reasoning:
            blocks.append(Thinking("".join(self._reasoning)))
        if self._text:
            blocks.append(Text("".join(self._text)))
        last = len(self._calls) - 1
        for position, call in enumerate(self._calls):
            blocks.append(call.build(cut=stop == "length" and position == last))
        return tuple(blocks)

    def _tokens(self) -> Usage:
        usage = self._usage
        details = usage.prompt_tokens_details
        cached = (details and details.cached_tokens) or usage.prompt_cache_hit_tokens
        return Usage(
            prompt_tokens=usage.prompt_tokens or 0,
            completion_tokens=usage.completion_tokens or 0,
            cache_read_tokens=cached or 0,
        )
