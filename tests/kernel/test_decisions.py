"""Each effect, question and denial has the decision that it comes from in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_code.harness.confirm import ConfirmationPolicy
from a3s_code.harness.hooks.engine import HookEngine
from a3s_code.harness.hooks.firing import Firing
from a3s_code.harness.hooks.tool_hooks import ToolHooks
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.approval import Approvals
from a3s_code.kernel.events import ConfirmationRequired, PermissionDenied, Tagged
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.ports import Action, Allow, Ask, Decision, Deny
from a3s_code.kernel.records import ConfirmationWaived, EffectIntended, EffectSettled
from a3s_code.kernel.state import OpenEffect
from a3s_code.kernel.tool import Tool
from kernel.bench import RUN, Bench, call

COMMAND = call("bash", command="make test && git status")
ALLOWS = PermissionPolicy(allow=["bash(git *)", "bash(make *)"])
ASKS = PermissionPolicy(allow=["bash(git *)"], ask=["bash(make *)"])
DENIES = PermissionPolicy(allow=["bash(git *)"], deny=["bash(make *)"])


class Person:
    def __init__(self, answer: Allow | Deny) -> None:
        self.answer = answer

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        return self.answer


def of(event: Tagged) -> tuple[str, str]:
    """Give rule and part of a record of a decision."""
    return event.rule, event.part  # type: ignore[attr-defined]


async def test_an_effect_names_the_rules_that_allowed_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=ALLOWS)
    await bench.execute(COMMAND)

    assert list(map(of, bench.all(EffectIntended))) == [("bash(make *); bash(git *)", "")]


async def test_a_denial_names_its_rule_and_the_part_that_it_is_about(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=DENIES)
    await bench.execute(call("bash", command="git status && make test"))

    assert list(map(of, bench.all(PermissionDenied))) == [("bash(make *)", "make test")]


@pytest.mark.parametrize("answer", [Allow("yes"), Deny("no")])
async def test_what_somebody_answered_keeps_what_it_was_asked_by(
    answer: Allow | Deny, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, policy=ASKS, approver=Person(answer))
    await bench.execute(COMMAND)
    came = bench.all(EffectIntended if isinstance(answer, Allow) else PermissionDenied)

    assert list(map(of, bench.all(ConfirmationRequired))) == [("bash(make *)", "make test")]
    assert list(map(of, came)) == [("bash(make *)", "make test")]


async def test_what_nobody_could_answer_says_what_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=ASKS)
    await bench.execute(COMMAND)

    assert list(map(of, bench.all(PermissionDenied))) == [("bash(make *)", "make test")]


async def test_a_lane_that_says_yes_does_so_to_a_rule(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=ASKS)
    terms = ConfirmationPolicy(enabled=True, yolo_lanes=["execute"]).validate()
    bench.executor.approvals = Approvals(terms)
    await bench.execute(COMMAND)

    assert list(map(of, bench.all(ConfirmationWaived))) == [("bash(make *)", "make test")]
    assert list(map(of, bench.all(EffectIntended))) == [("bash(make *)", "make test")]


async def test_a_direct_call_runs_on_the_authority_of_the_host(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=DENIES)
    await bench.directly("bash", command="make test")

    assert list(map(of, bench.all(EffectIntended))) == [("host authority", "")]


async def test_a_hook_that_blocks_is_named(tmp_path: Path) -> None:
    def block(_: JsonObject) -> JsonObject:
        return {"action": "block", "reason": "no"}

    bench, engine = Bench(tmp_path, policy=ALLOWS), HookEngine()
    engine.register("guard", "pre_tool_use", handler=block)
    bench.executor.hooks = ToolHooks(Firing(engine, "s"), str(tmp_path))
    await bench.execute(COMMAND)

    assert list(map(of, bench.all(PermissionDenied))) == [("hook guard", "")]


class Guarding:
    def __init__(self, found: Ask | Deny | Exception) -> None:
        self.found = found

    def restored(self, tool: Tool, args: JsonObject) -> JsonObject:
        return args

    def inspect(self, action: Action) -> Ask | Deny:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def brought(self, call: ToolCall, text: str) -> None: ...

    def advise(self, tool: str, text: str) -> None: ...


@pytest.mark.parametrize("found", [Deny("a secret"), ValueError("broken"), Ask("a secret")])
async def test_the_security_provider_is_named(
    found: Ask | Deny | Exception, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, policy=ALLOWS)
    bench.executor.guard = Guarding(found)
    await bench.execute(COMMAND)

    assert list(map(of, bench.all(PermissionDenied))) == [("security provider", "")]


async def test_a_question_of_two_keeps_the_rule_of_the_policy(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=ASKS, approver=Person(Allow("yes")))
    bench.executor.guard = Guarding(Ask("a secret would leave"))
    await bench.execute(COMMAND)
    (asked,) = bench.all(ConfirmationRequired)

    assert of(asked) == ("bash(make *)", "make test")
    assert asked.reason.startswith("a secret would leave. `make test`")
    assert asked.explicit


async def test_what_is_run_once_more_tells_only_in_its_intent_why(tmp_path: Path) -> None:
    """Evidence is kept as it is, so no text of others may stand in it."""
    bench = Bench(tmp_path, policy=ALLOWS, approver=Person(Allow("with the key hunter2-hunter2")))
    await bench.execute(COMMAND)
    (intended,) = bench.all(EffectIntended)
    before = OpenEffect(RUN, 1, intended, doubt="it was cut off")
    bench.log.state.effects["c0"] = before
    again = call("bash", "c2", **COMMAND.input)
    await bench.execute(again)

    (asked,) = bench.all(ConfirmationRequired)
    assert of(asked) == ("effect in doubt", "")
    repeated = [each for each in bench.all(EffectSettled) if each.outcome == "repeated"]
    assert [each.evidence for each in repeated] == ["run once more"]


@pytest.mark.parametrize("made", ["yes", None, 3])
async def test_a_gate_that_gives_no_decision_denies(made: Any, tmp_path: Path) -> None:
    class Broken:
        policy_version = "broken"

        def decide(self, action: Action) -> Decision:
            return made

    bench = Bench(tmp_path)
    bench.executor.gate = Broken()
    await bench.execute(COMMAND)
    (denied,) = bench.all(PermissionDenied)

    assert f"answered with a {type(made).__name__}, no decision" in denied.reason
