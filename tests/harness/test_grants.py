"""Rules that answers make: explicit, recorded, and never looser than a deny."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.grants import GrantingGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.ports import Allow, Ask, Deny
from harness.test_inheritance import COMMANDS, POLICIES, RULES, action


def gate(policy: PermissionPolicy | None) -> GrantingGate:
    return GrantingGate(PolicyGate(policy.compile() if policy is not None else None))


def granted(given: GrantingGate, *rules: str) -> GrantingGate:
    given.grant(given.granting("c1", rules))
    return given


@settings(max_examples=200, deadline=None)
@given(policy=st.none() | POLICIES, rules=RULES, command=st.sampled_from(COMMANDS))
def test_a_grant_turns_an_ask_into_an_allow_and_nothing_else(
    policy: PermissionPolicy | None, rules: list[str], command: str
) -> None:
    before = gate(policy).decide(action(command))
    after = granted(gate(policy), *rules).decide(action(command))

    assert after == before or (isinstance(before, Ask) and isinstance(after, Allow))


@pytest.mark.parametrize("policy", [None, PermissionPolicy(ask=["bash"])])
def test_the_rules_that_a_question_suggests_allow_that_call_and_no_other(
    policy: PermissionPolicy | None,
) -> None:
    given = gate(policy)
    rules = given.suggested(action("make test"))
    granted(given, *rules)

    assert rules == ("bash(make test)",)
    assert isinstance(given.decide(action("make test")), Allow)
    assert isinstance(given.decide(action("make all")), Ask)


def test_a_grant_adds_to_what_the_policy_allows_in_one_command() -> None:
    policy = PermissionPolicy(allow=["bash(git status)"], deny=["bash(rm *)"])
    given = granted(gate(policy), "bash(make *)")

    assert isinstance(given.decide(action("git status && make all")), Allow)
    assert isinstance(given.decide(action("make all && rm -rf x")), Deny)


def test_every_grant_changes_the_version_and_the_same_grants_give_the_same_one() -> None:
    one, other = gate(None), gate(None)
    rules = ("bash(a)", "bash(b)")
    versions = [one.policy_version, *(granted(one, rule).policy_version for rule in rules)]

    assert len(set(versions)) == 3
    assert granted(granted(other, "bash(a)"), "bash(b)").policy_version == versions[-1]


def test_a_grant_holds_for_the_policy_that_it_was_made_for() -> None:
    made = gate(PermissionPolicy(ask=["bash"])).granting("c1", ["bash(make test)"])
    other = gate(PermissionPolicy(ask=["bash", "write"]))
    other.grant(made)

    assert other.rules == ()
    assert isinstance(other.decide(action("make test")), Ask)


@pytest.mark.parametrize("rules", [["bash("], [""], ["ok", "x)"]])
def test_what_is_no_rule_is_refused(rules: list[str]) -> None:
    with pytest.raises(InvalidValue):
        gate(None).granting("c1", rules)


@pytest.mark.parametrize("rules", [5, ["ok", 5], {"rule": "bash"}, True])
def test_what_is_no_text_is_refused(rules: object) -> None:
    with pytest.raises(InvalidType, match="no rule"):
        gate(None).granting("c1", rules)  # type: ignore[arg-type]


def test_one_text_is_one_rule() -> None:
    assert gate(None).granting("c1", "bash(make)").rules == ("bash(make)",)
