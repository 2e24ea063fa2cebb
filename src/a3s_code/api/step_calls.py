"""
Steps of workflows as calls of a session: each is one call of the tool `task`.

So the gate, the log, hooks and the limits hold for all that happens inside. The host has asked for
the call itself; what the agent does in it has the policy of the session.

`AsyncSessionExecutor` is written here once; `SessionExecutor` in `api/sync.py` is generated from
it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from a3s_code.api.event import project
from a3s_code.delegation.step_executor import StepEvents
from a3s_code.delegation.steps import AgentStepSpec, StepOutcome
from a3s_code.delegation.workflow_budget import WorkflowBudget
from a3s_code.kernel.children import session_of
from a3s_code.kernel.events import RunEvent
from a3s_code.kernel.messages import JsonObject, ToolCall, Usage
from a3s_code.kernel.records import (
    Event,
    WorkflowNoted,
    WorkflowPhaseEnded,
    WorkflowPhaseStarted,
    WorkflowStepStarted,
)
from a3s_code.kernel.tool import Observation, kind_of

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.api.outlet import Outlet, Watch
    from a3s_code.harness.budgets.guarding import Guarding


@dataclass(frozen=True, slots=True)
class StepGround:
    """
    Where steps run.

    Attributes:
        awake: Gives the engine of the session.
        at_once: Steps that may run at the same time.
        budget: What they count to; None = they are not counted.
        guard: Asks that budget about each of their requests; None where it has no limit.
    """

    awake: Callable[[], Awaitable[Engine]]
    at_once: int
    budget: WorkflowBudget | None = None
    guard: Guarding | None = None


class AsyncSessionExecutor:
    """
    Runs steps in a session, each as one call of `task`. Made by `session.agent_executor()`.

    Source:
        Document 003, `AgentSession::agent_executor`; SPEC 9.6.
    """

    __slots__ = ("_ground", "_phase", "_workflow")

    def __init__(self, ground: StepGround, workflow: str = "", phase: str = "") -> None:
        self._ground, self._workflow, self._phase = ground, workflow, phase

    def concurrency_hint(self) -> int:
        """Give the session's `max_parallel_tasks`."""
        return self._ground.at_once

    async def execute_step(
        self, spec: AgentStepSpec, events: StepEvents | None = None
    ) -> StepOutcome:
        """
        Run a step to its end; one that begins when the budget is spent is refused.

        Args:
            events: Shown each `AgentEvent` of the step.

        Raises:
            RunCancelled: the session was closed, or stopped the step.
            SessionClosed: the session is closed.
            StoreError: what it did could not be recorded.
        """
        budget = self._ground.budget
        if budget is not None and budget.is_exhausted:
            return StepOutcome.failed(spec.task_id, spec.agent, budget.reason, "step.budget")
        engine = await self._ground.awake()
        call = ToolCall(engine.new_id("call"), "task", _args(spec))
        sink = engine.outlet(watch=None if events is None else _watching(events))
        sink.emit(
            WorkflowStepStarted(
                task_id=spec.task_id, call_id=call.id, workflow=self._workflow, phase=self._phase
            )
        )
        with _asked(self._ground.guard):
            seen = await self._counted(spec, engine.call_to(call, sink), sink)
        whole = await engine.artifact(_text(seen.metadata or {}, "artifact_uri"))
        return outcome_of(spec, seen, sink.spent, None if whole is None else whole.content)

    async def _counted(
        self, spec: AgentStepSpec, call: Awaitable[Observation], sink: Outlet
    ) -> Observation:
        """Count what a step has spent, unless a guard is told of each request."""
        budget = self._ground.budget
        try:
            return await call
        finally:
            if budget is not None and self._ground.guard is None:
                budget.record_after_llm(session_of(spec.task_id), sink.spent)


def guard_of(budget: WorkflowBudget) -> Guarding | None:
    """Give who asks a budget about each request of its steps; None where it has no limit."""
    if budget.limit is None:
        return None
    from a3s_code.harness.budgets.guarding import Guarding

    return Guarding(_Cap(budget))


def _asked(guard: Guarding | None) -> AbstractContextManager[None]:
    if guard is None:
        return nullcontext()
    from a3s_code.harness.budgets.guards import guarded

    return guarded(guard)


class _Cap:
    """A budget as a guard that is asked on the loop: it never waits."""

    __slots__ = ("_budget",)

    def __init__(self, budget: WorkflowBudget) -> None:
        self._budget = budget

    async def check_before_llm(self, session_id: str, estimated: int) -> JsonObject | None:
        return self._budget.check_before_llm(session_id, estimated)

    async def record_after_llm(self, session_id: str, usage: JsonObject) -> None:
        self._budget.record_after_llm(session_id, usage)


class SessionPhases:
    """The phases of a workflow in the log of a session; see `delegation.workflow.PhaseRecord`."""

    __slots__ = ("_ground", "_workflow")

    def __init__(self, ground: StepGround, workflow: str) -> None:
        self._ground, self._workflow = ground, workflow

    async def began(self, name: str, index: int, steps: tuple[str, ...]) -> AsyncSessionExecutor:
        """Record that a phase began, and give who runs its steps."""
        workflow = self._workflow
        event = WorkflowPhaseStarted(workflow=workflow, name=name, index=index, steps=steps)
        await self._record(event)
        return AsyncSessionExecutor(self._ground, workflow, f"{index}:{name}")

    async def ended(
        self, name: str, index: int, outcomes: Sequence[StepOutcome], cached: tuple[str, ...]
    ) -> None:
        """Record what it came to."""
        succeeded = sum(outcome.success for outcome in outcomes)
        await self._record(
            WorkflowPhaseEnded(
                workflow=self._workflow,
                name=name,
                index=index,
                succeeded=succeeded,
                failed=len(outcomes) - succeeded,
                cached=cached,
            )
        )

    async def noted(self, message: str, fields: JsonObject) -> None:
        """Record what was not as it should be."""
        await self._record(WorkflowNoted(workflow=self._workflow, message=message, fields=fields))

    async def _record(self, event: Event) -> None:
        sink = (await self._ground.awake()).outlet()
        sink.emit(event)
        await sink.barrier()


def _args(spec: AgentStepSpec) -> JsonObject:
    args: JsonObject = {
        "agent": spec.agent,
        "description": spec.description,
        "prompt": spec.prompt,
    }
    if spec.max_steps is not None:
        args["max_steps"] = spec.max_steps
    if spec.output_schema is not None:
        args["output_schema"] = spec.output_schema
    return args


def _watching(events: StepEvents) -> Watch:
    def show(event: RunEvent) -> None:
        events(project(event))

    return show


def outcome_of(
    spec: AgentStepSpec, seen: Observation, spent: Usage, answer: str | None = None
) -> StepOutcome:
    """
    Give what a call of `task` came to as the outcome of a step.

    Args:
        answer: The whole answer, of which a call may show a part only.
    """
    facts: JsonObject = seen.metadata or {}
    success = not seen.failed and bool(facts.get("success", True))
    report: object = facts.get("report")
    return StepOutcome(
        task_id=spec.task_id,
        session_id=session_of(spec.task_id),
        agent=spec.agent,
        output=seen.text if answer is None else answer,
        success=success,
        structured=facts.get("structured"),
        error="" if success else _error(facts) or seen.text,
        kind="" if success else kind_of(seen.error_kind) or "task.failed",
        child=_text(facts, "task_id"),
        tokens=spent.total_tokens,
        trace_uri=_text(facts, "trace_uri"),
        report=cast("JsonObject", report) if isinstance(report, dict) else None,
    )


def _error(facts: JsonObject) -> str:
    error: object = facts.get("error")
    return _text(cast("JsonObject", error), "message") if isinstance(error, dict) else ""


def _text(facts: JsonObject, name: str) -> str:
    value: object = facts.get(name)
    return value if isinstance(value, str) else ""
