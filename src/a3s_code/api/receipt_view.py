"""Receipts as callers see them: what a model was shown, and what the provider counted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from a3s_code.api.receipts import FOR_SUMMARY
from a3s_code.kernel.events import ContextLeftOut, RunId, TurnEnd
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import ReceiptPart, Record, RequestReceipt, TokensSpent
from a3s_code.kernel.state import SessionState

TURN = "turn"
"""What a request of a turn is for."""


class ContextReceipt(msgspec.Struct, frozen=True):
    """
    What one request to a model was made of.

    Attributes:
        turn: Of the run, from 1; 0 for a request in no turn, such as one for a summary. A turn
            has another request when the provider had refused the first one as too long.
        model: `provider/model`.
        wire: Whose bytes these are; `plain` is the canonical JSON of a request whose form only
            the model itself knows.
        bytes: Of the body that was sent; the bytes of `parts` add up to it.
        tokens: As estimated; those of `parts` add up to it.
        usage: As the provider counted; None when no answer came.
        parts: See `kernel.records.ReceiptPart`.
        left_out: What was offered and not shown, and why.
        purpose: `turn`, or what else the request was for, as in `LlmCostRecord`.

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
    purpose: str = TURN


def receipts_of(records: Sequence[Record], state: SessionState, run: str) -> list[ContextReceipt]:
    """
    List the receipts of a run, or of a child run by its own id, oldest first.

    Each request has its own: also one that was refused as too long, and a summary.
    """
    from a3s_code.delegation.child_sink import TURNS  # a session is made without an event loop

    found: list[ContextReceipt] = []
    is_run = not run or RunId(run) in state.receipts
    own, child = (RunId(run), "") if is_run else _child(records, state, run)
    places = state.receipts.get(own, [])
    for record in records[places[0] :] if places else ():
        if record.run != own:
            continue
        match record.event:
            case RequestReceipt() as receipt if receipt.child == child:
                found.append(_seen(run, receipt))
            case TurnEnd(usage=usage) if not child:
                _count(found, TURN, usage)
            case TokensSpent(usage=usage, child=spender, purpose=purpose) if spender == child:
                _count(found, TURN if purpose in TURNS else purpose, usage)
            case _:
                pass
    return found


def _count(found: list[ContextReceipt], purpose: str, usage: Usage) -> None:
    """Put beside the last request for a purpose that has no answer what the provider counted."""
    for place in range(len(found) - 1, -1, -1):
        if found[place].purpose == purpose and found[place].usage is None:
            found[place] = msgspec.structs.replace(found[place], usage=usage)
            return


def _child(records: Sequence[Record], state: SessionState, child: str) -> tuple[RunId, str]:
    """Find the run that a child run belongs to."""
    for run, places in state.receipts.items():
        events = (records[place].event for place in places)
        if any(isinstance(event, RequestReceipt) and event.child == child for event in events):
            return run, child
    return RunId(""), child


def _seen(run: str, told: RequestReceipt) -> ContextReceipt:
    return ContextReceipt(
        run_id=run,
        turn=told.turn,
        model=told.model,
        wire=told.wire,
        bytes=told.bytes,
        tokens=told.tokens,
        usage=None,
        parts=told.parts,
        left_out=told.left_out,
        purpose=told.purpose or (TURN if told.turn else FOR_SUMMARY),
    )
