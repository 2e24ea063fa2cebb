"""Rules for the tool `sandbox` are read like those for `bash`, whose denials hold there, too."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Allow, Authority, Decision, Deny
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool

ONE = "s*(ls)"
"""A rule that names one of the two by a wildcard."""

RULES = st.lists(
    st.sampled_from(
        [
            *("bash", "bash(rm *)", "bash(ls*)", "bash(git *)", "write", "*", "*(rm *)"),
            *("sandbox", "sandbox(rm *)", "sandbox(ls*)", "sandbox(*)", ONE),
        ]
    ),
    max_size=3,
)
LINES = st.sampled_from(
    [
        "ls",
        "rm -rf x",
        "ls; rm x",
        "git push",
        "env rm x",
        "echo $(rm x)",
        "ls > f",
        "$X",
        "sudo ls",
    ]
)
DECISIONS = st.sampled_from(["allow", "ask", "deny"])
POLICIES = st.builds(PermissionPolicy, RULES, RULES, RULES, DECISIONS)


class Line(msgspec.Struct, frozen=True):
    command: str


def shell(name: str) -> Tool:
    @tool(Line, effect=Effect.EXECUTE, subject="command", name=name)
    async def run(args: Line, context: ToolContext) -> Observation:
        return Observation(args.command)

    return run


def decided(policy: PermissionPolicy, name: str, line: str) -> Decision:
    call = ToolCall("1", name, {"command": line})
    action = Action(call, shell(name), Line(line), line, Effect.EXECUTE, None, Authority.SESSION)
    return PolicyGate(policy.compile()).decide(action)


@given(POLICIES, LINES)
def test_what_is_denied_to_bash_is_denied_to_sandbox_under_any_policy(
    policy: PermissionPolicy, line: str
) -> None:
    allowing = PermissionPolicy(["bash", "sandbox"], policy.deny, policy.ask, "allow")
    if isinstance(decided(allowing, "bash", line), Deny):
        assert isinstance(decided(allowing, "sandbox", line), Deny)


@given(POLICIES, LINES)
def test_rules_for_sandbox_alone_decide_as_rules_for_bash_alone_would(
    policy: PermissionPolicy, line: str
) -> None:
    def spoken_for(name: str) -> PermissionPolicy:
        lists = [
            [
                rule.replace("bash", name).replace("sandbox", name)
                for rule in rules
                if ONE not in rule
            ]
            for rules in (policy.allow, policy.deny, policy.ask)
        ]
        return PermissionPolicy(*lists, default_decision=policy.default_decision)

    here = decided(spoken_for("bash"), "bash", line)
    there = decided(spoken_for("sandbox"), "sandbox", line)
    assert type(here) is type(there)


@given(LINES)
def test_what_allows_bash_does_not_allow_sandbox(line: str) -> None:
    assert not isinstance(decided(PermissionPolicy(["bash"]), "sandbox", line), Allow)


def test_the_way_out_of_a_denial_names_rules_for_sandbox() -> None:
    decision = decided(PermissionPolicy(["sandbox(ls)"]), "sandbox", "ls; pwd")
    assert not isinstance(decision, Allow)
    assert "sandbox(pwd)" in decision.reason
