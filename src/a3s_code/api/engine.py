"""
A session that is awake: its log, its executor, and one run at a time.

Made when a session is first used and dropped when it is closed; a session that only
exists costs a small record.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from a3s_code.api.request import Request
from a3s_code.api.works import Works
from a3s_code.capabilities.commands import Command, CommandContext, CommandOutput, output_of
from a3s_code.errors import (
    A3SError,
    LimitReached,
    RunError,
    SessionClosed,
    StoreError,
)
from a3s_code.harness.compaction import split, summarise
from a3s_code.harness.completion import Completion
from a3s_code.harness.context import ContextSource, gather, render
from a3s_code.kernel.artifacts import Artifact
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.events import (
    AgentEnd,
    AgentStart,
    CapabilityWasMissing,
    ContextCompacted,
    EffectIntended,
    HistoryAppended,
    HistoryReplaced,
    HistorySupplied,
    ModelSwitched,
    PersistenceFailed,
    RunEvent,
    RunFailed,
    RunId,
    RunStarted,
    RunStatusChanged,
    TokensSpent,
    ToolEnd,
    TurnStart,
)
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.ledger import canonical
from a3s_code.kernel.log import SESSION, Log, RunSink
from a3s_code.kernel.loop import Answer, Limits, Loop, Transcript
from a3s_code.kernel.messages import (
    Conversation,
    JsonObject,
    Message,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from a3s_code.kernel.ports import Authority, Model, ModelRequest, Sink, Store
from a3s_code.kernel.state import TERMINAL
from a3s_code.kernel.tool import Observation, Tool, ToolSet

NO_REPORTS: JsonObject = {"status": "skipped", "report_count": 0}

Watch = Callable[[RunEvent], None]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """
    How a session's runs go about their work.

    Attributes:
        continuations: How often an unfinished answer is asked to go on; 0 = never.
        missing: Settings without effect, announced in the first run.
    """

    prompt: str
    sources: tuple[ContextSource, ...]
    limits: Limits
    continuations: int = 3
    temperature: float | None = None
    thinking_budget: int | None = None
    llm_timeout_ms: int | None = None
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Engine:
    """
    Attributes:
        model: Opens a model by its `provider/model`; raises UnknownModel.
        visible: The tools that the model is shown, in a stable order.
        price: US dollars for a model's tokens; 0 for a model without a known price.
    """

    log: Log
    executor: Executor
    model: Callable[[str], Model]
    behaviour: Behaviour
    visible: ToolSet
    clock: Clock
    new_id: Callable[[str], str]
    price: Callable[[str, Usage], float]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _works: Works = field(default_factory=Works)
    _current: RunId | None = None
    _closed: bool = False
    _announced: bool = False

    # Runs

    async def run(self, request: Request, watch: Watch | None = None) -> Answer:
        """
        Answer one request; concurrent ones wait their turn.

        Raises:
            SessionClosed: `close` was called, also while this waited.
            RunError, ModelError, StoreError: as `Loop.run`; the session goes on.
        """
        self._works.check_loop()
        async with self._turn:
            self._check_open()
            run_id = RunId(self.new_id("run"))
            sink = RunSink(self.log, run_id, watch)
            self._current = run_id
            try:
                return await self._works.run(run_id, self._conduct(run_id, sink, request))
            finally:
                self._current = None

    async def cancel(self, run_id: str | None = None) -> bool:
        """Stop the active run, or only if it is `run_id`; True when there was one to stop."""
        current = self._current
        if current is None or run_id not in (None, current):
            return False
        return await self._works.stop(lambda key: key == current)

    @property
    def current(self) -> RunId | None:
        """The run that is active now."""
        return self._current

    async def close(self) -> None:
        """Stop what runs and refuse what comes; what was recorded is made durable."""
        self._closed = True
        await self._works.stop(lambda _: True)
        await self.log.barrier()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed("The session is closed.", hint="open a new one, or resume this one")

    async def _conduct(self, run_id: RunId, sink: RunSink, request: Request) -> Answer:
        """Run the loop between the records that say how the run began and ended."""
        sink.emit(RunStarted(prompt=request.prompt))
        sink.emit(AgentStart(prompt=request.prompt))
        self._announce(sink)
        transcript = self._transcript(request, sink)
        loop = self._loop(sink)
        try:
            answer = await self._within_limit(loop, transcript, request)
            await sink.barrier()  # nothing is said to be done before it is kept
        except BaseException as error:
            spoken = "".join(loop.spoken) if _was_cancelled(error) else ""
            transcript.settle(spoken, loop.results)
            await self._fail(sink, error)
            if isinstance(error, RunError):
                error.run_id, error.partial_text = run_id, "".join(loop.spoken)
            raise
        sink.emit(
            AgentEnd(
                text=answer.text,
                usage=answer.usage,
                verification_summary=NO_REPORTS,
                meta=dict(answer.meta),
            )
        )
        sink.emit(RunStatusChanged(status="completed", result_text=answer.text))
        await sink.barrier()
        return answer

    async def _within_limit(self, loop: Loop, transcript: Transcript, request: Request) -> Answer:
        limit_ms = self.behaviour.limits.max_execution_ms
        transcript.add(user(request.prompt, request.attachments))
        scope = asyncio.timeout(limit_ms / 1000 if limit_ms else None)
        try:
            async with scope:
                return await loop.run(transcript)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise LimitReached(
                f"The run took longer than max_execution_time_ms ({limit_ms} ms).",
                hint="raise max_execution_time_ms, or ask for less at once",
            ) from error

    async def _fail(self, sink: RunSink, error: BaseException) -> None:
        """Record that a run did not come to an answer; what cannot be recorded is shown."""
        status = "cancelled" if _was_cancelled(error) else "failed"
        text = "The run was cancelled." if status == "cancelled" else _described(error)
        code = error.code if isinstance(error, A3SError) else f"run.{status}"
        if isinstance(error, StoreError):
            session = str(self.log.session)
            sink.emit(PersistenceFailed(session_id=session, operation="append", error=text))
        sink.emit(RunFailed(message=text, kind=code))
        sink.emit(RunStatusChanged(status=status, error=text))
        if not isinstance(error, StoreError):
            await asyncio.shield(sink.barrier())

    def _announce(self, sink: Sink) -> None:
        if self.behaviour.missing and not self._announced:
            sink.emit(CapabilityWasMissing(names=self.behaviour.missing))
        self._announced = True

    def _transcript(self, request: Request, sink: Sink) -> Transcript:
        if request.history is None:
            return Transcript(self.log.state.conversation, sink)
        sink.emit(self._supplied(request.history))
        return Transcript(Conversation(list(request.history)), sink, isolated=True)

    def _supplied(self, history: list[Message]) -> HistorySupplied:
        sha256 = ""
        if self.log.is_stored:
            sha256 = hashlib.sha256(canonical(history)).hexdigest()
        return HistorySupplied(messages=len(history), sha256=sha256)

    def _loop(self, sink: Sink) -> Loop:
        behaviour = self.behaviour
        return Loop(
            model=self.model(self.log.state.model),
            executor=self.executor,
            sink=sink,
            prepare=_Preparation(self),
            review=Completion(behaviour.continuations > 0, behaviour.continuations),
            compact=_leave_alone,
            inbox=_Empty(),
            limits=behaviour.limits,
        )

    def recover(self) -> None:
        """
        Close what an ended process left open: runs that never ended, calls without result.

        Whether such a call took effect is not known, and the model is told so.
        """
        for run in self.log.state.runs.values():
            if run.status not in TERMINAL:
                gone = "The process ended before the run did."
                self.log.append(RunStatusChanged(status="failed", error=gone), run.id)
        last = self.log.state.conversation.last
        if last is not None and last.calls:
            results = tuple(map(self._recovered, last.calls))
            self.log.append(HistoryAppended(message=Message("tool", results)))

    def _recovered(self, call: ToolCall) -> ToolResult:
        """Say of a call without result what the log knows of it."""
        for record in reversed(self.log.records):
            event = record.event
            if isinstance(event, ToolEnd) and event.id == call.id:
                return ToolResult(call.id, event.output, event.exit_code != 0)
            if isinstance(event, EffectIntended) and event.call_id == call.id:
                break
            if isinstance(event, TurnStart):
                gone = "Not run: the process ended before it was started."
                return ToolResult(call.id, gone, is_error=True)
        unknown = "Outcome unknown: the process ended while this ran. Check before repeating."
        return ToolResult(call.id, unknown, is_error=True)

    # Calls of the host

    async def call(self, name: str, args: JsonObject) -> Observation:
        """Run one tool on the host's authority, outside any run."""
        self._check_open()
        self._works.check_loop()
        call = ToolCall(self.new_id("call"), name, args)
        return await self._works.run(call.id, self._call(call))

    async def _call(self, call: ToolCall) -> Observation:
        sink = self.session_sink()
        observation = await self.executor.call(call, Authority.HOST, sink)
        await sink.barrier()
        return observation

    async def keep(self, store: Store) -> None:
        """
        Keep the session in `store` from now on, unless it has one; return when it is durable.

        Raises:
            StoreError: it cannot be stored.
        """
        if not self.log.is_stored:
            self.log.attach(store)
            for uri, stored in self.log.state.artifacts.items():
                kept = self.executor.artifacts.get(uri)
                if kept is not None:
                    self.log.put_blob(stored.sha256, kept.content.encode("utf-8", "surrogatepass"))
        await self.log.barrier()

    async def artifact(self, uri: str) -> Artifact | None:
        """Find a tool's complete output; None when there is none, or no more."""
        kept = self.executor.artifacts.get(uri)
        stored = self.log.state.artifacts.get(uri)
        if kept is not None or stored is None:
            return kept
        data = await self.log.get_blob(stored.sha256)
        if data is None:
            return None
        return Artifact(
            artifact_id=f"tool-output:{stored.tool}:{stored.sha256}",
            artifact_uri=uri,
            tool_name=stored.tool,
            content=data.decode("utf-8", "surrogatepass"),
            original_bytes=stored.original_bytes,
            shown_bytes=stored.shown_bytes,
        )

    def add_tool(self, tool: Tool) -> None:
        """Offer one more tool from the next turn on; its name replaces an equal one."""
        others = tuple(t for t in self.visible.tools if t.name != tool.name)
        self.visible = ToolSet((*others, tool))
        self.executor.tools = {**self.executor.tools, tool.name: tool}

    # Commands

    def session_sink(self, watch: Watch | None = None) -> RunSink:
        """Give the log for events that belong to no run."""
        return RunSink(self.log, SESSION, watch)

    async def run_handler(
        self, command: Command, args: str, context: CommandContext
    ) -> CommandOutput:
        """Run a command's handler; blocking ones in a thread, so that they may call us back."""
        if command.blocking:
            given = await asyncio.to_thread(command.execute, args, context)
        else:
            given = command.execute(args, context)
        return output_of(await given if inspect.isawaitable(given) else given)

    # Changes of the conversation

    async def clear(self) -> None:
        """Forget the conversation; the log keeps it."""
        async with self._turn:
            self._check_open()
            self.log.append(HistoryReplaced(messages=(), reason="clear"))
            await self.log.barrier()

    async def switch_model(self, ref: str) -> None:
        """
        Answer with another model from the next run on.

        Raises:
            UnknownModel: the configuration knows no such provider.
        """
        async with self._turn:
            self.model(ref)
            self.log.append(ModelSwitched(model=ref))
            await self.log.barrier()

    async def compact(self, watch: Watch | None = None) -> tuple[int, int]:
        """
        Put the middle of the conversation into a summary.

        Returns:
            Messages before and after; equal when there was no middle.

        Raises:
            ModelError: the summary could not be made; nothing was changed.
        """
        self._works.check_loop()
        async with self._turn:
            self._check_open()
            return await self._works.run(self.new_id("compact"), self._compact(watch))

    async def _compact(self, watch: Watch | None) -> tuple[int, int]:
        messages = self.log.state.conversation.messages
        head, middle, tail = split(messages)
        if not middle:
            return len(messages), len(messages)
        session = str(self.log.session)
        model = self.model(self.log.state.model)
        sink = self.session_sink(watch)
        summary, usage = await summarise(model, middle, session)
        sink.emit(TokensSpent(usage=usage, purpose="compact"))
        shorter = (*head, summary, *tail)
        sink.emit(HistoryReplaced(messages=shorter, reason="compact"))
        used = self.log.state.last_usage.total_tokens / model.context_window * 100
        sink.emit(
            ContextCompacted(
                session_id=session,
                before_messages=len(messages),
                after_messages=len(shorter),
                percent_before=round(used, 1),
            )
        )
        await sink.barrier()
        return len(messages), len(shorter)


class _Preparation:
    """What the model sees in one run: the context is gathered once, in its first turn."""

    __slots__ = ("_engine", "_system")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._system: str | None = None

    async def __call__(self, conversation: Conversation) -> ModelRequest:
        engine, behaviour = self._engine, self._engine.behaviour
        if self._system is None:
            self._system = render(behaviour.prompt, await gather(behaviour.sources))
        limit_ms = behaviour.llm_timeout_ms
        return ModelRequest(
            system=self._system,
            conversation=conversation,
            tools=engine.visible,
            session_id=str(engine.log.session),
            temperature=behaviour.temperature,
            thinking_budget=behaviour.thinking_budget,
            deadline=engine.clock.monotonic() + limit_ms / 1000 if limit_ms else None,
        )


class _Empty:
    def take(self) -> Sequence[Message]:
        return ()


async def _leave_alone(conversation: Conversation, usage: Usage) -> None: ...


def _was_cancelled(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError)


def _described(error: BaseException) -> str:
    return str(error) if isinstance(error, A3SError) else f"{type(error).__name__}: {error}"
