"""
The gate of `enforce_active_skill_tool_restrictions`.

Off unless a host asks for it: a skill that is merely there restricts nothing. With it the model of
the session may do only what one of the instruction skills that have a list of tools names, beside
finding and running skills. A running skill is held to its own list either way.

Source:
    SPEC 6.4; DESIGN 6, row "skills".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from a3s_code.capabilities.skills.skill import Skill
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import CompiledPolicy, PermissionPolicy, strictest
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Action, Allow, Authority, Decision, Deny

ALWAYS = frozenset({"skill", "search_skills"})
"""How skills are found and run; what runs inside is decided by itself."""
NO_LIST, NOT_LISTED = "no active skill has a list", "active skills"
"""What decides in place of a rule; see `kernel.ports.Allow`."""


class Active(Protocol):
    """The skills of a session; a `SkillRegistry`."""

    def all(self) -> Sequence[Skill]: ...


@dataclass(slots=True)
class ActiveSkills:
    """
    Decides by the union of the lists of the skills there are at that moment.

    Attributes:
        root: The workspace, as `PolicyGate` has it.
    """

    skills: Active
    root: str = ""
    _rules: tuple[str, ...] = ()
    _policy: CompiledPolicy | None = None

    @property
    def policy_version(self) -> str:
        """Give a digest of the union; it changes when a skill comes or goes."""
        rules = self._union()
        return hashlib.sha256(canonical(["active skills", *(rules or ["none"])])).hexdigest()

    def decide(self, action: Action) -> Decision:
        if action.authority is Authority.HOST or action.tool.name.lower() in ALWAYS:
            return Allow("no skill restricts it", rule=NO_LIST)
        rules = self._union()
        if rules is None:
            return Allow("no active skill restricts the tools", rule=NO_LIST)
        decision = strictest(PolicyGate(self._compiled(rules), self.root).parts(action))
        if not isinstance(decision, Deny):
            return decision
        listed = ", ".join(rules) or "none"
        return Deny(
            f"{action.tool.name} is not allowed by any active skill; they allow: {listed}.",
            NOT_LISTED,
            decision.part,
        )

    def _union(self) -> tuple[str, ...] | None:
        """Give the rules of all lists, each once and sorted; None when there is no list."""
        lists = [
            skill.allowed_tools
            for skill in self.skills.all()
            if skill.kind == "instruction" and skill.allowed_tools is not None
        ]
        return tuple(sorted({rule for rules in lists for rule in rules})) if lists else None

    def _compiled(self, rules: tuple[str, ...]) -> CompiledPolicy:
        if self._policy is None or rules != self._rules:
            self._rules = rules
            self._policy = PermissionPolicy(rules, default_decision="deny").compile()
        return self._policy
