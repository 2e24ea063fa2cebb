"""Only an answer, or a rule that names it, says yes to a protected place."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code import ConfirmationPolicy, PermissionPolicy
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.grants import GrantingGate
from a3s_code.harness.inheritance import Rights
from a3s_code.harness.modes import Mode
from a3s_code.kernel.ports import Allow, Ask
from a3s_code.testing import calls, says
from api.house import House
from harness.test_inheritance import action

POLICIES = [
    None,
    PermissionPolicy(),
    PermissionPolicy(default_decision="allow"),
    PermissionPolicy(["write", "bash"]),
    PermissionPolicy(ask=["write", "bash"]),
]
PLACE = ".git/hooks/pre-commit"


def gate(policy: PermissionPolicy | None, mode: Mode = Mode.DEFAULT) -> GrantingGate:
    compiled = policy.compile() if policy is not None else None
    return GrantingGate(PolicyGate(compiled, mode=mode))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("late", ["reject", "auto_approve"])
@pytest.mark.parametrize("mode", ["default", "accept_edits"])
def test_no_lane_and_no_timeout_approves_a_write_to_a_protected_place(
    policy: PermissionPolicy | None, late: str, mode: str, house: House
) -> None:
    confirmations = ConfirmationPolicy(
        enabled=True, default_timeout_ms=1, timeout_action=late, yolo_lanes=["execute"]
    )
    session = house.session(
        calls("write", file_path=PLACE, content="x"),
        calls("bash", command=f"mkdir -p .git/hooks; echo x > {PLACE}"),
        calls("write", file_path="ordinary", content="x"),
        says("done"),
        permission_policy=policy,
        permission_mode=mode,
        confirmation_policy=confirmations,
    )
    session.send("go")
    house.agent.close()

    assert not (Path(house.root) / PLACE).exists()
    assert (Path(house.root) / "ordinary").exists()


@pytest.mark.parametrize("policy", POLICIES[1:])
async def test_auto_approve_of_a_child_does_not_settle_a_protected_place(
    policy: PermissionPolicy,
) -> None:
    rights = Rights(gate(None), None).for_child(gate(policy), "auto_approve")
    command = action(f"ls && echo x > {PLACE}")
    decision = rights.gate.decide(command)

    assert isinstance(decision, Ask)
    if policy.default_decision != "deny" and rights.settles is not None:
        own = gate(policy).decide(command)
        assert isinstance(own, Ask)
        assert own.explicit
        assert not isinstance(await rights.settles.approve(command, own), Allow)


@pytest.mark.parametrize("mode", [Mode.DEFAULT, Mode.ACCEPT_EDITS])
def test_of_several_questions_the_one_that_needs_an_answer_is_put(mode: Mode) -> None:
    decision = gate(PermissionPolicy(), mode).decide(action(f"make && echo x > {PLACE}"))

    assert isinstance(decision, Ask)
    assert decision.explicit
    assert decision.part == PLACE


@pytest.mark.parametrize("policy", [PermissionPolicy(), PermissionPolicy(["bash(echo *)"])])
def test_a_granted_rule_that_names_the_place_grants_it_and_one_with_a_wildcard_does_not(
    policy: PermissionPolicy,
) -> None:
    asked = action(f"echo x > {PLACE}")
    broad, named = gate(policy), gate(policy)
    broad.grant(broad.granting("c1", ["bash", "write", "write(**)"]))
    named.grant(named.granting("c1", named.suggested(asked)))

    assert isinstance(broad.decide(asked), Ask)
    assert isinstance(named.decide(asked), Allow)


def test_a_granted_rule_for_everything_is_not_the_policy_that_allows_everything() -> None:
    given = gate(PermissionPolicy(default_decision="allow", ask=["bash(make *)"]))
    given.grant(given.granting("c1", ["*"]))

    assert isinstance(given.decide(action("make test")), Allow)
    assert isinstance(given.decide(action(f"echo x > {PLACE}")), Ask)
    assert isinstance(given.decide(action("git push")), Ask)


def test_the_policy_that_allows_everything_grants_protected_places() -> None:
    asked = action(f"echo x > {PLACE}")

    assert isinstance(gate(PermissionPolicy.permissive()).decide(asked), Allow)
    assert isinstance(gate(None, Mode.PERMISSIVE).decide(asked), Allow)
