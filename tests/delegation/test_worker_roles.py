"""The agent that a worker makes."""

from __future__ import annotations

from typing import Any

import pytest

from a3s_code import PermissionPolicy, WorkerAgentSpec
from a3s_code.delegation.agents import MAX_STEPS
from a3s_code.delegation.builtin_agents import by_name, role_text
from a3s_code.delegation.worker_roles import role_of
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.children import Permissions

LIKE = {
    "read_only": "explore",
    "planner": "plan",
    "implementer": "general",
    "verifier": "verification",
    "reviewer": "review",
}


@pytest.mark.parametrize(("kind", "like"), LIKE.items())
def test_a_kind_has_the_text_and_the_rights_of_its_built_in_agent(kind: str, like: str) -> None:
    worker = WorkerAgentSpec("w", "Cares for ZEBRAS", kind, prompt="Count the stripes.")
    role = role_of(worker)

    assert role_text(like) in role.role
    assert "Cares for ZEBRAS" in role.role
    assert role.role.index("Count the stripes.") < role.role.index("Findings:")
    assert role.allow == by_name()[like].allow
    assert role.max_steps == MAX_STEPS[kind]
    assert role.inheritance == "auto_approve"


def test_a_custom_worker_is_told_its_prompt_and_nothing_else() -> None:
    assert role_of(WorkerAgentSpec.custom("w", "d")).role.startswith(role_text("custom"))
    worker = WorkerAgentSpec("w", "d", prompt=" Answer with one word. ")
    assert role_of(worker).role == "Answer with one word."
    assert role_of(worker).allow is None


def test_the_policy_of_a_worker_keeps_its_own_default() -> None:
    policy = PermissionPolicy(allow=["read"], ask=["bash"], deny=["write(x)"])
    worker = WorkerAgentSpec("w", "d", permissions=policy)

    assert role_of(worker).permissions == Permissions(("read",), ("write(x)",), ("bash",), "ask")


def test_a_policy_that_is_switched_off_allows_what_its_parent_allows() -> None:
    policy = PermissionPolicy(deny=["bash"], enabled=False)

    assert role_of(WorkerAgentSpec("w", "d", permissions=policy)).permissions == Permissions(
        ("*",), (), (), "allow"
    )


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "a\nb", InvalidValue),
        ("name", " a", InvalidValue),
        ("name", "x" * 65, InvalidValue),
        ("model", 7, InvalidType),
        ("prompt", ["x"], InvalidType),
        ("max_steps", "many", InvalidType),
        ("max_steps", True, InvalidType),
        ("max_steps", -1, InvalidValue),
    ],
)
def test_a_worker_that_cannot_be_meant_is_refused(field: str, value: Any, error: Any) -> None:
    worker = WorkerAgentSpec("w", "d")
    setattr(worker, field, value)
    with pytest.raises(error):
        role_of(worker)
