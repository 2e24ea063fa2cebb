"""
The receipt of each request: what it is made of, to the byte.

A message is listed part by part in the first receipt after it came; later ones count it among
the `kept`, so a receipt is as long as what is new. What a resume finds is kept from before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from msgspec.structs import replace

from a3s_code.api.supplied import agreed
from a3s_code.harness.prompt import OURS, PromptPart
from a3s_code.harness.tokens import PER_IMAGE, estimate, estimate_all
from a3s_code.kernel.encoded import Encoded
from a3s_code.kernel.events import ContextLeftOut
from a3s_code.kernel.measure import Measure, escaped_bytes
from a3s_code.kernel.measured import measure_of
from a3s_code.kernel.messages import Attachment, Context, ContextText, Message, Text, ToolResult
from a3s_code.kernel.ports import Model, ModelRequest
from a3s_code.kernel.records import ReceiptPart, RequestReceipt

MAX_LISTED = 64
"""Messages that one receipt lists; those before them are kept without a listing of their own."""

SUMMARY = "conversation://summary"
"""The source of a message that a compaction has put in the place of others."""
SUMMARISED = "conversation://middle"
"""That of what such a message is made from."""
FOR_SUMMARY = "compact"
"""What the tokens of a request for one are spent on; see `TokensSpent`."""


@dataclass(frozen=True, slots=True)
class Shown:
    """
    What a request shows beside the conversation.

    Attributes:
        prompt: What the system prompt begins with, in its order.
        standing: What is behind that.
        left_out: What was not shown, since the receipt before.
    """

    prompt: tuple[PromptPart, ...]
    standing: tuple[ContextText, ...]
    left_out: tuple[ContextLeftOut, ...]


class Receipts:
    """Of one session; knows what its receipts have listed."""

    __slots__ = ("_kept", "_listed", "_sums")

    def __init__(self) -> None:
        self._kept: Encoded[Message] | None = None
        self._sums = [0]
        self._listed = 0

    def write(
        self, measure: Measure, request: ModelRequest, shown: Shown, turn: int, model: str
    ) -> RequestReceipt:
        """Account for one request."""
        self._grow(measure)
        messages = self._messages(measure, request)
        parts = [*self._frame(measure, request, shown), *messages]
        total = measure.total_bytes
        joints = total - sum([part.bytes for part in parts])
        parts.append(ReceiptPart("joints", joints, joints // 4, why="the form of the request"))
        return RequestReceipt(
            turn=turn,
            model=model,
            wire=measure.wire,
            bytes=total,
            tokens=sum([part.tokens for part in parts]),
            parts=tuple(parts),
            left_out=shown.left_out,
        )

    def _grow(self, measure: Measure) -> None:
        """
        Estimate the messages that are new, and those that no receipt lists together.

        What a conversation that is another begins with like the one before is known.
        """
        items = measure.encoded.items[: measure.count]
        if measure.encoded is not self._kept:
            before = self._kept.items[: len(self._sums) - 1] if self._kept is not None else []
            alike = agreed(before, items)
            self._kept, self._sums = measure.encoded, self._sums[: alike + 1]
            self._listed = min(self._listed, alike)
        new = items[len(self._sums) - 1 :]
        unlisted = new[:-MAX_LISTED]
        if unlisted:
            self._sums += [self._sums[-1] + estimate_all(unlisted)] * len(unlisted)
        for item in new[len(unlisted) :]:
            self._sums.append(self._sums[-1] + estimate(item))

    @staticmethod
    def _frame(measure: Measure, request: ModelRequest, shown: Shown) -> Iterator[ReceiptPart]:
        settings = len(measure.segment("settings"))
        yield ReceiptPart("settings", settings, settings // 4, why="what the model is asked for")
        if request.tools.tools:
            size, tokens = _size(measure.segment("tools"))
            count = len(request.tools.tools)
            yield ReceiptPart("tools", size, tokens, why="offered", count=count)
        elif request.form is not None and measure.segment("tools"):
            size, tokens = _size(measure.segment("tools"))
            yield ReceiptPart("tools", size, tokens, why="the form of the answer", count=1)
        if request.system:
            for part in shown.prompt:
                size, tokens = _size(part.text)
                source, trust = part.origin.source, part.origin.trust
                yield ReceiptPart("prompt", size, tokens, source, trust, "how the agent works")
        for item in shown.standing:
            size, tokens = _size(item.text)
            yield ReceiptPart("context", size, tokens, item.source, item.trust, item.why)

    def _messages(self, measure: Measure, request: ModelRequest) -> Iterator[ReceiptPart]:
        start = max(self._listed, measure.count - MAX_LISTED)
        self._listed = measure.count
        if start:
            size = measure.message_bytes(0, start)
            why = "the conversation so far"
            yield ReceiptPart("kept", size, self._sums[start], why=why, count=start)
        for place, message in enumerate(request.conversation.since(start), start):
            whole = measure.message_bytes(place, place + 1)
            yield from _parts_of(message, whole, self._sums[place + 1] - self._sums[place])


@lru_cache(maxsize=MAX_LISTED)
def _size(given: str | bytes) -> tuple[int, int]:
    """Give bytes and tokens of what stands in every request of a run, and in many sessions."""
    length = len(given) if isinstance(given, bytes) else escaped_bytes(given)
    return length, estimate(given)


def summary_receipt(model: Model, request: ModelRequest) -> RequestReceipt:
    """Account for a request for a summary; see `question_receipt`."""
    return question_receipt(model, request, FOR_SUMMARY, SUMMARISED, "to be summarised")


def question_receipt(
    model: Model, request: ModelRequest, purpose: str, source: str = "", why: str = ""
) -> RequestReceipt:
    """
    Account for a request beside the conversation, which is in no turn: it is written with turn 0.

    Nobody can tell whose words it is made of, so all but the system prompt counts as external.
    """
    shown = Shown((PromptPart(request.system, OURS),), (), ())
    whole = Receipts().write(measure_of(model, request), request, shown, 0, model.ref)
    parts = tuple(
        replace(
            part,
            kind="context",
            source=source or f"question://{purpose}",
            trust="external",
            why=why or "what the model is asked",
        )
        if part.kind == "user"
        else part
        for part in whole.parts
    )
    return replace(whole, parts=parts, purpose=purpose)


def _parts_of(message: Message, whole: int, tokens: int) -> Iterator[ReceiptPart]:
    """
    List a message: each item, result and image of it, and the words of who speaks.

    Around these is the form of the message, which `joints` counts.
    """
    if message.role == "assistant":
        yield ReceiptPart("assistant", whole, tokens, why="the model said it")
        return
    if message.pinned is not None:
        size, tokens = escaped_bytes(message.text), estimate(message.text)
        yield ReceiptPart("context", size, tokens, SUMMARY, "external", "earlier messages")
        return
    for block in message.blocks:
        yield from _PARTS.get(type(block), _no_parts)(block)


def _words(block: Text) -> Iterator[ReceiptPart]:
    if not block.text.strip():  # some wires leave it out
        return
    size, tokens = escaped_bytes(block.text), estimate(block.text)
    yield ReceiptPart("user", size, tokens, trust="user", why="the user said it")


def _items(block: Context) -> Iterator[ReceiptPart]:
    for item in block.items:
        size, tokens = escaped_bytes(item.text), estimate(item.text)
        yield ReceiptPart("context", size, tokens, item.source, item.trust, item.why)


def _result(block: ToolResult) -> Iterator[ReceiptPart]:
    source = f"call://{block.tool_use_id}"
    size, tokens = escaped_bytes(block.content), estimate(block.content)
    yield ReceiptPart("result", size, tokens, source, "workspace", "what a call brought")
    for image in block.images:
        yield from _image(image, source)


def _image(block: Attachment, source: str = "") -> Iterator[ReceiptPart]:
    size = 4 * -(-len(block.data) // 3)  # in base64
    yield ReceiptPart("image", size, PER_IMAGE, source, "user", "attached")


def _no_parts(_: object) -> Iterator[ReceiptPart]:
    return iter(())


_PARTS: dict[type, Callable[..., Iterator[ReceiptPart]]] = {
    Text: _words,
    Context: _items,
    ToolResult: _result,
    Attachment: _image,
}
