from __future__ import annotations

from collections.abc import Callable

import pytest

from a3s_code.delegation.agents import MAX_STEPS, AutoDelegationConfig, WorkerAgentSpec
from a3s_code.errors import InvalidValue
from a3s_code.harness.inheritance import INHERITANCES
from a3s_code.harness.policy import PermissionPolicy


@pytest.mark.parametrize("kind", MAX_STEPS)
def test_every_kind_has_a_constructor_and_its_own_number_of_steps(kind: str) -> None:
    make: Callable[[str, str], WorkerAgentSpec] = getattr(WorkerAgentSpec, kind)
    worker = make("w", "does things")

    assert worker == WorkerAgentSpec("w", "does things", kind)
    assert worker.validate().max_steps == MAX_STEPS[kind]


def test_a_worker_without_a_kind_is_custom_and_approves_by_itself() -> None:
    worker = WorkerAgentSpec("w", "d")

    assert worker.kind == "custom"
    assert worker.confirmation_inheritance == "auto_approve"
    assert worker.permissions is worker.model is worker.prompt is worker.max_steps is None


def test_what_a_worker_is_told_later_reaches_the_agent_it_makes() -> None:
    worker = WorkerAgentSpec.implementer("frontend-cow", "Small verified fixes")
    worker.model = "openai/gpt-4o"
    worker.max_steps = 24
    worker.prompt = "Keep patches focused."
    worker.hidden = True
    worker.confirmation_inheritance = "inherit_parent"
    made = worker.validate()

    assert (made.name, made.description) == ("frontend-cow", "Small verified fixes")
    assert (made.model, made.max_steps, made.prompt) == (
        "openai/gpt-4o",
        24,
        "Keep patches focused.",
    )
    assert made.hidden
    assert not made.native
    assert made.confirmation_inheritance == "inherit_parent"


@pytest.mark.parametrize(("name", "description"), [("", "d"), ("w", ""), (" ", "d")])
def test_a_worker_without_a_name_or_a_description_is_refused(name: str, description: str) -> None:
    with pytest.raises(InvalidValue):
        WorkerAgentSpec(name, description)


def test_an_inheritance_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(InvalidValue, match="'always' is no confirmation_inheritance"):
        WorkerAgentSpec("w", "d", confirmation_inheritance="always")


@pytest.mark.parametrize("inheritance", INHERITANCES)
def test_every_inheritance_is_accepted(inheritance: str) -> None:
    worker = WorkerAgentSpec("w", "d", confirmation_inheritance=inheritance)

    assert worker.validate().confirmation_inheritance == inheritance


def test_wrong_values_are_refused_when_the_worker_is_checked() -> None:
    bogus_kind = WorkerAgentSpec("w", "d", "bogus")
    bogus_inheritance = WorkerAgentSpec("w", "d", "implementer")
    bogus_inheritance.confirmation_inheritance = "bogus"
    no_steps = WorkerAgentSpec("w", "d", max_steps=0)
    bad_rule = WorkerAgentSpec("w", "d", permissions=PermissionPolicy(default_decision="maybe"))

    for worker in (bogus_kind, bogus_inheritance, no_steps, bad_rule):
        with pytest.raises(InvalidValue):
            worker.validate()


def test_a_wrong_kind_is_named_with_those_that_exist() -> None:
    with pytest.raises(InvalidValue, match=r"'bogus'.*read_only"):
        WorkerAgentSpec("w", "d", "bogus").validate()


def test_the_defaults_of_auto_delegation_are_those_of_the_documents() -> None:
    assert AutoDelegationConfig() == AutoDelegationConfig(False, True, 0.72, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: AutoDelegationConfig(min_confidence=1.2),
        lambda: AutoDelegationConfig(min_confidence=float("nan")),
        lambda: AutoDelegationConfig(max_tasks=0),
    ],
)
def test_auto_delegation_outside_of_its_range_is_refused(
    wrong: Callable[[], AutoDelegationConfig],
) -> None:
    with pytest.raises(InvalidValue):
        wrong()
