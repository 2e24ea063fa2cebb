"""A session of A3S Code 3 as the log it would have been."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from a3s_code.api.earlier import EarlierRun, EarlierSession
from a3s_code.api.recorded import Recorded
from a3s_code.api.settings import Identity, Sampling
from a3s_code.kernel.events import (
    ReasoningDelta,
    RunEvent,
    RunId,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    TurnEnd,
    Verification,
    tag_of,
)
from a3s_code.kernel.log import BATCH_S, SESSION
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import (
    ArtifactStored,
    DeltaBatch,
    Event,
    HistoryAppended,
    Record,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    TokensSpent,
)

_Entry: TypeAlias = tuple[int, RunId, Event]
_Key: TypeAlias = tuple[str, str, str, int]


def as_records(session: EarlierSession) -> list[Record]:
    """
    Give the whole log; the same session always gives the same one.

    The files do not say which messages belong to which run, so the conversation follows
    the runs. A run that had not ended is left open, as a crash leaves it: whoever resumes
    the session closes it.
    """
    entries = itertools.chain(_opening(session), *map(_run, session.runs), _rest(session))
    return [Record(number, *entry) for number, entry in enumerate(entries)]


def blobs(session: EarlierSession) -> dict[str, bytes]:
    """Give the contents of the artifacts by their SHA-256 in hex."""
    contents = [_content(artifact.content) for artifact in session.artifacts]
    return {hashlib.sha256(data).hexdigest(): data for data in contents}


def _content(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _opening(session: EarlierSession) -> Iterator[_Entry]:
    stored = session.stored
    labels = Identity(
        stored.tenant_id, stored.principal, stored.agent_template_id, stored.correlation_id
    )
    kept = Recorded(sampling=Sampling(thinking_budget=stored.thinking_budget), identity=labels)
    created_ms = stored.created_at * 1000
    opened = SessionOpened(
        session_id=stored.id,
        workspace=stored.config.workspace,
        model=stored.model,
        created_at_ms=created_ms,
        settings=kept.written_form(),
    )
    yield created_ms, SESSION, opened


def _run(run: EarlierRun) -> Iterator[_Entry]:
    snapshot = run.snapshot
    yield snapshot.created_at_ms, snapshot.id, RunStarted(prompt=snapshot.prompt)
    for at_ms, event in _batched(run.events):
        yield at_ms, snapshot.id, event
    reached = RunStatusChanged(
        status=snapshot.status, result_text=snapshot.result_text, error=snapshot.error
    )
    yield snapshot.updated_at_ms, snapshot.id, reached


def _batched(events: Iterable[tuple[int, RunEvent]]) -> Iterator[tuple[int, Event]]:
    """Make one record of consecutive deltas of a block, as the log does."""
    for key, group in itertools.groupby(events, _block):
        timed = list(group)
        if key is None:
            yield from timed
            continue
        texts = [_delta(event) for _, event in timed]
        kind, id_, name, _ = key
        batch = DeltaBatch(
            kind=kind,
            text="".join(texts),
            ends=tuple(itertools.accumulate(map(len, texts))),
            id=id_,
            name=name,
        )
        yield timed[-1][0], batch


def _block(timed: tuple[int, RunEvent]) -> _Key | None:
    """Say which block a delta belongs to, and when; None for other events."""
    at_ms, event = timed
    moment = at_ms // int(BATCH_S * 1000)
    match event:
        case TextDelta() | ReasoningDelta():
            return tag_of(event), "", "", moment
        case ToolInputDelta(id=id_):
            return tag_of(event), id_, "", moment
        case ToolOutputDelta(id=id_, name=name):
            return tag_of(event), id_, name, moment
        case _:
            return None


def _delta(event: RunEvent) -> str:
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text):
            return text
        case ToolInputDelta(delta=text) | ToolOutputDelta(delta=text):
            return text
        case _:
            raise AssertionError(event)


def _rest(session: EarlierSession) -> Iterator[_Entry]:
    """What the files give no time for, at the time of the last change."""
    last_ms = [run.snapshot.updated_at_ms for run in session.runs]
    at_ms = max([session.stored.updated_at * 1000, *last_ms])
    events: list[Event] = [
        *(HistoryAppended(message=message) for message in session.messages),
        *session.traces,
        *(Verification(report=report, made_by="host") for report in session.reports),
        *_kept(session),
        *_spent(session),
    ]
    return ((at_ms, SESSION, event) for event in events)


def _kept(session: EarlierSession) -> Iterator[ArtifactStored]:
    for artifact in session.artifacts:
        yield ArtifactStored(
            uri=artifact.artifact_uri,
            tool=artifact.tool_name,
            sha256=hashlib.sha256(_content(artifact.content)).hexdigest(),
            original_bytes=artifact.original_bytes,
            shown_bytes=artifact.shown_bytes,
        )


def _spent(session: EarlierSession) -> Iterator[TokensSpent]:
    """Tokens that the session counted and that no turn of its runs shows."""
    events = [event for run in session.runs for _, event in run.events]
    shown = sum((event.usage for event in events if isinstance(event, TurnEnd)), Usage())
    missing = _beyond(session.stored.total_usage.usage(), shown)
    if missing != Usage():
        yield TokensSpent(usage=missing, purpose="imported")


def _beyond(total: Usage, shown: Usage) -> Usage:
    return Usage(
        max(0, total.prompt_tokens - shown.prompt_tokens),
        max(0, total.completion_tokens - shown.completion_tokens),
        max(0, total.cache_read_tokens - shown.cache_read_tokens),
        max(0, total.cache_write_tokens - shown.cache_write_tokens),
    )
