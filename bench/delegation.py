"""
What delegation costs: medians and 95th percentiles, each beside its target.

    python bench/delegation.py [--only WORD] [--json OUT]

Children run in a process of their own, so nothing of the scripted model is counted. What many of
them may use up together shows `bench/budget.py`. Exit status: 1 when a target was missed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from msgspec.structs import replace

from a3s_code.testing import Rule, Script, ScriptedServer, Turn, calls, on, says
from a3s_code.testing.script import When
from measure import Samples, Unmeasured, main, row

LATENCY_S, ROUNDS = 0.05, 3
IDEAL_MS = LATENCY_S * 1000 * (ROUNDS + 1)
WORK = Path(__file__).with_name("children.py")


def _rounds(mark: str, delay_s: float) -> tuple[Rule, ...]:
    """Answer children whose prompt has a mark: three calls, and a text."""
    looks = [calls("read", file_path=f"{number}.txt") for number in range(ROUNDS)]
    turns: list[Turn] = [*looks, says("ok")]
    return tuple(
        on(
            When(first_user=mark, tool_results=number),
            replace(turn, delay_s=delay_s),
        )
        for number, turn in enumerate(turns)
    )


def _filled(directory: Path) -> None:
    directory.mkdir(parents=True)
    for number in range(ROUNDS):
        (directory / f"{number}.txt").write_text("x = 1\n" * 20, encoding="utf-8")


async def _done(name: str, directory: Path) -> list[float]:
    _filled(directory)
    rules = (*_rounds("slow", LATENCY_S), *_rounds("quick", 0.0))
    with ScriptedServer(Script(rules=rules, default=says("ok"))) as server:
        given = (str(WORK), name, server.acl(), str(directory))
        work = await asyncio.create_subprocess_exec(
            sys.executable, *given, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await work.communicate()
    assert work.returncode == 0
    return json.loads(output)


@row("16 children, 3 rounds at 50 ms: time / the least there is", "x", target=1.3)
async def wall(directory: Path) -> Samples:
    for sample in await _done("wall", directory):
        yield sample / IDEAL_MS


@row("CPU of a child of 3 rounds", target=5)
async def cpu(directory: Path) -> Samples:
    for sample in await _done("cpu", directory):
        yield sample


@row("200 children at once: peak of resident memory, each", "KiB", target=58)
async def peak(directory: Path) -> Samples:
    if sys.platform != "linux":
        raise Unmeasured("only Linux tells the peak")
    for sample in await _done("peak", directory):
        yield sample


@row("CPU of a step of a workflow", target=3)
async def step(directory: Path) -> Samples:
    for sample in await _done("step", directory):
        yield sample


if __name__ == "__main__":
    sys.exit(main(__doc__, [wall, cpu, peak, step]))
