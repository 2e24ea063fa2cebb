"""
What a decision costs: a line of five commands under a policy of eight rules.

    python bench/gate.py

Three rows, the median of each in microseconds: a line that was never seen and is allowed, one
that is asked for (and told which rules would allow it), and the same line again.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Authority

ROUNDS = 2_000
POLICY = PermissionPolicy(
    allow=["bash(git *)", "bash(ls*)", "bash(npm test*)", "bash(cargo *)", "bash(cat *)"],
    deny=["bash(rm *)", "bash(sudo *)"],
    ask=["bash(git push*)"],
)
ALLOWED = "git status && ls -la src; git log --oneline && cargo test --lib && cat README.md"
ASKED = "git status && ls -la src | head -5; cargo test --lib && cat README.md"


def main() -> None:
    for name, line in (
        ("new, allowed", lambda at: f"{ALLOWED}{at}"),
        ("new, asked for", lambda at: f"{ASKED}{at}"),
        ("known, allowed", lambda _: ALLOWED),
    ):
        print(f"{name:16} {median_us(line):6.0f} us")


def median_us(line: Callable[[int], str]) -> float:
    """Decide `ROUNDS` lines."""
    gate = PolicyGate(POLICY.compile(), "/work")
    actions = [action(line(at)) for at in range(ROUNDS)]
    took: list[float] = []
    for each in actions:
        started = time.perf_counter()
        gate.decide(each)
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1e6


def action(command: str) -> Action:
    (bash,) = (tool for tool in CORE_TOOLS if tool.name == "bash")
    args = bash.args(command=command)
    call = ToolCall("1", "bash", {"command": command})
    return Action(call, bash, args, command, bash.effect, None, Authority.SESSION)


if __name__ == "__main__":
    main()
