"""Receipts as callers see them: what a model was shown, and what the provider counted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from a3s_code.kernel.events import ContextLeftOut, RunId, TurnEnd
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import ReceiptPart, Record, RequestReceipt
from a3s_code.kernel.state import SessionState


class ContextReceipt(msgspec.Struct, frozen=True):
    """
    What one request to a model was made of.

    Attributes:
        turn: Of the run, from 1.
        model: `provider/model`.
        wire: Whose bytes these are; `plain` is the canonical JSON of a request whose form only
            the model itself knows.
        bytes: Of the body that was sent; the bytes of `parts` add up to it.
        tokens: As estimated; those of `parts` add up to it.
        usage: As the provider counted; None when no answer came.
        parts: See `kernel.records.ReceiptPart`.
        left_out: What was offered and not shown, and why.

    Source:
        DESIGN 1, "nothing enters the context unseen".
    """

    run_id: str
    turn: int
    model: str
    wire: str
    bytes: int
    tokens: int
    usage: Usage | None
    parts: tuple[ReceiptPart, ...]
    left_out: tuple[ContextLeftOut, ...]


def receipts_of(records: Sequence[Record], state: SessionState, run: str) -> list[ContextReceipt]:
    """List the receipts of a run, one for each turn, oldest first."""
    places = state.receipts.get(RunId(run), [])
    if not places:
        return []
    told: dict[int, RequestReceipt] = {}
    counted: dict[int, Usage] = {}
    for record in records[places[0] :]:
        if record.run != run:
            continue
        if isinstance(record.event, RequestReceipt):
            told[record.event.turn] = record.event
        elif isinstance(record.event, TurnEnd):
            counted[record.event.turn] = record.event.usage
    return [_seen(run, each, counted.get(turn)) for turn, each in told.items()]


def _seen(run: str, told: RequestReceipt, usage: Usage | None) -> ContextReceipt:
    return ContextReceipt(
        run_id=run,
        turn=told.turn,
        model=told.model,
        wire=told.wire,
        bytes=told.bytes,
        tokens=told.tokens,
        usage=usage,
        parts=told.parts,
        left_out=told.left_out,
    )
