"""
However a call is nested, and however its sources of policy stand, the strictest decides.

Calls are made by the model, by tools that call others one by one or in a batch, and by the
host; each is decided by all sources, in every order, through the one executor.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.modes import Mode
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.sources import Strictest
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny, Gate
from a3s_code.kernel.tool import Effect, Observation, ToolContext, tool
from kernel.bench import Bench

STRICTNESS = {Allow: 0, Ask: 1, Deny: 2}
PROFILE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Command(msgspec.Struct, frozen=True):
    command: str


class Inner(msgspec.Struct, frozen=True):
    calls: list[JsonObject]


@dataclass
class House:
    """Tools that write down what ran, and somebody who says yes and writes down what was asked."""

    ran: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])

    def tools(self) -> Sequence[Any]:
        async def run(args: Command, context: ToolContext) -> Observation:
            """Write down that it ran."""
            self.ran.append(args.command)
            return Observation("ran")

        async def each(args: Inner, context: ToolContext) -> Observation:
            """Call one after the other."""
            for inner in args.calls:
                await context.call(inner["name"], inner["args"])
            return Observation("done")

        async def together(args: Inner, context: ToolContext) -> Observation:
            """Call all at the same time."""
            await asyncio.gather(*(context.call(i["name"], i["args"]) for i in args.calls))
            return Observation("done")

        contained = tool(Inner, effect=Effect.CONTAINER, subject=lambda _: "", name="program")
        batch = tool(Inner, effect=Effect.CONTAINER, subject=lambda _: "", name="batch")
        bash = tool(Command, effect=Effect.EXECUTE, subject="command", name="bash")
        return bash(run), contained(each), batch(together)

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.asked.append(action.subject or action.tool.name)
        return Allow("yes")


RULES = st.lists(
    st.sampled_from(
        [
            "*",
            "bash",
            "bash(*)",
            "bash(a*)",
            "bash(ab)",
            "bash(git *)",
            "bash(git push*)",
            "bash(rm *)",
            "b*",
            "batch",
            "program",
        ]
    ),
    max_size=3,
)
POLICIES = st.builds(
    PermissionPolicy,
    allow=RULES,
    deny=RULES,
    ask=RULES,
    default_decision=st.sampled_from(["allow", "allow", "ask", "deny"]),
    enabled=st.sampled_from([True, True, True, False]),
)
GATES = st.lists(
    st.builds(
        lambda policy, mode: PolicyGate(policy and policy.compile(), "/work", mode),
        st.one_of(POLICIES, POLICIES, st.none()),
        st.sampled_from([Mode.DEFAULT, Mode.DEFAULT, *Mode]),
    ),
    min_size=1,
    max_size=3,
)
COMMANDS = st.sampled_from(
    ["a", "ab", "git log", "git push", "rm x", "a; rm x", "sudo git push", "$x", "a > b", "ls"]
)
CALLS = st.recursive(
    COMMANDS.map(lambda text: {"name": "bash", "args": {"command": text}}),
    lambda inner: st.builds(
        lambda name, calls: {"name": name, "args": {"calls": calls}},
        st.sampled_from(["program", "batch"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


def expected(gates: Sequence[Gate], call: JsonObject, tools: dict[str, Any]) -> Decision:
    """Decide a call by every gate itself, and take the strictest."""
    of = tools[call["name"]]
    args = msgspec.convert(call["args"], of.args)
    action = Action(
        ToolCall("1", of.name, call["args"]),
        of,
        args,
        of.subject_of(args),
        of.effect,
        None,
        Authority.SESSION,
    )
    return max((gate.decide(action) for gate in gates), key=lambda each: STRICTNESS[type(each)])


def foreseen(
    gates: Sequence[Gate], call: JsonObject, tools: dict[str, Any], host: bool = False
) -> tuple[list[str], list[str]]:
    """Give the commands that run and the calls that somebody is asked about, in order."""
    decision = Allow("the host") if host else expected(gates, call, tools)
    name = call["args"].get("command") or call["name"]
    asked = [name] if isinstance(decision, Ask) else []
    if isinstance(decision, Deny):
        return [], []
    if call["name"] == "bash":
        return [name], asked
    inner = [foreseen(gates, each, tools) for each in call["args"]["calls"]]
    ran = list(itertools.chain.from_iterable(each[0] for each in inner))
    return ran, asked + list(itertools.chain.from_iterable(each[1] for each in inner))


@pytest.mark.parametrize("by_host", [False, True])
@PROFILE
@given(gates=GATES, call=CALLS)
def test_no_nesting_and_no_order_loosens_a_denial_or_skips_a_question(
    by_host: bool, gates: list[PolicyGate], call: JsonObject, tmp_path: Path
) -> None:
    async def made(order: Sequence[Gate]) -> tuple[list[str], list[str]]:
        house = House()
        bench = Bench(tmp_path, tools=house.tools(), approver=house)
        bench.executor.gate = Strictest(order)
        if by_host:
            await bench.directly(call["name"], **call["args"])
        else:
            await bench.execute(ToolCall("c1", call["name"], call["args"]))
        return sorted(house.ran), sorted(house.asked)

    tools = {each.name: each for each in House().tools()}
    ran, asked = foreseen(gates, call, tools, by_host)
    for order in itertools.permutations(gates):
        assert asyncio.run(made(order)) == (sorted(ran), sorted(asked))


@given(policy=POLICIES, call=COMMANDS, chance=st.randoms())
def test_the_order_of_rules_within_a_list_does_not_matter(
    policy: PermissionPolicy, call: str, chance: Any
) -> None:
    lists = [list(rules) for rules in (policy.allow, policy.deny, policy.ask)]
    for rules in lists:
        chance.shuffle(rules)
    mixed = PermissionPolicy(*lists, policy.default_decision, policy.enabled)
    tools = {each.name: each for each in House().tools()}
    asked = {"name": "bash", "args": {"command": call}}
    before, after = (
        expected([PolicyGate(each.compile(), "/work")], asked, tools) for each in (policy, mixed)
    )
    assert type(before) is type(after)


@given(gates=GATES, call=COMMANDS)
def test_another_source_never_makes_it_less_strict(gates: list[PolicyGate], call: str) -> None:
    tools = {each.name: each for each in House().tools()}
    asked = {"name": "bash", "args": {"command": call}}
    levels = [
        STRICTNESS[type(expected([Strictest(gates[:count])], asked, tools))]
        for count in range(1, len(gates) + 1)
    ]
    assert levels == sorted(levels)


# One by one

ALLOWING = PolicyGate(PermissionPolicy.permissive().compile())


class Broken:
    """A gate that does what no gate may."""

    policy_version = "1"

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def decide(self, action: Action) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("answer", [ValueError("no"), None, True, "allow"])
def test_a_source_that_fails_denies(answer: object) -> None:
    tools = {each.name: each for each in House().tools()}
    asked = {"name": "bash", "args": {"command": "a"}}
    for gates in ([ALLOWING, Broken(answer)], [Broken(answer), ALLOWING]):
        assert isinstance(expected([Strictest(gates)], asked, tools), Deny)


def test_without_a_source_everything_is_denied() -> None:
    tools = {each.name: each for each in House().tools()}
    decision = expected([Strictest(())], {"name": "bash", "args": {"command": "a"}}, tools)
    assert isinstance(decision, Deny)


def test_the_version_tells_which_sources_there_are_and_not_their_order() -> None:
    one, other = ALLOWING, PolicyGate()
    assert Strictest([one]).policy_version == one.policy_version
    assert Strictest([one, other]).policy_version == Strictest([other, one]).policy_version
    assert Strictest([one, other]).policy_version not in (one.policy_version, other.policy_version)
