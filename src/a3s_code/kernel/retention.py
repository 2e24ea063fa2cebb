"""
How much of what happened a session keeps: its runs, their events, its traces.

What is beyond the limits is dropped when a run or a direct call has ended, the oldest first. What
the state is rebuilt from stays whatever the limits say: the conversation, what was spent,
artifacts, effects. A run that goes on loses nothing. SPEC 4.1; DESIGN 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING, Any

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.events import RunId
from a3s_code.kernel.fold import is_needed
from a3s_code.kernel.records import RecordsPruned, ShortenedRun
from a3s_code.kernel.state import TERMINAL, RunSnapshot, SessionState

if TYPE_CHECKING:  # limits are made where no session is awake, and nothing of an event loop
    from a3s_code.kernel.log import Log


@dataclass(frozen=True, slots=True)
class SessionRetentionLimits:
    """
    How much a session keeps, in memory and in its store; None = all of it.

    Args:
        max_runs_retained: Runs that have ended and are still listed, with the one that goes on;
            those with a child that goes on do not count, and stay.
        max_events_per_run: The newest of each; `event_count` goes on counting all.
        max_trace_events: Tool calls that `trace_events` lists.
        max_terminal_subagent_tasks: Child runs that have ended and are still listed; those that
            go on, or whose end a model is still to be told of, are not dropped.

    Raises:
        InvalidType: a limit is no whole number.
        InvalidValue: a limit is negative.

    Source:
        SPEC 4.1, "Retention caps".
    """

    max_runs_retained: int | None = None
    max_events_per_run: int | None = None
    max_trace_events: int | None = None
    max_terminal_subagent_tasks: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value: object = getattr(self, field.name)
            if value is not None and type(value) is not int:
                raise InvalidType(
                    f"{field.name} is {value!r}.", hint="give a whole number, or None for no limit"
                )
            if value is not None and value < 0:
                raise InvalidValue(
                    f"{field.name} is {value}.", hint="give 0 or more, or None for no limit"
                )

    @classmethod
    def of(cls, given: SessionRetentionLimits | Mapping[str, Any]) -> SessionRetentionLimits:
        """
        Take limits, or an object of the same names.

        Raises:
            InvalidType, InvalidValue: it is something else, or has another name in it.
        """
        if isinstance(given, cls):
            return given
        names = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping):
            raise InvalidType(
                f"retention_limits is a {type(given).__name__}, not SessionRetentionLimits.",
                hint=f"give SessionRetentionLimits, or an object of {', '.join(names)}",
            )
        unknown = sorted(str(name) for name in given if name not in names)
        if unknown:
            raise InvalidType(
                f"retention_limits has no limit {', '.join(unknown)}.",
                hint=f"the limits are {', '.join(names)}",
            )
        return cls(**given)


def retain(log: Log, limits: SessionRetentionLimits) -> None:
    """Drop what is beyond `limits`, and what a process before this one did not come to."""
    pruned = beyond(log, limits)
    if pruned is not None:
        log.prune(pruned)
    log.prune_again()


def beyond(log: Log, limits: SessionRetentionLimits) -> RecordsPruned | None:
    """Say what of a log is beyond `limits`; None when nothing is."""
    state = log.state
    evicted = _runs_beyond(state, limits.max_runs_retained)
    shortened = list(_shortened(state, limits.max_events_per_run, evicted))
    traces = _traces_beyond(state, limits.max_trace_events)
    tasks = _children_beyond(state, limits.max_terminal_subagent_tasks)
    if not (evicted or shortened or traces or tasks):
        return None
    whole = (state.events[run] for run in evicted if run in state.events)
    events = chain(
        *(run.before(run.count) for run in whole),
        *(state.events[short.id].before(short.first_event) for short in shortened),
    )
    told = {place for id_ in tasks for place in state.children[id_].places}
    places = [
        place for place in events if place in told or not is_needed(state, log.at(place).event)
    ]
    places += _unseen(state, tasks)
    places += chain.from_iterable(state.receipts.get(run, ()) for run in evicted)
    return RecordsPruned(
        count=len(places) + len(traces),
        ranges=tuple(ranges_of(sorted({*places, *traces}))),
        evicted=tuple(evicted),
        shortened=tuple(shortened),
        first_trace=traces[-1] + 1 if traces else 0,
        tasks=tuple(tasks),
    )


def _runs_beyond(state: SessionState, most: int | None) -> list[RunId]:
    if most is None or len(state.runs) <= most:
        return []
    at_work = {child.run for child in state.running.values()}
    runs = [run for run in state.runs.values() if run.id not in at_work]  # those do not count
    ended = [run.id for run in runs if run.status in TERMINAL]
    return ended[: max(len(runs) - most, 0)]


def _shortened(
    state: SessionState, most: int | None, evicted: list[RunId]
) -> Iterator[ShortenedRun]:
    for run in state.runs.values():
        if most is None or run.id in evicted or run.status not in TERMINAL:
            continue
        first = run.event_count - most
        if run.id in state.events and first > state.events[run.id].first:
            yield _short(run, first)


def _children_beyond(state: SessionState, most: int | None) -> list[str]:
    if most is None or len(state.children) <= most:
        return []
    ended = [id_ for id_, child in state.children.items() if child.ended is not None]
    over = ended[: max(len(ended) - most, 0)]
    return [id_ for id_ in over if id_ not in state.waiting]


def _unseen(state: SessionState, tasks: list[str]) -> Iterator[int]:
    """Give the records of forgotten children that no run shows any more."""
    for child in map(state.children.__getitem__, tasks):
        events = state.events.get(child.run)
        yield from (place for place in child.places if events is None or not events.holds(place))


def _short(run: RunSnapshot, first: int) -> ShortenedRun:
    return ShortenedRun(run.id, first, run.event_count, run.updated_at_ms)


def _traces_beyond(state: SessionState, most: int | None) -> list[int]:
    return [] if most is None else state.traces[: max(len(state.traces) - most, 0)]


def ranges_of(sequences: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Give ascending numbers as rows of neighbours: the first and the last of each."""
    first = last = -1
    for sequence in sequences:
        if first >= 0 and sequence != last + 1:
            yield first, last
        if first < 0 or sequence != last + 1:
            first = sequence
        last = sequence
    if first >= 0:
        yield first, last
