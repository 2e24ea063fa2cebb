"""
The log, as a child run sees it.

What a child says is a message of its own in the log, and no text of its parent's: its deltas and
turns are shown as progress of the child. What its calls do is recorded like that of all others,
and what children of its own say stays theirs.

Source:
    SPEC 3.1, `subagent_progress`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from msgspec.structs import replace

from a3s_code.delegation.flood import Flood
from a3s_code.delegation.inner_calls import InnerCalls
from a3s_code.delegation.witness import Witness
from a3s_code.kernel.events import (
    CompactionFailed,
    ContextCompacted,
    ModelRetry,
    PrefixChanged,
    ReasoningDelta,
    SubagentProgress,
    TaskUpdated,
    TextDelta,
    ToolEnd,
    ToolInputDelta,
    TurnEnd,
    TurnStart,
    Verification,
)
from a3s_code.kernel.messages import JsonObject, Message, Usage
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.records import (
    ArtifactStored,
    Compacted,
    Event,
    FileChanging,
    FileLeft,
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


class ChildSink:
    """
    Args:
        sink: Of the call that started the child.
        model: `provider/model` that answers it.
        witness: Is told what happens to files, and what is verified; None = nobody is.

    Attributes:
        said: Every message of the child as it was recorded, whatever its conversation is now.
        spent: Tokens of its requests beside its turns.
    """

    __slots__ = (
        "_call_ids",
        "_child",
        "_flood",
        "_inside",
        "_model",
        "_session_id",
        "_sink",
        "_witness",
        "said",
        "spent",
    )

    def __init__(
        self,
        sink: Sink,
        child: str,
        session_id: str,
        inside: InnerCalls,
        model: str,
        witness: Witness | None = None,
    ) -> None:
        self._sink, self._child, self._session_id = sink, child, session_id
        self._inside, self._model = inside, model
        self._witness, self._flood = witness, Flood(child)
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
            case HistoryAppended(message=message, child=""):
                self._flood.message(message)
                self._call_ids.update(call.id for call in message.calls)
                known = self._inside.recorded(message)
                self.said.append(known)
                self._sink.emit(replace(event, message=known, child=self._child))
            case RequestReceipt(child="") | ToolsOffered(child="") | PrefixChanged(child=""):
                self._sink.emit(replace(event, child=self._child))
            case Compacted(pruned=pruned, child=""):
                gone = tuple(
                    replace(one, call_id=self._inside.named(one.call_id)) for one in pruned
                )
                self._sink.emit(replace(event, pruned=gone, child=self._child))
            case ContextCompacted() | CompactionFailed() | TaskUpdated():
                is_own = not event.session_id.startswith(f"{self._session_id}.")
                theirs = self._session_id if is_own else event.session_id
                self._sink.emit(replace(event, session_id=theirs))
            case TokensSpent(child=""):
                self.spent += event.usage
                self._sink.emit(replace(event, child=self._child, model=self._model))
            case TurnEnd(turn=turn, usage=usage, stop=stop):
                self._spend(usage)
                facts: JsonObject = {"turn": turn, "stop": stop, "tokens": usage.total_tokens}
                self._progress("turn_completed", facts)
            case ModelRetry(attempt=attempt, reason=reason, delay_ms=delay_ms):
                said: JsonObject = {"attempt": attempt, "reason": reason, "delay_ms": delay_ms}
                self._progress("retrying", said)
            case TextDelta(text=text) | ReasoningDelta(text=text) | ToolInputDelta(delta=text):
                self._flood.piece(text)
            case TurnStart():
                pass
            case _:
                self._done(event)

    def _done(self, event: Event) -> None:
        """Take what its calls did."""
        match event:
            case ToolEnd() if self._inside.has(event.id):
                self._sink.emit(event)
                self._progress("tool_completed", _ended(event))
            case FileChanging() | FileLeft() | Verification() if self._witness is not None:
                self._witness.hear(event)
                self._sink.emit(event)
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


def _ended(event: ToolEnd) -> JsonObject:
    facts: JsonObject = {
        "tool": event.name,
        "exit_code": event.exit_code,
        "output_bytes": len(event.output.encode("utf-8", "surrogatepass")),
    }
    return facts | {"error_kind": event.error_kind} if event.error_kind else facts
