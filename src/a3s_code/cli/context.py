"""
`a3s-code context RUN`: what a model was shown in a run that a store keeps.

Exit status: 0 shown, 1 the run has no such turn, 2 wrong use.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from a3s_code.api.receipt_view import ContextReceipt, receipts_of
from a3s_code.api.receipts import FOR_SUMMARY
from a3s_code.api.stored_run import find_run
from a3s_code.api.stores import file_store
from a3s_code.cli.bundles import store_directory
from a3s_code.kernel.visible import on_one_line, visible, visible_json

ABOUT = """Say what each request of a run was made of: every part with its bytes, its tokens as
estimated, where it comes from and why it is there, and what was left out. The bytes add up
to the body that was sent. The store is only read."""
NAME_WIDTH = 44


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    Raises:
        InvalidValue, ConfigError: there is no such run, or no store.
        StoreError: the session cannot be read.
    """
    parser = argparse.ArgumentParser(prog="a3s-code context", description=ABOUT)
    parser.add_argument("run", metavar="RUN", help="id of the run; see `a3s-code runs`")
    parser.add_argument(
        "--turn",
        type=int,
        metavar="N",
        help="only this turn, from 1; 0 = what is asked beside them",
    )
    parser.add_argument("--store", type=Path, metavar="DIR", help="else that of the configuration")
    parser.add_argument("--session", metavar="ID", help="whose run it is")
    parser.add_argument("--json", action="store_true", help="print a receipt per line as JSON")
    given = parser.parse_args(arguments)
    receipts = asyncio.run(_read(given, store_directory(given.store)))
    shown = [each for each in receipts if given.turn in (None, each.turn)]
    for receipt in shown:
        print(
            visible_json(msgspec.json.encode(receipt).decode()) if given.json else _table(receipt)
        )
    if not shown:
        turns = ", ".join(str(each.turn) for each in receipts) or "none"
        which = f"no turn {given.turn} (turns with a receipt: {turns})"
        which = "no receipt" if given.turn is None else which
        sys.stderr.write(f"a3s-code: run {visible(given.run)} has {which}\n")
    return 0 if shown else 1


async def _read(given: argparse.Namespace, directory: Path) -> list[ContextReceipt]:
    store = file_store(directory)
    try:
        found = await find_run(store, given.run, given.session)
    finally:
        await store.close()
    return receipts_of(found.records, found.state, given.run)


def _table(receipt: ContextReceipt) -> str:
    said = "not answered"
    if receipt.usage is not None:
        cached = receipt.usage.cache_read_tokens
        said = f"{receipt.usage.prompt_tokens:,} counted by the provider"
        said += f", {cached:,} of them from its cache" if cached else ""
    size = f"{receipt.bytes:,} bytes ({receipt.wire}), about {receipt.tokens:,} tokens"
    beside = "summary" if receipt.purpose == FOR_SUMMARY else receipt.purpose
    which = f"turn {receipt.turn}" if receipt.turn else beside
    lines = [f"{which}  {receipt.model}  {size}; {said}"]
    for part in receipt.parts:
        name = f"{part.kind} {part.source}".strip()
        name += f" x{part.count}" if part.count > 1 else ""
        trust = f" [{part.trust}]" if part.trust else ""
        lines.append(
            f"  {part.bytes:>9,} {part.tokens:>8,}  {name:<{NAME_WIDTH}} {part.why}{trust}"
        )
    lines += [
        f"  {'left out':>9} {left.tokens:>8,}  {left.source:<{NAME_WIDTH}} {left.why}"
        for left in receipt.left_out
    ]
    return "\n".join(on_one_line(line.rstrip()) for line in lines)
