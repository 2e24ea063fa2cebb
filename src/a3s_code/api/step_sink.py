"""
The log, as the steps of a plan see it.

What a step says that runs beside others is a message of its own in the log, and no text of the
run's answer: its deltas and turns are not shown, since those of several steps would read as one.
What its calls do is recorded and shown like that of all others.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from msgspec.structs import replace

from a3s_code.delegation.child_sink import STEP, ChildSink
from a3s_code.kernel.events import TaskUpdated
from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import ArtifactStored, Event, TokensSpent
from a3s_code.kernel.state import Approval, OpenEffect


class StepSink(ChildSink):
    """See `ChildSink`; the id of the step stands where that of a child does."""

    __slots__ = ()

    def _spend(self, usage: Usage) -> None:
        spent = TokensSpent(usage=usage, purpose=STEP, child=self._child, model=self._model)
        self._sink.emit(spent)

    def _progress(self, status: str, facts: JsonObject) -> None:
        """A step tells of itself by `step_start`, its calls, and `step_end`."""


class OwnStepSink:
    """
    Of a step in the conversation of the run: all is the run's, but for a list of tasks that its
    model keeps, since that of the session is the plan.

    Args:
        name: What the list of the step is told under.
    """

    __slots__ = ("_name", "_sink")

    def __init__(self, sink: Sink, name: str) -> None:
        self._sink, self._name = sink, name

    @property
    def artifacts(self) -> Mapping[str, ArtifactStored]:
        return self._sink.artifacts

    @property
    def call_ids(self) -> Container[str]:
        return self._sink.call_ids

    @property
    def effects(self) -> Mapping[str, OpenEffect]:
        return self._sink.effects

    @property
    def approvals(self) -> Mapping[str, Approval]:
        return self._sink.approvals

    def emit(self, event: Event) -> None:
        if isinstance(event, TaskUpdated):
            event = replace(event, session_id=self._name)
        self._sink.emit(event)

    def put_blob(self, sha256: str, data: bytes) -> None:
        self._sink.put_blob(sha256, data)

    async def barrier(self) -> None:
        await self._sink.barrier()
