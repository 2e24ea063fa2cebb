"""
Does a day's work where something fails: `fault_worker.py DIRECTORY CONFIG STORE [FILES [WHEN]]`.

Prints `done`, or the code of the typed error that ended it; any other error is a traceback.
With FILES, no more files than these may be open in the second half of the work, or `first`.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from a3s_code import AsyncAgent, FileSessionStore
from a3s_code.errors import A3SError
from a3s_code.testing import CrashingStore, CrashStage, CrashTally
from a3s_code.testing.crash_process import warm_up
from crash.scenario import ask, little


async def main(directory: Path, config: str, store: str, files: str = "", when: str = "") -> None:
    tally = CrashTally(directory / "tally.jsonl")
    crashing = CrashingStore(FileSessionStore(store), tally)
    stage = CrashStage(crashing, directory / "workspace", "crash", config, "", tally)
    try:
        await (starved(stage, int(files), when) if files else little(stage))
    except A3SError as error:
        print(error.code)  # noqa: T201 - for the test
    else:
        print("done")  # noqa: T201


async def starved(stage: CrashStage, files: int, when: str) -> None:
    warm_up()  # that a module cannot be opened is no matter of ours
    async with AsyncAgent(stage.config) as agent:
        if when == "first":
            allow(files)
        session = await stage.session(agent, permissive=True)
        await ask(session, "Write the notes.")
        allow(files)
        await ask(session, "Count one.")


def allow(files: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
