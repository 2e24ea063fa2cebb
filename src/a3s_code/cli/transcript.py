"""A run on a terminal: the model's text as it comes, one line for each tool call."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

import msgspec

from a3s_code.api.event import AgentEvent
from a3s_code.cli.visible import visible

SHOWN_LINES = 6
SHOWN_CHARS = 160


def show(events: Iterable[AgentEvent], out: TextIO = sys.stdout, note: TextIO = sys.stderr) -> int:
    """
    Print a run: what the model says to `out`, what happens to `note`.

    Returns:
        Exit status: 0 when the model answered, 1 when the run failed.
    """
    status = 1
    open_line = False
    for event in events:
        match event.event_type:
            case "text_delta":
                out.write(visible(event.text or ""))
                out.flush()
                open_line = True
                continue
            case "end":
                status = 0
            case _:
                pass
        if open_line:
            out.write("\n")
            out.flush()
            open_line = False
        for line in _notes(event):
            note.write(f"{line}\n")
            note.flush()
    return status


def show_json(events: Iterable[AgentEvent], out: TextIO = sys.stdout) -> int:
    """Print one event per line as JSON; the status is that of `show`."""
    status = 1
    for event in events:
        out.write(msgspec.json.encode(event).decode() + "\n")
        out.flush()
        status = 0 if event.event_type == "end" else status
    return status


def _notes(event: AgentEvent) -> list[str]:
    match event.event_type:
        case "tool_start":
            return [f"-> {event.tool_name}"]
        case "tool_end":
            return _tool_end(event)
        case "permission_denied" | "capability_missing" | "model_retry":
            return [f"!! {event.event_type}: {visible(event.data or '')}"]
        case "error":
            return [f"!! {visible(event.error or '')}"]
        case _:
            return []


def _tool_end(event: AgentEvent) -> list[str]:
    lines = visible(event.tool_output or "").splitlines()
    shown = [f"   {line[:SHOWN_CHARS]}" for line in lines[:SHOWN_LINES]]
    if len(lines) > SHOWN_LINES:
        shown.append(f"   … {len(lines) - SHOWN_LINES} more lines")
    head = f"<- {event.tool_name}"
    return [head if not event.exit_code else f"{head} failed ({event.exit_code})", *shown]
