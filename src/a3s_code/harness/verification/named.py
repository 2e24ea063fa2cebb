"""
The gate of checks that the host requires.

Naming a command in the option `verification` answers what would be asked about it, as a direct
call of the host would; it loosens nothing else. What a rule denies stays denied, what only an
answer allows is still asked, and the command is held as the model's own commands are, since what
it runs may be what the model wrote.

Source:
    DESIGN 5; DESIGN 6, "direct calls".
"""

from __future__ import annotations

from dataclasses import dataclass

from a3s_code.kernel.ports import Action, Allow, Ask, Decision, Gate

RULE = "verification=required"


@dataclass(frozen=True, slots=True)
class NamedByHost:
    """
    Args:
        gate: Of the session.
        commands: Command lines, as they were named.
    """

    gate: Gate
    commands: frozenset[str]

    @property
    def policy_version(self) -> str:
        return self.gate.policy_version

    def decide(self, action: Action) -> Decision:
        decision = self.gate.decide(action)
        if not isinstance(decision, Ask) or decision.explicit:
            return decision
        if action.tool.name != "bash" or action.subject not in self.commands:
            return decision
        return Allow("The host requires this check.", self.policy_version, RULE, decision.part)
