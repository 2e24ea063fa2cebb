"""
Going on where an ended process stopped.

    recover   the runs that it left open have ended, each as far as its records tell
    settle    what its calls did is looked up; what nobody can tell stays in doubt

Calls without a result keep waiting for it; see `unfinished`. A run whose answer is in the log
has ended well, also when its process died before it said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from a3s_code.api.run import CANCELLED, status_of
from a3s_code.api.worktrees import settled
from a3s_code.kernel.events import (
    AgentEnd,
    RunFailed,
    RunId,
    SubagentEnd,
    SubagentStart,
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
    for child in _open_children(log, records):
        log.append(_gone(child.event), child.run)
    for run in _open_runs(log):
        log.append(_ending(records, run), run)
    last = log.state.conversation.last
    waiting = {call.id for call in last.calls} if last is not None else set[str]()
    cut_off = _open_containers(log)
    for call_id, approval in list(log.state.approvals.items()):
        if not is_within(call_id, waiting) or is_within(call_id, cut_off):
            log.append(_unasked(call_id, approval), approval.run)


def _open_containers(log: Log) -> set[str]:
    """Give the calls that ran others when the process ended; nothing inside them goes on."""
    effects = log.state.effects.values()
    return {
        each.intended.call_id for each in effects if each.intended.effect == Effect.CONTAINER.value
    }


class _Begun(NamedTuple):
    run: RunId
    event: SubagentStart


def _open_children(log: Log, records: Sequence[Record]) -> list[_Begun]:
    """List the child runs whose end no record tells, which stand in calls without an end."""
    if not _open_containers(log):
        return []
    begun: dict[str, _Begun] = {}
    for record in records:
        match record.event:
            case SubagentStart(task_id=id_) as event:
                begun[id_] = _Begun(record.run, event)
            case SubagentEnd(task_id=id_):
                begun.pop(id_, None)
            case _:
                pass
    return list(begun.values())


def _gone(child: SubagentStart) -> SubagentEnd:
    return SubagentEnd(
        task_id=child.task_id,
        session_id=child.session_id,
        agent=child.agent,
        output=CHILD_GONE,
        success=False,
    )


def _unasked(call_id: str, approval: Approval) -> ToolEnd:
    """End a call at its question: what it belonged to does not go on."""
    name = approval.asked.tool_name
    return ToolEnd(id=call_id, name=name, output=GONE, exit_code=CUT_OFF)


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


# Effects


async def settle(log: Log, executor: Executor, sink: Sink) -> None:
    """
    Look up what became of the effects that the ended process left open, and record it.

    Returns when that is durable. An effect that is in doubt already stays so.

    Raises:
        StoreError: it could not be made durable.
    """
    left = [effect for effect in log.state.effects.values() if not effect.doubt]
    for effect in left:
        for found in await settled(effect, executor, sink):
            log.append(found, effect.run)
    if left:
        await sink.barrier()
        executor.forget_exits(effect.intended.exit_record for effect in left)
