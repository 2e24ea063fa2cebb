"""Which calls may run at the same time, and how they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from a3s_code.kernel.actions import Ready, Refused, Step
from a3s_code.kernel.ports import Action
from a3s_code.kernel.tool import Effect, Observation

T = TypeVar("T")

RunStep: TypeAlias = Callable[[Step], Awaitable[Observation]]


def together(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """
    Cut steps into groups whose members may run at the same time; the order stays.

    These are calls without effects, and adjacent writes to different files.
    """
    group: list[Step] = []
    for step in steps:
        if group and not _joins(step, group):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _joins(step: Step, group: Sequence[Step]) -> bool:
    if isinstance(step, Refused):
        return True
    others = [other.action for other in group if isinstance(other, Ready)]
    effects = {step.action.effect} | {other.effect for other in others}
    if effects == {Effect.READ}:
        return True
    if effects != {Effect.WRITE} or step.action.target is None:
        return False
    taken = {other.target.path for other in others if other.target is not None}
    return len(taken) == len(others) and step.action.target.path not in taken


async def run_together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """
    Run all of them at once, and give what they gave in their order.

    Raises:
        StoreError, SessionClosed: of the first that failed so; the others were stopped.
    """
    # A group cancels the task it is in when a member fails, and CPython 3.11 leaves that there.
    return await asyncio.create_task(_grouped(works))


async def _grouped(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work) for work in works]
    except BaseExceptionGroup as failed:  # only a store that fails gets this far
        raise failed.exceptions[0] from None
    return [task.result() for task in running]


async def run_independent(steps: Sequence[Step], run: RunStep, at_once: int) -> list[Observation]:
    """
    Run steps of which somebody says that none needs another.

    Those about one file still wait for each other where one of them changes it, in their order;
    so do changes of files that no target names.

    Args:
        at_once: How many run at the same time at most.

    Raises:
        StoreError: as `run_together`.
    """
    ended = [asyncio.Event() for _ in steps]
    places = asyncio.Semaphore(at_once)

    async def one(at: int, step: Step) -> Observation:
        try:
            for before in _before(at, steps):
                await ended[before].wait()
            async with places:
                return await run(step)
        finally:
            ended[at].set()

    return await run_together(one(at, step) for at, step in enumerate(steps))


def _before(at: int, steps: Sequence[Step]) -> Iterator[int]:
    """Name the steps that have to end before one of them begins."""
    step = steps[at]
    if isinstance(step, Ready):
        for other in range(at):
            earlier = steps[other]
            if isinstance(earlier, Ready) and _collide(earlier.action, step.action):
                yield other


def _collide(one: Action, other: Action) -> bool:
    effects = {one.effect, other.effect}
    if one.target is not None and other.target is not None:
        return one.target.path == other.target.path and effects != {Effect.READ}
    return effects == {Effect.WRITE}
