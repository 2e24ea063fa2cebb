"""
The gate of a session whose model may not delegate by itself.

Calls of the host are none of its business, and neither is what the harness hands on unasked, which
has the gate without this one.

Source:
    SPEC 1.9, `manual_delegation_enabled`; SPEC 1.5, `allow_manual_delegation`.
"""

from __future__ import annotations

from dataclasses import dataclass

from a3s_code.harness.sources import Strictest
from a3s_code.harness.tool_names import TASK_TOOL, TASKS_TOOL
from a3s_code.kernel.ports import Action, Allow, Authority, Decision, Deny, Gate

DELEGATING = frozenset({TASK_TOOL, TASKS_TOOL})
"""Tools that hand work to agents."""
RULE = "manual_delegation_enabled=False"
"""What decides in place of a rule; see `kernel.ports.Deny`."""


@dataclass(frozen=True, slots=True)
class NoManualDelegation:
    """Denies the model what hands work to agents, wherever it calls it from."""

    @property
    def policy_version(self) -> str:
        return RULE

    def decide(self, action: Action) -> Decision:
        name = action.tool.name
        if action.authority is Authority.HOST or name not in DELEGATING:
            return Allow("it delegates nothing", rule="no delegation")
        return Deny(
            f"{name} is not available: in this session the model does not delegate by itself. "
            "Do the work with the other tools. The host allows it with "
            "manual_delegation_enabled=True.",
            RULE,
        )


def without_manual(gate: Gate) -> Gate:
    """Give a gate that allows what `gate` does, but no delegation by the model."""
    return Strictest((gate, NoManualDelegation()))


def with_manual(gate: Gate) -> Gate:
    """Give what `without_manual` was given; any other gate as it is."""
    if isinstance(gate, Strictest) and isinstance(gate.gates[-1], NoManualDelegation):
        return gate.gates[0]
    return gate
