"""Which calls of a turn may run at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from a3s_code.kernel.actions import Ready, Refused, Step
from a3s_code.kernel.tool import Effect


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
