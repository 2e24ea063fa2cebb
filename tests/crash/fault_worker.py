"""
Does a day's work where something fails: `fault_worker.py DIRECTORY CONFIG STORE [FILES]`.

Prints `done`, or the code of the typed error that ended it; any other error is a traceback.
With FILES, this process may have so many files open.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from a3s_code import FileSessionStore
from a3s_code.errors import A3SError
from a3s_code.testing import CrashingStore, CrashStage, CrashTally
from crash.scenario import little


async def main(directory: Path, config: str, store: str, files: str = "") -> None:
    tally = CrashTally(directory / "tally.jsonl")
    if files:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), hard))
    crashing = CrashingStore(FileSessionStore(store), tally)
    stage = CrashStage(crashing, directory / "workspace", "crash", config, "", tally)
    try:
        await little(stage)
    except A3SError as error:
        print(error.code)  # noqa: T201 - for the test
    else:
        print("done")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
