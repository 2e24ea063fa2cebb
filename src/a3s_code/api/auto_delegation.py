"""
What a run hands to agents before its model is asked, where the session does so unasked.

Each agent that the words of the user call for does its part in a child run; what it brought enters
the conversation through the assembler, beside the words of the user and marked as what it is. An
agent that fails is told of, and the run goes on.

A request that a planner looks at is only handed on by name: what else it needs, the steps of its
plan do. A run that goes on with another one hands nothing on again.

Source:
    A3S Code Python SDK, "Automatic subagent delegation controls"; SPEC 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from a3s_code.api.awake import Awake
from a3s_code.api.context import RunContext
from a3s_code.api.outlet import Outlet
from a3s_code.api.plan_need import is_looked_at
from a3s_code.api.request import Request
from a3s_code.harness.agent_names import ALIASES
from a3s_code.harness.context import Budget
from a3s_code.harness.intent.delegation_scores import MENTION, Candidate, candidates
from a3s_code.harness.manual_delegation import with_manual
from a3s_code.harness.prompt import text
from a3s_code.harness.tool_names import TASK_TOOL
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.events import RunId
from a3s_code.kernel.excerpt import excerpt
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.loop import Transcript
from a3s_code.kernel.messages import Context, Message, ToolCall
from a3s_code.kernel.ports import Authority
from a3s_code.kernel.together import run_together
from a3s_code.kernel.tool import Observation

KIND = "delegated"
"""The type of the items, and the name that a receipt knows their source by."""
BUDGET = Budget(items=32, tokens=12_000, source_items=32, source_tokens=12_000)
"""Of all that agents brought."""
MAX_BROUGHT_CHARS = 10_000
"""Of what one agent brought, about 2,500 tokens; the whole is in its transcript."""


async def delegate(
    session: Awake, sink: Outlet, request: Request, context: RunContext, transcript: Transcript
) -> None:
    """
    Hand a request to the agents that it calls for; nothing happens when it calls for none.

    Raises:
        StoreError: what they did could not be recorded.
        CancelledError: the run was stopped, and so were they.
    """
    chosen = _chosen(session, request)
    if not chosen:
        return
    gate = with_manual(session.executor.gate)
    executor = replace(session.executor, gate=gate)
    run = sink.run
    brought = await run_together(
        _brought(executor, sink, f"auto-{run}-{number}", each, request.prompt)
        for number, each in enumerate(chosen, 1)
    )
    items = [_head(run, chosen), *brought]
    shown = context.note(KIND, items, BUDGET)
    if shown:
        transcript.add(Message("user", (Context(shown),)))


def _chosen(session: Awake, request: Request) -> Sequence[Candidate]:
    """Give the agents that a request is handed to, the surest first."""
    wanted, agents = session.behaviour.delegating, session.executor.agents
    if agents is None:
        return ()
    least = wanted.min_confidence
    if is_looked_at(session, request):
        least = max(least, MENTION)
    found = candidates(request.prompt, agents.listed(), ALIASES)
    return [each for each in found if each.score >= least][: wanted.max_tasks]


async def _brought(
    executor: Executor, sink: Outlet, call_id: str, each: Candidate, prompt: str
) -> ContextItem:
    """Have one agent do its part, and give what the model is shown of it."""
    name = each.agent.name
    args = {
        "agent": name,
        "description": f"unasked ({each.score:.2f}): {each.reason}",
        "prompt": f"{prompt}\n\n{text('unasked_part')}",
    }
    done = await executor.call(ToolCall(call_id, TASK_TOOL, args), Authority.SESSION, sink)
    return ContextItem(
        source=f"task://{call_id}",
        content=_account(name, done),
        trust="external",
        type=KIND,
        why=f"{name} was chosen unasked ({each.score:.2f}): {each.reason}",
    )


def _account(name: str, done: Observation) -> str:
    said = excerpt(done.text.strip(), MAX_BROUGHT_CHARS)
    head = f"Agent: {name}"
    return "\n\n".join([head, f"It failed: {said}" if done.failed else said])


def _head(run: RunId, chosen: Sequence[Candidate]) -> ContextItem:
    """Say, in the words of the harness, what the items behind this one are."""
    names = ", ".join(each.agent.name for each in chosen)
    return ContextItem(
        source=f"task://auto-{run}",
        content=f"{text('unasked')}\n\nAgents: {names}",
        trust="host",
        type=KIND,
        why="agents were chosen unasked",
    )
