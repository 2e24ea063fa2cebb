"""
Programmable fan-outs: control flow is the host's own Python, and each verb is one way to run steps.

`AsyncWorkflow` and its builder are written here once; `Workflow` in `api/sync.py` is generated
from them.

Source:
    Document 003.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from a3s_code.checks import check_text
from a3s_code.delegation.step_executor import AgentExecutor, StepEvents
from a3s_code.delegation.steps import AgentStepSpec, StepOutcome, checked_specs
from a3s_code.delegation.workflow_budget import RESOURCE, BudgetSnapshot, WorkflowBudget
from a3s_code.delegation.workflow_events import (
    AsyncWorkflowReceiver,
    PhaseEnd,
    PhaseStart,
    WorkflowBudgetExhausted,
    WorkflowChannel,
    WorkflowLog,
)
from a3s_code.errors import InvalidType, InvalidValue, UsageError
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.store import Store

if TYPE_CHECKING:  # a workflow is made without an event loop
    from a3s_code.delegation.combinators import Crew, Decide, Stage
    from a3s_code.delegation.workflow_journal import Journal


class PhaseRecord(Protocol):
    """The log of a session, as the phases of a workflow are written there."""

    async def began(self, name: str, index: int, steps: tuple[str, ...]) -> AgentExecutor:
        """Record that a phase began, and give who runs its steps."""
        ...

    async def ended(
        self, name: str, index: int, outcomes: Sequence[StepOutcome], cached: tuple[str, ...]
    ) -> None:
        """Record what it came to."""
        ...

    async def noted(self, message: str, fields: JsonObject) -> None:
        """Record what was not as it should be."""
        ...


@dataclass(slots=True)
class WorkflowParts:
    """
    What a workflow and its clones share.

    Attributes:
        held: Inside of its block, the journals of its phases, which are its own until the end.
        is_whole: Every phase so far has ended, and no step of it failed.
    """

    executor: AgentExecutor
    root_id: str
    store: Store | None = None
    step_events: StepEvents | None = None
    budget: WorkflowBudget | None = None
    record: PhaseRecord | None = None
    channel: WorkflowChannel = field(default_factory=WorkflowChannel)
    indices: itertools.count[int] = field(default_factory=itertools.count)
    held: list[Journal] | None = None
    is_whole: bool = True


class AsyncWorkflow:
    """
    Runs steps, and tells of its milestones. Made by `session.workflow()`, or by a builder.

    A phase is where a workflow goes on after a crash. By itself, a phase whose steps all came to a
    good end is forgotten at once. In the block of the workflow (`with`) nothing is forgotten before
    the block ends, and nobody else can run its phases. So a program that was killed, or left the
    block with an exception, begins anew and repeats no step of any of its phases that has come to
    a good end. A block that ends well forgets all of it, unless a step has failed: then the next
    run of the program repeats only what failed.

    Source:
        Document 003, `Workflow`; SPEC 9.7.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: WorkflowParts) -> None:
        self._parts = parts

    @staticmethod
    def builder(executor: AgentExecutor) -> AsyncWorkflowBuilder:
        """
        Begin to build a workflow around who runs its steps.

        Raises:
            InvalidType: it has no `execute_step`, or no `concurrency_hint`.
        """
        return AsyncWorkflowBuilder(executor)

    @property
    def root_id(self) -> str:
        """What the ids of its phases begin with: `<root_id>/<index>:<name>`."""
        return self._parts.root_id

    def clone(self) -> AsyncWorkflow:
        """
        Give the same workflow once more: with the same events, store and count of phases.

        Clones that run phases at the same time count them in the order in which they begin; after
        a crash that must be the same order.
        """
        return AsyncWorkflow(self._parts)

    def budget_snapshot(self) -> BudgetSnapshot | None:
        """Say what has been spent; None when there is no budget."""
        budget = self._parts.budget
        return budget.snapshot() if budget is not None else None

    def subscribe(self) -> AsyncWorkflowReceiver:
        """Give the milestones from now on; who is more than 256 behind loses the oldest."""
        return AsyncWorkflowReceiver(self._parts.channel.subscribe())

    def log(self, level: str, message: str, fields: Any = None) -> None:  # noqa: ANN401 - any JSON
        """Tell subscribers a line; from any thread, never waiting and never failing."""
        self._parts.channel.send(WorkflowLog(level=level, message=message, fields=fields))

    # Steps

    async def agent(self, spec: AgentStepSpec | Mapping[str, Any]) -> StepOutcome:
        """
        Run one step; as `parallel` with one.

        Raises:
            InvalidType, InvalidValue: the spec is none.
        """
        return (await self.parallel([spec]))[0]

    async def parallel(
        self, specs: Iterable[AgentStepSpec | Mapping[str, Any]]
    ) -> list[StepOutcome]:
        """
        Run steps side by side, as many at once as the executor says, and wait for all.

        Returns:
            Their outcomes in the order of `specs`; a step that raises has failed, and no other.

        Raises:
            InvalidType, InvalidValue: a spec is none, or two have one `task_id`. Nothing ran.
        """
        checked = checked_specs(specs)
        return await self._crew(self._parts.executor).parallel(checked)

    async def phase(
        self, name: str, specs: Iterable[AgentStepSpec | Mapping[str, Any]]
    ) -> list[StepOutcome]:
        """
        Run steps as `parallel` does, as a part with a name where the workflow can go on.

        With a store, each good end is durable before this goes on with it, and steps that an
        earlier run has completed are not run again; their outcomes are those of then. A step that
        has the `task_id` of a completed one and asks something else runs again, and a `log` event
        says so.

        Raises:
            InvalidType, InvalidValue: as `parallel`; the phase has no number then.
            SessionInUse: somebody else runs this phase of this workflow.
            StoreError: a good end could not be recorded.
        """
        check_text("name of a phase", name)
        checked, parts = checked_specs(specs), self._parts
        index = next(parts.indices)
        was_whole, parts.is_whole = parts.is_whole, False
        ids = tuple(spec.task_id for spec in checked)
        executor = parts.executor
        parts.channel.send(PhaseStart(name=name, index=index, step_count=len(checked)))
        if parts.record is not None:
            executor = await parts.record.began(name, index, ids)
        outcomes, cached = await self._phase(self._crew(executor), f"{index}:{name}", checked)
        if parts.record is not None:
            await parts.record.ended(name, index, outcomes, cached)
        succeeded = sum(outcome.success for outcome in outcomes)
        failed = len(outcomes) - succeeded
        parts.is_whole = was_whole and not failed
        parts.channel.send(PhaseEnd(name=name, index=index, succeeded=succeeded, failed=failed))
        self._tell_exhausted()
        return outcomes

    async def pipeline(
        self, items: Iterable[Any], stages: Iterable[Stage]
    ) -> list[StepOutcome | None]:
        """
        Take each item through the stages, whatever stage the others are in.

        Args:
            stages: Each `stage(previous, item)`, plain or async: gives the next step of `item`, or
                None when it is done. `previous` is the outcome of its last step, or None. A plain
                one has a thread of its own. (`session.pipeline` calls its stages otherwise.)

        Returns:
            For each item the outcome of its last step; a step that fails is the last one. None
            when there was no step, or a stage raised, which a `log` event tells.

        Raises:
            InvalidType: items or stages are no lists, or a stage cannot be called.
        """
        from a3s_code.checks import check_needed_list
        from a3s_code.delegation.combinators import checked_stages

        check_needed_list("items", items)
        crew = self._crew(self._parts.executor)
        return await crew.pipeline(tuple(items), checked_stages(stages))

    async def execute_loop(
        self,
        initial: Iterable[AgentStepSpec | Mapping[str, Any]],
        max_iterations: int,
        decide: Decide,
    ) -> list[list[StepOutcome]]:
        """
        Run rounds of steps until nothing more is to be done.

        Args:
            max_iterations: Rounds at most, 1 or more; `decide` is not asked after the last one.
            decide: `decide(outcomes, round)`, plain or async: the steps of the next round, or
                None. Rounds count from 1. What it raises is raised here.

        Returns:
            The outcomes of each round.

        Raises:
            InvalidType, InvalidValue: as `parallel`, or an argument is of another kind.
        """
        from a3s_code.delegation.combinators import check_loop

        check_loop(max_iterations, decide)
        crew = self._crew(self._parts.executor)
        return await crew.loop(checked_specs(initial), max_iterations, decide)

    # The end

    async def finish(self) -> None:
        """
        Forget what is recorded of every phase, also of those that failed; nothing goes on later.

        Raises:
            StoreError: it could not be forgotten.
        """
        parts = self._parts
        self._let_go()
        if parts.store is not None:
            from a3s_code.delegation.workflow_journal import forget_all

            own = re.compile(re.escape(f"{parts.root_id}/") + r"\d+:").match
            await forget_all(parts.store, lambda id_: own(id_) is not None)

    async def __aenter__(self) -> Self:
        if self._parts.held is not None:
            raise UsageError(f"Workflow {self.root_id!r} is in its block already.")
        self._parts.held = []
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._let_go()
            if kind is None and self._parts.is_whole:
                await self.finish()
        finally:
            self._parts.held = None
            self._parts.channel.close()

    # Inside

    def _crew(self, executor: AgentExecutor) -> Crew:
        from a3s_code.delegation.combinators import Crew

        return Crew(executor, self._parts.step_events, self._warn)

    async def _warn(self, message: str, fields: JsonObject) -> None:
        self.log("warn", message, fields)
        if self._parts.record is not None:
            await self._parts.record.noted(message, fields)

    async def _phase(
        self, crew: Crew, place: str, specs: tuple[AgentStepSpec, ...]
    ) -> tuple[list[StepOutcome], tuple[str, ...]]:
        store = self._parts.store
        if store is None:
            return await crew.parallel(specs), ()
        from a3s_code.delegation.combinators import resumed

        return await resumed(crew, specs, f"{self.root_id}/{place}", store, self._parts.held)

    def _let_go(self) -> None:
        held = self._parts.held
        while held:
            held.pop().release()

    def _tell_exhausted(self) -> None:
        budget = self._parts.budget
        if budget is not None and budget.is_exhausted:
            said = WorkflowBudgetExhausted(resource=RESOURCE, reason=budget.reason)
            self._parts.channel.send(said)


class AsyncWorkflowBuilder:
    """
    Puts a workflow together; the executor is all that it needs.

    Raises:
        InvalidType: it has no `execute_step`, or no `concurrency_hint`.

    Source:
        Document 003, `WorkflowBuilder`.
    """

    __slots__ = ("_parts",)

    def __init__(self, executor: AgentExecutor) -> None:
        for name in ("execute_step", "concurrency_hint"):
            if not callable(getattr(executor, name, None)):
                raise InvalidType(
                    f"A {type(executor).__name__} has no {name} and cannot run steps.",
                    hint="give session.agent_executor(), or an object with both methods",
                )
        self._parts = WorkflowParts(executor, "")

    def with_store(self, store: Store) -> Self:
        """
        Record the phases in a store of sessions, so that each can go on after a crash.

        Raises:
            InvalidType: it is no store.
        """
        if isinstance(store, type) or not callable(getattr(store, "append", None)):
            kind = f"class {store.__name__}" if isinstance(store, type) else type(store).__name__
            raise InvalidType(f"store is a {kind}, not a store.", hint="give FileSessionStore(dir)")
        self._parts.store = store
        return self

    def with_step_events(self, events: StepEvents) -> Self:
        """Show what happens inside steps to a function, as it happens."""
        if not callable(events):
            raise InvalidType(f"step_events is a {type(events).__name__}, not a function.")
        self._parts.step_events = events
        return self

    def with_root_id(self, root_id: str) -> Self:
        """
        Give the workflow an id: the same one in each run of the program, so that it can go on.

        Without one it has a random id, `wf-<uuid>`, and no later run goes on with it.
        """
        check_root(root_id)
        self._parts.root_id = root_id
        return self

    def with_budget(self, budget: WorkflowBudget) -> Self:
        """
        Say what the budget is of which this tells; the workflow only reads it.

        The executor has to keep to it, as that of `session.workflow(token_budget=...)` does.

        Raises:
            InvalidType: it is another kind of a budget, or none.
        """
        if not isinstance(budget, WorkflowBudget):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"budget of a workflow is a {type(budget).__name__}, not WorkflowBudget.",
                hint="give WorkflowBudget(tokens)",
            )
        self._parts.budget = budget
        return self

    def build(self) -> AsyncWorkflow:
        """Give the workflow. A later change of this builder is no change of it."""
        root_id = self._parts.root_id or f"wf-{_uuid()}"
        fresh = replace(
            self._parts, root_id=root_id, channel=WorkflowChannel(), indices=itertools.count()
        )
        return AsyncWorkflow(fresh)


def check_root(root_id: str) -> None:
    """
    Raises:
        InvalidType, InvalidValue: it is no text, or empty.
    """
    check_text("root_id", root_id)
    if not root_id:
        raise InvalidValue("The root_id of a workflow is empty.")


def _uuid() -> str:
    hexed = os.urandom(16).hex()
    return "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
