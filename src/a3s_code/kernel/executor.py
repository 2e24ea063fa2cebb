"""
The single path of an action.

    find -> decode -> resolve -> hooks -> gate -> log the intent -> dispatch
         -> redact -> bound / artifact -> log the outcome -> hooks

The model's calls, direct calls of the host and calls made inside a tool all come through
here; they differ only in their authority. The calls of one turn are prepared in order,
because safety is decided in order, and then run: neighbours together where that cannot
matter, the rest one after the other, results in the order of the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from a3s_code.errors import A3SError, PathRefused, StoreError
from a3s_code.kernel import ledger
from a3s_code.kernel.artifacts import Artifacts
from a3s_code.kernel.clock import Clock
from a3s_code.kernel.events import PermissionDenied, ToolEnd, ToolOutputDelta, ToolStart
from a3s_code.kernel.messages import JsonObject, ToolCall, ToolResult
from a3s_code.kernel.observation import observe, redact
from a3s_code.kernel.ports import (
    Action,
    Allow,
    Approver,
    Ask,
    Authority,
    Deny,
    Dispatcher,
    Gate,
    Hooks,
    Redactor,
    Sink,
)
from a3s_code.kernel.tool import (
    CallTool,
    Effect,
    Files,
    Observation,
    Processes,
    Resolved,
    Search,
    Tool,
    ToolContext,
    failure,
)

CANCELLED = 130
"""Exit code of a call that was stopped, as a shell gives it after an interrupt."""
MAX_TOGETHER = 32
"""Calls of a turn that are prepared, and may run, at the same time."""
MAX_REWRITES = 3
"""How often hooks may replace one call before it is denied."""


@dataclass(frozen=True, slots=True)
class Space:
    """The workspace as tools may use it; `search` and `processes` may be missing."""

    root: str
    files: Files
    search: Search | None = None
    processes: Processes | None = None

    def serves(self, tool: Tool) -> bool:
        """Say whether the workspace has all that `tool` needs."""
        return not (
            ("search" in tool.needs and self.search is None)
            or ("processes" in tool.needs and self.processes is None)
        )


@dataclass(frozen=True, slots=True)
class _Ready:
    action: Action
    decision: Allow


@dataclass(frozen=True, slots=True)
class _Refused:
    call: ToolCall
    observation: Observation


_Step = _Ready | _Refused


@dataclass(slots=True)
class Executor:
    """
    Attributes:
        tools: By name; replaced, never changed, when a tool is registered.
        tool_timeout_s: For each call; None = only the tool's own limit.
        active: Calls that run now: id to (tool name, start in Unix milliseconds).
    """

    tools: Mapping[str, Tool]
    session_id: str
    space: Space
    gate: Gate
    approver: Approver
    artifacts: Artifacts
    clock: Clock
    hooks: Hooks | None = None
    redactor: Redactor | None = None
    dispatcher: Dispatcher | None = None
    tool_timeout_s: float | None = None
    active: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

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
        steps: list[_Step] = []
        observations: list[Observation] = []
        try:
            for call in calls:
                answer = refused.get(call.id)
                steps.append(await self._prepare(call, Authority.SESSION, sink, answer))
            for group in _together(steps):
                observations += await self._run_group(group, sink, ended)
        finally:
            for step in steps:
                _release(step)
        return observations

    async def call(self, call: ToolCall, authority: Authority, sink: Sink) -> Observation:
        """Run one call on `authority`, outside the turns of the loop."""
        try:
            step = await self._prepare(call, authority, sink, None)
            try:
                return await self._run(step, sink)
            finally:
                _release(step)
        finally:
            self._abandon(call, sink)

    # Prepare

    async def _prepare(
        self, call: ToolCall, authority: Authority, sink: Sink, answer: Observation | None
    ) -> _Step:
        sink.emit(ToolStart(id=call.id, name=call.name))
        self.active[call.id] = (call.name, self.clock.now_ms())
        if answer is not None:
            return _Refused(call, answer)
        for _ in range(MAX_REWRITES):
            action = self._decode(call, authority)
            if isinstance(action, Observation):
                return _Refused(call, action)
            try:
                verdict = await self._ask_hooks(action)
                if not isinstance(verdict, ToolCall):
                    return await self._decide(action, verdict, sink)
            except BaseException:
                _close(action.target)
                raise
            _close(action.target)
            call = verdict
        return self._deny(call, Deny("the hooks kept rewriting this call"), sink)

    def _decode(self, call: ToolCall, authority: Authority) -> Action | Observation:
        """Find the tool, decode the arguments and resolve the path, or say what is wrong."""
        tool = self.tools.get(call.name)
        if tool is None:
            names = ", ".join(sorted(self.tools))
            return failure(f"There is no tool named {call.name!r}. Tools: {names}.", "not_found")
        if call.malformed is not None:
            return _malformed(call)
        if not self.space.serves(tool):
            return failure(f"This workspace cannot run {tool.name!r}.", "unsupported")
        try:
            args = msgspec.convert(call.input, tool.args, strict=False)
            target = self.space.files.resolve(getattr(args, tool.path)) if tool.path else None
        except msgspec.ValidationError as error:
            return failure(f"Invalid arguments for {tool.name}: {error}.", "invalid_argument")
        except A3SError as error:
            return _failed(tool.name, error)
        return Action(
            call=call,
            tool=tool,
            args=args,
            subject=tool.subject_of(args),
            effect=tool.effect_of(args),
            target=target,
            authority=authority,
        )

    async def _ask_hooks(self, action: Action) -> Deny | ToolCall | None:
        """Ask the hooks; whatever is no answer of theirs denies."""
        if self.hooks is None:
            return None
        try:
            verdict = await self.hooks.before_tool(action)
        except Exception as error:  # noqa: BLE001 - hooks are foreign code; broken ones deny
            return Deny(f"a hook failed: {type(error).__name__}: {error}")
        if verdict is None or isinstance(verdict, Deny | ToolCall):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
            return verdict
        return Deny(f"a hook answered {verdict!r}, which is no decision")

    async def _decide(self, action: Action, veto: Deny | None, sink: Sink) -> _Step:
        decision = veto or self.gate.decide(action)
        if isinstance(decision, Ask):
            decision = await self.approver.approve(action, decision)
        if isinstance(decision, Allow):
            return _Ready(action, decision)
        _close(action.target)
        if not isinstance(decision, Deny):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
            decision = Deny(f"the approver answered {decision!r}, which is neither Allow nor Deny")
        return self._deny(action.call, decision, sink)

    def _deny(self, call: ToolCall, decision: Deny, sink: Sink) -> _Refused:
        sink.emit(
            PermissionDenied(
                tool_id=call.id, tool_name=call.name, args=call.input, reason=decision.reason
            )
        )
        return _Refused(call, failure(f"Permission denied: {decision.reason}", "permission_denied"))

    # Run

    async def _run_group(
        self, group: Sequence[_Step], sink: Sink, ended: dict[str, ToolResult] | None
    ) -> list[Observation]:
        async def run(step: _Step) -> Observation:
            observation = await self._run(step, sink)
            if ended is not None:
                ended[_call(step).id] = _result(_call(step), observation)
            return observation

        if len(group) == 1:
            return [await run(group[0])]
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(run(step)) for step in group]
        except BaseExceptionGroup as failed:  # only a store that fails gets this far
            raise failed.exceptions[0] from None
        return [task.result() for task in running]

    async def _run(self, step: _Step, sink: Sink) -> Observation:
        if isinstance(step, _Refused):
            return self._observe(step.call, step.observation, 0.0, sink)
        action, call = step.action, step.action.call
        started = self.clock.monotonic()
        try:
            await ledger.intend(action, step.decision, sink)
            observation = await self._dispatch(action, sink)
        except asyncio.CancelledError:
            stopped = failure("Stopped before it was finished.", "cancelled", exit_code=CANCELLED)
            ledger.settle(action, stopped, sink)
            self._observe(call, stopped, self.clock.monotonic() - started, sink)
            raise
        ledger.settle(action, observation, sink)
        observed = self._observe(call, observation, self.clock.monotonic() - started, sink)
        if self.hooks is not None:
            await self.hooks.after_tool(action, observed)
        return observed

    async def _dispatch(self, action: Action, sink: Sink) -> Observation:
        if self.dispatcher is None:
            return await self._guarded(action, sink)
        return await self.dispatcher.dispatch(action, lambda: self._guarded(action, sink))

    async def _guarded(self, action: Action, sink: Sink) -> Observation:  # noqa: PLR0911 - one for each way to fail
        """Run the tool's function; the border where whatever it raises becomes its failure."""
        name, limit = action.tool.name, self.tool_timeout_s
        context = self._context(action, sink)
        try:
            observation = await _within(limit, action.tool.run(action.args, context))
        except _Late:
            text = f"Tool {name!r} timed out after {(limit or 0) * 1000:.0f}ms."
            return failure(text, "timeout", exit_code=124)
        except TimeoutError:
            return failure(f"Tool {name!r} timed out.", "timeout", exit_code=124)
        except StoreError:
            raise
        except A3SError as error:
            return _failed(name, error)
        except FileNotFoundError as error:
            return failure(f"{name} failed: {error.filename or error} not found", "not_found")
        except Exception as error:  # noqa: BLE001 - a tool is foreign code; the model is told
            return failure(f"{name} failed: {type(error).__name__}: {error}")
        if not isinstance(observation, Observation):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
            kind = type(observation).__name__
            return failure(f"{name} failed: it returned a {kind}, not an Observation.")
        return observation

    def _context(self, action: Action, sink: Sink) -> ToolContext:
        call = action.call

        def emit_output(text: str) -> None:
            sink.emit(
                ToolOutputDelta(id=call.id, name=call.name, delta=redact(text, self.redactor))
            )

        return ToolContext(
            call_id=call.id,
            session_id=self.session_id,
            root=self.space.root,
            files=self.space.files,
            search=self.space.search,
            processes=self.space.processes,
            target=action.target,
            emit_output=emit_output,
            call=self._inner(call, sink),
            timeout_s=self.tool_timeout_s,
        )

    def _inner(self, outer: ToolCall, sink: Sink) -> CallTool:
        """Calls inside a tool carry the session's authority, whoever called the tool."""
        count = 0

        async def call(name: str, args: JsonObject) -> Observation:
            nonlocal count
            count += 1
            inner = ToolCall(f"{outer.id}.{count}", name, args)
            return await self.call(inner, Authority.SESSION, sink)

        return call

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
        sink.emit(ToolEnd(id=call.id, name=call.name, output=stopped, exit_code=CANCELLED))


class _Late(Exception):
    """The session's own limit for a call has passed."""


async def _within(limit_s: float | None, work: Awaitable[Observation]) -> Observation:
    if limit_s is None:
        return await work
    scope = asyncio.timeout(limit_s)
    try:
        async with scope:
            return await work
    except TimeoutError:
        if scope.expired():
            raise _Late from None
        raise


def _together(steps: Sequence[_Step]) -> Iterator[list[_Step]]:
    """
    Cut steps into groups whose members may run at the same time.

    These are calls without effects, and adjacent writes to different files.
    """
    group: list[_Step] = []
    for step in steps:
        if group and not _joins(step, group):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _joins(step: _Step, group: Sequence[_Step]) -> bool:
    if isinstance(step, _Refused):
        return True
    others = [other.action for other in group if isinstance(other, _Ready)]
    effects = {step.action.effect} | {other.effect for other in others}
    if effects == {Effect.READ}:
        return True
    if effects != {Effect.WRITE} or step.action.target is None:
        return False
    taken = {other.target.path for other in others if other.target is not None}
    return len(taken) == len(others) and step.action.target.path not in taken


def _release(step: _Step) -> None:
    if isinstance(step, _Ready):
        _close(step.action.target)


def _close(target: Resolved | None) -> None:
    if target is not None:
        target.close()


def _failed(tool: str, error: A3SError) -> Observation:
    kind = "path_refused" if isinstance(error, PathRefused) else error.code
    return failure(f"{tool} failed: {error}", kind)


def _malformed(call: ToolCall) -> Observation:
    shown = (call.malformed or "")[:500]
    return failure(
        f"The arguments of {call.name} are not a valid JSON object, so nothing was run. "
        f"Send the call again with valid JSON. They were: {shown}",
        "invalid_argument",
    )


def _call(step: _Step) -> ToolCall:
    return step.action.call if isinstance(step, _Ready) else step.call


def _result(call: ToolCall, observation: Observation) -> ToolResult:
    return ToolResult(call.id, observation.text, observation.failed, observation.images)
