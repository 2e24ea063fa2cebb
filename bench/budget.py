"""
What budgets cost, and that they hold: medians and 95th percentiles, each beside its target.

    python bench/budget.py [--only WORD] [--json OUT]

Exit status: 1 when a target was missed.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

from a3s_code import AsyncAgent, Budget, BudgetExhausted, TenantBudget
from a3s_code.harness.budgets.scope import Amount, Hold, Scope
from a3s_code.kernel.messages import Usage
from a3s_code.testing import Script, ScriptedServer, says
from measure import Samples, Stopwatch, main, row

ROUNDS, TURNS = 200, 300
THREADS, SESSIONS = 4, 50
CAP, ANSWER = 400_000, 3_000


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


def _deep(count: int) -> list[Scope]:
    limits = Budget(tokens=10**9, usd=1_000.0, tool_calls=10**9)
    scopes = [Scope("tenant", "t", limits)]
    for kind in ("session", "run", "child")[: count - 1]:
        scopes.append(Scope(kind, kind, limits, scopes[-1]))
    return scopes


@row("reserve and settle, 4 levels with 3 limits each", "us", target=60)
async def ledger(_: Path) -> Samples:
    inner = _deep(4)[-1]
    for _round in range(ROUNDS):
        watch = Stopwatch()
        for _time in range(10):
            hold = inner.reserve(Amount(1000, 1000))
            assert isinstance(hold, Hold)
            hold.settle(Amount(800, 900))
        yield watch.lap() * 1000 / 10


async def _turns(directory: Path, **options: object) -> Samples:
    place = _made(directory)
    with ScriptedServer(Script(default=says("ok"))) as server:
        async with AsyncAgent(server.acl()) as agent:
            session = agent.session(place, **options)
            await session.send("warm up")
            for _ in range(TURNS):
                before = time.thread_time()
                await session.send("go", history=[])
                yield (time.thread_time() - before) * 1000


@row("CPU of a turn without a budget")
async def without(directory: Path) -> Samples:
    async for sample in _turns(directory):
        yield sample


@row("CPU of a turn with one")
async def with_one(directory: Path) -> Samples:
    limits = Budget(tokens=10**9, tool_calls=10**9, per_run=Budget(tokens=10**9))
    async for sample in _turns(directory, budget=limits):
        yield sample


@row("200 spenders under a cap: most that was used or held / cap", "x", target=1.0, each=True)
async def spenders(directory: Path) -> Samples:
    place = _made(directory)
    shared, over = TenantBudget(Budget(tokens=CAP)), threading.Event()
    seen: list[float] = []

    def watch() -> None:
        while not over.wait(0.001):
            now = shared.usage()
            seen.append((now.tokens + now.reserved_tokens) / CAP)

    async def spend(agent: AsyncAgent) -> None:
        session = agent.session(place, tenant_budget=shared)
        while True:
            try:
                await session.send("go", history=[])
            except BudgetExhausted:
                return

    async def many(acl: str) -> None:
        async with AsyncAgent(acl) as agent:
            await asyncio.gather(*(spend(agent) for _ in range(SESSIONS)))

    answer = says("ok", usage=Usage(10, ANSWER))
    with ScriptedServer(Script(default=answer)) as server:
        looking = threading.Thread(target=watch)
        looking.start()
        acl = server.acl()
        await asyncio.gather(*(asyncio.to_thread(asyncio.run, many(acl)) for _ in range(THREADS)))
        over.set()
        looking.join()
    usage = shared.usage()
    assert usage.reserved_tokens == 0, "nothing leaks"
    assert usage.tokens == sum(each.tokens for each in usage.children), "children add up"
    print(f"    used {usage.tokens:,} of {CAP:,}, by {len(server.requests)} requests")
    for each in seen:
        yield each


if __name__ == "__main__":
    sys.exit(main(__doc__, [ledger, without, with_one, spenders]))
