"""
The tool `parallel_task`: independent pieces of work, each done by an agent in a run of its own.

Source:
    SPEC 5.14, 9.4; A3S Code README 3.x, "Delegation".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec

from a3s_code.capabilities.tasks.order import TaskOrder
from a3s_code.kernel.children import Agents, ChildSpec
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool

if TYPE_CHECKING:  # most sessions delegate nothing
    from a3s_code.capabilities.tasks.errand import Errand

MAX_TASKS = 32
"""Of one call; SPEC 5.14."""
WHOLE_ANSWERS = 8
"""More tasks than these share the room that as many answers have."""


_Positive = Annotated[int, msgspec.Meta(ge=1)]


class ParallelTaskArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tasks: Annotated[
        tuple[TaskOrder, ...],
        msgspec.Meta(min_length=1, max_length=MAX_TASKS, description="Each as of task."),
    ]
    timeout_ms: Annotated[_Positive | None, msgspec.Meta(description="For each.")] = None
    allow_partial_failure: Annotated[
        bool, msgspec.Meta(description="Succeed when one of them does.")
    ] = False
    min_success_count: Annotated[
        _Positive | None, msgspec.Meta(description="Succeed when so many do.")
    ] = None


def _subject(args: ParallelTaskArgs) -> str:
    """Give each agent on a line of its own; `harness.gate` decides each by itself."""
    return "\n".join(dict.fromkeys(order.agent for order in args.tasks))


@tool(ParallelTaskArgs, effect=Effect.CONTAINER, subject=_subject)
async def parallel_task(args: ParallelTaskArgs, context: ToolContext) -> Observation:
    """
    Hand independent pieces of work to agents that do them at the same time, and get all results.
    """
    from a3s_code.capabilities.tasks.errand import carry_out
    from a3s_code.capabilities.tasks.order import renamed
    from a3s_code.kernel.together import run_together

    children = context.children
    if children is None or context.agents is None:
        return failure("Nothing can be delegated here.", "unsupported")
    named = tuple(renamed(order, context.agents) for order in args.tasks)
    if named != args.tasks and not context.is_direct:  # decided by the names that rules are about
        again = msgspec.structs.replace(args, tasks=named)
        return await context.call("parallel_task", msgspec.to_builtins(again))
    specs = await _specs(args, context.agents)
    if isinstance(specs, Observation):
        return specs
    share = min(1.0, WHOLE_ANSWERS / len(specs))
    done = await run_together(
        carry_out(spec, children, background=order.background, share=share)
        for spec, order in zip(specs, args.tasks, strict=True)
    )
    return _observation(args, specs, done)


async def _specs(args: ParallelTaskArgs, agents: Agents) -> Sequence[ChildSpec] | Observation:
    """Look at all of them before any begins."""
    from a3s_code.capabilities.tasks.order import spec_of

    specs: list[ChildSpec] = []
    for number, order in enumerate(args.tasks):
        spec = await spec_of(order, agents)
        if isinstance(spec, Observation):
            return replace(spec, text=f"tasks[{number}]: {spec.text} Nothing was begun.")
        specs.append(msgspec.structs.replace(spec, max_execution_ms=args.timeout_ms))
    return specs


def _observation(
    args: ParallelTaskArgs, specs: Sequence[ChildSpec], done: Sequence[Errand]
) -> Observation:
    failed = sum(1 for each in done if each.kind)
    facts: JsonObject = {
        "total": len(done),
        "succeeded": len(done) - failed,
        "failed": failed,
        "results": [each.metadata | {"output": each.text} for each in done],
    }
    text = "\n\n".join(
        f"--- [{number}: {spec.agent}] {spec.description} ---\n{each.text}"
        for number, (spec, each) in enumerate(zip(specs, done, strict=True))
    )
    least = args.min_success_count or (1 if args.allow_partial_failure else len(done))
    if len(done) - failed >= least:
        return Observation(text, metadata=facts)
    said = f"{failed} of {len(done)} tasks failed.\n\n{text}"
    made = failure(said, "partial_failure", failed=failed, total=len(done))
    return replace(made, metadata=facts)
