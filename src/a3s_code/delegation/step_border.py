"""
The border to executors, which may be anybody's code.

Whatever a step does (raises, hangs, gives something else than an outcome, or very much of it),
what comes out of here is its outcome. Whoever waits may be cancelled: the step is then stopped,
and waited for.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from a3s_code.delegation.step_executor import AgentExecutor, StepEvents
from a3s_code.delegation.steps import AgentStepSpec, StepOutcome
from a3s_code.errors import A3SError, InvalidType, InvalidValue
from a3s_code.harness.host_function import in_thread, is_async
from a3s_code.kernel.border import answer_of, described
from a3s_code.kernel.perseverance import stopped

STOP_S = 10.0
"""How long a step may take to stop."""

MAX_OUTPUT_CHARS = 1_000_000
"""Of one outcome; a step that gives more has failed."""


async def conduct(
    executor: AgentExecutor, spec: AgentStepSpec, events: StepEvents | None
) -> StepOutcome:
    """
    Run one step to its end.

    Raises:
        CancelledError: the task was told to stop; the step has stopped, or did not in 10 s.
    """
    work = asyncio.create_task(_asked(executor, spec, events))
    try:
        await asyncio.wait({work}, timeout=spec.timeout_ms / 1000 if spec.timeout_ms else None)
    except asyncio.CancelledError:
        await stopped(work, STOP_S)
        raise
    if work.done():
        return _outcome(spec, work)
    await stopped(work, STOP_S)
    how = "was stopped" if work.done() else "did not stop, and was left behind"
    said = f"The step took longer than {spec.timeout_ms} ms, and {how}."
    return _failed(spec, said, "step.timeout")


async def _asked(executor: AgentExecutor, spec: AgentStepSpec, events: StepEvents | None) -> object:
    quiet = None if events is None else _quiet(events)
    step: Any = executor.execute_step
    if is_async(step):
        return await answer_of(step(spec, quiet))
    given = await in_thread(lambda: step(spec, quiet))
    # A method that only hands on what waits does not look as if it waited itself.
    return await answer_of(given) if inspect.isawaitable(given) else given


def _quiet(events: StepEvents) -> StepEvents:
    def show(event: Any) -> None:  # noqa: ANN401 - any event
        with suppress(Exception):  # border: foreign code that only watches; no step is for it
            events(event)

    return show


def _outcome(spec: AgentStepSpec, work: asyncio.Task[object]) -> StepOutcome:
    if work.cancelled():
        return _failed(spec, "The step was cancelled.", "step.cancelled")
    error = work.exception()
    if isinstance(error, A3SError):
        return _failed(spec, str(error), error.code)
    if isinstance(error, Exception):
        return _failed(spec, f"The step raised {described(error)}", "step.raised")
    return _fit(spec, work.result())


def _fit(spec: AgentStepSpec, given: object) -> StepOutcome:
    try:
        outcome = StepOutcome.of(given)
    except (InvalidType, InvalidValue) as error:
        return _failed(spec, f"The step gave no outcome. {error}", "step.no_outcome")
    if outcome.task_id != spec.task_id:
        said = f"The step gave the outcome of another one, {outcome.task_id!r}."
        return _failed(spec, said, "step.no_outcome")
    if len(outcome.output) > MAX_OUTPUT_CHARS:
        return _flooded(outcome)
    return outcome


def _flooded(outcome: StepOutcome) -> StepOutcome:
    said = f"The step gave {len(outcome.output):,} characters, over {MAX_OUTPUT_CHARS:,}."
    head = outcome.output[:MAX_OUTPUT_CHARS]
    return replace(outcome, success=False, output=head, error=said, kind="step.flood")


def _failed(spec: AgentStepSpec, said: str, kind: str) -> StepOutcome:
    return StepOutcome.failed(spec.task_id, spec.agent, said, kind)
