"""
From the arguments of a task to what a child is to do.

Source:
    SPEC 5.13.
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from a3s_code.kernel.children import Agents, ChildSpec
from a3s_code.kernel.tool import Observation, failure

MAX_NEAR = 3
"""Names of agents that a call of none is told."""


class TaskOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # What the fields mean is said in the tool `task`: models are sent each word once.
    agent: str
    description: str
    prompt: str
    background: bool = False
    max_steps: Annotated[int, msgspec.Meta(ge=1)] | None = None
    output_schema: dict[str, Any] | None = None
    isolation: Literal["shared", "worktree"] | None = None


async def spec_of(order: TaskOrder, agents: Agents) -> ChildSpec | Observation:
    """Give what the child is to do, or say why there can be none."""
    agent = await agents.seek(order.agent)
    if agent is None:
        return unknown(order.agent, [each.name for each in agents.listed()])
    if not order.prompt.strip():
        return failure("The prompt is empty: say what is to be done.", "invalid_argument")
    wrong = await _wrong(order.output_schema)
    if wrong is not None:
        return wrong
    spec = agent.spec(order.description, order.prompt, order.max_steps)
    isolation = "worktree" if order.isolation == "worktree" else spec.isolation
    return replace(spec, isolation=isolation, output_schema=order.output_schema)


def renamed(order: TaskOrder, agents: Agents) -> TaskOrder:
    """Give an order that names its agent as it is called; rules are about that name."""
    agent = agents.find(order.agent)
    return order if agent is None else replace(order, agent=agent.name)


def unknown(name: str, names: list[str]) -> Observation:
    """Say that there is no such agent, and which there are."""
    near = difflib.get_close_matches(name.casefold(), names, n=MAX_NEAR)
    hint = f"Near ones: {', '.join(near)}. " if near else ""
    text = f"There is no agent {name[:80]!r}. {hint}There are: {', '.join(names)}."
    return failure(text, "not_found", agent=name[:80], near=near)


async def _wrong(schema: dict[str, Any] | None) -> Observation | None:
    """Look at a schema before anything runs."""
    if schema is None:
        return None
    from asyncio import to_thread  # a session is made without asyncio; DESIGN 7

    from a3s_code.harness.objects.schema import SchemaRefused, accept

    try:
        await to_thread(accept, schema)
    except SchemaRefused as error:
        return failure(f"output_schema: {error}", error.kind, pointer=error.pointer)
    return None
