"""
What the gate costs: medians and 95th percentiles, each beside its target.

    python bench/gate.py [--only WORD] [--json OUT] [--directory DIR]

Calls of tools go the whole way: hooks, policy, intent, log, outcome. Stores are real files in
a fresh directory below DIR (default: the system's own for temporary files); on a memory file
system a commit costs nothing, so give a disk. Run it with `taskset -c 0` to have one core.
A call that does something waits until its intent is durable. Exit status: 1 when a target was
missed.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from a3s_code import AsyncAgent, FileSessionStore, PermissionPolicy, ToolContext, tool
from a3s_code.api.policy_files import trial
from a3s_code.api.session import AsyncSession
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.shell.analysis import analyse
from a3s_code.kernel.tool import Effect, Observation, Tool
from a3s_code.testing import Call, Scripted, Turn, calls, says
from measure import Samples, Stopwatch, main, row

LINES = 300
CALLS, RUNS = 1_000, 7

POLICY = PermissionPolicy(
    allow=["read", "ls", "glob", "grep", "nothing", "looking", "many", "edit(src/**)"]
    + [f"bash({name} *)" for name in ("git status", "git diff", "ls", "cat", "wc", "rg", "echo")],
    deny=["bash(rm *)", "bash(sudo *)", "bash(git push*)", "write(**/.env*)", "read(**/.env*)"],
    ask=["bash(curl *)", "bash(npm *)", "write"],
    default_decision="ask",
)


# What decides


def _line(number: int) -> str:
    """Give a command line of five commands that no other one equals."""
    return (
        f"git status -s && rg -n 'def f{number}' src | wc -l; "
        f"cat 'notes {number}.txt' || echo \"none of {number}\""
    )


@row("decide a new line of five commands", "us", target=150)
async def decide_new(_directory: Path) -> Samples:
    gate, asked = PolicyGate(POLICY.compile(), "/work"), trial()
    for number in range(LINES):
        action = asked.action("bash", _line(number))
        analyse.cache_clear()  # whoever made the action has looked at the line already
        watch = Stopwatch()
        gate.decide(action)
        yield watch.lap() * 1000


@row("decide the same line of five commands again", "us")
async def decide_again(_directory: Path) -> Samples:
    gate, action = PolicyGate(POLICY.compile(), "/work"), trial().action("bash", _line(0))
    for _ in range(LINES):
        watch = Stopwatch()
        gate.decide(action)
        yield watch.lap() * 1000


# Calls of tools that do nothing


class Nothing(msgspec.Struct, frozen=True):
    number: int = 0


class Many(msgspec.Struct, frozen=True):
    tool: str
    count: int


@tool(Nothing, effect=Effect.HOST)
async def nothing(_args: Nothing, _context: ToolContext) -> Observation:
    """Do nothing, and be held to do something."""
    return Observation("ok")


@tool(Nothing, effect=Effect.READ)
async def looking(_args: Nothing, _context: ToolContext) -> Observation:
    """Do nothing, and be known for it."""
    return Observation("ok")


@tool(Many, effect=Effect.CONTAINER)
async def many(args: Many, context: ToolContext) -> Observation:
    """Call a tool many times, one call after the other."""
    for number in range(args.count):
        observed = await context.call(args.tool, {"number": number})
        if observed.failed:
            return observed
    return Observation("ok")


TOOLS: Sequence[Tool] = (nothing, looking, many)


@asynccontextmanager
async def _session(
    directory: Path, turns: Sequence[Turn], *, kept: bool
) -> AsyncIterator[AsyncSession]:
    directory.mkdir()  # noqa: ASYNC240 - nothing else runs yet
    agent = AsyncAgent('default_model = "scripted/model"')
    session = agent.session(
        directory,
        llm_client=Scripted(*turns),
        tools=list(TOOLS),
        permission_policy=POLICY,
        max_tool_rounds=RUNS * 2,
        session_store=FileSessionStore(directory / "store") if kept else None,
    )
    try:
        yield session
    finally:
        await agent.close()


def _check_done(session: AsyncSession, name: str) -> None:
    """Refuse figures of calls that were not made."""
    events = [row["event"] for row in session.run_events(session.runs()[-1]["id"])]
    ended = [event for event in events if event["type"] == "tool_end" and event["name"] == name]
    if sum(event["exit_code"] == 0 for event in ended) != CALLS:
        raise AssertionError(ended[:1])


async def _inside(directory: Path, name: str, *, kept: bool) -> Samples:
    """Let one tool call another `CALLS` times a run; give microseconds a call."""
    turns = [
        turn for _ in range(RUNS) for turn in (calls("many", tool=name, count=CALLS), says("."))
    ]
    async with _session(directory, turns, kept=kept) as session:
        for _ in range(RUNS):
            watch = Stopwatch()
            await session.send("go")
            yield watch.lap() * 1000 / CALLS
        _check_done(session, name)


async def _of_the_model(directory: Path, name: str, *, kept: bool) -> Samples:
    """Let the model call a tool `CALLS` times in one turn; give microseconds a call."""
    many_calls = [Call(name, f'{{"number": {number}}}', f"c{number}") for number in range(CALLS)]
    turns = [turn for _ in range(RUNS) for turn in (Turn(calls=tuple(many_calls)), says("."))]
    async with _session(directory, turns, kept=kept) as session:
        for _ in range(RUNS):
            watch = Stopwatch()
            await session.send("go")
            yield watch.lap() * 1000 / CALLS
        _check_done(session, name)


@row("no-op call in a tool, log in memory: per call", "us", target=250)
async def inside_memory(directory: Path) -> Samples:
    async for sample in _inside(directory, "nothing", kept=False):
        yield sample


@row("no-op call in a tool, log on disk: per call", "us", target=667)
async def inside_disk(directory: Path) -> Samples:
    async for sample in _inside(directory, "nothing", kept=True):
        yield sample


@row("no-op call of the model, log in memory: per call", "us", target=250)
async def model_memory(directory: Path) -> Samples:
    async for sample in _of_the_model(directory, "nothing", kept=False):
        yield sample


@row("no-op call of the model, log on disk: per call", "us", target=667)
async def model_disk(directory: Path) -> Samples:
    async for sample in _of_the_model(directory, "nothing", kept=True):
        yield sample


@row("reading call of the model, log in memory: per call", "us")
async def reading_memory(directory: Path) -> Samples:
    async for sample in _of_the_model(directory, "looking", kept=False):
        yield sample


@row("reading call of the model, log on disk: per call", "us")
async def reading_disk(directory: Path) -> Samples:
    async for sample in _of_the_model(directory, "looking", kept=True):
        yield sample


ROWS = (
    decide_new,
    decide_again,
    inside_memory,
    inside_disk,
    model_memory,
    model_disk,
    reading_memory,
    reading_disk,
)


if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
