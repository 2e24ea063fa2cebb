"""
What a child may do: what its parent may, within what its own rules allow.

The strictest of both decides. Who settles a question is told by the mode of the child: where it
may not ask, a question is a no; where all of its questions are approved, it is a yes unless only
an answer can say yes. Any other goes to whoever answers for the parent, with the child's name.

Source:
    SPEC 6.3, 6.4; DESIGN 5 and 6; INVARIANTS 11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.inheritance import Rights
from a3s_code.harness.patterns import Rule
from a3s_code.harness.policy import CompiledPolicy, PermissionPolicy, strictest
from a3s_code.kernel.children import ChildSpec
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny
from a3s_code.kernel.tool import Tool

DELEGATING = frozenset({"skill", "task", "parallel_task", "delegate_task"})
"""Tools that start children, in lower case. A child has one only where its own rules name it."""

_EVERYTHING = frozenset({"*", "*(*)"})


@dataclass(frozen=True, slots=True)
class OwnRules:
    """
    The gate of a child's own rules.

    Attributes:
        policy: None when it has no rules.
        may_delegate: The bound on children inside children is not reached.
    """

    who: str
    policy: CompiledPolicy | None
    root: str
    may_delegate: bool

    @classmethod
    def of(cls, spec: ChildSpec, root: str, *, may_delegate: bool) -> OwnRules:
        """
        Raises:
            InvalidValue: a rule of `spec` is none.
        """
        default = "allow" if spec.allow is None else "deny"
        rules = PermissionPolicy(spec.allow, spec.deny, spec.ask, default)
        is_empty = spec.allow is None and not spec.deny and not spec.ask
        return cls(spec.agent, None if is_empty else rules.compile(), root, may_delegate)

    @property
    def policy_version(self) -> str:
        """Give a digest of the rules; children without any have the same one."""
        return self.policy.version if self.policy is not None else "no own rules"

    def decide(self, action: Action) -> Decision:
        name = action.tool.name
        if action.authority is not Authority.HOST and name.lower() in DELEGATING:
            refusal = self._no_child(name)
            if refusal is not None:
                return refusal
        if self.policy is None:
            return Allow(f"{self.who} has no rules of its own", rule="no own rules")
        decision = strictest(PolicyGate(self.policy, self.root).parts(action))
        if isinstance(decision, Deny) and decision.rule.startswith("default_decision"):
            return self._not_listed(decision, name)
        return decision

    @property
    def names_tools(self) -> bool:
        """Whether there is a list of what it may do, and not just of what it may not."""
        if self.policy is None or self.policy.default == "allow":
            return False
        return all(rule.source not in _EVERYTHING for rule in self._may_do())

    def shows(self, tool: Tool) -> bool:
        """Whether the child's model is shown a tool: one that a call of it might be allowed."""
        name = tool.name
        if name.lower() in DELEGATING:
            return self.may_delegate and self._names(name)
        if self.policy is None or self.policy.default == "allow":
            return True
        return any(rule.names(name) for rule in (*self.policy.allow, *self.policy.ask))

    def _names(self, tool: str) -> bool:
        return any(rule.names(tool) and rule.source not in _EVERYTHING for rule in self._may_do())

    def _may_do(self) -> Iterable[Rule]:
        return () if self.policy is None else (*self.policy.allow, *self.policy.ask)

    def _no_child(self, tool: str) -> Deny | None:
        if not self.may_delegate:
            return Deny(
                f"{self.who} runs inside another run, and none may be started inside it: "
                f"{tool} is refused. Do the work with the other tools.",
                "depth of children",
            )
        if not self._names(tool):
            return Deny(f"{self.who} may start no runs: its rules do not name {tool}.", "children")
        return None

    def _not_listed(self, decision: Deny, tool: str) -> Deny:
        listed = ", ".join(rule.source for rule in self._may_do()) or "none"
        about = f"{tool}({decision.part})" if decision.part else tool
        return Deny(
            f"{about} is not among the tools that {self.who} may use: {listed}.",
            f"tools of {self.who}",
            decision.part,
        )


@dataclass(frozen=True, slots=True)
class ChildGate:
    """
    Attributes:
        rights: Of the child.
    """

    who: str
    rights: Rights

    @property
    def policy_version(self) -> str:
        """Give a text that changes with the rules of the parent, of the child, and its mode."""
        version = self.rights.gate.policy_version
        mode = self.rights.mode or ""
        return version if mode == "inherit_parent" else canonical([version, mode]).decode()

    def decide(self, action: Action) -> Decision:
        decision = self.rights.gate.decide(action)
        return self._settled(decision) if isinstance(decision, Ask) else decision

    def _settled(self, ask: Ask) -> Decision:
        if self.rights.mode == "deny_on_ask":
            why = "This child may not ask: confirmation_inheritance deny_on_ask."
            return Deny(f"{ask.reason} {why}", ask.rule, ask.part)
        if self.rights.mode == "auto_approve" and not ask.explicit:
            why = f"approved for {self.who} by confirmation_inheritance auto_approve"
            return Allow(why, rule=ask.rule, part=ask.part)
        return replace(ask, reason=f"Inside {self.who}: {ask.reason}")
