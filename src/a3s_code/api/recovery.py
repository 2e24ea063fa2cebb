"""
Going on where an ended process stopped.

    recover   the runs that it left open have ended, each as far as its records tell
    settle    what its calls did is looked up; what nobody can tell stays in doubt

Calls without a result keep waiting for it; see `unfinished`. A run whose answer is in the log
has ended well, also when its process died before it said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from a3s_code.api.child_works import left
from a3s_code.api.run import CANCELLED, status_of
from a3s_code.api.worktrees import settled
from a3s_code.kernel.events import (
    AgentEnd,
    RunFailed,
    RunId,
    ToolEnd,
)
from a3s_code.kernel.log import Log
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import Record, RunStatusChanged
from a3s_code.kernel.settlement import CUT_OFF
from a3s_code.kernel.state import TERMINAL, Approval, is_within
from a3s_code.kernel.tool import Effect

if TYPE_CHECKING:
    from a3s_code.kernel.executor import Executor

GONE = "The process ended before the run did."
CHILD_GONE = "The process ended before this was over."
LEFT = "The run did not stop when its session was closed."


def recover(log: Log) -> None:
    """Append to `log` how the runs ended that its last process left open."""
    records = log.records
    cut_off = _open_containers(log) | log.state.running.keys()
    left(log, CHILD_GONE)
    for run in _open_runs(log):
        log.append(_ending(records, run), run)
    last = log.state.conversation.last
    waiting = {call.id for call in last.calls} if last is not None else set[str]()
    for call_id, approval in list(log.state.approvals.items()):
        if not is_within(call_id, waiting) or is_within(call_id, cut_off):
            log.append(_unasked(call_id, approval), approval.run)


def _open_containers(log: Log) -> set[str]:
    """Give the calls that ran others when the process ended; nothing inside them goes on."""
    effects = log.state.effects.values()
    return {
        each.intended.call_id for each in effects if each.intended.effect == Effect.CONTAINER.value
    }


def _unasked(call_id: str, approval: Approval) -> ToolEnd:
    """End a call at its question: what it belonged to does not go on."""
    name = approval.asked.tool_name
    return ToolEnd(id=call_id, name=name, output=GONE, exit_code=CUT_OFF)


def leave_behind(log: Log) -> None:
    """Append the end of what does not stop, and what its session does not wait for."""
    left(log, LEFT)
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


# Effects


async def settle(log: Log, executor: Executor, sink: Sink) -> None:
    """
    Look up what became of the effects that the ended process left open, and record it.

    Returns when that is durable. An effect that is in doubt already stays so.

    Raises:
        StoreError: it could not be made durable.
    """
    open_ = [effect for effect in log.state.effects.values() if not effect.doubt]
    for effect in open_:
        for found in await settled(effect, executor, sink):
            log.append(found, effect.run)
    if open_:
        await sink.barrier()
        executor.forget_exits(effect.intended.exit_record for effect in open_)
