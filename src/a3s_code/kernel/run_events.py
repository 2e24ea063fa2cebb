"""
The stream events of a run, and where in the log they are.

Deltas are kept in batches; here they are single events again. Each event of a run has a
sequence, from 0 without gaps; retention takes the oldest away and leaves the numbers alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from a3s_code.kernel.events import (
    Delta,
    ReasoningDelta,
    RunEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
)
from a3s_code.kernel.records import DeltaBatch, Event, LogOnly, Record


class RunEventRecord(msgspec.Struct, frozen=True):
    """One event of a run: `sequence` from 0 without gaps, `timestamp_ms` in Unix time."""

    sequence: int
    timestamp_ms: int
    event: RunEvent


@dataclass(slots=True)
class RunEvents:
    """
    Which records hold the stream events of one run, in order.

    Attributes:
        first: Sequence of the first event that is shown; those before it were dropped.
        count: Events so far, dropped ones included; also the sequence of the next one.
    """

    first: int = 0
    count: int = 0
    _starts: list[int] = field(default_factory=list[int])
    _places: list[int] = field(default_factory=list[int])

    def add(self, place: int, count: int) -> None:
        """Take in the record at `place` with `count` events."""
        self._places.append(place)
        self._starts.append(self.count)
        self.count += count

    def drop(self, first: int, count: int) -> None:
        """
        Forget the records that have only events before `first`, out of `count` so far.

        The result is the same whether those records were all taken in, or some were empty.
        """
        missed = count - self.count
        self._starts = [start + missed for start in self._starts]
        self.first, self.count = first, count
        kept = self._holder_of(first)
        self._starts, self._places = self._starts[kept:], self._places[kept:]

    def before(self, first: int) -> list[int]:
        """Give the places of the records that have only events before `first`."""
        return self._places[: self._holder_of(first)]

    def _holder_of(self, sequence: int) -> int:
        """Find the entry that holds an event; the end of all for one that is to come."""
        if sequence >= self.count:
            return len(self._starts)
        return max(bisect_right(self._starts, sequence) - 1, 0)

    def holds(self, place: int) -> bool:
        """Say whether the record at `place` is one of those that are shown."""
        at = bisect_right(self._places, place) - 1
        return at >= 0 and self._places[at] == place

    def is_behind(self, place: int) -> bool:
        """Say that the record at `place` is later than all that were taken in."""
        return not self._places or place > self._places[-1]

    def rows(self, records: Sequence[Record], start: int) -> Iterator[RunEventRecord]:
        """Give the events from `start` on, expanding only what is asked for."""
        start = max(start, self.first)
        starts, places = self._starts, self._places
        for at in range(self._holder_of(start), len(starts)):
            yield from numbered(records[places[at]], starts[at], start)


def numbered(record: Record, first: int, start: int) -> Iterator[RunEventRecord]:
    """Give the events of a record, numbered from `first`; those before `start` are left out."""
    for sequence, event in enumerate(expand(record.event), first):
        if sequence >= start:
            yield RunEventRecord(sequence, record.timestamp_ms, event)


def shown_events(event: Event) -> int:
    """Say how many events a stream shows of it."""
    if type(event) is DeltaBatch:
        return len(event.ends)
    return 0 if isinstance(event, LogOnly) else 1


def expand(event: Event) -> Iterator[RunEvent]:
    if isinstance(event, DeltaBatch):
        start = 0
        for end in event.ends:
            yield _single(event, event.text[start:end])
            start = end
    elif not isinstance(event, LogOnly):
        yield event


def _single(batch: DeltaBatch, text: str) -> Delta:
    match batch.kind:
        case "text_delta":
            return TextDelta(text=text)
        case "reasoning_delta":
            return ReasoningDelta(text=text)
        case "tool_input_delta":
            return ToolInputDelta(id=batch.id, delta=text)
        case _:
            return ToolOutputDelta(id=batch.id, name=batch.name, delta=text)
