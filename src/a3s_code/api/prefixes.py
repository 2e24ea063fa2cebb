"""What a session has sent to its models, and the event that says when a prefix is another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from a3s_code.api.costs import PriceOf
from a3s_code.api.lane import MAX_LOOKED
from a3s_code.delegation.child_sink import TURNS
from a3s_code.harness.prefix import (
    Change,
    Sent,
    compare,
    first_other,
    note,
    prefix_of,
    why_system,
    why_tools,
)
from a3s_code.kernel.events import PrefixChanged
from a3s_code.kernel.log import Log
from a3s_code.kernel.measure import Measure
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.ports import ModelRequest
from a3s_code.kernel.prefix import Prefix
from a3s_code.kernel.records import Compacted, HistoryReplaced, RequestReceipt, TokensSpent

TOKENS_PER_BYTE = 0.25
"""Where no provider has said yet how many tokens a request was."""

_NOTHING = Change((), -1, 0)
_REPLACED = {
    "clear": "the conversation was cleared",
    "compact": "the conversation was compacted",
    "rewind": "the conversation was rewound",
}


class Prefixes:
    """
    Of one session; knows the last request to each model, also from before a resume.

    A provider keeps the cache of each model apart, so requests to one model are compared. A run
    with a history of its own is another conversation, whose messages are compared within it. A
    child has a prompt and tools of its own, so its requests are compared with each other alone.

    Args:
        child: Id of a child run that begins; empty for the session itself.
    """

    __slots__ = ("_child", "_last", "_log", "_own", "_price", "_sent")

    def __init__(self, log: Log, price: PriceOf, child: str = "") -> None:
        self._log, self._price, self._child = log, price, child
        self._last: Sent | None = None
        self._sent: dict[str, Sent] = {}
        self._own: dict[str, Sent] = {}
        for sent in () if child else _recorded(log):
            self._keep(sent)

    def look(
        self, measure: Measure, request: ModelRequest, model: str, lane: str
    ) -> tuple[Prefix, PrefixChanged | None]:
        """
        Digest a request, and say what is another than in the one before; None when nothing is.

        Args:
            lane: See `Sent.lane`.
        """
        head, last = self._sent.get(model), self._last
        talk = self._own.get(model) if not lane else head
        if talk is not None and talk.lane != lane:
            talk = None
        hashed = not lane or self._log.is_stored  # nobody could compare it later
        prefix = prefix_of(measure, request, head, isolated=bool(lane), hashed=hashed)
        now = note(measure, request, prefix, (model, lane, self._log.length))
        found = self._compared(head, talk, now, measure)
        if last is not None and last.model != model:
            found = _switched(found, head, talk, last, now, measure)
        self._keep(now)
        if not found.segments or last is None:
            return prefix, None
        return prefix, self._told(found, head or last, talk or last, last, now)

    def _keep(self, sent: Sent) -> None:
        self._last = self._sent[sent.model] = sent
        if not sent.lane:
            self._own[sent.model] = sent

    def _compared(
        self, head: Sent | None, talk: Sent | None, now: Sent, measure: Measure
    ) -> Change:
        if head is None:
            return _NOTHING
        message = -1
        if talk is not None:
            message = first_other(talk, measure, lambda: dict(_marks(self._log, now.model)))
        return compare(head, talk, now, measure, message)

    def _told(self, found: Change, head: Sent, talk: Sent, last: Sent, now: Sent) -> PrefixChanged:
        """Put a change into words, and predict what it costs."""
        tokens = round(found.again * self._tokens_per_byte(last))
        return PrefixChanged(
            segment=found.segments[0],
            also=found.segments[1:],
            message=found.message,
            why="; ".join(filter(None, self._whys(found, head, talk, last, now))),
            model=now.model,
            tokens=tokens,
            cost_usd=self._price(now.model, Usage(tokens, 0, 0, tokens)),
        )

    def _tokens_per_byte(self, last: Sent) -> float:
        counted = self._counted()
        return counted / last.bytes if counted and last.bytes else TOKENS_PER_BYTE

    def _counted(self) -> int:
        """Give the tokens of the last request, as its provider counted them; 0 when none did."""
        if not self._child:
            return self._log.state.last_usage.prompt_tokens
        spent = (
            record.event
            for record in islice(self._log.backwards(), MAX_LOOKED)
            if isinstance(record.event, TokensSpent)
        )
        turns = (each for each in spent if each.child == self._child and each.purpose in TURNS)
        return next((each.usage.prompt_tokens for each in turns), 0)

    def _whys(self, found: Change, head: Sent, talk: Sent, last: Sent, now: Sent) -> Iterator[str]:
        for segment in found.segments:
            match segment:
                case "model":
                    yield f"{last.model} answered before"
                case "settings":
                    yield "settings that the provider keeps its cache apart by"
                case "tools":
                    yield why_tools(head.names, now.names)
                case "system":
                    yield why_system(head.system, now.system or "")
                case "messages":
                    yield from self._replaced(talk)

    def _replaced(self, talk: Sent) -> Iterator[str]:
        """Say what became of the conversation since a request."""
        reasons: dict[str, None] = {}
        for at in range(talk.place, self._log.length):
            record = self._log.at(at)
            match record.event:
                case HistoryReplaced(reason=reason) if not talk.lane:
                    reasons[reason] = None
                case Compacted(is_isolated=True, child=child) if talk.lane == (child or record.run):
                    reasons["compact"] = None
                case _:
                    pass
        for reason in reasons:
            yield _REPLACED.get(reason, reason)


def _switched(
    found: Change, head: Sent | None, talk: Sent | None, last: Sent, now: Sent, measure: Measure
) -> Change:
    """Add what another model has read meanwhile, or before, which this one has not."""
    there = last.prefix.messages if last.lane == now.lane else 0
    known = talk.prefix.messages if talk is not None else 0
    frame = 0 if head is not None else sum(len(piece.data) for piece in measure.frame)
    again = found.again + frame + measure.message_bytes(known, max(there, known))
    return Change(("model", *found.segments), found.message, again)


def _recorded(log: Log) -> Iterator[Sent]:
    """Give what the log says of requests, oldest first."""
    for at in sorted(chain.from_iterable(log.state.receipts.values())):
        record = log.at(at)
        match record.event:
            case RequestReceipt(prefix=Prefix() as prefix, child="") as receipt:
                lane = record.run if prefix.isolated else ""
                yield Sent(receipt.model, prefix, lane, receipt.bytes, at)
            case _:
                pass


def _marks(log: Log, model: str) -> Iterator[tuple[int, str]]:
    """Give how many messages the requests of the session had, and their digests."""
    for sent in _recorded(log):
        if sent.model == model and not sent.lane:
            yield sent.prefix.messages, sent.prefix.conversation
