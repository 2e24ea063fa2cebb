"""Hooks asked outside of any session, and what they said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from a3s_code.harness.hooks.firing import Firing, Verdict
from a3s_code.harness.hooks.registry import HookRegistry
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.records import HookRan

BASH: JsonObject = {"session_id": "s", "tool": "bash", "args": {"command": "ls"}}


class Notes:
    """A log that only holds what hooks said."""

    def __init__(self) -> None:
        self.said: list[HookRan] = []

    def emit(self, event: HookRan) -> None:
        self.said.append(event)

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(each.hook_id, each.outcome) for each in self.said]


def answers(given: Any) -> Callable[[JsonObject], Any]:
    """Give a handler that always says the same."""
    return lambda _: given


async def fire(
    registry: HookRegistry,
    event: str = "pre_tool_use",
    payload: JsonObject | None = None,
    notes: Notes | None = None,
) -> Verdict:
    firing = Firing(registry, "s")
    try:
        return await firing.fire(event, BASH if payload is None else payload, notes or Notes())
    finally:
        await firing.close()


def fired(registry: HookRegistry, notes: Notes | None = None) -> Verdict:
    """The same, for tests that have no event loop."""
    return asyncio.run(fire(registry, notes=notes))
