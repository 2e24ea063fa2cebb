"""
Add golden logs to `tests/golden/<version>/`; those that are there are never written again.

    python tools/golden_log.py          every log that this version does not have yet: one with
                                        all types of records, and the scenarios
    python tools/golden_log.py NAME     the scenario NAME of tests/golden/scenarios.py; any other
                                        NAME: the types of records that no golden log has

A new type of record needs the second, with a new NAME; a new version of the project the first.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from a3s_code import __version__  # noqa: E402
from a3s_code.kernel.fold import fold  # noqa: E402
from a3s_code.kernel.records import Record  # noqa: E402
from a3s_code.persistence.codec import decode, encode  # noqa: E402
from a3s_code.persistence.sqlite import FileSessionStore  # noqa: E402
from golden.examples import KINDS, log_of, missing, tags_in  # noqa: E402 - found by the line above
from golden.form import GOLDEN, golden_logs, lines_of, write_log  # noqa: E402
from golden.scenarios import SCENARIOS, SESSION  # noqa: E402

EVERY = "every-type"
NEUTRAL = b"/work-tree"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--into", type=Path, default=GOLDEN, metavar="DIR", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    here = given.into / __version__
    wanted = [given.name] if given.name else _not_yet(here)
    for name in wanted:
        log = here / f"{name}.log"
        if log.exists():
            print(f"{log} is there; golden logs are never written again", file=sys.stderr)
            return 1
        records = _records(name, given.into)
        if not records:
            print(f"{name} is no scenario, and every type is in a golden log", file=sys.stderr)
            return 1
        write_log(log, records, fold(records))
        print(f"added {log}: {len(records)} records, {len(tags_in(records))} types")
    return 0


def _not_yet(here: Path) -> list[str]:
    return [name for name in (EVERY, *SCENARIOS) if not (here / f"{name}.log").exists()]


def _records(name: str, golden: Path) -> list[Record]:
    """Give the records of a new golden log; none when there is nothing to keep."""
    if name in SCENARIOS:
        return _played(name)
    if name == EVERY:
        return log_of(KINDS)
    kept = (decode(line.body) for log in golden_logs(golden) for line in lines_of(log))
    kinds = missing(tags_in(kept))
    return log_of(kinds) if kinds else []


def _played(name: str) -> list[Record]:
    """Play a scenario in a fresh workspace; its path is not in what comes back."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "work"
        place.mkdir()
        records = asyncio.run(_play(name, place, Path(directory) / "store"))
        bodies = [encode(record) for record in records]
    return [decode(body.replace(str(place).encode(), NEUTRAL)) for body in bodies]


async def _play(name: str, place: Path, kept: Path) -> Sequence[Record]:
    store = FileSessionStore(kept)
    await SCENARIOS[name](place, store)
    records = await store.load(SESSION, None)
    await store.close()
    return records


if __name__ == "__main__":
    sys.exit(main())
