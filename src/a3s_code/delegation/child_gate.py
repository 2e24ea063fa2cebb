"""
What a child may do: what its parent may, within what its own rules allow.

The strictest of both decides. Who settles a question is told by the mode of the child: where it
may not ask, a question is a no; where all of its questions are approved, it is a yes unless only
an answer can say yes. Any other goes to whoever answers for the parent, with the child's name.

Source:
    SPEC 6.3, 6.4; DESIGN 5 and 6; INVARIANTS 11.
"""

from __future__ import annotations

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

NO_RULES = "no own rules"
_EVERYTHING = frozenset({"*", "*(*)"})


@dataclass(frozen=True, slots=True)
class OwnRules:
    """
    The gate of a child's own rules.

    Attributes:
        policies: All that it has; the strictest decides. Empty when it has no rules.
        may_delegate: The bound on children inside children is not reached.
        delegates: It may start children without a rule that names what starts them.
    """

    who: str
    policies: tuple[CompiledPolicy, ...]
    root: str
    may_delegate: bool
    delegates: bool = False

    @classmethod
    def of(cls, spec: ChildSpec, root: str, *, may_delegate: bool) -> OwnRules:
        """
        Raises:
            InvalidValue: a rule of `spec` is none.
        """
        default = "allow" if spec.allow is None else "deny"
        rules = PermissionPolicy(spec.allow, spec.deny, spec.ask, default)
        is_empty = spec.allow is None and not spec.deny and not spec.ask
        given = () if is_empty else (rules,)
        own = spec.permissions
        if own is not None:
            given = (*given, PermissionPolicy(own.allow, own.deny, own.ask, own.default))
        policies = tuple(each.compile() for each in given)
        return cls(spec.agent, policies, root, may_delegate, spec.may_delegate)

    @property
    def policy_version(self) -> str:
        """Give a digest of the rules; children without any have the same one."""
        versions = [policy.version for policy in self.policies]
        return canonical(versions).decode() if len(versions) > 1 else "".join(versions) or NO_RULES

    def decide(self, action: Action) -> Decision:
        name = action.tool.name
        if action.authority is not Authority.HOST and name.lower() in DELEGATING:
            refusal = self._no_child(name)
            if refusal is not None:
                return refusal
        if not self.policies:
            return Allow(f"{self.who} has no rules of its own", rule=NO_RULES)
        return strictest([self._decided(policy, action) for policy in self.policies])

    def _decided(self, policy: CompiledPolicy, action: Action) -> Decision:
        decision = strictest(PolicyGate(policy, self.root).parts(action))
        if isinstance(decision, Deny) and decision.rule.startswith("default_decision"):
            return self._not_listed(policy, decision, action.tool.name)
        return decision

    @property
    def names_tools(self) -> bool:
        """Whether there is a list of what it may do, and not just of what it may not."""
        lists = (_may_do(policy) for policy in self.policies if policy.default == "deny")
        return any(all(rule.source not in _EVERYTHING for rule in rules) for rules in lists)

    def shows(self, tool: Tool) -> bool:
        """Whether the child's model is shown a tool: one that a call of it might be allowed."""
        name = tool.name
        if name.lower() in DELEGATING and not (self.may_delegate and self._names(name)):
            return False
        return all(_might_allow(policy, name) for policy in self.policies)

    def _names(self, tool: str) -> bool:
        rules = (rule for policy in self.policies for rule in _may_do(policy))
        return self.delegates or any(
            rule.names(tool) and rule.source not in _EVERYTHING for rule in rules
        )

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

    def _not_listed(self, policy: CompiledPolicy, decision: Deny, tool: str) -> Deny:
        listed = ", ".join(rule.source for rule in _may_do(policy)) or "none"
        about = f"{tool}({decision.part})" if decision.part else tool
        return Deny(
            f"{about} is not among the tools that {self.who} may use: {listed}.",
            f"tools of {self.who}",
            decision.part,
        )


def _may_do(policy: CompiledPolicy) -> tuple[Rule, ...]:
    return (*policy.allow, *policy.ask)


def _might_allow(policy: CompiledPolicy, tool: str) -> bool:
    if any(rule.covers_all and rule.names(tool) for rule in policy.deny):
        return False
    return policy.default != "deny" or any(rule.names(tool) for rule in _may_do(policy))


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
