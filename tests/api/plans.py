"""Plans as a model gives them, and what a stream tells of them."""

from __future__ import annotations

import json
from typing import Any

from a3s_code import AgentEvent
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import Rule, Turn, When, calls, on

LIST = "Please do all of this:\n1. write the first file\n2. write the second file\n3. check them"
"""A request whose form shows that it asks for several things."""


def step(id_: str, *dependencies: str, words: str = "", **more: Any) -> JsonObject:
    return {
        "id": id_,
        "description": words or f"STEP-{id_}",
        "dependencies": list(dependencies),
        **more,
    }


def plan(*steps: JsonObject, needed: bool = True, **more: Any) -> Turn:
    """Give the answer of a planner."""
    envelope = {
        "intent": "GeneralPurpose",
        "requires_planning": needed,
        "goal": {"description": "THE-GOAL", "success_criteria": ["all is there"]},
        "execution_plan": {"complexity": "Medium", "steps": list(steps), "required_tools": []},
        "optimized_input": "REWRITTEN",
    }
    return calls("*", **{**envelope, **more})


def planner(*steps: JsonObject, **more: Any) -> Rule:
    return on(When(forced_tool="plan"), plan(*steps, **more))


def at(words: str, *turns: Turn) -> Rule:
    """Answer the step of these words, on whichever branch it is."""
    return on(When(last=f"Your step: {words}"), *turns)


def beside(words: str, *turns: Turn) -> Rule:
    """Answer all requests of the step of these words, which runs beside others."""
    return on(When(body=f"Your step: {words}"), *turns)


def types(events: list[AgentEvent]) -> list[str]:
    return [event.event_type for event in events]


def told(events: list[AgentEvent], kind: str) -> list[Any]:
    return [json.loads(event.data or "{}") for event in events if event.event_type == kind]


def statuses(events: list[AgentEvent]) -> list[list[str]]:
    """Give the statuses of the list of tasks, each time that it was told."""
    return [[task["status"] for task in row["tasks"]] for row in told(events, "task_updated")]
