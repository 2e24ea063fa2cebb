"""
What the record costs: medians and 95th percentiles, each beside its target.

    python bench/record.py [--only WORD] [--json OUT] [--directory DIR]

Stores are real files in a fresh directory below DIR (default: the system's own for temporary
files). On a memory file system a commit costs nothing, so give a disk. Exit status: 1 when a
target was missed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import time_travel
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import (
    AgentEnd,
    AgentStart,
    RunId,
    SessionId,
    TextDelta,
    ToolEnd,
    ToolStart,
    TurnEnd,
    TurnStart,
)
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Message, Text, ToolCall, ToolResult, Usage, user
from a3s_code.kernel.records import (
    EffectIntended,
    EffectSettled,
    Event,
    HistoryAppended,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
    TraceRecorded,
)
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.persistence.verify import verify
from measure import Samples, Stopwatch, Unmeasured, main, row

LONG = 100_000
TURN_RECORDS = 15
SESSION = SessionId("bench")
_IO = Path("/proc/self/io")
ROUND_TEXT = "def area(width, height):\n    return width * height\n" * 20


# What is stored: turns as an agent that reads and edits files makes them


def _turn(number: int) -> Iterator[Event]:
    """Give the `TURN_RECORDS` events of a run that makes one change."""
    call = ToolCall(f"call-{number}", "edit", {"file_path": f"src/{number}.py", "new": ROUND_TEXT})
    said = Message("assistant", (Text(f"I change file {number}."), call))
    result = ToolResult(call.id, ROUND_TEXT)
    yield RunStarted(prompt=f"change file {number}")
    yield AgentStart(prompt=f"change file {number}")
    yield HistoryAppended(message=user(f"change file {number}"))
    yield TurnStart(turn=1)
    yield TextDelta(text=f"I change file {number}.")
    yield TurnEnd(turn=1, usage=Usage(1000 + number, 50))
    yield HistoryAppended(message=said)
    yield ToolStart(id=call.id, name="edit")
    yield EffectIntended(
        call_id=call.id, tool="edit", args_sha256="0" * 64, decision="allow", authority="session"
    )
    yield EffectSettled(call_id=call.id, outcome="done", exit_code=0)
    yield ToolEnd(id=call.id, name="edit", output=ROUND_TEXT, exit_code=0)
    yield TraceRecorded(
        kind="tool_execution", name="edit", success=True, exit_code=0, duration_ms=3, output_bytes=1
    )
    yield HistoryAppended(message=Message("tool", (result,)))
    yield AgentEnd(text="Done.", usage=Usage(1000, 50), verification_summary={})
    yield RunStatusChanged(status="completed", result_text="Done.")


def _opened(session: SessionId) -> SessionOpened:
    return SessionOpened(session_id=session, workspace="/w", model="p/m", created_at_ms=0)


async def _store_of(directory: Path, records: int) -> FileSessionStore:
    """Make a store with one session of `records` records or a few more, all durable."""
    store = FileSessionStore(directory)
    log = Log(SESSION, SystemClock(), store)
    log.append(_opened(SESSION))
    for number in range(records // TURN_RECORDS + 1):
        for event in _turn(number):
            log.append(event, RunId(f"run-{number}"))
    await log.barrier()
    log.release()
    return store


# Rows


@row("append, FULL, 50 sessions, each waits: per append", target=1, each=True)
async def append_of_many(directory: Path) -> Samples:
    store = FileSessionStore(directory)
    logs = [Log(SessionId(f"s-{number}"), SystemClock(), store) for number in range(50)]

    async def one_more(log: Log) -> None:
        log.append(ToolEnd(id="c", name="bash", output="ok " * 100, exit_code=0))
        await log.barrier()

    await asyncio.gather(*map(one_more, logs))
    for _ in range(200):
        watch = Stopwatch()
        await asyncio.gather(*map(one_more, logs))
        yield watch.lap() / len(logs)
    await store.close()


@row("append, FULL, one session, waits: per append")
async def append_of_one(directory: Path) -> Samples:
    store = FileSessionStore(directory)
    log = Log(SESSION, SystemClock(), store)
    for _ in range(200):
        watch = Stopwatch()
        log.append(ToolEnd(id="c", name="bash", output="ok " * 100, exit_code=0))
        await log.barrier()
        yield watch.lap()
    await store.close()


@row("recover 1,500 events: load and fold", target=40)
async def recover_short(directory: Path) -> Samples:
    async for sample in _recover(directory, 1_500, times=15):
        yield sample


@row("recover 100,000 events: load and fold", target=2_000)
async def recover_long(directory: Path) -> Samples:
    async for sample in _recover(directory, LONG, times=5):
        yield sample


async def _recover(directory: Path, records: int, times: int) -> Samples:
    store = await _store_of(directory, records)
    for _ in range(times):
        watch = Stopwatch()
        found = await store.load(SESSION, None)
        Log(SESSION, SystemClock(), store, found[:records])
        yield watch.lap()
    await store.close()


@row("save one more message of 2: time")
async def save_short(directory: Path) -> Samples:
    async for save in _saves(directory, 2):
        yield save.ms


@row("save one more message of 2,000: time", target=15)
async def save_long(directory: Path) -> Samples:
    async for save in _saves(directory, 2_000):
        yield save.ms


@row("save one more message of 2: written", "KiB")
async def save_short_bytes(directory: Path) -> Samples:
    _need_linux()
    async for save in _saves(directory, 2):
        yield save.kib


@row("save one more message of 2,000: written", "KiB", target=64)
async def save_long_bytes(directory: Path) -> Samples:
    _need_linux()
    async for save in _saves(directory, 2_000):
        yield save.kib


@dataclass(frozen=True)
class Save:
    ms: float
    kib: float


async def _saves(directory: Path, messages: int) -> AsyncIterator[Save]:
    """Save one more message of 2.5 kB, again and again."""
    store = FileSessionStore(directory)
    log = Log(SESSION, SystemClock(), store)
    log.append(_opened(SESSION))
    message = user("x" * 2_500)
    for _ in range(messages):
        log.append(HistoryAppended(message=message))
    await log.barrier()
    for _ in range(100):
        before, watch = _written_bytes(), Stopwatch()
        log.append(HistoryAppended(message=message))
        await log.barrier()
        yield Save(watch.lap(), (_written_bytes() - before) / 1024)
    await store.close()


def _need_linux() -> None:
    if not _IO.exists():
        raise Unmeasured("only Linux counts what a process writes")


def _written_bytes() -> int:
    """Give the bytes that this process has handed to write calls; 0 where nobody counts."""
    if not _IO.exists():
        return 0
    lines = _IO.read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


@row("list 2,000 sessions", target=50)
async def list_sessions(directory: Path) -> Samples:
    store = FileSessionStore(directory)
    for number in range(2_000):
        session = SessionId(f"session-{number:05}")
        log = Log(session, SystemClock(), store)
        log.append(_opened(session))
        for event in _turn(number):
            log.append(event, RunId("run"))
        if number % 100 == 99:
            await log.barrier()
    for _ in range(20):
        watch = Stopwatch()
        await store.sessions()
        yield watch.lap()
    await store.close()


@row("verify 100,000 records")
async def verify_long(directory: Path) -> Samples:
    store = await _store_of(directory, LONG)
    await store.close()
    for _ in range(3):
        watch = Stopwatch()
        reports = verify(directory)
        yield watch.lap()
        if any(report.faults for report in reports):
            raise AssertionError(reports)


ROWS = (
    append_of_many,
    append_of_one,
    recover_short,
    recover_long,
    save_short,
    save_long,
    save_short_bytes,
    save_long_bytes,
    list_sessions,
    verify_long,
    *time_travel.ROWS,
)


if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
