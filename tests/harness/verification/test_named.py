"""Naming a command answers what would be asked about it, and loosens nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from a3s_code.capabilities.tools.bash import BashArgs, bash
from a3s_code.harness.verification.named import RULE, NamedByHost
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny
from a3s_code.kernel.tool import Effect


@dataclass
class Says:
    decision: Decision
    policy_version: str = "v1"

    def decide(self, action: Action) -> Decision:
        return self.decision


def action(command: str, **more: dict[str, str]) -> Action:
    args = BashArgs(command, **more)  # type: ignore[arg-type]
    call = ToolCall("c", "bash", msgspec.to_builtins(args))
    subject = bash.subject_of(args)
    return Action(call, bash, args, subject, Effect.EXECUTE, None, Authority.SESSION)


def decided(said: Decision, asked: Action) -> Decision:
    return NamedByHost(Says(said), frozenset({"make test"})).decide(asked)


def test_what_would_be_asked_is_answered() -> None:
    found = decided(Ask("no rule"), action("make test"))
    assert isinstance(found, Allow)
    assert (found.rule, found.policy_version) == (RULE, "v1")


@pytest.mark.parametrize("said", [Deny("no"), Ask("look", explicit=True), Allow("yes")])
def test_nothing_else_is(said: Decision) -> None:
    assert decided(said, action("make test")) is said


def test_only_the_very_command_is_named() -> None:
    said = Ask("no rule")
    assert decided(said, action("make test; rm x")) is said
    assert decided(said, action("make test", env={"PATH": "."})) is said
