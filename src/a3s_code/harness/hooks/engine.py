"""
An engine of hooks that a host makes, and may give to many sessions.

    engine = HookEngine()
    engine.register("audit", "pre_tool_use", handler=print)
    agent.session(".", hook_engine=engine)

Each session asks the hooks of its engine, and those that are registered on the session itself;
a child asks all of its parent's.
"""

from __future__ import annotations

from a3s_code.harness.hooks.registry import HookRegistry
from a3s_code.kernel.messages import JsonObject


class HookEngine(HookRegistry):
    """
    Hooks by their ids, and a `HookExecutor`, so that another one can wrap it.

    Args:
        above: An engine whose hooks are asked as well, and cannot be taken away here.

    Raises:
        InvalidType: `above` is no engine.

    Source:
        A3S Code README, "with_hook_engine" and "HookEngine"; SPEC 7.
    """

    __slots__ = ()

    async def fire(self, event: JsonObject) -> JsonObject | None:
        """
        Ask the hooks about an event of no session, as an executor does.

        Args:
            event: `{"event_type", "payload"}`.

        Returns:
            What they answer together: None, `block` with the reason, or `modify` with `data`.

        Raises:
            InvalidType, InvalidValue: it is no such event.
        """
        from a3s_code.harness.hooks.firing import fire_alone  # needs an event loop

        return await fire_alone(self, event)
