"""A child never has more rights than its parent, however deep, whatever its mode."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.capabilities.tools.bash import bash
from a3s_code.errors import InvalidValue
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.inheritance import INHERITANCES, Mode, Rights, check_inheritance
from a3s_code.harness.policy import PermissionPolicy, strictest
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Allow, Approver, Ask, Authority, Decision, Deny, Gate
from a3s_code.kernel.tool import Effect
from capabilities.conftest import decode

COMMANDS = ("make test", "git push", "rm -rf /x", "echo $(date)")
RULES = st.lists(
    st.sampled_from(["bash", "bash(make *)", "bash(git push)", "bash(rm *)", "*"]), max_size=2
)
POLICIES = st.builds(
    PermissionPolicy,
    allow=RULES,
    deny=RULES,
    ask=RULES,
    default_decision=st.sampled_from(["allow", "ask", "deny"]),
)
MODES = st.sampled_from(INHERITANCES)


def action(command: str = "make test") -> Action:
    given = {"command": command}
    called = ToolCall("c1", "bash", given)
    args = decode(bash, given)
    return Action(called, bash, args, command, Effect.EXECUTE, None, Authority.SESSION)


def gate(policy: PermissionPolicy | None) -> PolicyGate | None:
    return PolicyGate(policy.compile()) if policy is not None else None


@dataclass
class Person:
    """Answers for the session; counts how often."""

    says: Allow | Deny
    asked: int = 0

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.asked += 1
        return self.says


def outcome(rights: Rights, what: Action) -> Allow | Deny:
    decision = rights.gate.decide(what)
    if not isinstance(decision, Ask):
        return decision
    settles = rights.settles
    if settles is None:
        return Deny("nobody")
    return asyncio.run(settles.approve(what, decision))  # type: ignore[arg-type]


def rights(policy: PermissionPolicy, approver: Approver | None = None) -> Rights:
    return Rights(PolicyGate(policy.compile()), approver)


@settings(max_examples=300, deadline=None)
@given(
    root=POLICIES,
    line=st.lists(st.tuples(st.none() | POLICIES, MODES), min_size=1, max_size=4),
    command=st.sampled_from(COMMANDS),
    says=st.sampled_from([Allow("yes"), Deny("no"), None]),
)
def test_no_line_of_children_loosens_anything(
    root: PermissionPolicy,
    line: list[tuple[PermissionPolicy | None, Mode]],
    command: str,
    says: Allow | Deny | None,
) -> None:
    person = Person(says) if says is not None else None
    what, at = action(command), rights(root, person)
    decisions: list[Decision] = [at.gate.decide(what)]
    only_auto = True
    for policy, mode in line:
        above = outcome(at, what)
        at = at.for_child(gate(policy), mode)
        only_auto = only_auto and mode == "auto_approve"
        if policy is not None:
            decisions.append(PolicyGate(policy.compile()).decide(what))
        came = outcome(at, what)

        assert type(at.gate.decide(what)) is type(strictest(decisions))
        if any(isinstance(each, Deny) for each in decisions):
            assert isinstance(came, Deny)
        if not only_auto and isinstance(above, Deny):
            assert isinstance(came, Deny), "only a line of auto_approve is told yes for its parent"
        if isinstance(strictest(decisions), Ask) and any(m == "deny_on_ask" for _, m in line[:1]):
            assert isinstance(came, Deny)


@pytest.mark.parametrize(
    ("mode", "says", "allowed", "asked"),
    [
        ("auto_approve", Deny("no"), True, 0),
        ("deny_on_ask", Allow("yes"), False, 0),
        ("inherit_parent", Allow("yes"), True, 1),
        ("inherit_parent", Deny("no"), False, 1),
    ],
)
def test_a_mode_settles_what_the_child_asks_about(
    mode: Mode, says: Allow | Deny, allowed: bool, asked: int
) -> None:
    person = Person(says)
    child = rights(PermissionPolicy(ask=["bash"]), person).for_child(None, mode)

    assert isinstance(outcome(child, action()), Allow) is allowed
    assert person.asked == asked


@pytest.mark.parametrize("mode", INHERITANCES)
def test_what_the_parent_denies_stays_denied_for_a_child_that_allows_it(mode: Mode) -> None:
    parent = rights(PermissionPolicy(deny=["bash"]), Person(Allow("yes")))
    child = parent.for_child(gate(PermissionPolicy.permissive()), mode)

    assert isinstance(outcome(child, action()), Deny)


@pytest.mark.parametrize(
    ("upper", "lower", "allowed", "asked"),
    [
        ("auto_approve", "auto_approve", True, 0),
        ("inherit_parent", "auto_approve", False, 1),
        ("deny_on_ask", "auto_approve", False, 0),
        ("auto_approve", "inherit_parent", False, 1),
        ("deny_on_ask", "inherit_parent", False, 0),
        ("inherit_parent", "deny_on_ask", False, 0),
    ],
)
def test_a_child_of_a_child_is_bound_by_both_modes(
    upper: Mode, lower: Mode, allowed: bool, asked: int
) -> None:
    person = Person(Deny("no"))
    top = rights(PermissionPolicy(ask=["bash"]), person)
    lowest = top.for_child(None, upper).for_child(None, lower)

    assert isinstance(outcome(lowest, action()), Allow) is allowed
    assert person.asked == asked


class Explicit:
    policy_version = "explicit"

    def decide(self, action: Action) -> Decision:
        return Ask("a protected place", explicit=True)


@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize("person", [None, Person(Deny("no"))])
def test_auto_approve_never_says_yes_where_an_answer_is_wanted(
    person: Person | None, below: bool
) -> None:
    ask = PolicyGate(PermissionPolicy(ask=["bash"]).compile())
    first, second = (ask, Explicit()) if below else (Explicit(), ask)
    parent: Gate = first
    child = Rights(parent, person).for_child(second, "auto_approve")
    decision = child.gate.decide(action())

    assert isinstance(decision, Ask)
    assert decision.explicit
    assert isinstance(outcome(child, action()), Deny)


def test_the_version_of_a_child_changes_with_either_policy() -> None:
    parent = rights(PermissionPolicy(ask=["bash"]))
    versions = {
        parent.gate.policy_version,
        parent.for_child(gate(PermissionPolicy()), "auto_approve").gate.policy_version,
        parent.for_child(gate(PermissionPolicy(["ls"])), "auto_approve").gate.policy_version,
        rights(PermissionPolicy())
        .for_child(gate(PermissionPolicy(["ls"])), "auto_approve")
        .gate.policy_version,
    }

    assert len(versions) == 4


@pytest.mark.parametrize("name", ["", "Auto_Approve", "always", None, 3])
def test_a_mode_that_does_not_exist_is_refused(name: object) -> None:
    with pytest.raises(InvalidValue, match="is no confirmation_inheritance"):
        check_inheritance(name)
