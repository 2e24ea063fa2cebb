"""
The tool `task`: one piece of work, done by an agent in a run of its own.

Source:
    SPEC 5.13, 9.4; A3S Code README 3.x, "Delegation"; Python SDK 3.1, "Delegation".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec

from a3s_code.capabilities.tasks.order import TaskOrder
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool


class TaskArgs(TaskOrder, frozen=True, forbid_unknown_fields=True):
    agent: Annotated[str, msgspec.Meta(description="Who does it, by name.")]
    description: Annotated[str, msgspec.Meta(description="What it is for, in a few words.")]
    prompt: Annotated[
        str, msgspec.Meta(description="The work itself; the agent sees nothing else of this.")
    ]
    background: Annotated[
        bool, msgspec.Meta(description="Do not wait; the result comes later.")
    ] = False
    max_steps: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None, msgspec.Meta(description="Tool rounds at most.")
    ] = None
    output_schema: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="JSON Schema that its answer must satisfy.")
    ] = None
    isolation: Annotated[
        Literal["shared", "worktree"] | None,
        msgspec.Meta(description="worktree: in a copy that is merged at the end."),
    ] = None


@tool(TaskArgs, effect=Effect.CONTAINER, subject="agent")
async def task(args: TaskArgs, context: ToolContext) -> Observation:
    """
    Hand one piece of work to an agent that does it in a run of its own, and get its result.
    explore finds evidence, plan designs steps, verification runs checks, review looks for faults,
    general does work of several steps.
    """
    from a3s_code.capabilities.tasks.errand import carry_out
    from a3s_code.capabilities.tasks.order import renamed, spec_of

    if context.children is None or context.agents is None:
        return failure("Nothing can be delegated here.", "unsupported")
    named = renamed(args, context.agents)
    if named != args and not context.is_direct:  # decided by the name that rules are about
        return await context.call("task", msgspec.to_builtins(named))
    spec = await spec_of(args, context.agents)
    if isinstance(spec, Observation):
        return spec
    done = await carry_out(spec, context.children, background=args.background)
    if not done.kind:
        return Observation(done.text, metadata=done.metadata)
    failed = failure(done.text, done.kind, agent=spec.agent)
    return replace(failed, metadata=done.metadata)
