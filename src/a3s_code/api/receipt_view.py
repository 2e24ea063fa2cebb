"""Receipts as callers see them: what a model was shown, and what the provider counted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from a3s_code.api.receipts import FOR_SUMMARY
from a3s_code.kernel.events import ContextLeftOut, RunId, TurnEnd
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import ReceiptPart, Record, RequestReceipt, TokensSpent
from a3s_code.kernel.state import SessionState


class ContextReceipt(msgspec.Struct, frozen=True):
    """
    What one request to a model was made of.

    Attributes:
        turn: Of the run, from 1; 0 for a request for a summary, which is in no turn.
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
    List the receipts of a run, or of a child run by its own id, as the requests were made.

    A turn has one, that of the request which was made last, and so has every summary.
    """
    told: dict[tuple[int, int], RequestReceipt] = {}
    counted: dict[tuple[int, int], Usage] = {}
    turns = summaries = 0
    own, child = (RunId(run), "") if RunId(run) in state.receipts else _child(records, state, run)
    places = state.receipts.get(own, [])
    for record in records[places[0] :] if places else ():
        if record.run != own:
            continue
        match record.event:
            case RequestReceipt(turn=0) as receipt if receipt.child == child:
                summaries += 1
                told[0, summaries] = receipt
            case RequestReceipt(turn=turn) as receipt if receipt.child == child:
                told.pop((turn, 0), None)
                told[turn, 0] = receipt
            case TurnEnd(turn=turn, usage=usage) if not child:
                counted[turn, 0] = usage
            case TokensSpent(usage=usage, purpose=purpose) as spent if (
                purpose == FOR_SUMMARY and spent.child == child
            ):
                counted[0, summaries] = usage
            case TokensSpent(usage=usage) as spent if child and spent.child == child:
                turns += 1
                counted[turns, 0] = usage
            case _:
                pass
    return [_seen(run, each, counted.get(place)) for place, each in told.items()]


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
