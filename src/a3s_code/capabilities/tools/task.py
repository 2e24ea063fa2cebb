"""
The tool `task`: one piece of work, done by an agent in a run of its own.

Source:
    SPEC 5.13, 9.4; A3S Code README 3.x, "Delegation"; Python SDK 3.1, "Delegation".
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from a3s_code.kernel.children import AgentRole, ChildOutcome, ChildSpec
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool


class TaskArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    agent: Annotated[str, msgspec.Meta(description="Who does it, by name.")]
    description: Annotated[str, msgspec.Meta(description="What it is for, in a few words.")]
    prompt: Annotated[
        str, msgspec.Meta(description="The work itself; the agent sees nothing else of this.")
    ]
    max_steps: Annotated[int, msgspec.Meta(ge=1, description="Tool rounds at most.")] | None = None
    background: Annotated[
        bool, msgspec.Meta(description="Go on at once; its end is told when it has come.")
    ] = False


@tool(TaskArgs, effect=Effect.CONTAINER, subject="agent")
async def task(args: TaskArgs, context: ToolContext) -> Observation:
    """
    Hand one piece of work to an agent that does it in a run of its own, and get its result.
    explore finds evidence, plan designs steps, verification runs checks, review looks for faults,
    general does work of several steps.
    """
    if context.children is None or context.agents is None:
        return failure("Nothing can be delegated here.", "unsupported")
    agent = context.agents.find(args.agent)
    if agent is None:
        names = ", ".join(each.name for each in context.agents.listed())
        text = f"There is no agent {args.agent!r}. There are: {names}."
        return failure(text, "not_found", agent=args.agent)
    if args.background:
        id_ = await context.children.launch(_spec(agent, args))
        return Observation(f"Task {id_} goes on in the background.", metadata={"task_id": id_})
    return _observation(await context.children.start(_spec(agent, args)))


def _spec(agent: AgentRole, args: TaskArgs) -> ChildSpec:
    steps = [each for each in (agent.max_steps, args.max_steps) if each is not None]
    return ChildSpec(
        agent=agent.name,
        description=args.description,
        role=agent.role,
        role_origin=agent.role_origin,
        prompt=args.prompt,
        allow=agent.allow,
        deny=agent.deny,
        ask=agent.ask,
        model=agent.model,
        max_steps=min(steps) if steps else None,
        inheritance=agent.inheritance,
        isolation=agent.isolation,
        may_delegate=agent.may_delegate,
    )


def _observation(outcome: ChildOutcome) -> Observation:
    if outcome.kind:
        said = f"{outcome.error}\n{outcome.text}".strip()
        return failure(said, outcome.kind, task_id=outcome.id)
    return Observation(outcome.text, metadata={"task_id": outcome.id, "success": True})
