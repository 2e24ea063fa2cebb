"""A run on a terminal: the model's text as it comes, one line for each tool call."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterable
from typing import TextIO

import msgspec

from a3s_code.api.event import AgentEvent
from a3s_code.cli.progress import Progress
from a3s_code.kernel.events import SkillSkipped
from a3s_code.kernel.state import is_within
from a3s_code.kernel.visible import on_one_line, visible, visible_json

SHOWN_LINES = 6
SHOWN_CHARS = 160
INSIDE = "   "
MAX_SKIPPED = 5
"""Files that are named as no skills."""


def show(events: Iterable[AgentEvent], out: TextIO = sys.stdout, note: TextIO = sys.stderr) -> int:
    """
    Print a run: what the model says to `out`, what happens to `note`.

    Returns:
        Exit status: 0 when the model answered, 1 when the run failed.
    """
    status = 1
    notes = _Notes()
    text = _Text(out)
    for event in events:
        if event.event_type == "text_delta":
            text.add(event.text or "")
            continue
        if event.event_type == "end" and not text.spoken:
            text.add(event.text or "")
        status = 0 if event.event_type == "end" else status
        lines = notes.of(event)
        if lines or event.event_type in {"turn_end", "end", "error"}:
            text.end_line()
        for line in lines:
            note.write(f"{line}\n")
            note.flush()
    return status


def show_json(events: Iterable[AgentEvent], out: TextIO = sys.stdout) -> int:
    """
    Print one event per line as JSON; the status is that of `show`.

    Characters that a terminal obeys are written as JSON's own escapes, so they arrive.
    """
    status = 1
    for event in events:
        out.write(visible_json(msgspec.json.encode(event).decode()) + "\n")
        out.flush()
        status = 0 if event.event_type == "end" else status
    return status


class _Text:
    """What the model says, with a line end behind it before anything else is shown."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._open = False
        self.spoken = False

    def add(self, text: str) -> None:
        self.spoken = True
        self._out.write(visible(text))
        self._out.flush()
        self._open = not text.endswith("\n")

    def end_line(self) -> None:
        if self._open:
            self.add("\n")


class _Notes:
    """Lines about what happens; the arguments of a call are known from its deltas."""

    def __init__(self) -> None:
        self._arguments: dict[str, list[str]] = {}
        self._running: set[str] = set()
        self._children: dict[str, str] = {}
        self._agents: Counter[str] = Counter()
        self._progress = Progress()

    def of(self, event: AgentEvent) -> list[str]:
        match event.event_type:
            case "turn_start":
                self._arguments.clear()
            case "tool_input_delta":
                self._arguments.setdefault(event.tool_id or "", []).append(event.text or "")
            case "tool_start" | "tool_end" | "subagent_start" | "subagent_end":
                return self._call(event)
            case (
                "permission_denied"
                | "sandbox_violation"
                | "capability_missing"
                | "snapshots_off"
                | "model_retry"
                | "context_compacted"
                | "compaction_failed"
            ):
                return [f"!! {event.event_type}: {_set_in(_told(event))}"]
            case "skills_loaded":
                return _skipped(event)
            case "error":
                return [f"!! {_set_in(event.error or '')}"]
            case _:
                return self._progress.of(event)
        return []

    def _call(self, event: AgentEvent) -> list[str]:
        if event.event_type in {"subagent_start", "subagent_end"}:
            return [self._child(event)]
        return self._started(event) if event.event_type == "tool_start" else self._ended(event)

    def _started(self, event: AgentEvent) -> list[str]:
        id_ = event.tool_id or ""
        inner = self._is_inner(id_)
        self._running.add(id_)
        given = " ".join("".join(self._arguments.get(id_, [])).split())
        if len(given) > SHOWN_CHARS:
            given = f"{given[:SHOWN_CHARS]} … {len(given) - SHOWN_CHARS} more characters"
        head = f"{INSIDE if inner else ''}-> {self._whose(id_)}{event.tool_name}"
        return [on_one_line(f"{head} {given}".rstrip())]

    def _ended(self, event: AgentEvent) -> list[str]:
        """Tell how a call ended; what one inside another brought is for that one to tell."""
        id_ = event.tool_id or ""
        self._running.discard(id_)
        if not self._is_inner(id_):
            return _tool_end(event)
        lines = _tool_end(event, self._whose(id_)) if event.exit_code else []
        return [f"{INSIDE}{line}" for line in lines]

    def _is_inner(self, call_id: str) -> bool:
        """Say whether a call was made by a child, or inside one that runs: a batch or a program."""
        outer = call_id.rpartition(".")[0]
        return is_within(outer, self._running) or is_within(outer, self._children)

    # Children, of which several may be at work at once

    def _child(self, event: AgentEvent) -> str:
        """Tell that a child begins, and with what; or how it ended."""
        id_ = event.tool_id or ""
        if event.event_type == "subagent_start":
            name = event.tool_name or ""
            self._agents[name] += 1
            number = self._agents[name]
            self._children[id_] = name if number == 1 else f"{name} {number}"
            return on_one_line(f"{INSIDE}>> {self._children[id_]}: {event.prompt}"[:SHOWN_CHARS])
        how = "failed" if event.exit_code else "done"
        return on_one_line(f"{INSIDE}<< {self._children.get(id_, event.tool_name)}: {how}")

    def _whose(self, call_id: str) -> str:
        """Give the name of the child that made a call, as its lines begin; else nothing."""
        outer = call_id
        while outer := outer.rpartition(".")[0]:
            if outer in self._children:
                return f"{self._children[outer]}: "
        return ""


_IN_WORDS = {
    "permission_denied": "{reason}",
    "sandbox_violation": "{kind} {name}",
    "context_compacted": "{before_messages} messages are {after_messages} now",
    "compaction_failed": "{reason}",
    "model_retry": "{reason}; attempt {attempt} follows in {delay_ms} ms",
}
"""What these events hold, as a sentence; the arguments of a call stand on its own line."""


def _told(event: AgentEvent) -> str:
    """Give what an event says in words; as JSON where there are none for it."""
    data = event.data or ""
    words = _IN_WORDS.get(event.event_type or "")
    if words is None:
        return data
    try:
        return words.format_map(msgspec.json.decode(data, type=dict[str, object]))
    except (msgspec.DecodeError, KeyError):
        return data


def _skipped(event: AgentEvent) -> list[str]:
    """Name the files that are not there as skills."""
    rows = _Skipped(())
    with contextlib.suppress(msgspec.DecodeError):
        rows = msgspec.json.decode(event.data or "{}", type=_Skipped)
    shown = rows.skipped[:MAX_SKIPPED]
    said = [f"!! skill_skipped: {on_one_line(f'{row.path}: {row.reason}')}" for row in shown]
    more = rows.more_skipped + len(rows.skipped) - len(shown)
    return [*said, f"!! skill_skipped: {more} more"] if more else said


class _Skipped(msgspec.Struct):
    skipped: tuple[SkillSkipped, ...] = ()
    more_skipped: int = 0


def _set_in(text: str) -> str:
    """Keep lines apart from ours: none of them begins where a line of ours could."""
    return visible(text).replace("\n", "\n   ")


def _tool_end(event: AgentEvent, whose: str = "") -> list[str]:
    lines = visible(event.tool_output or "").splitlines()
    shown = [f"   {line[:SHOWN_CHARS]}" for line in lines[:SHOWN_LINES]]
    if len(lines) > SHOWN_LINES:
        shown.append(f"   … {len(lines) - SHOWN_LINES} more lines")
    head = on_one_line(f"<- {whose}{event.tool_name}")
    return [head if not event.exit_code else f"{head} failed ({event.exit_code})", *shown]
