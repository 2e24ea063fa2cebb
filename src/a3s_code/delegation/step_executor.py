"""
Who runs the steps of a workflow: the port to the host's placement and scheduling.

Source:
    Document 003, `AgentExecutor`; SPEC 9.6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, cast

from a3s_code.delegation.steps import AgentStepSpec, StepOutcome

StepEvents: TypeAlias = Callable[[Any], object]
"""
Shown what happens inside steps, as it happens; the executor of a session shows `AgentEvent`s such
as `subagent_start`. Called on the loop: it must not wait. What it raises is dropped.
"""

MAX_AT_ONCE = 256
"""Steps that run at the same time, whatever an executor says."""


class AgentExecutor(Protocol):
    """
    Runs one step wherever it belongs. `session.agent_executor()` is the one that is built in.

    `execute_step` is an `async def`, or a plain one: that has a thread of its own, which nobody
    can stop.
    """

    def execute_step(
        self, spec: AgentStepSpec, events: StepEvents | None = None
    ) -> StepOutcome | Awaitable[StepOutcome]:
        """
        Run a step to its end. What goes wrong is its outcome; what is raised nevertheless fails
        this step and no other one.
        """
        ...

    def concurrency_hint(self) -> int:
        """Say how many steps may run at the same time; from 1 to `MAX_AT_ONCE` of it counts."""
        ...


def at_once(executor: AgentExecutor) -> int:
    """Ask an executor how many steps may run at the same time; 1 where its answer is no number."""
    try:
        hint = cast("object", executor.concurrency_hint())
    except Exception:  # noqa: BLE001 - an executor is foreign code, and this is only its advice
        return 1
    return min(max(hint, 1), MAX_AT_ONCE) if isinstance(hint, int) else 1
