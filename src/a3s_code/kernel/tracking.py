"""How records change what a session knows of its children, and of what waits for its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_code.kernel.events import SubagentEnd, SubagentProgress, SubagentStart
from a3s_code.kernel.messages import Message
from a3s_code.kernel.records import (
    Event,
    PromptLeft,
    PromptQueued,
    Record,
    SteeringReceived,
)
from a3s_code.kernel.state import SessionState, is_within
from a3s_code.kernel.tracked import (
    MAX_PROGRESS,
    ChildProgress,
    ChildRun,
    WaitingNotice,
    WaitingPrompt,
    WaitingWords,
)

NOTICE = "task://"
"""Begins the source of the context that tells of a child; its id follows."""


def _begin(state: SessionState, record: Record, event: SubagentStart) -> None:
    at = record.timestamp_ms
    made = ChildRun(record.run, event, at, at)
    made.places.append(record.sequence)
    state.children[event.task_id] = made


def _progress(state: SessionState, record: Record, event: SubagentProgress) -> None:
    child = state.children.get(event.task_id)
    if child is None:
        return
    child.updated_ms = record.timestamp_ms
    child.places.append(record.sequence)
    child.progress.append(ChildProgress(record.timestamp_ms, event))
    del child.progress[:-MAX_PROGRESS]


def _end(state: SessionState, record: Record, event: SubagentEnd) -> None:
    """A child in the background of a run has an end that its model is to be told of."""
    child = state.children.get(event.task_id)
    if child is None or child.ended is not None:
        return
    child.updated_ms, child.ended = record.timestamp_ms, event
    child.places.append(record.sequence)
    if child.begun.background and child.run:
        state.waiting[event.task_id] = WaitingNotice(child.run)


def _receive(state: SessionState, record: Record, event: SteeringReceived) -> None:
    state.waiting[event.id] = WaitingWords(record.run, event.text)


def _queue(state: SessionState, _: Record, event: PromptQueued) -> None:
    state.waiting[event.id] = WaitingPrompt(event.prompt)


def _leave(state: SessionState, _: Record, event: PromptLeft) -> None:
    state.waiting.pop(event.id, None)


TRACKING: dict[type, Callable[[SessionState, Record, Any], None]] = {
    SubagentStart: _begin,
    SubagentProgress: _progress,
    SubagentEnd: _end,
    SteeringReceived: _receive,
    PromptQueued: _queue,
    PromptLeft: _leave,
}


def cut_off(begun: SubagentStart, why: str, status: str = "") -> SubagentEnd:
    """Give the end of a child that cannot tell it itself."""
    return SubagentEnd(
        task_id=begun.task_id,
        session_id=begun.session_id,
        agent=begun.agent,
        output=why,
        success=False,
        status=status,
    )


def retell(state: SessionState) -> None:
    """
    Say anew which ends of children the conversation does not tell of, since it is another one.

    A child whose call it does not have is none of its.
    """
    messages = state.conversation.messages
    calls = {call.id for message in messages for call in message.calls}
    told = {source for message in messages for source in _noticed(message)}
    for id_, child in state.children.items():
        if child.ended is None or not (child.begun.background and child.run):
            continue
        if is_within(id_, calls) and NOTICE + id_ not in told:
            state.waiting.setdefault(id_, WaitingNotice(child.run))
        else:
            state.waiting.pop(id_, None)


def _noticed(message: Message) -> list[str]:
    return [item.source for item in message.context if item.source.startswith(NOTICE)]


def is_tracked(state: SessionState, event: Event) -> bool:
    """Say that a record of a child is of one that the state still has."""
    match event:
        case SubagentStart() | SubagentProgress() | SubagentEnd():
            return event.task_id in state.children
        case _:
            return True
