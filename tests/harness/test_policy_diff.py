"""What two policies decide differently is found, and shown by calls that both decided."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from a3s_code.harness.patterns import Kind
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.policy_diff import STRICTNESS, Change, Difference, difference
from a3s_code.harness.trial import Trial, name_of
from harness.test_policy_lint import CALLS, POLICIES, TRIAL

BY_TEXT = Trial({n: tool for n, tool in TRIAL.tools.items() if TRIAL.kind(n) is not Kind.TEXT})
"""Takes any text that rules are held against, as calls that show a change have it."""


def compare(old: PermissionPolicy, new: PermissionPolicy) -> Difference:
    return difference(old.compile(), new.compile(), TRIAL)


def changed(found: Difference) -> list[tuple[str, str, str, str]]:
    return [(each.tool, each.text, each.old, each.new) for each in found.changes]


def test_equal_policies_decide_the_same() -> None:
    policy = PermissionPolicy(["read", "bash(git *)"], ["bash(rm *)"])
    assert compare(policy, policy) == Difference((), ())


def test_the_same_in_other_words_is_no_change() -> None:
    old = PermissionPolicy(deny=["bash(rm *)", "bash(rm -rf *)"])
    new = PermissionPolicy(deny=["BASH(rm *)"])
    assert compare(old, new) == Difference((), ())


def test_loosened_calls_come_first_and_are_what_counts() -> None:
    old = PermissionPolicy(["bash(ls *)"], ["bash(rm *)"])
    new = PermissionPolicy([], ["bash(rm -rf *)"])
    found = compare(old, new)

    assert changed(found) == [("bash", "rm x", "deny", "ask"), ("bash", "ls x", "allow", "ask")]
    assert found.loosened
    assert found.changes[0].old_rule == "deny bash(rm *)"
    assert found.changes[0].new_rule == ""


def test_a_stricter_policy_loosens_nothing() -> None:
    old = PermissionPolicy(["read", "bash(git *)"])
    new = PermissionPolicy(["read"], ["bash(git push*)"])
    found = compare(old, new)
    assert found.changes
    assert not found.loosened


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            PermissionPolicy(["write(src/*)"]),
            PermissionPolicy(["write(src/**)"]),
            ("write", "src/x/x", "ask", "allow"),
        ),
        (
            PermissionPolicy(["write(**)"]),
            PermissionPolicy(["write(**)", "write(.git/config)"]),
            ("write", ".git/config", "ask", "allow"),
        ),
        (
            PermissionPolicy(["bash(git status*)"]),
            PermissionPolicy(["bash(git *)"]),
            ("bash", "git log", "ask", "allow"),
        ),
        (
            PermissionPolicy(deny=["mcp__a"], default_decision="allow"),
            PermissionPolicy(deny=["mcp__a__b"], default_decision="allow"),
            ("mcp__a__x", "{}", "deny", "allow"),
        ),
        (
            PermissionPolicy(["bash(echo *)"]),
            PermissionPolicy(["bash(echo *)", "write(a.txt)"]),
            ("bash", "echo x > a.txt", "ask", "allow"),
        ),
    ],
)
def test_what_is_loosened_is_shown(
    old: PermissionPolicy, new: PermissionPolicy, expected: tuple[str, str, str, str]
) -> None:
    found = compare(old, new)
    assert expected in changed(found)
    assert found.loosened
    assert not any(change.loosened for change in compare(new, old).changes)


def test_another_default_is_told_once_with_all_tools_that_it_is_true_of() -> None:
    (change,) = compare(PermissionPolicy(), PermissionPolicy(default_decision="allow")).changes
    assert {"bash", "read", "write", "mcp__x__y"} < {change.tool, *change.tools}


def test_a_difference_that_no_call_shows_is_unknown_and_counts() -> None:
    """What runs inside is decided by itself, so the wrapper alone shows nothing."""
    found = compare(PermissionPolicy(), PermissionPolicy(["bash(sh -c *)"]))
    assert not found.changes
    assert "bash(sh -c *)" in found.unknown[0]
    assert found.loosened


def test_rules_that_are_too_many_to_be_compared_are_unknown_and_count() -> None:
    gap = "?" * 20
    rules = [f"bash(*a{gap}b*)", f"bash(*b{gap}a*)", f"bash(*c{gap}a*)"]
    found = compare(PermissionPolicy(rules[:2]), PermissionPolicy(rules[1:]))
    assert found.unknown == ("the rules about bash are too many to be compared",)
    assert found.loosened


@settings(max_examples=50, deadline=None)
@given(POLICIES, POLICIES, CALLS)
def test_no_loosened_call_is_missed(
    old: PermissionPolicy, new: PermissionPolicy, call: tuple[str, str]
) -> None:
    before = name_of(TRIAL.decide(old.compile(), *call))
    after = name_of(TRIAL.decide(new.compile(), *call))
    if STRICTNESS[after] < STRICTNESS[before]:
        assert compare(old, new).loosened, (call, before, after)


@settings(max_examples=20, deadline=None)
@given(POLICIES, POLICIES)
def test_every_change_is_one_and_is_told_the_other_way_round_too(
    old: PermissionPolicy, new: PermissionPolicy
) -> None:
    found = compare(old, new)
    for change in found.changes:
        assert name_of(BY_TEXT.decide(old.compile(), change.tool, change.text)) == change.old
        assert name_of(BY_TEXT.decide(new.compile(), change.tool, change.text)) == change.new
    tightened = {_turned(each) for each in compare(new, old).changes}
    assert {(each.old, each.new) for each in found.changes} == tightened


def _turned(change: Change) -> tuple[str, str]:
    return change.new, change.old
