"""
Appends to the session `my-session` and prints what the store has acknowledged.

    crash_writer.py write DIR LENGTH        so many records, then waits for the end of stdin
    crash_writer.py kill DIR TIMES SEED     goes on in a child, and kills it, TIMES times
    crash_writer.py normal DIR TIMES SEED   the same, with a store that does not wait for the disk
    crash_writer.py calm DIR LENGTH         writes like that, to the end
    crash_writer.py full DIR LIMIT_BYTES    until no file may grow any more

A line of output is the number of records that were acknowledged. A last line `refused`
says that the store raised, and that it went on refusing.

SQLite is as those builds have it that do not wait for the disk by default: what the store
needs it has to ask for.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sqlite3
import sys
import time
from typing import Any

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.kernel.events import RunId, SessionId, TextDelta
from a3s_code.kernel.records import Record
from a3s_code.persistence import group_commit, sqlite_file  # noqa: F401 - before the fork
from a3s_code.persistence.sqlite import FileSessionStore

SESSION = SessionId("my-session")
BARRIER_EVERY = 3
ENDLESS = 10**9


def record(sequence: int) -> Record:
    return Record(sequence, sequence, RunId("r"), TextDelta(text=f"{sequence} " * 100))


async def write(directory: str, until: int, synchronous: str = "full") -> None:
    store = FileSessionStore(directory, synchronous)
    try:
        length = len(await store.load(SESSION))
    except SessionNotFound:
        length = 0
    try:
        while length < until:
            for _ in range(BARRIER_EVERY):
                store.append(SESSION, record(length))
                length += 1
            await store.barrier(SESSION)
            tell(length)
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


def tell(line: object) -> None:
    os.write(1, f"{line}\n".encode())


def kill_often(directory: str, times: int, seed: int, synchronous: str = "full") -> None:
    rng = random.Random(seed)
    for _ in range(times):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writing, 1)
            asyncio.run(write(directory, ENDLESS, synchronous))
            os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            for _ in range(rng.randint(1, 4)):
                os.write(1, told.readline())
            time.sleep(rng.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.write(1, told.read())


def impatient(*args: Any, **given: Any) -> sqlite3.Connection:
    connection = connect(*args, **given)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def main() -> None:
    mode, directory, *numbers = sys.argv[1:]
    number = int(numbers[0])
    match mode:
        case "kill":
            kill_often(directory, number, int(numbers[1]))
        case "normal":
            kill_often(directory, number, int(numbers[1]), "normal")
        case "calm":
            asyncio.run(write(directory, number, "normal"))
        case "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (number, resource.RLIM_INFINITY))
            asyncio.run(write(directory, ENDLESS))
        case _:
            asyncio.run(hold(directory, number))


async def hold(directory: str, length: int) -> None:
    await write(directory, length)
    sys.stdin.read()


if __name__ == "__main__":
    connect, sqlite3.connect = sqlite3.connect, impatient
    main()
