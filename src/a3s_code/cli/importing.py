"""
`a3s-code import DIR --store STORE`: carry sessions of A3S Code 3 over into a store.

Exit status: 0 when all were imported, 1 when one was not, 2 for wrong use.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from a3s_code.api.imported import Carried, Refused, carry_over
from a3s_code.api.stores import file_store
from a3s_code.errors import InvalidValue
from a3s_code.kernel.visible import visible

DESCRIPTION = """Carry sessions of A3S Code 3 over into a store.

DIR is the directory that its FileSessionStore was made with; it is only read. A session
that STORE has already is refused, and one whose files cannot be read is named; the others
are imported. Conversation, runs with their events and tokens, traces and artifacts go
over; keys and addresses of providers do not."""


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    Raises:
        InvalidValue: DIR holds no sessions, or is the store as well.
        StoreError: DIR does not hold the session that was asked for.
    """
    given = _parser().parse_args(arguments)
    if given.store.resolve() == given.directory.resolve():
        raise InvalidValue(
            f"{given.directory} is only read; it cannot be the store as well.",
            hint="give another directory as --store",
        )
    return asyncio.run(_import(given.directory, given.store, given.session))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="a3s-code import",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--store", type=Path, required=True, help="directory of the store")
    parser.add_argument("--session", metavar="ID", help="import this one only")
    return parser


async def _import(directory: Path, target: Path, session: str | None) -> int:
    store = file_store(target)
    status = 0
    try:
        async for outcome in carry_over(directory, store, session):
            match outcome:
                case Carried():
                    _show(outcome)
                case Refused(name=name, why=why):
                    status = 1
                    sys.stderr.write(f"not imported  {visible(name)}: {visible(str(why))}\n")
    finally:
        await store.close()
    return status


def _show(session: Carried) -> None:
    counts = f"{session.messages} messages, {session.runs} runs, {session.artifacts} artifacts"
    print(f"imported  {visible(session.session)}  {counts}")
    if session.left_out:
        print(f"          without {visible(', '.join(session.left_out))}")
