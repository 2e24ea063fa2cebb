"""Where nobody can be asked, the answer is no, and says how it could be yes."""

from __future__ import annotations

import pytest

from a3s_code.capabilities.tools.bash import bash
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.approval import unanswered
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Ask, Authority
from a3s_code.kernel.tool import Effect
from capabilities.conftest import decode


def action(command: str) -> Action:
    given = {"command": command}
    call = ToolCall("c1", "bash", given)
    return Action(call, bash, decode(bash, given), command, Effect.EXECUTE, None, Authority.SESSION)


@pytest.mark.parametrize("end", ["", ".", ";", ". "])
def test_a_question_is_denied_with_its_reason(end: str) -> None:
    answer = unanswered(Ask(f"it runs a program{end}"), "nobody is there to confirm it")

    assert answer == "it runs a program. It needs confirmation, and nobody is there to confirm it."


@pytest.mark.parametrize("policy", [None, PermissionPolicy(ask=["bash"]).compile()])
def test_the_rule_that_would_allow_it_is_named_once(policy: None) -> None:
    gate = PolicyGate(policy)
    asked = gate.decide(action("make test"))
    assert isinstance(asked, Ask)
    reason = unanswered(asked, "nobody is there to confirm it")

    assert reason.count("bash(make test)") == 1
    assert reason.count("allow") == (2 if policy is None else 1)
