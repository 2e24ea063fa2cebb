"""A tool that starts a child run as its arguments say."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from a3s_code.kernel.children import ChildSpec
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure, tool


class ErrandArgs(msgspec.Struct, frozen=True):
    prompt: str = "CHILD"
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    max_steps: int | None = None
    inheritance: str = "inherit_parent"
    model: str = ""
    background: bool = False
    isolation: str = "shared"
    may_delegate: bool = False


@tool(ErrandArgs, effect=Effect.CONTAINER)
async def errand(args: ErrandArgs, context: ToolContext) -> Observation:
    """Start a child."""
    assert context.children is not None
    spec = ChildSpec(
        agent="helper",
        description="an errand",
        role="HELPER-ROLE",
        prompt=args.prompt,
        allow=args.allow,
        deny=args.deny,
        max_steps=args.max_steps,
        inheritance=args.inheritance,  # type: ignore[arg-type]
        model=args.model,
        isolation=args.isolation,  # type: ignore[arg-type]
        may_delegate=args.may_delegate,
    )
    if args.background:
        id_ = await context.children.launch(spec)
        return Observation(f"begun {id_}", metadata={"child": id_})
    outcome = await context.children.start(spec)
    facts = {
        "child": outcome.id,
        "tokens": outcome.usage.total_tokens,
        "tool_calls": outcome.tool_calls,
        "transcript": outcome.transcript,
        "merge": outcome.merge,
    }
    if outcome.kind:
        failed = failure(f"{outcome.kind}: {outcome.error}", outcome.kind, merge=outcome.merge)
        return replace(failed, metadata=facts)
    return Observation(outcome.text, metadata=facts)
