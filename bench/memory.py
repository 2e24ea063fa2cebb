"""
What memory costs: medians and 95th percentiles, each beside its target.

    python bench/memory.py [--only WORD] [--json OUT] [--directory DIR]

Stores are real files in a fresh directory below DIR (default: the system's own for temporary
files); on a memory file system a commit costs nothing, so give a disk. `remember` goes through a
session, as a host calls it. Run it with `taskset -c 0` to have one core. Exit status: 1 when a
target was missed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from a3s_code import Agent, FileMemoryStore, Session
from a3s_code.kernel.memory import MemoryItem, remembered
from measure import Samples, Stopwatch, main, row

FEW, MANY = 7_300, 100_000
ASKED = 60

QUESTIONS = (
    "module_42 parser",
    "function_33 module_77 tests",
    "changed function_498 file_9",
    "how do I fix the parser bug in module_5",
    "the failing login of customers",
    "parser bug",
)


def _task(number: int) -> tuple[str, str]:
    """Give the words of an item that no other one equals."""
    return (
        f"task {number} fix the module_{number % 997} parser bug in file_{number}",
        f"changed function_{number % 499} and ran the tests {number}",
    )


def _item(number: int) -> MemoryItem:
    task, result = _task(number)
    content = f"Success: {task}\nTools: read, edit\nResult: {result}"
    return remembered(
        content, memory_type="procedural", importance=0.8, tags=("success", "read", "edit")
    )


async def _filled(directory: Path, count: int) -> FileMemoryStore:
    store = FileMemoryStore(directory)
    for number in range(count):
        await store.store(_item(number))
    await store.flush()
    return store


def _session(directory: Path) -> Session:
    agent = Agent('default_model = "openai/m"\nproviders "openai" { apiKey = "sk-bench" }')
    return agent.session(".", memory_store=FileMemoryStore(directory))


@row(f"remember_success in a store of {FEW}: per item", "us", target=200)
async def remember(directory: Path) -> Samples:
    await (await _filled(directory, FEW)).close()
    session = _session(directory)
    session.remember_success("warm", ["read"], "up")
    for number in range(2_000):
        watch = Stopwatch()
        session.remember_success(_task(number)[0], ["read", "edit"], _task(number)[1])
        yield watch.lap() * 1000
    session.close()


@row(f"remember_success in a store of {FEW}: mean, until durable", "us", target=200)
async def remember_durably(directory: Path) -> Samples:
    await (await _filled(directory, FEW)).close()
    session = _session(directory)
    for start in range(0, 10_000, 1_000):
        watch = Stopwatch()
        for number in range(start, start + 1_000):
            session.remember_success(_task(number)[0], ["read", "edit"], _task(number)[1])
        session.flush_memory()
        yield watch.lap()
    session.close()


@row(f"{MANY} items through a session, until durable", "s", target=20)
async def remember_many(directory: Path) -> Samples:
    session = _session(directory)
    watch = Stopwatch()
    for number in range(MANY):
        session.remember_success(_task(number)[0], ["read", "edit"], _task(number)[1])
    session.flush_memory()
    yield watch.lap() / 1000
    session.close()


@row(f"{MANY} items into a store, until durable", "s", target=20)
async def store_many(directory: Path) -> Samples:
    watch = Stopwatch()
    store = await _filled(directory, MANY)
    yield watch.lap() / 1000
    await store.close()


@row(f"first recall over {MANY} items, which reads them", "ms")
async def first_recall(directory: Path) -> Samples:
    await (await _filled(directory, MANY)).close()
    for _ in range(3):
        store, watch = FileMemoryStore(directory), Stopwatch()
        await store.search(QUESTIONS[0], 5)
        yield watch.lap()
        await store.close()


@row(f"recall over {MANY} items, several words", target=5)
async def recall(directory: Path) -> Samples:
    store = await _filled(directory, MANY)
    await store.search("warm", 5)
    for _ in range(ASKED // len(QUESTIONS)):
        for question in QUESTIONS:
            watch = Stopwatch()
            await store.search(question, 5)
            yield watch.lap()
    await store.close()


@row(f"recall_similar over {MANY} items, through a session", target=5)
async def recall_similar(directory: Path) -> Samples:
    await (await _filled(directory, MANY)).close()
    session = _session(directory)
    session.recall_similar("warm", 5)
    for _ in range(ASKED // len(QUESTIONS)):
        for question in QUESTIONS:
            watch = Stopwatch()
            session.recall_similar(question, 5)
            yield watch.lap()
    session.close()


@row(f"recall_by_tags over {MANY} items, through a session", target=5)
async def recall_by_tags(directory: Path) -> Samples:
    await (await _filled(directory, MANY)).close()
    session = _session(directory)
    session.recall_by_tags(["read"], 10)
    for _ in range(ASKED):
        watch = Stopwatch()
        session.recall_by_tags(["read"], 10)
        yield watch.lap()
    session.close()


@row(f"memory of the index over {MANY} items", "MB")
async def footprint(directory: Path) -> Samples:
    await (await _filled(directory, MANY)).close()
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ASK, directory, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asked.communicate()
    yield float(said)


_ASK = """
import asyncio, os, sys
from a3s_code import FileMemoryStore

def resident_mb():
    with open("/proc/self/statm", encoding="ascii") as opened:
        return int(opened.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

async def ask():
    store = FileMemoryStore(sys.argv[1])
    await store.count()
    before = resident_mb()
    await store.search("parser", 5)
    print(resident_mb() - before)

asyncio.run(ask())
"""


ROWS = (
    remember,
    remember_durably,
    remember_many,
    store_many,
    first_recall,
    recall,
    recall_similar,
    recall_by_tags,
    footprint,
)

if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
