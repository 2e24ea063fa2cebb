"""The mode of a session spares questions, and never lifts a denial."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidValue
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.modes import Mode, mode_named, mode_of
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool

STRICTNESS = {Allow: 0, Ask: 1, Deny: 2}


class Args(msgspec.Struct, frozen=True):
    text: str = ""


class Target(msgspec.Struct, frozen=True):
    path: str
    spelled: str
    repository: str = ""

    def place(self) -> str:
        return ""

    def close(self) -> None:
        pass


async def _run(args: Args, context: ToolContext) -> Observation:
    """Do nothing."""
    return Observation("")


def made(name: str, effect: Effect) -> Tool:
    is_file = effect is Effect.WRITE or name == "read"
    path = "text" if is_file else None
    return tool(Args, effect=effect, subject="text", path=path, name=name)(_run)


TOOLS = {
    "bash": made("bash", Effect.EXECUTE),
    "edit": made("edit", Effect.WRITE),
    "greet": made("greet", Effect.HOST),
    "mcp__s__look": made("mcp__s__look", Effect.READ),
    "read": made("read", Effect.READ),
    "task": made("task", Effect.CONTAINER),
    "web_fetch": made("web_fetch", Effect.NETWORK),
    "write": made("write", Effect.WRITE),
}


def decided(
    policy: PermissionPolicy | None,
    mode: Mode,
    name: str,
    text: str,
    authority: Authority = Authority.SESSION,
) -> Decision:
    of = TOOLS[name]
    target = Target(text, text) if of.path else None
    action = Action(call_of(name), of, Args(text), text, of.effect, target, authority)
    return PolicyGate(policy.compile() if policy else None, "/work", mode).decide(action)


def call_of(name: str):  # noqa: ANN201 - a call without arguments
    from a3s_code.kernel.messages import ToolCall

    return ToolCall("1", name, {})


ALLOWING = PermissionPolicy(allow=["*"], default_decision="allow")


# plan


@pytest.mark.parametrize("name", ["write", "edit", "greet", "web_fetch", "mcp__s__look"])
def test_in_plan_nothing_that_is_no_reading_runs(name: str) -> None:
    for policy in (None, ALLOWING, PermissionPolicy.permissive()):
        decision = decided(policy, Mode.PLAN, name, "a")
        assert isinstance(decision, Deny)
        assert "mode plan" in decision.reason
        assert decision.rule == "permission_mode=plan"


def test_in_plan_reading_and_containers_are_decided_as_ever() -> None:
    for name in ("read", "task"):
        assert isinstance(decided(ALLOWING, Mode.PLAN, name, "a"), Allow)
        assert isinstance(decided(PermissionPolicy(), Mode.PLAN, name, "a"), Ask)
        assert isinstance(decided(PermissionPolicy(deny=[name]), Mode.PLAN, name, "a"), Deny)


@pytest.mark.parametrize("command", ["ls", "cat a | head -5", "grep -r x . && wc -l a"])
def test_in_plan_a_command_that_changes_nothing_is_decided_by_the_policy(command: str) -> None:
    assert isinstance(decided(ALLOWING, Mode.PLAN, "bash", command), Allow)
    assert isinstance(decided(PermissionPolicy(), Mode.PLAN, "bash", command), Ask)
    assert isinstance(decided(PermissionPolicy(deny=["bash"]), Mode.PLAN, "bash", command), Deny)


@pytest.mark.parametrize(
    "command",
    [
        "touch a",
        "ls > a",
        "ls; rm a",
        "for PATH in .; do ls; done",
        ": ${PATH:=.}; ls",
        "ls $(touch a)",
        "git status",
        "echo 'open",
        "",
    ],
)
def test_in_plan_any_other_command_is_denied(command: str) -> None:
    assert isinstance(decided(ALLOWING, Mode.PLAN, "bash", command), Deny)


def test_in_plan_a_rule_that_denies_is_named_before_the_mode() -> None:
    policy = PermissionPolicy(deny=["write(src/**)"])
    assert decided(policy, Mode.PLAN, "write", "src/a").rule == "write(src/**)"


# accept_edits


def test_accepted_edits_are_those_that_no_rule_says_anything_special_about() -> None:
    for policy in (PermissionPolicy(), PermissionPolicy(ask=["write", "edit(*)"])):
        for name in ("write", "edit"):
            decision = decided(policy, Mode.ACCEPT_EDITS, name, "src/a")
            assert isinstance(decision, Allow)
            assert decision.rule == "permission_mode=accept_edits"


@pytest.mark.parametrize("order", [1, -1])
def test_a_rule_that_asks_for_some_files_still_asks(order: int) -> None:
    policy = PermissionPolicy(ask=["write", "write(secret/**)"][::order])
    assert isinstance(decided(policy, Mode.ACCEPT_EDITS, "write", "secret/a"), Ask)
    assert isinstance(decided(policy, Mode.ACCEPT_EDITS, "write", "a"), Allow)


def test_protected_places_and_everything_but_edits_are_asked_for_as_ever() -> None:
    for name, text in (
        ("write", ".git/config"),
        ("edit", "a/.git/hooks/x"),
        ("bash", "touch a"),
        ("bash", "echo x > a"),
        ("web_fetch", "http://x.test"),
        ("read", "a"),
    ):
        for policy in (PermissionPolicy(), PermissionPolicy(allow=["write"], ask=["*"])):
            assert isinstance(decided(policy, Mode.ACCEPT_EDITS, name, text), Ask), (name, text)


# permissive


def test_permissive_allows_all_but_what_a_rule_denies() -> None:
    policy = PermissionPolicy(allow=["read"], deny=["bash(rm *)"], ask=["bash(git push*)", "write"])
    for name, text in (
        ("bash", "make"),
        ("bash", "git push"),
        ("write", ".git/config"),
        ("web_fetch", "x"),
    ):
        assert isinstance(decided(policy, Mode.PERMISSIVE, name, text), Allow)
        assert isinstance(decided(None, Mode.PERMISSIVE, name, text), Allow)
    assert isinstance(decided(policy, Mode.PERMISSIVE, "bash", "ls; rm x"), Deny)
    assert isinstance(decided(policy, Mode.PERMISSIVE, "bash", "$x y"), Ask)
    strict = PermissionPolicy(ask=["bash(make*)"], default_decision="deny")
    assert isinstance(decided(strict, Mode.PERMISSIVE, "bash", "make x"), Allow)
    assert isinstance(decided(strict, Mode.PERMISSIVE, "bash", "touch x"), Deny)


# All of them

RULES = st.lists(
    st.sampled_from(
        [
            "*",
            "bash",
            "bash(*)",
            "bash(git *)",
            "bash(git push*)",
            "bash(rm *)",
            "edit",
            "mcp__*",
            "read(*)",
            "task",
            "write",
            "write(**)",
            "write(.git/**)",
            "write(src/*)",
        ]
    ),
    max_size=4,
)
POLICIES = st.builds(
    PermissionPolicy,
    allow=RULES,
    deny=RULES,
    ask=RULES,
    default_decision=st.sampled_from(["allow", "ask", "deny"]),
)
CALLS = st.sampled_from(
    [
        *itertools.product(("write", "edit"), ("a", "src/a", ".git/config")),
        *itertools.product(("bash",), ("ls", "git push", "rm x; ls", "$x", "ls > a", "echo 'o")),
        *itertools.product(("read", "task", "greet", "web_fetch", "mcp__s__look"), ("a",)),
    ]
)


@given(policy=POLICIES, call=CALLS, mode=st.sampled_from(Mode))
def test_no_mode_lifts_a_denial_and_only_two_spare_a_question(
    policy: PermissionPolicy, call: tuple[str, str], mode: Mode
) -> None:
    before = STRICTNESS[type(decided(policy, Mode.DEFAULT, *call))]
    after = STRICTNESS[type(decided(policy, mode, *call))]
    if before == STRICTNESS[Deny]:
        assert after == before
    if mode in (Mode.PLAN, Mode.DEFAULT):
        assert after >= before
    if mode is Mode.ACCEPT_EDITS and call[0] not in ("write", "edit"):
        assert after == before


@pytest.mark.parametrize("mode", Mode)
def test_the_host_may_what_it_calls_itself_in_every_mode(mode: Mode) -> None:
    assert isinstance(decided(ALLOWING, mode, "write", "a", Authority.HOST), Allow)


def test_the_mode_is_a_part_of_the_policys_version() -> None:
    versions = {PolicyGate(mode=mode).policy_version for mode in Mode}
    assert len(versions) == len(Mode)
    assert PolicyGate().policy_version == "default"


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("plan", Mode.PLAN),
        ("Accept-Edits", Mode.ACCEPT_EDITS),
        ("acceptEdits", Mode.ACCEPT_EDITS),
        (" default ", Mode.DEFAULT),
        ("bypassPermissions", Mode.PERMISSIVE),
        ("read_only", Mode.PLAN),
    ],
)
def test_a_mode_has_the_names_that_other_agents_have_for_it(name: str, mode: Mode) -> None:
    assert mode_named(name) is mode


def test_a_mode_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidValue, match="did you mean 'accept_edits'"):
        mode_named("accept_edit")
    with pytest.raises(InvalidValue, match="use one of plan, default, accept_edits, permissive"):
        mode_named("")


def test_permissive_and_a_mode_may_not_contradict_each_other() -> None:
    assert mode_of("permissive", permissive=True) is Mode.PERMISSIVE
    for name, permissive in (("plan", True), ("permissive", False)):
        with pytest.raises(InvalidValue, match="choose one"):
            mode_of(name, permissive=permissive)
