"""
What a run that was cut off left: calls without a result, and what it had used.

The calls get results when the conversation goes on with something else; a run that resumes
the one before does those that were not started.
"""

from __future__ import annotations

from a3s_code.api.request import Request
from a3s_code.api.settings import Parting
from a3s_code.errors import InvalidValue
from a3s_code.kernel.events import RunId, ToolEnd, TurnEnd
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Message, ToolResult, Usage
from a3s_code.kernel.records import (
    EffectInDoubt,
    EffectIntended,
    EffectSettled,
    Event,
    HistoryAppended,
    HistoryReplaced,
    HistorySupplied,
    ParentLog,
    RunStarted,
    TokensSpent,
)
from a3s_code.kernel.state import SessionState

_NOT_STARTED = "Not run: the process ended before it was started."
_NOT_TOLD = "Outcome unknown: the process ended while this ran. Check before repeating."


def close_calls(log: Log) -> None:
    """Give the calls at the end of the conversation results, so that it can go on."""
    closing = closing_of(log, log.state.conversation.last)
    if closing is not None:
        log.append(HistoryAppended(message=closing))


def closing_of(log: Log, last: Message | None) -> Message | None:
    """Give the results of the calls of the last message of a conversation, if it has any."""
    known = results(log, last)
    if known is None or last is None:
        return None
    every = tuple(
        known.get(call.id) or ToolResult(call.id, _NOT_STARTED, is_error=True)
        for call in last.calls
    )
    return Message("tool", every)


async def parting(log: Log, parent: ParentLog, then: SessionState) -> Parting:
    """
    Give what a session begins with that parts from the one of `log`, which was `then` there.

    Raises:
        StoreError: a complete output cannot be read.
    """
    history = then.conversation.messages
    closing = closing_of(log, history[-1] if history else None)
    whole = history if closing is None else (*history, closing)
    stored = [(each, await log.get_blob(each.sha256)) for each in log.state.artifacts.values()]
    artifacts = tuple((each, data) for each, data in stored if data is not None)
    return Parting(parent, whole, tuple(log.state.in_doubt.values()), artifacts, then.tasks)


def results(log: Log, last: Message | None) -> dict[str, ToolResult] | None:
    """
    Give what is known of the calls of the last message of a conversation, by their ids.

    Returns:
        None when it has no calls; calls that were not started are left out.
    """
    if last is None or not last.calls:
        return None
    wanted = {call.id for call in last.calls}
    found: dict[str, ToolResult] = {}
    for record in reversed(log.records):
        event = record.event
        if isinstance(event, HistoryAppended) and event.message is last:
            break
        result = _result(event, wanted)
        if result is not None:
            found.setdefault(result.tool_use_id, result)
    return found


def _result(event: Event, wanted: set[str]) -> ToolResult | None:
    match event:
        case ToolEnd(id=id_) if id_ in wanted:
            return ToolResult(id_, event.output, event.exit_code != 0)
        case EffectSettled(call_id=id_) if id_ in wanted:
            return ToolResult(id_, _told(event), event.outcome != "done")
        case EffectInDoubt(call_id=id_) if id_ in wanted:
            return ToolResult(id_, f"{_NOT_TOLD} ({event.reason})", is_error=True)
        case EffectIntended(call_id=id_) if id_ in wanted:
            return ToolResult(id_, _NOT_TOLD, is_error=True)
        case _:
            return None


def _told(settled: EffectSettled) -> str:
    found = settled.evidence or f"its exit code was {settled.exit_code}"
    gone = f"The process ended before this was over ({found})."
    match settled.outcome:
        case "done":
            return f"Done. {gone} What it printed is lost."
        case "not_done":
            return f"Not done. {gone} It can be run again."
        case "failed":
            return f"Failed. {gone} What it printed is lost."
        case _:
            return f"Interrupted. {gone} It may not have come to its end."


def resumption(log: Log, run_id: str) -> tuple[Request, RunId | None]:
    """
    Say what is asked once more when a run is resumed, and which run goes on; none does when
    it ended before its prompt was in the conversation.

    Raises:
        InvalidValue: there is no such run, or nothing to go on with; says why.
    """
    runs = log.state.runs
    run = runs.get(RunId(run_id))
    if run is None:
        raise InvalidValue(
            f"There is no run {run_id!r} in this session.", hint="see runs() for those there are"
        )
    if run.status not in ("failed", "cancelled"):
        raise InvalidValue(f"Run {run_id} is {run.status}; there is nothing to resume.")
    if run.id != next(reversed(runs)):
        raise InvalidValue(
            f"Other runs have gone on after {run_id}.", hint="send what is still to be done"
        )
    chain = resumed_by(log, run.id)
    said = [record.event for record in log.records if record.run in chain]
    if any(isinstance(event, HistorySupplied) for event in said):
        raise InvalidValue(
            f"Run {run_id} had a history of its own, which is not kept.",
            hint="send the prompt once more with that history",
        )
    began = any(isinstance(event, HistoryAppended) for event in said)
    if began and _was_left(log, run.id):
        raise InvalidValue(
            f"The conversation of run {run_id} was cleared or rewound since.",
            hint="send the prompt once more",
        )
    return Request(run.prompt), run.id if began else None


def _was_left(log: Log, run: RunId) -> bool:
    """Say that the conversation has become another one since `run` began."""
    for record in reversed(log.records):
        event = record.event
        if isinstance(event, HistoryReplaced) and event.reason != "compact":
            return True
        if record.run == run and isinstance(event, RunStarted):
            return False
    return False


def resumed_by(log: Log, run: RunId) -> set[RunId]:
    """Give a run and those that it resumed, one after the other."""
    before = {
        record.run: record.event.resumes
        for record in log.records
        if isinstance(record.event, RunStarted)
    }
    chain: set[RunId] = set()
    while run and run not in chain:
        chain.add(run)
        run = before.get(run, RunId(""))
    return chain


def spent(log: Log, run: RunId) -> tuple[Usage, int]:
    """Give the tokens and the tool calls of a run, with those of the runs that it resumed."""
    runs = resumed_by(log, run)
    events = [record.event for record in log.records if record.run in runs]
    turns = [event.usage for event in events if isinstance(event, TurnEnd | TokensSpent)]
    results = [
        block
        for event in events
        if isinstance(event, HistoryAppended) and not event.child
        for block in event.message.blocks
        if isinstance(block, ToolResult)
    ]
    return sum(turns, Usage()), len(results)
