"""
Appends to the session `my-session` and prints what the store has acknowledged.

    crash_writer.py write DIR               from where the log ends, until killed
    crash_writer.py kill DIR TIMES SEED     does so in a child, and kills it, TIMES times
    crash_writer.py full DIR LIMIT_BYTES    until no file may grow any more

A line of output is the number of records that were acknowledged. A last line `refused`
says that the store raised, and that it went on refusing.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sys
import time

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import Record, RunId, SessionId, TextDelta
from a3s_code.persistence import group_commit, sqlite_file  # noqa: F401 - before the fork
from a3s_code.persistence.sqlite import FileSessionStore

SESSION = SessionId("my-session")
BARRIER_EVERY = 3


def record(sequence: int) -> Record:
    return Record(sequence, sequence, RunId("r"), TextDelta(text=f"{sequence} " * 100))


async def write(directory: str) -> None:
    store = FileSessionStore(directory)
    try:
        length = len(await store.load(SESSION))
    except SessionNotFound:
        length = 0
    try:
        while True:
            for _ in range(BARRIER_EVERY):
                store.append(SESSION, record(length))
                length += 1
            await store.barrier(SESSION)
            tell(str(length))
    except StoreError:
        await refused_for_good(store, length)


async def refused_for_good(store: FileSessionStore, length: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for _ in range(10):
        store.append(SESSION, record(length))
        try:
            await store.barrier(SESSION)
        except StoreError:
            continue
        tell("acknowledged after a failure")
        return
    tell("refused")


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def kill_often(directory: str, times: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(times):
        child = os.fork()
        if child == 0:
            asyncio.run(write(directory))
        time.sleep(rng.uniform(0.002, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def main() -> None:
    mode, directory, *rest = sys.argv[1:]
    if mode == "kill":
        kill_often(directory, int(rest[0]), int(rest[1]))
        return
    if mode == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest[0]), resource.RLIM_INFINITY))
    asyncio.run(write(directory))


if __name__ == "__main__":
    main()
