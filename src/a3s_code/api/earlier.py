"""
Sessions as A3S Code 3 left them: JSON files, read and never written.

    <dir>/<name>.json                        the conversation, options and labels
    <dir>/runs/<name>.json                   every run with its stream events
    <dir>/traces/<name>.json                 a row for each tool call
    <dir>/artifacts/<name>/artifacts.json    complete outputs
    <dir>/verification/<name>.json           reports

`name` is the session's id with path separators replaced. Any file but the first may be
missing. A process that was killed leaves the second empty or cut off: only the first was
put in place whole. Source: SPEC 12.1, and the files themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from a3s_code.api.request import read_history
from a3s_code.errors import InvalidValue, StoreError, UsageError
from a3s_code.harness.verification.reports import report_of
from a3s_code.kernel.artifacts import Artifact
from a3s_code.kernel.events import RUN_EVENTS, RunEvent, RunId, Verification
from a3s_code.kernel.messages import JsonObject, Message, ToolCall, ToolResult, Usage
from a3s_code.kernel.records import TraceRecorded
from a3s_code.kernel.verification import Report

T = TypeVar("T")

_KNOWN = frozenset(
    str(kind.__struct_config__.tag) for kind in RUN_EVENTS if kind is not Verification
)
"""A run of that time says nothing of what this harness has checked."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class Config(msgspec.Struct, frozen=True):
    workspace: str


class Client(msgspec.Struct, frozen=True):
    provider: str
    model: str


class Counted(msgspec.Struct, frozen=True):
    """Tokens; None where the provider said nothing."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None

    def usage(self) -> Usage:
        return Usage(
            self.prompt_tokens,
            self.completion_tokens,
            self.cache_read_tokens or 0,
            self.cache_write_tokens or 0,
        )


class Stored(msgspec.Struct, frozen=True):
    """
    What is used of the first file; prompts, addresses and keys in it are left where they are.

    Attributes:
        created_at, updated_at: Unix time in seconds.
    """

    id: str
    config: Config
    messages: list[JsonObject]
    created_at: int
    updated_at: int
    model_name: str | None = None
    llm_config: Client | None = None
    total_usage: Counted = Counted()
    thinking_budget: int | None = None
    tasks: tuple[JsonObject, ...] = ()
    tenant_id: str | None = None
    principal: str | None = None
    agent_template_id: str | None = None
    correlation_id: str | None = None

    @property
    def model(self) -> str:
        """`provider/model`; empty when the file names none."""
        if self.model_name and "/" in self.model_name:
            return self.model_name
        if self.llm_config is not None:
            return f"{self.llm_config.provider}/{self.llm_config.model}"
        return self.model_name or ""


class Snapshot(msgspec.Struct, frozen=True):
    id: RunId
    status: str
    prompt: str
    created_at_ms: int
    updated_at_ms: int
    result_text: str | None = None
    error: str | None = None
    event_count: int = 0


class _TimedEvent(msgspec.Struct, frozen=True):
    timestamp_ms: int
    event: JsonObject


class _StoredRun(msgspec.Struct, frozen=True):
    snapshot: Snapshot
    events: tuple[_TimedEvent, ...] = ()


class _StoredArtifacts(msgspec.Struct, frozen=True):
    artifacts: tuple[Artifact, ...] = ()


class EarlierRun(msgspec.Struct, frozen=True):
    """`events` with their Unix time in milliseconds, oldest first."""

    snapshot: Snapshot
    events: tuple[tuple[int, RunEvent], ...]


class EarlierSession(msgspec.Struct, frozen=True):
    """
    Attributes:
        left_out: What the directory holds and the log has no place for, a phrase each.
    """

    stored: Stored
    messages: tuple[Message, ...]
    runs: tuple[EarlierRun, ...]
    traces: tuple[TraceRecorded, ...]
    artifacts: tuple[Artifact, ...]
    reports: tuple[Report, ...]
    left_out: tuple[str, ...]


def session_names(directory: Path) -> list[str]:
    """
    Name the sessions of a directory, sorted; a name is that of its files.

    Raises:
        OSError: it cannot be read.
    """
    return sorted(file.stem for file in directory.iterdir() if file.suffix == ".json")


def unfinished_files(directory: Path) -> list[str]:
    """Name what a killed process left of a session file that it was about to put in place."""
    return sorted(file.name for file in directory.iterdir() if file.suffix == ".tmp")


def read_session(directory: Path, name: str) -> EarlierSession:
    """
    Read all files of one session.

    Raises:
        StoreError: a file is cut off or holds something else; names the file and the place.
    """
    file = directory / f"{name}.json"
    stored = _read(file, Stored)
    runs_file = directory / "runs" / f"{name}.json"
    stored_runs = _read(runs_file, tuple[_StoredRun, ...], ())
    given = _read(directory / "verification" / f"{name}.json", list[Any], [])
    reports = tuple(_reports(given))
    kept = directory / "artifacts" / name / "artifacts.json"
    unknown: dict[str, int] = {}
    messages, unmatched = _paired(_messages(file, stored))
    return EarlierSession(
        stored=stored,
        messages=tuple(messages),
        runs=tuple(_run(runs_file, run, unknown) for run in stored_runs),
        traces=_read(directory / "traces" / f"{name}.json", tuple[TraceRecorded, ...], ()),
        artifacts=_read(kept, _StoredArtifacts, _StoredArtifacts()).artifacts,
        reports=reports,
        left_out=(
            *(f"{count} events of type {kind}" for kind, count in unknown.items()),
            *_counted(len(given) - len(reports), "verification report"),
            *_counted(len(stored.tasks), "planned task"),
            *_counted(unmatched, "tool result without a call"),
        ),
    )


def _reports(given: list[Any]) -> Iterator[Report]:
    """Give the reports that are as their schema has it."""
    for one in given:
        with suppress(InvalidValue):
            yield report_of(one)


def _counted(count: int, thing: str) -> list[str]:
    return [f"{count} {thing}{'' if count == 1 else 's'}"] if count else []


def _read(file: Path, kind: type[T], missing: T | None = None) -> T:
    """Decode a file; with `missing`, that is given where there is none."""
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        if missing is not None:
            return missing
        raise _unreadable(file, "it is missing") from error
    except OSError as error:
        raise _unreadable(file, str(error)) from error
    if not data:
        raise _unreadable(file, "it is empty")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(file, str(error)) from error


def _unreadable(file: Path, why: str) -> StoreError:
    return StoreError(
        f"{file}: {why.rstrip('.')}.",
        hint="restore the file from a copy, or move it away to go on without what it held",
    )


# The conversation


def _messages(file: Path, stored: Stored) -> list[Message]:
    try:
        return read_history(stored.messages)
    except UsageError as error:
        raise _unreadable(file, f"messages: {error.message.removeprefix('history: ')}") from error


def _paired(messages: list[Message]) -> tuple[list[Message], int]:
    """
    Put the results of one answer's calls into one message, each call with its result.

    They came as a message each, and a compaction may have parted them from their calls.

    Returns:
        The messages, and how many results had no call and were left out. Only the last
        answer may have calls without results.
    """
    paired: list[Message] = []
    waiting: dict[str, ToolCall] = {}
    results: list[ToolResult] = []
    unmatched = 0
    for message in messages:
        here = [block for block in message.blocks if isinstance(block, ToolResult)]
        fitting = [result for result in here if result.tool_use_id in waiting]
        unmatched += len(here) - len(fitting)
        results += fitting
        others = tuple(block for block in message.blocks if not isinstance(block, ToolResult))
        if not others:
            continue
        paired += _results(waiting, results)
        role = "user" if message.role == "tool" else message.role
        paired.append(Message(role, others))
        waiting, results = {call.id: call for call in message.calls}, []
    if results:
        paired += _results(waiting, results)
    return paired, unmatched


def _results(waiting: dict[str, ToolCall], results: list[ToolResult]) -> list[Message]:
    """Give the message of results that a conversation goes on with; none without calls."""
    if not waiting:
        return []
    given = {result.tool_use_id: result for result in results}
    lost = "The result of this call was not kept."
    blocks = [given.get(id_) or ToolResult(id_, lost, is_error=True) for id_ in waiting]
    return [Message("tool", tuple(blocks))]


# Runs


def _run(file: Path, run: _StoredRun, unknown: dict[str, int]) -> EarlierRun:
    """Decode the events of a run; those of types that we do not know are counted."""
    return EarlierRun(
        msgspec.structs.replace(run.snapshot, error=_without_credentials(run.snapshot.error)),
        tuple(_events(file, run, unknown)),
    )


def _events(file: Path, run: _StoredRun, unknown: dict[str, int]) -> Iterator[tuple[int, RunEvent]]:
    call = ""
    for number, timed in enumerate(run.events):
        kind = str(timed.event.get("type"))
        if kind not in _KNOWN:
            unknown[kind] = unknown.get(kind, 0) + 1
            continue
        if kind == "tool_start":
            call = str(timed.event.get("id", ""))
        try:
            event = msgspec.convert(_completed(timed.event, call), RunEvent)
        except msgspec.ValidationError as error:
            place = f"event {number} of run {run.snapshot.id}"
            raise _unreadable(file, f"{place}: {error}") from error
        yield timed.timestamp_ms, event


def _completed(event: JsonObject, call: str) -> JsonObject:
    """
    Give an event the form it has in our log.

    Deltas of arguments did not name their call, token counts could be null, and addresses
    could hold what somebody logged in with.
    """
    match event:
        case {"type": "tool_input_delta"}:
            return {"id": call, **event}
        case {"type": "error", "message": str(message)}:
            return {**event, "message": _without_credentials(message)}
        case {"type": "turn_end" | "agent_end", "usage": usage}:
            counted = {**event, "usage": _usage(usage)}
            meta = event.get("meta")
            return counted if meta is None else {**counted, "meta": _meta(meta)}
        case _:
            return event


def _usage(counts: JsonObject) -> Usage:
    return msgspec.convert(counts, Counted).usage()


def _meta(meta: JsonObject) -> JsonObject:
    match meta:
        case {"request_url": str(url)}:
            return {**meta, "request_url": _CREDENTIALS.sub("", url).partition("?")[0]}
        case _:
            return meta


def _without_credentials(text: str | None) -> str | None:
    return None if text is None else _CREDENTIALS.sub("", text)
