"""
The memory of a session that is awake, and what its runs have to do with it: what is offered
before one, and what is kept after one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from a3s_code.api.outlet import Outlet
from a3s_code.errors import A3SError
from a3s_code.kernel.context import ContextItem, ContextQuery
from a3s_code.kernel.events import PersistenceFailed, RunId, ToolStart
from a3s_code.kernel.log import Log
from a3s_code.kernel.loop import Answer
from a3s_code.kernel.memory import Provenance
from a3s_code.kernel.records import RunStarted

if TYPE_CHECKING:
    from a3s_code.capabilities.memory import AgentMemory

MAX_TASK_CHARS, MAX_RESULT_CHARS = 1_000, 2_000
"""Of the prompt and of the answer of a run that is remembered."""


class SessionMemory:
    """The memory of a session that is awake, made when it is first asked for."""

    __slots__ = ("_make", "made")

    def __init__(self, make: Callable[[], AgentMemory]) -> None:
        self._make = make
        self.made: AgentMemory | None = None

    def __call__(self) -> AgentMemory:
        if self.made is None:
            self.made = self._make()
        return self.made

    async def flush(self) -> None:
        """
        Make durable what was remembered.

        Raises:
            StoreError: it could not be.
        """
        if self.made is not None and self.made.is_owed:
            await self.made.flush()


class OfferedMemories:
    """What offers memories before the runs of a session; the first run opens them."""

    __slots__ = ("_log", "_memory", "_telling")

    def __init__(self, memory: SessionMemory, log: Log, telling: Callable[[], Outlet]) -> None:
        self._memory, self._log, self._telling = memory, log, telling

    @property
    def name(self) -> str:
        return "memory"

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """
        Raises:
            MemoryUnavailable: the store cannot be asked.
        """
        from a3s_code.capabilities.memory_context import MemoryContextProvider

        provider = MemoryContextProvider(self._memory(), self._telling, self._is_shown)
        return await provider.query(query)

    def _is_shown(self, run_id: str) -> bool:
        """Say whether the words that began a run are still in the conversation."""
        run = self._log.state.runs.get(RunId(run_id))
        if run is None:
            return False
        messages = self._log.state.conversation.messages
        return any(message.role == "user" and message.text == run.prompt for message in messages)


_UNPROVEN = frozenset({"failed", "needs_review"})


class Lessons:
    """What a session keeps of its runs."""

    __slots__ = ("_memory",)

    def __init__(self, memory: SessionMemory) -> None:
        self._memory = memory

    async def learn(self, log: Log, sink: Outlet, prompt: str, answer: Answer) -> None:
        """
        Keep how a run went that ends well and in which tools were called.

        One whose checks failed, or need a review, has not shown that it did.
        A store that fails takes nothing from the run; an event says so.
        """
        if not answer.tool_calls or answer.verification_summary.get("status") in _UNPROVEN:
            return
        from a3s_code.capabilities.memory import success

        try:
            memory = self._memory()
            tools = _tools_of(log, sink.run)
            origin = _origin(memory.origin, sink.run)
            text = answer.text[:MAX_RESULT_CHARS]
            await memory.remember(success(prompt[:MAX_TASK_CHARS], tools, text, origin), sink)
        except A3SError as error:
            session = str(log.session)
            lost = PersistenceFailed(session_id=session, operation="memory", error=error.message)
            sink.emit(lost)


def _tools_of(log: Log, run: RunId) -> list[str]:
    """Name the tools that a run called, each once."""
    names: list[str] = []
    for record in reversed(log.records):
        if record.run == run and isinstance(record.event, ToolStart):
            names.append(record.event.name)
        elif record.run == run and isinstance(record.event, RunStarted):
            break
    return list(dict.fromkeys(reversed(names)))


def _origin(session: Provenance, run: RunId) -> Provenance:
    return msgspec.structs.replace(session, run_id=str(run), stored_by="run")
