"""An executor that is no session's, and steps for it."""

from __future__ import annotations

from typing import Any

from a3s_code import AgentStepSpec, StepOutcome


class Echo:
    """Gives back the prompt; the agent `fail` fails. Records what it ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def execute_step(self, spec: AgentStepSpec, events: Any = None) -> StepOutcome:
        del events
        self.ran.append(spec.task_id)
        return outcome(spec)

    def concurrency_hint(self) -> int:
        return 4


def outcome(spec: AgentStepSpec) -> StepOutcome:
    session = f"task-run-{spec.task_id}"
    return StepOutcome(spec.task_id, session, spec.agent, spec.prompt, success=spec.agent != "fail")


def spec(task_id: str, agent: str = "explore", prompt: str = "p", **more: Any) -> AgentStepSpec:
    return AgentStepSpec(task_id, agent, "d", prompt, **more)
