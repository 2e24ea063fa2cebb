"""
What programs cost: an empty one, calls inside one, computing, and what the event loop feels.

    python bench/program.py [--only WORD] [--json OUT] [--directory DIR]

Each call passes the gate and the log. The last rows measure how late a timer of 1 ms comes while
five programs run, one sample for each time.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from a3s_code import AsyncAgent, AsyncSession
from measure import Samples, Stopwatch, main, row

TIMES = 20
CALLS = 200
TICK_S = 0.001
CONFIG = """
default_model = "openai/none"
providers "openai" {
  apiKey = "none"
  baseUrl = "http://127.0.0.1:9/v1"
  models "none" {
    name = "none"
  }
}
"""
EMPTY = "export default async function run(ctx, inputs) { return inputs; }"
ONE_BY_ONE = """
export default async function run(ctx, inputs) {
  for (let i = 0; i < inputs.n; i++) await ctx.read(`f${i % 50}.txt`);
}
"""
TOGETHER = """
export default async function run(ctx, inputs) {
  const calls = [];
  for (let i = 0; i < inputs.n; i++) calls.push(ctx.read(`f${i % 50}.txt`));
  await Promise.all(calls);
}
"""
LOOP = "export default (ctx, inputs) => { let x = 0; for (let i = 0; i < inputs.n; i++) x += i; }"


def _fill(directory: Path) -> None:
    directory.mkdir(parents=True)
    for number in range(50):
        (directory / f"f{number}.txt").write_text("a line of text\n" * 20, encoding="utf-8")


@asynccontextmanager
async def _session(directory: Path) -> AsyncIterator[AsyncSession]:
    _fill(directory)
    agent = AsyncAgent(CONFIG)
    yield agent.session(directory, permissive=True)
    await agent.close()


async def _run(session: AsyncSession, source: str, **inputs: Any) -> None:  # noqa: ANN401 - JSON
    limits = {"maxToolCalls": 10_000, "timeoutMs": 60_000}
    result = await session.program({"source": source, "inputs": inputs, "limits": limits})
    if result.exit_code:
        raise RuntimeError(result.output)


async def _timed(directory: Path, source: str, **inputs: Any) -> Samples:  # noqa: ANN401 - JSON
    async with _session(directory) as session:
        await _run(session, source, **inputs)
        for _ in range(TIMES):
            watch = Stopwatch()
            await _run(session, source, **inputs)
            yield watch.lap()


@row("an empty program", target=2)
def empty(directory: Path) -> Samples:
    return _timed(directory, EMPTY)


@row("200 reads, one after the other", target=30)
def one_by_one(directory: Path) -> Samples:
    return _timed(directory, ONE_BY_ONE, n=CALLS)


@row("200 reads at the same time", target=30)
def together(directory: Path) -> Samples:
    return _timed(directory, TOGETHER, n=CALLS)


@row("a loop of 1e6")
def loop(directory: Path) -> Samples:
    return _timed(directory, LOOP, n=1_000_000)


async def _lag(directory: Path, source: str, **inputs: Any) -> Samples:  # noqa: ANN401 - JSON
    """Yield the 99th percentile of how late a timer comes, three times."""
    async with _session(directory) as session:
        await _run(session, EMPTY)
        for _ in range(3):
            late: list[float] = []
            running = asyncio.gather(*(_run(session, source, **inputs) for _ in range(5)))
            while not running.done():
                watch = Stopwatch()
                await asyncio.sleep(TICK_S)
                late.append(watch.lap() - TICK_S * 1000)
            await running
            yield statistics.quantiles(late, n=100)[98] if len(late) > 1 else late[0]


@row("lag p99 with 5 programs that call", target=20)
def lag_of_calls(directory: Path) -> Samples:
    return _lag(directory, ONE_BY_ONE, n=CALLS)


@row("lag p99 with 5 loops of 1e7", target=20)
def lag_of_loops(directory: Path) -> Samples:
    return _lag(directory, LOOP, n=10_000_000)


ROWS = (empty, one_by_one, together, loop, lag_of_calls, lag_of_loops)

if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
