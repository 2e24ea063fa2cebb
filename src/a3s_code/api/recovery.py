"""
Closing what an ended process left open in a log: runs without end, calls without result.

A run whose answer is in the log has ended well, also when its process died before it said
so. Whether a call without result took effect is not known, and the model is told so.
"""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.api.run import CANCELLED, status_of
from a3s_code.kernel.events import AgentEnd, RunFailed, RunId, ToolEnd, TurnStart
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Message, ToolCall, ToolResult
from a3s_code.kernel.records import EffectIntended, HistoryAppended, Record, RunStatusChanged
from a3s_code.kernel.state import TERMINAL

GONE = "The process ended before the run did."
LEFT = "The run did not stop when its session was closed."


def recover(log: Log) -> None:
    """Append to `log` what its last process did not come to."""
    records = log.records
    for run in _open_runs(log):
        log.append(_ending(records, run), run)
    last = log.state.conversation.last
    if last is not None and last.calls:
        results = tuple(_result(records, call) for call in last.calls)
        log.append(HistoryAppended(message=Message("tool", results)))


def leave_behind(log: Log) -> None:
    """Append the end of runs that do not stop, and that their session does not wait for."""
    for run in _open_runs(log):
        log.append(RunFailed(message=LEFT, kind=CANCELLED), run)
        log.append(RunStatusChanged(status="cancelled", error=LEFT), run)


def _open_runs(log: Log) -> list[RunId]:
    return [run.id for run in log.state.runs.values() if run.status not in TERMINAL]


def _ending(records: Sequence[Record], run: RunId) -> RunStatusChanged:
    for record in reversed(records):
        if record.run != run:
            continue
        match record.event:
            case AgentEnd(text=text):
                return RunStatusChanged(status="completed", result_text=text)
            case RunFailed(message=message) as failure:
                return RunStatusChanged(status=status_of(failure), error=message)
            case _:
                pass
    return RunStatusChanged(status="failed", error=GONE)


def _result(records: Sequence[Record], call: ToolCall) -> ToolResult:
    """Say of a call without result what the log knows of it."""
    for record in reversed(records):
        event = record.event
        if isinstance(event, ToolEnd) and event.id == call.id:
            return ToolResult(call.id, event.output, event.exit_code != 0)
        if isinstance(event, EffectIntended) and event.call_id == call.id:
            break
        if isinstance(event, TurnStart):
            unstarted = "Not run: the process ended before it was started."
            return ToolResult(call.id, unstarted, is_error=True)
    unknown = "Outcome unknown: the process ended while this ran. Check before repeating."
    return ToolResult(call.id, unknown, is_error=True)
