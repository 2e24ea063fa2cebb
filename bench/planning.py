"""
What plans cost: medians and 95th percentiles, each beside its target.

    python bench/planning.py [--only WORD] [--json OUT]

The model is scripted and answers after a delay, so the ideal time of a plan is known: the answer
of the planner, then a delay for each wave. Exit status: 1 when a target was missed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from a3s_code import AsyncAgent
from a3s_code.harness.planning.demands import has_several_demands
from a3s_code.testing import Script, ScriptedServer, When, calls, on, says
from measure import Samples, Stopwatch, main, row

DELAY_S = 0.4
RUNS, PLAIN_RUNS, LOOKS = 5, 200, 200

STEPS = [
    {"id": "a", "description": "one"},
    {"id": "b", "description": "the other"},
    {"id": "c", "description": "both", "dependencies": ["a", "b"]},
]
SIMPLE = "Fix the typo in the first line of README.md, please."
SEVERAL = "Add a login endpoint. Write tests for it. Update the docs. Bump the version and commit."


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


@row("two waves, the first of two steps / ideal wall time", "x", target=1.15)
async def waves(directory: Path) -> Samples:
    place = _made(directory)
    planner = on(When(forced_tool="plan"), calls("*", requires_planning=True, steps=STEPS))
    with ScriptedServer(Script(rules=(planner,), default=says("ok", delay_s=DELAY_S))) as server:
        async with AsyncAgent(server.acl()) as agent:
            session = agent.session(place, planning_mode="enabled")
            await session.send("warm up")
            for _ in range(RUNS):
                watch = Stopwatch()
                await session.send("go")
                yield watch.lap() / 1000 / (2 * DELAY_S)


async def _plain(directory: Path, mode: str, prompt: str) -> Samples:
    place = _made(directory)
    with ScriptedServer(Script(default=says("ok"))) as server:
        async with AsyncAgent(server.acl()) as agent:
            for _ in range(PLAIN_RUNS):
                session = agent.session(place, planning_mode=mode)
                watch = Stopwatch()
                await session.send(prompt)
                yield watch.lap()
                await session.close()


@row("a run that may be planned, and is not")
async def may_be(directory: Path) -> Samples:
    async for sample in _plain(directory, "auto", SIMPLE):
        yield sample


@row("a run that is never planned")
async def never(directory: Path) -> Samples:
    async for sample in _plain(directory, "disabled", SIMPLE):
        yield sample


async def _looks(prompt: str) -> Samples:
    for _ in range(LOOKS):
        watch = Stopwatch()
        for _ in range(100):
            has_several_demands(prompt)
        yield watch.lap() * 10


@row("look at a simple request", "us", target=5)
async def look_simple(_directory: Path) -> Samples:
    async for sample in _looks(SIMPLE):
        yield sample


@row("look at a request of five sentences", "us", target=50)
async def look_several(_directory: Path) -> Samples:
    async for sample in _looks(SEVERAL):
        yield sample


ROWS = (waves, may_be, never, look_simple, look_several)

if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
