"""
How steps run: side by side, item by item through stages, round by round; and what was done before a
crash is not done again.

Whoever waits for one of these and is cancelled has stopped every step of it: nothing goes on
behind its back.

Source:
    Document 003; SPEC 9.6.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from a3s_code.checks import check_needed_list
from a3s_code.delegation.step_border import conduct
from a3s_code.delegation.step_executor import AgentExecutor, StepEvents, at_once
from a3s_code.delegation.steps import AgentStepSpec, StepOutcome, checked_specs
from a3s_code.delegation.workflow_journal import Journal, Warn
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.host_function import in_thread, is_async
from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.store import Store
from a3s_code.kernel.together import run_together

I = TypeVar("I")  # noqa: E741 - an item

Given: TypeAlias = AgentStepSpec | Mapping[str, Any]
Stage: TypeAlias = "Callable[[StepOutcome | None, Any], Given | Awaitable[Given | None] | None]"
"""`stage(previous, item)` of a pipeline: the next step of an item, or None when it is done."""
Decide: TypeAlias = (
    "Callable[[list[StepOutcome], int], Iterable[Given] | Awaitable[Iterable[Given] | None] | None]"
)
"""`decide(outcomes, round)`: the steps of the next round, or None to stop; rounds count from 1."""


@dataclass(frozen=True, slots=True)
class Crew:
    """
    Who runs the steps, and who is told of them.

    Attributes:
        warn: Told what was not as it should be and fails nothing.
    """

    executor: AgentExecutor
    events: StepEvents | None
    warn: Warn

    async def parallel(self, specs: Sequence[AgentStepSpec]) -> list[StepOutcome]:
        """
        Run steps side by side, as many at once as the executor says.

        Returns:
            Their outcomes in the order of `specs`; a step that raises has failed, and no other.
        """
        places = asyncio.Semaphore(at_once(self.executor))
        return await run_together(self._placed(spec, places) for spec in specs)

    async def resumable(
        self, specs: Sequence[AgentStepSpec], journal: Journal
    ) -> tuple[list[StepOutcome], tuple[str, ...]]:
        """
        Run those steps that have not come to a good end before; as `parallel`.

        Returns:
            The outcomes, and the `task_id`s of those that had not to run.

        Raises:
            SessionInUse: somebody else has gone on with this part of the workflow.
            StoreError: a good end could not be recorded; the other steps were stopped.
        """
        known = {spec.task_id: await journal.cached(spec, self.warn) for spec in specs}
        places = asyncio.Semaphore(at_once(self.executor))

        async def one(spec: AgentStepSpec) -> StepOutcome:
            outcome = known[spec.task_id]
            if outcome is not None:
                return outcome
            async with places:  # until it is durable, so no more than these are ever repeated
                outcome = await conduct(self.executor, spec, self.events)
                if outcome.success:
                    await journal.keep(spec, outcome)
            return outcome

        outcomes = await run_together(map(one, specs))
        return outcomes, tuple(id_ for id_, outcome in known.items() if outcome is not None)

    async def pipeline(
        self, items: Sequence[I], stages: Sequence[Stage]
    ) -> list[StepOutcome | None]:
        """
        Take each item through the stages, whatever stage the others are in.

        Returns:
            For each item the outcome of its last step: the one that failed, or the one after
            which a stage gave None; None when there was no step, or a stage raised.
        """
        asked = [(stage, is_async(stage)) for stage in stages]
        places = asyncio.Semaphore(at_once(self.executor))

        async def through(at: int, item: I) -> StepOutcome | None:
            last: StepOutcome | None = None
            for number, (stage, waits) in enumerate(asked):
                try:
                    spec = _spec(await _answer(stage, waits, last, item))
                except Exception as error:  # noqa: BLE001 - a stage is foreign code; it ends its item
                    where: JsonObject = {"item": at, "stage": number, "error": described(error)}
                    await self.warn("a stage of the pipeline raised; its item ends there", where)
                    return None
                if spec is None:
                    break
                last = await self._placed(spec, places)
                if not last.success:
                    break
            return last

        return await run_together(through(at, item) for at, item in enumerate(items))

    async def loop(
        self, initial: Sequence[AgentStepSpec], max_iterations: int, decide: Decide
    ) -> list[list[StepOutcome]]:
        """
        Run rounds of steps until `decide` gives no more, or there were enough.

        It is not asked after the last round that may be. What it raises is raised here.

        Returns:
            The outcomes of each round.
        """
        rounds: list[list[StepOutcome]] = []
        waits, specs = is_async(decide), initial
        while True:
            rounds.append(await self.parallel(specs))
            if len(rounds) >= max_iterations:
                return rounds
            more = await _answer(decide, waits, list(rounds[-1]), len(rounds))
            if more is None:
                return rounds
            specs = checked_specs(cast("Iterable[Given]", more))
            if not specs:
                return rounds

    async def _placed(self, spec: AgentStepSpec, places: asyncio.Semaphore) -> StepOutcome:
        async with places:
            return await conduct(self.executor, spec, self.events)


async def _answer(
    function: Callable[..., Any], waits: bool, first: object, second: object
) -> object:
    """Call a function of the host; one that does not wait has a thread of its own."""
    if waits:
        return await answer_of(function(first, second))
    given = await in_thread(lambda: function(first, second))
    # A lambda around a coroutine function does not look as if it waited.
    return await answer_of(given) if inspect.isawaitable(given) else given


def _spec(given: object) -> AgentStepSpec | None:
    return None if given is None else AgentStepSpec.of(cast("Given", given))


def checked_stages(stages: Iterable[Callable[..., Any]]) -> tuple[Callable[..., Any], ...]:
    """
    Take the stages of a pipeline.

    Raises:
        InvalidType: they are no list, or one of them cannot be called.
    """
    check_needed_list("stages", stages)
    found = tuple(stages)
    for number, stage in enumerate(found):
        if not callable(stage):
            raise InvalidType(f"Stage {number} is a {type(stage).__name__}, not a function.")
    return found


def check_loop(max_iterations: int, decide: Decide) -> None:
    """
    Raises:
        InvalidType, InvalidValue: there is no whole number of rounds, or nothing to call.
    """
    if type(max_iterations) is not int or max_iterations < 1:
        raise InvalidValue(
            f"max_iterations is {max_iterations!r}.", hint="give a whole number above 0"
        )
    if not callable(decide):
        raise InvalidType(f"decide is a {type(decide).__name__}, not a function.")


async def resumed(
    crew: Crew,
    specs: Sequence[AgentStepSpec],
    workflow_id: str,
    store: Store,
    hold: list[Journal] | None = None,
) -> tuple[list[StepOutcome], tuple[str, ...]]:
    """
    Run a part of a workflow, and nothing of it that has come to a good end before.

    Args:
        hold: Takes the journal, which stays this workflow's then; else it is closed.

    Returns:
        As `Crew.resumable`.

    Raises:
        SessionInUse: somebody else runs this part.
        StoreError: it cannot be recorded.
    """
    journal = await Journal.opened(store, workflow_id, crew.warn)
    if hold is not None:
        hold.append(journal)
        return await crew.resumable(specs, journal)
    try:
        outcomes, cached = await crew.resumable(specs, journal)
    except BaseException:
        journal.release()
        raise
    await journal.close(is_done=all(outcome.success for outcome in outcomes))
    return outcomes, cached
