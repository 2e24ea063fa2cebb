"""A policy decides in the documented order, says why, and is shared."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.patterns import Kind
from a3s_code.harness.policy import CompiledPolicy, PermissionPolicy, strictest
from a3s_code.harness.shell.words import UNKNOWN
from a3s_code.harness.subjects import Subject, printable
from a3s_code.kernel.ports import Allow, Ask, Decision, Deny

STRICTNESS = {Allow: 0, Ask: 1, Deny: 2}


def strictness(decision: Decision) -> int:
    return STRICTNESS[type(decision)]


def decide(policy: PermissionPolicy, tool: str, *subjects: str) -> type[Decision]:
    return type(policy.compile().decide(tool, subjects, Kind.COMMAND))


def test_deny_comes_before_allow_and_allow_before_ask_and_the_default_last() -> None:
    policy = PermissionPolicy(
        allow=["bash(*)"], deny=["bash(rm *)"], ask=["bash(echo *)"], default_decision="deny"
    )
    assert decide(policy, "bash", "rm a") is Deny
    assert decide(policy, "bash", "echo hi") is Allow
    assert decide(policy, "ls", ".") is Deny


def test_the_documents_examples_decide_as_they_say() -> None:
    first = PermissionPolicy(
        allow=["read(*)", "grep(*)"], deny=["bash(*)", "write(*)"], default_decision="deny"
    )
    assert [decide(first, tool, "x") for tool in ("read", "grep", "bash", "write", "ls")] == [
        Allow,
        Allow,
        Deny,
        Deny,
        Deny,
    ]
    second = PermissionPolicy(ask=["bash*"], default_decision="allow")
    assert decide(second, "bash", "ls") is Ask
    assert decide(second, "read", "x") is Allow


def test_the_default_decision_is_to_ask() -> None:
    policy = PermissionPolicy()
    assert policy.default_decision == "ask"
    assert (policy.allow, policy.deny, policy.ask) == ([], [], [])
    assert decide(policy, "read", "x") is Ask


def test_arguments_may_be_given_by_position_and_rules_as_mappings() -> None:
    policy = PermissionPolicy(["read"], [{"rule": "bash"}], ["write"], "deny", True)
    assert policy.deny == [{"rule": "bash"}]
    assert [decide(policy, tool, "x") for tool in ("read", "bash", "write", "ls")] == [
        Allow,
        Deny,
        Ask,
        Deny,
    ]


def test_a_disabled_policy_allows_everything_and_is_still_checked() -> None:
    assert decide(PermissionPolicy(deny=["*"], enabled=False), "bash", "x") is Allow
    with pytest.raises(InvalidValue):
        PermissionPolicy(deny=["("], enabled=False).compile()


def test_a_permissive_policy_allows_what_cannot_be_known() -> None:
    assert decide(PermissionPolicy.permissive(), "bash", UNKNOWN) is Allow


@pytest.mark.parametrize("decision", ["alow", "", "Allow"])
def test_a_default_that_is_no_decision_is_refused(decision: str) -> None:
    with pytest.raises(ValueError, match="is no decision"):
        PermissionPolicy(default_decision=decision).compile()


@pytest.mark.parametrize("decision", [["ask"], 1, {"ask": True}])
def test_a_default_that_is_no_text_is_refused(decision: Any) -> None:
    with pytest.raises(InvalidType, match="use one of allow, deny, ask"):
        PermissionPolicy(default_decision=decision).compile()


def test_a_rule_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidType, match="write allow="):
        PermissionPolicy(allow="read(*)")
    with pytest.raises(InvalidType, match="is no rule"):
        PermissionPolicy(allow=[{"role": "read"}]).compile()


def test_equal_policies_share_one_object() -> None:
    first = PermissionPolicy(allow=["read"], deny=[{"rule": "bash"}])
    assert first.compile() is PermissionPolicy(allow=["read"], deny=["bash"]).compile()


def test_a_reason_names_the_part_and_the_rule_that_made_it_decide() -> None:
    policy = PermissionPolicy(deny=["bash(rm*)"], ask=["bash(git push*)"]).compile()
    denied = policy.decide("bash", ["ls", "rm -f x"], Kind.COMMAND)
    assert isinstance(denied, Deny)
    assert "`rm -f x`" in denied.reason
    assert "bash(rm*)" in denied.reason
    assert "allow it by" in denied.reason
    asked = policy.decide("bash", ["ls", "git push x"], Kind.COMMAND)
    assert isinstance(asked, Ask)
    assert "`ls` matches no rule" in asked.reason


def test_an_unknown_part_is_asked_for_where_a_deny_rule_might_mean_it() -> None:
    policy = PermissionPolicy(deny=["bash(rm *)"], default_decision="allow")
    assert decide(policy, "bash", f"{UNKNOWN} -f x") is Ask
    assert decide(policy, "bash", f"rm {UNKNOWN}") is Deny
    assert decide(policy, "bash", f"echo {UNKNOWN}") is Allow


def test_only_a_wildcard_grants_an_unknown_part() -> None:
    policy = PermissionPolicy(allow=["bash(echo *)", "bash(git log)"])
    assert decide(policy, "bash", f"echo {UNKNOWN}") is Allow
    assert decide(policy, "bash", f"git {UNKNOWN}") is Ask


def test_what_goes_beyond_a_wildcard_needs_a_rule_that_spells_it_out() -> None:
    subject = Subject("sort -o a b", Kind.COMMAND, beyond="it writes a file")
    wide = PermissionPolicy(allow=["bash(sort*)"]).compile()
    exact = PermissionPolicy(allow=["bash(sort -o a b)"]).compile()
    everything = PermissionPolicy(allow=["bash(*)"]).compile()
    assert isinstance(wide.one("bash", subject), Ask)
    assert isinstance(exact.one("bash", subject), Allow)
    assert isinstance(everything.one("bash", subject), Allow)


def test_a_reason_shows_control_and_direction_characters_escaped() -> None:
    shown = printable("echo \x1b[8m \u202e" + "a" * 1_000)
    assert "\\x1b" in shown
    assert "\\u202e" in shown
    assert "more characters" in shown


RULES = st.lists(
    st.sampled_from(["bash", "bash(a*)", "bash(*b)", "bash(ab)", "b*(?)", "read", "*(a)"]),
    max_size=3,
)
POLICIES = st.builds(
    PermissionPolicy, RULES, RULES, RULES, st.sampled_from(["allow", "deny", "ask"])
)
SUBJECTS = st.text(f"ab {UNKNOWN}", max_size=4)


@given(POLICIES, st.lists(SUBJECTS, min_size=1, max_size=3))
def test_the_strictest_subject_wins_in_every_order(
    policy: PermissionPolicy, subjects: list[str]
) -> None:
    compiled = policy.compile()
    alone = max(strictness(compiled.decide("bash", [text], Kind.COMMAND)) for text in subjects)
    for order in itertools.permutations(subjects):
        assert strictness(compiled.decide("bash", order, Kind.COMMAND)) == alone


@given(POLICIES, RULES, SUBJECTS)
def test_a_deny_rule_more_never_loosens(
    policy: PermissionPolicy, more: list[str], subject: str
) -> None:
    stricter = PermissionPolicy(
        policy.allow, [*policy.deny, *more], policy.ask, policy.default_decision
    )
    before = policy.compile().decide("bash", [subject], Kind.COMMAND)
    after = stricter.compile().decide("bash", [subject], Kind.COMMAND)
    assert strictness(after) >= strictness(before)


@given(POLICIES, SUBJECTS)
def test_a_known_text_is_decided_by_the_first_list_that_matches(
    policy: PermissionPolicy, subject: str
) -> None:
    text = subject.replace(UNKNOWN, "a")
    compiled = policy.compile()

    def some(rules: tuple[object, ...]) -> bool:
        only = CompiledPolicy((), rules, (), "allow")  # type: ignore[arg-type]
        return isinstance(only.decide("bash", [text], Kind.COMMAND), Deny)

    lists = ((compiled.deny, Deny), (compiled.allow, Allow), (compiled.ask, Ask))
    default = {"allow": Allow, "deny": Deny, "ask": Ask}[policy.default_decision]
    expected = next((made for rules, made in lists if some(rules)), default)
    assert type(compiled.decide("bash", [text], Kind.COMMAND)) is expected


@given(st.permutations([Allow("a"), Ask("b"), Deny("c")]))
def test_deny_is_stricter_than_ask_and_ask_than_allow(decisions: list[Decision]) -> None:
    assert isinstance(strictest(decisions), Deny)
    assert isinstance(strictest([one for one in decisions if not isinstance(one, Deny)]), Ask)
