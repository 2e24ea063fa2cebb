"""
What `bench/delegation.py` has done in a process of its own, beside that of the scripted model.

    python bench/children.py wall|cpu|peak|step CONFIGURATION WORKSPACE

Writes the samples as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from a3s_code import AgentStepSpec, AsyncAgent, AsyncSession, PermissionPolicy

AT_ONCE, MANY, ROUNDS = 16, 25, 8


def _session(agent: AsyncAgent, place: str, at_once: int = AT_ONCE) -> AsyncSession:
    policy = PermissionPolicy(default_decision="allow")
    return agent.session(place, permission_policy=policy, max_parallel_tasks=at_once)


async def _fan(session: AsyncSession, mark: str, count: int = AT_ONCE) -> None:
    """Have children look at three files each, and answer."""
    asked = [
        {"agent": "explore", "description": f"part {number}", "prompt": f"{mark} {number}"}
        for number in range(count)
    ]
    done = await session.tasks(asked)
    assert done.exit_code == 0, done.output[:500]


async def wall(agent: AsyncAgent, place: str) -> list[float]:
    session, taken = _session(agent, place), list[float]()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await _fan(session, "slow")
        taken.append((time.perf_counter() - began) * 1000)
    return taken[1:]


async def cpu(agent: AsyncAgent, place: str) -> list[float]:
    session, taken = _session(agent, place), list[float]()
    for _ in range(ROUNDS):
        began = time.process_time()
        await _fan(session, "quick")
        taken.append((time.process_time() - began) * 1000 / AT_ONCE)
    return taken[1:]


async def peak(agent: AsyncAgent, place: str) -> list[float]:
    """Give KiB of resident memory for each of 200 children of 8 sessions, all at once."""
    sessions = [_session(agent, place, MANY) for _ in range(8)]
    await sessions[0].send("hi")
    before = _most_kib()
    await asyncio.gather(*(_fan(each, "slow", MANY) for each in sessions))
    return [(_most_kib() - before) / (MANY * len(sessions))]


async def step(agent: AsyncAgent, place: str) -> list[float]:
    flow, taken = _session(agent, place).workflow(), list[float]()
    for number in range(50):
        began = time.process_time()
        outcome = await flow.agent(AgentStepSpec(f"s{number}", "explore", "look", "at nothing"))
        taken.append((time.process_time() - began) * 1000)
        assert outcome.success, outcome
    return taken[5:]


def _most_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0])


WORKS: dict[str, Callable[[AsyncAgent, str], Awaitable[list[float]]]] = {
    "wall": wall,
    "cpu": cpu,
    "peak": peak,
    "step": step,
}


async def main(name: str, acl: str, place: str) -> None:
    async with AsyncAgent(acl) as agent:
        print(json.dumps(await WORKS[name](agent, place)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
