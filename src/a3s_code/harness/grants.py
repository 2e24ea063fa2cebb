"""
Standing grants: rules that answers have made, on top of the policy of a session.

A grant is an explicit allow rule. It is laid beside the policy as if it stood in its allow
list, so a deny rule still denies; it never turns a Deny into anything else. It changes the
policy's version, and it holds for that policy alone: a session that is given another policy
starts without.

Source:
    DESIGN 5 ("nothing downstream can loosen"); INVARIANTS 13.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from a3s_code.errors import InvalidType
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import CompiledPolicy
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Action, Allow, Ask, Decision
from a3s_code.kernel.records import RuleGranted

_NOTHING = CompiledPolicy((), (), (), "ask")


@dataclass(slots=True)
class GrantingGate:
    """
    The gate of a session: its policy, and what answers have granted since.

    Attributes:
        base: Decides; only what it asks about is looked at again.
        rules: Granted ones, oldest first.
    """

    base: PolicyGate
    rules: tuple[str, ...] = ()
    _wider: PolicyGate | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._wider = self._widened(self.rules) if self.rules else None

    @property
    def policy_version(self) -> str:
        """Give the version of the policy; a digest of it and of the rules once there are some."""
        return self._version(self.rules)

    def decide(self, action: Action) -> Decision:
        """
        Decide as the policy does; what it asks about is allowed where a granted rule says so.

        A rule is an answer, so it settles what only an answer may, where it names the place.
        """
        decision = self.base.decide(action)
        if self._wider is None or not isinstance(decision, Ask):
            return decision
        wider = self._wider.decide(action)
        return wider if isinstance(wider, Allow) else decision

    def parts(self, action: Action) -> tuple[Decision, ...]:
        """Give what is decided of each part, by the granted rules where they allow the whole."""
        wider = self._wider
        if wider is None or self.decide(action) == self.base.decide(action):
            return self.base.parts(action)
        return wider.parts(action)

    # Granting

    def suggested(self, action: Action) -> tuple[str, ...]:
        """Give the narrowest rules that would allow an action; empty when none would."""
        return self.base.rules_for(action)

    def granting(self, call_id: str, rules: Iterable[str]) -> RuleGranted:
        """
        Give the record that makes `rules` hold.

        Raises:
            InvalidValue, InvalidType: one of them is no rule; names it and the column.
        """
        new = _texts(rules)
        self._widened(new)
        after = self._version(_joined(self.rules, new))
        return RuleGranted(call_id=call_id, rules=new, before=self.policy_version, after=after)

    def grant(self, granted: RuleGranted) -> None:
        """Let rules hold that were granted for the policy as it is now; others are left alone."""
        if granted.before != self.policy_version:
            return
        self.rules = _joined(self.rules, granted.rules)
        self._wider = self._widened(self.rules)

    def _widened(self, rules: tuple[str, ...]) -> PolicyGate:
        policy = self.base.policy or _NOTHING
        wider = policy.allowing(rules)
        if wider.allows_everything and not policy.allows_everything:
            wider = replace(wider, default="ask")  # a rule `*` leaves nothing to the default
        return replace(self.base, policy=wider)

    def _version(self, rules: tuple[str, ...]) -> str:
        base = self.base.policy_version
        return hashlib.sha256(canonical([base, *rules])).hexdigest() if rules else base


def _joined(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*old, *new)))


def _texts(rules: object) -> tuple[str, ...]:
    """
    Take one rule, or several.

    Raises:
        InvalidType: something else was given.
    """
    if isinstance(rules, str):
        return (rules,)
    if isinstance(rules, list | tuple):
        given: list[object] = list(rules)  # pyright: ignore[reportUnknownArgumentType]
        if all(isinstance(rule, str) for rule in given):
            return tuple(str(rule) for rule in given)
    raise InvalidType(f"remember is {rules!r}, no rule.", hint="give a text such as 'bash(make *)'")
