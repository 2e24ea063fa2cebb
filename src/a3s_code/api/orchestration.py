"""
Programmable fan-outs of a session: steps side by side, through stages, in rounds and in phases.

`Orchestration` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, overload

from a3s_code.checks import check_text
from a3s_code.delegation.steps import AgentStepSpec, StepOutcome, checked_specs
from a3s_code.errors import InvalidValue
from a3s_code.kernel.store import Store

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.api.step_calls import AsyncSessionExecutor, StepGround
    from a3s_code.delegation.combinators import Decide, Stage
    from a3s_code.delegation.workflow import AsyncWorkflow
    from a3s_code.delegation.workflow_budget import WorkflowBudget

Step: TypeAlias = AgentStepSpec | Mapping[str, Any]
SessionStage: TypeAlias = (
    "Callable[[StageContext], Step | None] | Callable[[StageContext], Awaitable[Step | None]]"
)


class StageContext(TypedDict):
    """What a stage of `session.pipeline` is given: the outcome of the item's last step, or None."""

    previous: StepOutcome | None
    item: Any


class TokensUsed(TypedDict):
    """Prompt and completion tokens of all requests of a call, and its cap."""

    consumed_tokens: int
    limit_tokens: int


class BudgetedOutcomes(TypedDict):
    """What `session.parallel` gives when it has a budget."""

    outcomes: list[StepOutcome]
    budget: TokensUsed


class Orchestration(ABC):
    """Gives `AsyncSession` its workflows, over calls of the tool `task`."""

    __slots__ = ()

    @property
    @abstractmethod
    def session_id(self) -> str:
        """The id of the session."""

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raise SessionClosed when the session was closed."""

    @abstractmethod
    def _next_workflow(self) -> int:
        """Count the workflows of this session object, from 0."""

    @abstractmethod
    def _workflow_store(self, *, own: bool) -> Store | None:
        """Give the session's own store, or that of the agent unless `own`."""

    @abstractmethod
    def _max_parallel_tasks(self) -> int:
        """Say how many children may run at once."""

    def agent_executor(self) -> AsyncSessionExecutor:
        """
        Give what runs steps in this session, for a workflow that is built around it.

        Raises:
            SessionClosed: the session was closed.
        """
        from a3s_code.api.step_calls import AsyncSessionExecutor

        self._check_open()
        return AsyncSessionExecutor(self._ground())

    def workflow(
        self, token_budget: int | None = None, root_id: str | None = None
    ) -> AsyncWorkflow:
        """
        Give a workflow whose steps run in this session, and whose phases can go on after a crash.

        It is kept in the session's own store, or in the agent's. Its id comes from the session and
        from how many workflows this session object has made before: the program that is run again
        with the same `session_id` goes on with each of them, and two of one run never meet.

        Args:
            token_budget: Tokens that its steps may use: a soft cap. Steps that begin when it is
                spent are refused, and so is each request of those on their way. None = they are
                counted.
            root_id: An id in place of that.

        Raises:
            InvalidType, InvalidValue: the budget is no whole number above 0, or the id no text.
            SessionClosed: the session was closed.

        Source:
            Document 003; SPEC 9.7, `session.workflow()`, `workflow_with_token_budget`.
        """
        from a3s_code.delegation.workflow import check_root
        from a3s_code.delegation.workflow_budget import WorkflowBudget

        self._check_open()
        budget = WorkflowBudget(token_budget)
        if root_id is not None:
            check_root(root_id)
        else:
            root_id = f"wf-{self.session_id}-{self._next_workflow()}"
        return self._built(root_id, budget, self._workflow_store(own=False))

    @overload
    async def parallel(
        self, specs: Iterable[Step], budget_tokens: None = None
    ) -> list[StepOutcome]: ...

    @overload
    async def parallel(self, specs: Iterable[Step], budget_tokens: int) -> BudgetedOutcomes: ...

    async def parallel(
        self, specs: Iterable[Step], budget_tokens: int | None = None
    ) -> list[StepOutcome] | BudgetedOutcomes:
        """
        Run steps side by side, at most `max_parallel_tasks` at once, and wait for all.

        Args:
            specs: `AgentStepSpec`s, or objects of the same names.
            budget_tokens: A soft cap: requests that are made when it is spent are refused, and
                their steps fail and say so.

        Returns:
            The outcomes in the order of `specs`; with a budget `{"outcomes", "budget":
            {"consumed_tokens", "limit_tokens"}}`. A step that fails fails no other one.

        Raises:
            InvalidType, InvalidValue: a spec is none, or two have one `task_id`. Nothing ran.
            SessionClosed: the session was closed.

        Source:
            SPEC 9.6.
        """
        from a3s_code.delegation.workflow_budget import WorkflowBudget

        self._check_open()
        budget = None if budget_tokens is None else WorkflowBudget(budget_tokens)
        outcomes = await self._built("", budget).parallel(specs)
        if budget is None or budget.limit is None:
            return outcomes
        used: TokensUsed = {"consumed_tokens": budget.consumed, "limit_tokens": budget.limit}
        return {"outcomes": outcomes, "budget": used}

    async def pipeline(
        self, items: Iterable[Any], stages: Iterable[SessionStage]
    ) -> list[StepOutcome | None]:
        """
        Take each item through the stages, whatever stage the others are in.

        Args:
            stages: Each `stage(ctx)`, plain or async, with `ctx` as `{"previous", "item"}`: gives
                the next step of the item, or None when it is done. `previous` is the outcome of
                its last step, or None. A plain one has a thread of its own.

        Returns:
            For each item the outcome of its last step; a step that fails is the last one. None
            when there was no step, or a stage raised, which the log of the session says.

        Raises:
            InvalidType: items or stages are no lists, or a stage cannot be called.
            SessionClosed: the session was closed.

        Source:
            SPEC 9.6.
        """
        from a3s_code.delegation.combinators import checked_stages

        self._check_open()
        given = checked_stages(stages)  # each has one argument here, and is called with it
        return await self._built("", None).pipeline(items, tuple(map(_with_context, given)))

    async def parallel_resumable(
        self, specs: Iterable[Step], workflow_id: str
    ) -> list[StepOutcome]:
        """
        Run steps as `parallel`, and after a crash only those that have not come to a good end.

        Good ends are durable before this goes on with them. When all steps came to one, what is
        recorded is forgotten; else the next call of this id runs those that failed.

        Args:
            workflow_id: The same one in each run of the program; no other session of the store
                may use it.

        Raises:
            InvalidType, InvalidValue: as `parallel`; or the session has no store of its own.
            SessionInUse: somebody else runs this id.
            StoreError: a good end could not be recorded.
            SessionClosed: the session was closed.

        Source:
            SPEC 9.6.
        """
        from a3s_code.api.step_calls import AsyncSessionExecutor, SessionPhases
        from a3s_code.delegation.combinators import Crew, resumed

        self._check_open()
        check_text("workflow_id", workflow_id)
        store = self._workflow_store(own=True)
        if store is None:
            raise InvalidValue(
                "parallel_resumable requires a session_store on the session",
                hint="give session_store=FileSessionStore(dir)",
            )
        checked = checked_specs(specs)
        ground = self._ground()
        noted = SessionPhases(ground, workflow_id).noted
        crew = Crew(AsyncSessionExecutor(ground, workflow_id), None, noted)
        outcomes, _ = await resumed(crew, checked, workflow_id, store)
        return outcomes

    async def execute_loop(
        self,
        initial: Iterable[Step],
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
            SessionClosed: the session was closed.

        Source:
            SPEC 9.6.
        """
        self._check_open()
        return await self._built("", None).execute_loop(initial, max_iterations, decide)

    def _ground(self, budget: WorkflowBudget | None = None) -> StepGround:
        from a3s_code.api.step_calls import StepGround, guard_of

        guard = None if budget is None else guard_of(budget)
        return StepGround(self._awake, self._max_parallel_tasks(), budget, guard)

    def _built(
        self, root_id: str, budget: WorkflowBudget | None, store: Store | None = None
    ) -> AsyncWorkflow:
        """Give a workflow around this session."""
        from a3s_code.api.step_calls import AsyncSessionExecutor, SessionPhases
        from a3s_code.delegation.workflow import AsyncWorkflow, WorkflowParts

        ground = self._ground(budget)
        executor, record = AsyncSessionExecutor(ground, root_id), SessionPhases(ground, root_id)
        return AsyncWorkflow(
            WorkflowParts(executor, root_id, store=store, budget=budget, record=record)
        )


def _with_context(stage: Any) -> Stage:  # noqa: ANN401 - a function of the host
    """Give a stage of a session as one of a workflow; whether it waits stays what it was."""
    from a3s_code.harness.host_function import is_async

    if is_async(stage):

        async def waiting(previous: StepOutcome | None, item: object) -> Any:  # noqa: ANN401
            return await stage({"previous": previous, "item": item})

        return waiting

    def plain(previous: StepOutcome | None, item: object) -> Any:  # noqa: ANN401
        return stage({"previous": previous, "item": item})

    return plain
