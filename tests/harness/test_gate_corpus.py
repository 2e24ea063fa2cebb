"""The gate on the shared corpus of shell commands, which were judged apart from it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Allow, Authority
from a3s_code.kernel.tool import Effect, Observation, ToolContext, tool

CORPUS = Path(__file__).parents[2] / "../shared/corpora/bash_permission_cases.jsonl"


class BashArgs(msgspec.Struct, frozen=True):
    command: str


@tool(BashArgs, effect=Effect.EXECUTE, subject="command")
async def bash(args: BashArgs, context: ToolContext) -> Observation:
    """Do nothing."""
    return Observation("")


def decided(row: dict[str, Any], root: str) -> str:
    rules = row["policy"]
    policy = PermissionPolicy(
        rules.get("allow"), rules.get("deny"), rules.get("ask"), rules.get("default")
    )
    args = BashArgs(row["command"])
    call = ToolCall("1", "bash", {"command": args.command})
    asked = Action(call, bash, args, args.command, Effect.EXECUTE, None, Authority.SESSION)
    return type(PolicyGate(policy.compile(), root).decide(asked)).__name__.lower()


@pytest.mark.skipif(not CORPUS.exists(), reason="reads ../shared")
@pytest.mark.parametrize("root", ["", "/work/project"])
def test_the_corpus_is_decided_as_it_was_judged(
    root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    got = {row["id"]: decided(row, root) for row in rows}
    leaks = [
        row["id"] for row in rows if row["never_allow"] and got[row["id"]] == Allow.__name__.lower()
    ]
    wrong = [row["id"] for row in rows if got[row["id"]] not in row["acceptable"]]
    with capsys.disabled():
        hard = sum(row["never_allow"] for row in rows)
        sys.stdout.write(
            f"\nbash permissions: {len(rows) - len(wrong)} of {len(rows)} acceptable, "
            f"{hard - len(leaks)} of {hard} never_allow rows held\n"
        )
    assert not leaks
    assert not wrong
