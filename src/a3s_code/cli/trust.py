"""
`a3s-code trust [DIR]`: say yes to what a directory brings along, or take it back.

Exit status: 0 done, 1 there was nothing to trust or to take back, 2 wrong use.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from a3s_code.cli.brought import brought
from a3s_code.cli.configuration import described, grant, trust_of
from a3s_code.cli.discovery import brought_by
from a3s_code.harness.trust import Trust
from a3s_code.kernel.visible import visible

DESCRIPTION = """Trust the configuration that DIR brings along, as it is now.

A configuration that is found in the working directory or above it may have come with a
repository, and it chooses which model is asked, at which address and with which key. It is
used when you trust it: here, or when you are asked at the terminal. The skills and the
instructions in directories that it names are trusted with it. When one of all these changes,
you are asked again. One that you name with -c or $A3S_CONFIG, or that lies in ~/.a3s, is yours."""


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    Raises:
        ConfigError: a configuration is wrong, or the record of what is trusted is.
    """
    given = _parser().parse_args(arguments)
    trust = trust_of(Path.home())
    if given.list:
        return _list(trust)
    if given.revoke:
        return _revoke(trust, given.directory)
    return _trust(trust, given.directory)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="a3s-code trust",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--list", action="store_true", help="show what is trusted")
    choice.add_argument("--revoke", action="store_true", help="trust nothing in DIR any more")
    return parser


def _trust(trust: Trust, directory: Path) -> int:
    from a3s_code.api.assembly import load_config

    status = 1
    for found in brought_by(directory):
        config = load_config(found.path)
        now = brought(found, config)
        grant(trust, found, now)
        print("\n".join(["trusted until it changes:", *described(found, config, now)]))
        status = 0
    if status:
        print(f"{visible(str(directory))} brings no configuration along")
    return status


def _revoke(trust: Trust, directory: Path) -> int:
    gone = trust.revoke(directory)
    for one in gone:
        print(f"no longer trusted: {visible(one.path)}")
    if not gone:
        print(f"nothing in {visible(str(directory))} was trusted")
    return 0 if gone else 1


def _list(trust: Trust) -> int:
    for one in trust.entries():
        since = datetime.fromtimestamp(one.since_ms / 1000, UTC).date()
        more = f"  and {len(one.files) - 1} beside it" if one.files else ""
        print(f"{one.kind}  {one.sha256[:12]}  {since}  {visible(one.path)}{more}")
    return 0
