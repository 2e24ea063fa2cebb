"""What the checks are given, and what they find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from a3s_code.errors import InvalidValue
from a3s_code.harness.languages import COMMAND_WORDS, NORMAL_PATHS, uncovered
from a3s_code.harness.patterns import Kind, Rule
from a3s_code.harness.policy import CompiledPolicy
from a3s_code.harness.tool_names import SHELL_TOOL
from a3s_code.harness.trial import LISTS, Trial, name_of, rules_of


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule and the list that it stands in."""

    among: str
    rule: Rule

    @property
    def named(self) -> str:
        return f"{self.among} {self.rule.source}"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that a rule does and that its writer may not know.

    Attributes:
        placed: The rule that it is about.
        kind: One word for this sort of finding.
        witness: A call that shows it, which the gate decided as the sentence says: the tool
            and its text; empty when the sentence needs none.
    """

    placed: Placed
    kind: str
    sentence: str
    witness: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Case:
    """
    A policy that is looked at.

    Attributes:
        names: Names of all tools that there may be.
    """

    policy: CompiledPolicy
    trial: Trial
    names: frozenset[str]

    def rules(self, *among: str) -> Iterator[Placed]:
        """Give the rules of these lists, or of all, in the order in which lists decide."""
        for name in among or LISTS:
            yield from (Placed(name, rule) for rule in rules_of(self.policy, name))

    def decided(self, name: str, text: str) -> str:
        """Give `allow`, `ask` or `deny`: what the gate decides about a call."""
        try:
            return name_of(self.trial.decide(self.policy, name, text))
        except InvalidValue:  # not a text that this tool takes, so no call of it
            return "deny"

    def may_allow(self, name: str, text: str) -> bool:
        """Whether there is a rule that could allow a call; quicker than to have it decided."""
        return (
            self.policy.default == "allow"
            or name != SHELL_TOOL
            or any(
                rule.names(name) and self.trial.matches(rule, "allow", text)
                for rule in self.policy.allow
            )
        )

    def allowed_by(self, name: str, text: str) -> str:
        """Say which rule allows a call, or that the default does."""
        among, rule = self.trial.deciding(self.policy, name, text)
        if among == "allow":
            return f"allow {rule}"
        if self.policy.default == "allow":
            return "the default decision"
        return "the allow rules"

    def alone(self, placed: Placed) -> Case:
        """Give the case in which no other rule allows anything."""
        return replace(self, policy=replace(self.policy, allow=(placed.rule,), default="ask"))

    def about_shell(self, rule: Rule) -> bool:
        return rule.names(SHELL_TOOL)


def unknown(placed: Placed) -> Finding:
    """Say that a rule could not be looked at to the end."""
    return Finding(placed, "unknown", "what it matches takes too long to tell")


def shown(text: str) -> str:
    return f"`{text}`"


def command_of(rule: Rule) -> str:
    """Give the words of a simple command that the rule matches; empty when there is none."""
    if rule.covers_all:
        return "x"
    pattern = rule.pattern(Kind.COMMAND)
    shortest = uncovered(pattern, [], COMMAND_WORDS) or ""
    if pattern.source.endswith(" *"):  # the operand is there already
        return shortest
    longer = f"{shortest} x"
    return longer if shortest and pattern.matches(longer) else shortest


def path_of(rule: Rule) -> str:
    """Give a path that the rule matches; empty when there is none."""
    return uncovered(rule.pattern(Kind.PATH), [], NORMAL_PATHS) or ""
