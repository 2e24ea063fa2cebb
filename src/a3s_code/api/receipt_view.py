"""Receipts as callers see them: what a model was shown, and what the provider counted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from a3s_code.kernel.events import ContextLeftOut, RunId, TurnEnd
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import Event, ReceiptPart, Record, RequestReceipt, TokensSpent
from a3s_code.kernel.state import SessionState

SUMMARY_TURN = 0


class ContextReceipt(msgspec.Struct, frozen=True):
    """
    What one request to a model was made of.

    Attributes:
        turn: Of the run, from 1; 0 for a request for a summary. A turn has another request when the
            provider had refused the first one as too long.
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
    """
    List the receipts of a run, or of a child run by its own id, one for each request, oldest first.
    """
    own, child = (RunId(run), "") if RunId(run) in state.receipts else _child(records, state, run)
    places = state.receipts.get(own, [])
    told: list[tuple[RequestReceipt, Usage | None]] = []
    for record in records[places[0] :] if places else ():
        if record.run != own:
            continue
        if isinstance(record.event, RequestReceipt) and record.event.child == child:
            told.append((record.event, None))
        elif told and (usage := _counted(record.event, told[-1][0])) is not None:
            told[-1] = told[-1][0], usage
    return [_seen(run, receipt, usage) for receipt, usage in told]


def _counted(event: Event, receipt: RequestReceipt) -> Usage | None:
    """Give what a provider counted, when that is of the request of a receipt."""
    match event:
        case TurnEnd(turn=turn, usage=usage) if not receipt.child and turn == receipt.turn:
            return usage
        case TokensSpent(usage=usage, child=child) if receipt.child and child == receipt.child:
            return usage
        case TokensSpent(usage=usage, purpose="compact") if receipt.turn == SUMMARY_TURN:
            return usage
        case _:
            return None


def _child(records: Sequence[Record], state: SessionState, child: str) -> tuple[RunId, str]:
    """Find the run that a child run belongs to."""
    for run, places in state.receipts.items():
        events = (records[place].event for place in places)
        if any(isinstance(event, RequestReceipt) and event.child == child for event in events):
            return run, child
    return RunId(""), child


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
