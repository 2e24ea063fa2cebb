"""
`a3s-code runs`: the runs that a store keeps, for who wants to export or resume one.

Exit status: 0 all sessions were read, 1 one of them could not be, 2 wrong use.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from a3s_code.api.stores import bodies_of, decoded, file_store
from a3s_code.cli.bundles import store_directory
from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.fold import fold
from a3s_code.kernel.records import emptied
from a3s_code.kernel.state import RunSnapshot
from a3s_code.kernel.store import Store, only_sessions
from a3s_code.kernel.visible import on_one_line, visible

ABOUT = """List the runs that a store keeps, a line each: when it began (UTC), its id, how it
stands, its session, and what was asked. The store is only read."""
SHOWN_CHARS = 60
"""Of what was asked."""


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    Raises:
        InvalidValue, ConfigError: there is no store.
    """
    parser = argparse.ArgumentParser(prog="a3s-code runs", description=ABOUT)
    parser.add_argument("--store", type=Path, metavar="DIR", help="else that of the configuration")
    return asyncio.run(_list(store_directory(parser.parse_args(arguments).store)))


async def _list(directory: Path) -> int:
    store, status = file_store(directory), 0
    try:
        sessions = only_sessions(await store.sessions())
        if not sessions:
            sys.stderr.write(f"a3s-code: {visible(str(directory))} keeps no session\n")
        for session in sessions:
            try:
                for run in await _runs(store, session):
                    print(_line(run))
            except StoreError as error:
                sys.stderr.write(f"a3s-code: {session}: {visible(str(error))}\n")
                status = 1
    finally:
        await store.close()
    return status


async def _runs(store: Store, session: SessionId) -> list[RunSnapshot]:
    bodies = await bodies_of(store, session)
    records = [decoded(body) if body else emptied(at) for at, (body, _) in enumerate(bodies)]
    return list(fold(records).runs.values())


def _line(run: RunSnapshot) -> str:
    began = datetime.fromtimestamp(run.created_at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    asked = " ".join(run.prompt.split())
    if len(asked) > SHOWN_CHARS:
        asked = f"{asked[:SHOWN_CHARS]}…"
    return on_one_line(f"{began}  {run.id}  {run.status:<9}  {run.session_id}  {asked}")
