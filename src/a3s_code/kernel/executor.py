"""
The single path of an action.

    prepare (actions) -> log the intent -> dispatch
         -> redact -> bound / artifact -> log the outcome -> hooks

The model's calls, direct calls of the host and calls made inside a tool all come through
here; they differ only in their authority. The calls of one turn are prepared in order,
because safety is decided in order, and then run: neighbours together where that cannot
matter, the rest one after the other, results in the order of the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from a3s_code.kernel import ledger
from a3s_code.kernel.actions import Ready, Refused, Step, denied, prepare
from a3s_code.kernel.approval import Approvals, void
from a3s_code.kernel.artifacts import Artifacts
from a3s_code.kernel.binding import ARGUMENTS_CHANGED
from a3s_code.kernel.border import check_cancelled, run_tool
from a3s_code.kernel.children import Agents
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.events import ToolEnd, ToolOutputDelta, ToolStart
from a3s_code.kernel.file_changes import RecordedFiles
from a3s_code.kernel.furnishing import furnish
from a3s_code.kernel.hooks import after_refusal, after_tool
from a3s_code.kernel.inside import nested
from a3s_code.kernel.live import LiveOutput
from a3s_code.kernel.messages import ToolCall, ToolResult
from a3s_code.kernel.observation import observe
from a3s_code.kernel.ports import (
    Action,
    Approver,
    Askers,
    Authority,
    BeforeEffect,
    CallBudget,
    Dispatcher,
    Gate,
    Guard,
    Hooks,
    Household,
    Redactor,
    Sink,
)
from a3s_code.kernel.script import ScriptEngines
from a3s_code.kernel.settlement import CUT_OFF, named_evidence
from a3s_code.kernel.space import Space
from a3s_code.kernel.state import UNKNOWN_REACH
from a3s_code.kernel.together import run_independent, run_together, together
from a3s_code.kernel.tool import (
    Effect,
    KeptOutput,
    Observation,
    Tool,
    ToolContext,
    failure,
)

MAX_TOGETHER = 32
"""Calls of a turn that are prepared, and may run, at the same time."""


@dataclass(slots=True)
class Executor:
    """
    Attributes:
        tools: By name; replaced, never changed, when a tool is registered.
        approver: Who is asked; None when nobody is there.
        tool_timeout_s: For each call but those of containers, whose calls have it each; None =
            only the tool's own limit.
        children: Where calls start child runs; None where they cannot.
        agents: Whom calls can delegate to; None where they cannot.
        askers: Where calls ask the model beside the conversation; None where they cannot.
        kept_output: Gives the complete output of an earlier call, as `ToolContext` has it.
        scripts: What runs programs; None where there can be none.
        budget: Of which each call takes up one; None where they are not counted.
        touches: Names the files that the text of a call says it would change, beside its target.
        active: Calls that run now: id to (tool name, start in Unix milliseconds).
    """

    tools: Mapping[str, Tool]
    session_id: str
    space: Space
    gate: Gate
    approver: Approver | None
    artifacts: Artifacts
    clock: Clock
    hooks: Hooks | None = None
    redactor: Redactor | None = None
    guard: Guard | None = None
    before_effect: BeforeEffect | None = None
    dispatcher: Dispatcher | None = None
    tool_timeout_s: float | None = None
    touches: Callable[[Action], Iterable[str]] | None = None
    children: Household | None = None
    agents: Agents | None = None
    askers: Askers | None = None
    kept_output: KeptOutput | None = None
    scripts: ScriptEngines | None = None
    budget: CallBudget | None = None
    approvals: Approvals = field(default_factory=Approvals)
    _ended: list[str] = field(default_factory=list[str])
    active: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    def narrowed(
        self, gate: Gate, approver: Approver | None, children: Household, askers: Askers | None
    ) -> Executor:
        """Give the executor of a child: the same in all but who decides, answers and is asked."""
        return replace(self, gate=gate, approver=approver, children=children, askers=askers)

    async def execute(
        self,
        calls: Sequence[ToolCall],
        sink: Sink,
        *,
        refused: Mapping[str, Observation] | None = None,
        ended: dict[str, ToolResult] | None = None,
    ) -> tuple[ToolResult, ...]:
        """
        Run the calls of one turn and give their results in order.

        Args:
            calls: Each has an id that no other one has.
            refused: By call id, what is answered instead of running that call.
            ended: Filled with each result as its call ends, by call id.

        Raises:
            StoreError: an intent could not be made durable; nothing ran from it.
        """
        observations: list[Observation] = []
        try:
            for start in range(0, len(calls), MAX_TOGETHER):
                part = calls[start : start + MAX_TOGETHER]
                observations += await self._execute_part(part, sink, refused or {}, ended)
        finally:
            for call in calls:
                self._abandon(call, sink)
        return tuple(map(_result, calls, observations))

    async def _execute_part(
        self,
        calls: Sequence[ToolCall],
        sink: Sink,
        refused: Mapping[str, Observation],
        ended: dict[str, ToolResult] | None,
    ) -> list[Observation]:
        """Prepare a bounded number of calls, each of which may hold a descriptor, and run them."""
        steps: list[Step] = []
        observations: list[Observation] = []
        try:
            for call in calls:
                answer = refused.get(call.id)
                steps.append(await self._prepare(call, Authority.SESSION, sink, answer))
            for group in together(steps):
                observations += await self._run_group(group, sink, ended)
        finally:
            for step in steps:
                step.release()
        return observations

    async def call(
        self, call: ToolCall, authority: Authority, sink: Sink, tool: Tool | None = None
    ) -> Observation:
        """
        Run one call on `authority`, outside the turns of the loop.

        Args:
            tool: What is called, when that is none of `tools`; no time limit holds for it.

        Raises:
            StoreError: the intent could not be made durable; nothing ran from it.
            CancelledError: the task was told to stop, also when that was before this began.
        """
        check_cancelled()
        try:
            step = await self._prepare(call, authority, sink, None, tool)
            try:
                return await self._run(step, sink)
            finally:
                step.release()
        finally:
            self._abandon(call, sink)

    async def call_all(
        self, calls: Sequence[ToolCall], sink: Sink, at_once: int
    ) -> list[Observation]:
        """Run calls inside a call; see `tool.CallAll`."""
        check_cancelled()
        steps: list[Step] = []
        try:
            for call in calls:
                step = await self._prepare_simple(call, sink)
                steps.append(step)
            return await run_independent(steps, lambda step: self._run(step, sink), at_once)
        finally:
            for step in steps:
                step.release()
            for call in calls:
                self._abandon(call, sink)

    # Prepare

    async def _prepare_simple(self, call: ToolCall, sink: Sink) -> Step:
        """Prepare a call of the session that may run no others, also when hooks rename it."""
        tool = self.tools.get(call.name)
        answer = nested(call.name) if tool and tool.effect is Effect.CONTAINER else None
        step = await self._prepare(call, Authority.SESSION, sink, answer)
        if isinstance(step, Refused) or step.action.effect is not Effect.CONTAINER:
            return step
        step.release()
        return Refused(call, nested(step.call.name))

    async def _prepare(
        self,
        call: ToolCall,
        authority: Authority,
        sink: Sink,
        answer: Observation | None,
        tool: Tool | None = None,
    ) -> Step:
        sink.emit(ToolStart(id=call.id, name=call.name))
        self.active[call.id] = (call.name, self.clock.now_ms())
        if answer is not None:
            return Refused(call, answer)
        if self.budget is not None and (spent := await self.budget.admit(call)) is not None:
            return Refused(call, spent)
        return await prepare(call, authority, sink, self, tool)

    # Run

    async def _run_group(
        self, group: Sequence[Step], sink: Sink, ended: dict[str, ToolResult] | None
    ) -> list[Observation]:
        async def run(step: Step) -> Observation:
            observation = await self._run(step, sink)
            if ended is not None:
                ended[step.call.id] = _result(step.call, observation)
            return observation

        return [await run(group[0])] if len(group) == 1 else await run_together(map(run, group))

    async def _run(self, step: Step, sink: Sink) -> Observation:
        if isinstance(step, Refused):
            observed = self._observe(step.call, step.observation, 0.0, sink)
            await after_refusal(step.call, observed, self.hooks, sink)
            return observed
        action, call = step.action, step.action.call
        started = self.clock.monotonic()
        traces = ledger.Traces()
        try:
            if self.before_effect is not None and action.effect.value in UNKNOWN_REACH:
                await self.before_effect(action, sink)
            traces = await self._traces(action, sink)
            await self._intend(step, traces, sink)
            observation = await self._dispatch(step, traces.exit_record, sink)
            check_cancelled()
        except asyncio.CancelledError:
            stopped = failure("Stopped before it was finished.", "cancelled", exit_code=CUT_OFF)
            ledger.settle(action, stopped, sink)
            self._observe(call, stopped, self.clock.monotonic() - started, sink)
            raise
        ledger.settle(action, observation, sink)
        self._ended.extend([traces.exit_record] if traces.exit_record else [])
        seconds = self.clock.monotonic() - started
        observed = self._observe(call, observation, seconds, sink)
        if step.was_refused:
            await after_refusal(call, observed, self.hooks, sink)
        else:
            await after_tool(action, observed, seconds, self.hooks, sink)
        return observed

    async def _intend(self, step: Ready, traces: ledger.Traces, sink: Sink) -> None:
        """Record the intent, and forget the exits whose outcome became durable with it."""
        if step.action.effect is Effect.READ:
            return
        ended = self._take_ended()
        await ledger.intend(step.action, step.decision, sink, traces)
        self._forget(ended)

    async def _traces(self, action: Action, sink: Sink) -> ledger.Traces:
        """Give what this call will be told by after a crash, as it is before the call."""
        if action.effect is Effect.READ:
            return ledger.Traces()
        named, before = await named_evidence(action, self.looking(action.call, sink))
        exits = self.space.exits if action.effect is Effect.EXECUTE else None
        exit_record = exits.name(action.call.id) if exits else ""
        return ledger.Traces(named, before, exit_record, self.space.apart)

    def looking(self, call: ToolCall, sink: Sink) -> ToolContext:
        """Give what a tool may use to look at what a call will change, or has left."""
        return furnish(self, call, _unseen, sink, None, Authority.SESSION)

    def forget_exits(self, names: Iterable[str] = ()) -> None:
        """Remove these exit records, and those of all calls that have ended; all is durable."""
        self._forget([*names, *self._take_ended()])

    def _take_ended(self) -> list[str]:
        """Empty the list, which executors of children have as well."""
        ended = [*self._ended]
        self._ended.clear()
        return ended

    def _forget(self, names: Iterable[str]) -> None:
        if self.space.exits is not None:
            for name in names:
                self.space.exits.forget(name)

    async def _dispatch(self, step: Ready, exit_record: str, sink: Sink) -> Observation:
        """Run it as it was approved, or not at all; a dispatcher may hold it for long."""
        if self.dispatcher is None:
            return await self._as_approved(step, exit_record, sink)
        changed = await self._changed(step)
        if changed:
            return self._void(step, changed, sink)
        return await self.dispatcher.dispatch(
            step.action, lambda: self._as_approved(step, exit_record, sink)
        )

    async def _as_approved(self, step: Ready, exit_record: str, sink: Sink) -> Observation:
        changed, args = await self._changed(step), step.action.args
        if not changed and step.approved is not None:
            shown = step.approved.arguments(step.action, self.guard)
            args = args if shown is None else shown
            changed = ARGUMENTS_CHANGED if shown is None else step.approved.use()
        if changed:
            return self._void(step, changed, sink)
        return await self._guarded(step, args, exit_record, sink)

    @staticmethod
    def _void(step: Ready, changed: str, sink: Sink) -> Observation:
        if step.approved is not None:
            step.approved.is_void = True
        return denied(step.call, void(changed), sink)

    async def _changed(self, step: Ready) -> str:
        return await step.approved.changed(step.action, self) if step.approved is not None else ""

    def touched(self, action: Action) -> Iterable[str]:
        return self.touches(action) if self.touches is not None else ()

    async def _guarded(
        self, step: Ready, args: msgspec.Struct, exit_record: str, sink: Sink
    ) -> Observation:
        action, call = step.action, step.action.call
        is_offered = self.tools.get(action.tool.name) is action.tool
        is_limited = is_offered and action.effect is not Effect.CONTAINER
        limit_s = self.tool_timeout_s if is_limited else None

        def show(text: str) -> None:
            sink.emit(ToolOutputDelta(id=call.id, name=call.name, delta=text))

        live = LiveOutput(show, self.redactor.stream() if self.redactor is not None else None)
        try:
            context = furnish(self, call, live.emit, sink, action.target, action.authority)
            if exit_record or limit_s != context.timeout_s:
                context = replace(context, exit_record=exit_record, timeout_s=limit_s)
            if step.approved is not None:
                before = step.approved.binding.before
                files = RecordedFiles(
                    self.space.files, call.id, call.name, sink, before, self.space.apart
                )
                context = replace(context, files=files)
            return await run_tool(action.tool, args, context, limit_s)
        finally:
            live.end()

    # Observe

    def _observe(
        self, call: ToolCall, observation: Observation, seconds: float, sink: Sink
    ) -> Observation:
        observed = observe(call, observation, seconds, sink, self)
        self.active.pop(call.id, None)
        return observed

    def _abandon(self, call: ToolCall, sink: Sink) -> None:
        """Close the events of a call that was cut off before it ran."""
        if call.id not in self.active:
            return
        del self.active[call.id]
        stopped = "Stopped before it was started."
        sink.emit(ToolEnd(id=call.id, name=call.name, output=stopped, exit_code=CUT_OFF))


def _unseen(_: str) -> None:
    """Where output goes that nobody watches."""


def _result(call: ToolCall, observation: Observation) -> ToolResult:
    return ToolResult(call.id, observation.text, observation.failed, observation.images)
