"""
The log, as a child run sees it.

What a child says is a message of its own in the log, and no text of its parent's: its deltas and
turns are shown as progress of the child. What its calls do is recorded like that of all others.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from msgspec.structs import replace

from a3s_code.delegation.inner_calls import InnerCalls
from a3s_code.kernel.events import (
    CompactionFailed,
    ContextCompacted,
    ModelRetry,
    PrefixChanged,
    ReasoningDelta,
    SubagentProgress,
    TaskUpdated,
    TextDelta,
    ToolInputDelta,
    TurnEnd,
    TurnStart,
)
from a3s_code.kernel.messages import JsonObject, Message, Usage
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import (
    ArtifactStored,
    Compacted,
    Event,
    HistoryAppended,
    RequestReceipt,
    TokensSpent,
    ToolsOffered,
)
from a3s_code.kernel.state import Approval, OpenEffect

PURPOSE = "child"
"""Of the tokens of the turns of a child; see `TokensSpent`."""
STEP = "step"
"""Of those of a step of a plan that runs beside others."""
TURNS = frozenset({PURPOSE, STEP})
"""Of the turns of all that is no run of the session itself."""


def session_of(child: str) -> str:
    """Give the `session_id` that the events of a child have."""
    return f"task-run-{child}"


class ChildSink:
    """
    Args:
        sink: Of the call that started the child.
        model: `provider/model` that answers it.

    Attributes:
        said: Every message of the child as it was recorded, whatever its conversation is now.
        spent: Tokens of its requests beside its turns.
    """

    __slots__ = (
        "_call_ids",
        "_child",
        "_inside",
        "_model",
        "_session_id",
        "_sink",
        "said",
        "spent",
    )

    def __init__(
        self, sink: Sink, child: str, session_id: str, inside: InnerCalls, model: str
    ) -> None:
        self._sink, self._child, self._session_id = sink, child, session_id
        self._inside, self._model = inside, model
        self._call_ids: set[str] = set()
        self.said: list[Message] = []
        self.spent = Usage()

    @property
    def artifacts(self) -> Mapping[str, ArtifactStored]:
        return self._sink.artifacts

    @property
    def call_ids(self) -> Container[str]:
        """The ids that the child's model has given, of this child alone."""
        return self._call_ids

    @property
    def effects(self) -> Mapping[str, OpenEffect]:
        return self._sink.effects

    @property
    def approvals(self) -> Mapping[str, Approval]:
        return self._sink.approvals

    def emit(self, event: Event) -> None:
        match event:
            case HistoryAppended(message=message):
                self._call_ids.update(call.id for call in message.calls)
                known = self._inside.recorded(message)
                self.said.append(known)
                self._sink.emit(replace(event, message=known, child=self._child))
            case RequestReceipt() | ToolsOffered() | PrefixChanged():
                self._sink.emit(replace(event, child=self._child))
            case Compacted(pruned=pruned):
                gone = tuple(
                    replace(one, call_id=self._inside.named(one.call_id)) for one in pruned
                )
                self._sink.emit(replace(event, pruned=gone, child=self._child))
            case ContextCompacted() | CompactionFailed():
                self._sink.emit(replace(event, session_id=self._session_id))
            case TaskUpdated():
                self._sink.emit(replace(event, session_id=self._session_id))
            case TokensSpent(child=""):
                self.spent += event.usage
                self._sink.emit(replace(event, child=self._child, model=self._model))
            case TurnEnd(turn=turn, usage=usage, stop=stop):
                self._spend(usage)
                facts: JsonObject = {"turn": turn, "stop": stop, "tokens": usage.total_tokens}
                self._progress("running", facts)
            case ModelRetry(attempt=attempt, reason=reason, delay_ms=delay_ms):
                said: JsonObject = {"attempt": attempt, "reason": reason, "delay_ms": delay_ms}
                self._progress("retrying", said)
            case TurnStart() | TextDelta() | ReasoningDelta() | ToolInputDelta():
                pass
            case _:
                self._sink.emit(event)

    def put_blob(self, sha256: str, data: bytes) -> None:
        self._sink.put_blob(sha256, data)

    async def barrier(self) -> None:
        await self._sink.barrier()

    def _spend(self, usage: Usage) -> None:
        self._sink.emit(
            TokensSpent(usage=usage, purpose=PURPOSE, child=self._child, model=self._model)
        )

    def _progress(self, status: str, facts: JsonObject) -> None:
        self._sink.emit(
            SubagentProgress(
                task_id=self._child, session_id=self._session_id, status=status, metadata=facts
            )
        )
