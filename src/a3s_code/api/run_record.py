"""
What a log says of one run and of the session at its end; of what an export and a replay make
the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from a3s_code.kernel.events import SnapshotsOff
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.records import (
    ArtifactStored,
    Dropped,
    EffectIntended,
    FileChanging,
    Record,
    RecordsPruned,
    RunStarted,
    SnapshotTaken,
    ToolsOffered,
)
from a3s_code.kernel.state import SessionState


@dataclass(frozen=True, slots=True)
class Span:
    """
    A run in the log of its session.

    Attributes:
        begin, last: Sequences of its first and of its last record before another run began.
        stop: How many records an export has: all up to `last`, and more where a later one
            tells what has become of one of these.
    """

    begin: int
    last: int
    stop: int


def span_of(records: Sequence[Record], run: str) -> Span | None:
    """Find a run; None when no record begins it."""
    starts = (each for each in records if each.run == run and isinstance(each.event, RunStarted))
    first = next(starts, None)
    if first is None:
        return None
    last = begin = first.sequence
    for record in records[begin + 1 :]:
        if record.run == run:
            last = record.sequence
        elif isinstance(record.event, RunStarted):
            break
    return Span(begin, last, _named(records, last + 1))


def _named(records: Sequence[Record], stop: int) -> int:
    """Go on until every record before `stop` whose body is gone is named as pruned there."""
    while True:
        unnamed = {each.sequence for each in records[:stop] if type(each.event) is Dropped}
        for record in records[:stop]:
            unnamed.difference_update(pruned_by(record))
        naming = (each for each in records[stop:] if not unnamed.isdisjoint(pruned_by(each)))
        found = next(naming, None) if unnamed else None
        if found is None:
            return stop
        stop = found.sequence + 1


def pruned_by(record: Record) -> Iterator[int]:
    """Give the sequences before `record` whose bodies it says are gone, whatever it says."""
    if isinstance(record.event, RecordsPruned):
        for first, last in record.event.ranges:
            yield from range(max(first, 0), min(last + 1, record.sequence))


def blobs_of(records: Iterable[Record]) -> set[str]:
    """Give the digests of all blobs that records name."""
    found = set[str]()
    for record in records:
        match record.event:
            case ToolsOffered(sha256=sha256) | ArtifactStored(sha256=sha256):
                found.add(sha256)
            case FileChanging(before=before) if before.is_kept:
                found.add(before.sha256)
            case _:
                pass
    return found


# The state


def facts(state: SessionState) -> JsonObject:
    """Give what a session is as plain JSON; long parts as the SHA-256 of their canonical JSON."""
    opened, offered = state.opened, state.offered
    found = {
        "model": state.model,
        "durability": state.durability,
        "settings": opened.settings if opened else {},
        "parent": msgspec.to_builtins(opened.parent) if opened else None,
        "tools": offered.sha256 if offered else "",
        "messages": len(state.conversation),
        "conversation": _digest(state.conversation.messages),
        "runs": {
            run.id: {
                "status": run.status,
                "events": run.event_count,
                "text": _digest([run.prompt, run.result_text, run.error]),
            }
            for run in state.runs.values()
        },
        "tokens": {model: usage.total_tokens for model, usage in state.spent.items()},
        "artifacts": list(state.artifacts),
        "file_changes": len(state.changes),
        "open_effects": [key for key, effect in state.effects.items() if not effect.doubt],
        "in_doubt": list(state.in_doubt),
    }
    return json.loads(canonical(found))


def _digest(value: object) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


# The trees


@dataclass(frozen=True, slots=True)
class RunTrees:
    """
    What a log tells of the files of a run.

    Attributes:
        taken: Sequence and tree of every snapshot of the run, in order.
        undo: The first change of each file before the first of them, by path.
        begin_why: Why the files at the beginning cannot be told; empty when they can.
        end: The tree at the end; empty when nobody can tell it.
        end_why: Why.
    """

    taken: tuple[tuple[int, str], ...]
    undo: dict[str, FileChanging]
    begin_why: str
    end: str
    end_why: str


def trees_of(records: Sequence[Record], state: SessionState, span: Span) -> RunTrees:
    """Find the trees of a run; `state` is the fold of `records`."""
    own = records[span.begin : span.last + 1]
    taken = tuple(
        (each.sequence, each.event.tree) for each in own if isinstance(each.event, SnapshotTaken)
    )
    unknown = [each for each in state.unknown if span.begin <= each <= span.last]
    changes = [each for each in state.changes if span.begin <= each.sequence <= span.last]
    if not taken:
        acted = any(isinstance(each.event, EffectIntended) for each in own)
        why = _never_taken(records[: span.last + 1]) if acted else "the run changed no file"
        return RunTrees((), {}, why, "", why)
    undo: dict[str, FileChanging] = {}
    for change in changes:
        if change.sequence < taken[0][0]:
            undo.setdefault(change.what.path, change.what)
    blind = any(each < taken[0][0] for each in unknown)
    begin_why = "a command ran before the files were taken" if blind else ""
    effects = [*unknown, *(each.sequence for each in changes)]
    is_last = all(each < taken[-1][0] for each in effects)
    end_why = "" if is_last else "the files were not taken after its last effect"
    return RunTrees(taken, undo, begin_why, taken[-1][1] if is_last else "", end_why)


def _never_taken(records: Sequence[Record]) -> str:
    off = [each.event.reason for each in records if isinstance(each.event, SnapshotsOff)]
    return f"no files were taken: {off[-1]}" if off else "no files were taken"
