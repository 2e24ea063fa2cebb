"""
`a3s-code export RUN -o FILE` and `a3s-code replay FILE`: a run as one file, and its check.

Exit status of `export`: 0 written, 2 wrong use, 1 anything else. Of `replay`: 0 all is well,
1 something is not as it was written, 2 it cannot be read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from a3s_code.api.export import Exported, export_run
from a3s_code.api.replay import Replay, replay
from a3s_code.api.stores import file_store
from a3s_code.cli.configuration import configuration
from a3s_code.errors import A3SError, ConfigError, InvalidValue
from a3s_code.kernel.visible import visible

EXPORT = """Write a run of a stored session to one file that anybody can check.

The file holds the log of the session up to the end of the run, with everything it names:
the conversation, the outputs of tools, the contents of files before and after, and paths of
this machine. It holds no key of a provider, but whatever stands in those files or was said
in the conversation is in it in plain. The session is only read."""

REPLAY = """Check a run that was exported: offline, without its store, workspace or model.

Checked are the chain of the log, the state and the effects that follow from it, the digests
of everything it names, and the files at the beginning and the end. Nothing in it is run.
Without --head this shows accidents and partial edits; a log that was written anew as a whole
is found only by a hash of it that was kept elsewhere, such as the one that export prints."""

WARNING = """It holds the conversation, the outputs of tools and the contents of files in plain.
Secrets in those are not redacted; look before you hand it on."""


def export(arguments: Sequence[str]) -> int:
    """
    Run the first command.

    Raises:
        InvalidValue, ConfigError: there is no such run, no store, or FILE is there.
        StoreError, BundleError: as `export_run`.
    """
    parser = _parser("a3s-code export", EXPORT)
    parser.add_argument("run", metavar="RUN", help="id of the run")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--store", type=Path, metavar="DIR", help="else that of the configuration")
    parser.add_argument("--session", metavar="ID", help="whose run it is")
    parser.add_argument("--force", action="store_true", help="write over FILE")
    given = parser.parse_args(arguments)
    return asyncio.run(_export(given, store_directory(given.store)))


def main(arguments: Sequence[str]) -> int:
    """Run the second command."""
    parser = _parser("a3s-code replay", REPLAY)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--head", metavar="HASH", help="a hash that the log must contain")
    parser.add_argument("--extract", metavar="DIR", help="write the files at the end there")
    given = parser.parse_args(arguments)
    try:
        done = asyncio.run(replay(given.file, head=given.head, extract=given.extract))
    except A3SError as error:
        sys.stderr.write(f"a3s-code: {visible(str(error))}\n")
        return 2
    _tell(done)
    if given.extract and done.difference is None:
        _line(f"     the files at the end are in {given.extract}")
    return 1 if done.difference else 0


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


async def _export(given: argparse.Namespace, directory: Path) -> int:
    store = file_store(directory)
    try:
        done = await export_run(
            store, given.run, given.output, session=given.session, force=given.force
        )
    finally:
        await store.close()
    _say(done, given.output)
    return 0


def store_directory(given: Path | None) -> Path:
    """
    Give the directory of the store that `--store` names, else of that of the configuration.

    Raises:
        InvalidValue, ConfigError: there is none.
    """
    directory = given or _configured()
    if not directory.is_dir():
        raise InvalidValue(f"{directory} is no directory.", hint="name the store with --store")
    return directory


def _configured() -> Path:
    try:
        config = configuration(None, os.environ, Path.cwd(), Path.home())
    except ConfigError as error:
        if error.file:
            raise
        raise ConfigError(error.message, hint="name the store with --store") from error
    directory = config.rooted().sessions_dir
    if config.storage_backend != "file" or not directory:
        raise InvalidValue("The configuration names no store.", hint="name it with --store")
    return Path(directory)


def _say(done: Exported, output: Path) -> None:
    _line(f"wrote {output}: {done.size:,} bytes, {_count(done.blobs, done.gone)}")
    _line(f"head  {done.head.hash}  (record {done.head.sequence})")
    if done.trees.why:
        _line(f"files {done.trees.why}")
    sys.stderr.write(f"{WARNING}\n")


def _tell(done: Replay) -> None:
    verdict = "BAD" if done.difference else "ok "
    _line(f"{verdict}  {done.run} of session {done.session!r}: {done.status}")
    pruned = f", {done.pruned} of them pruned" if done.pruned else ""
    _line(f"     {done.records} records{pruned}  head {done.head.hash}")
    if done.difference is None:
        _tell_rest(done)
        return
    wrong = done.difference
    _line(f"     {wrong.where}: {wrong.what}")
    _line(f"     expected {wrong.expected}")
    _line(f"     found    {wrong.found}")


def _tell_rest(done: Replay) -> None:
    if done.anchored is not None:
        _line(f"     the given head proves {done.anchored} of the records")
    _line(f"     {_count(done.blobs, done.gone)}")
    if done.trees.why:
        _line(f"     files: {done.trees.why}")
    else:
        _line(f"     files: {done.trees.begin} to {done.trees.end}, {len(done.changed)} changed")
    if done.in_doubt:
        _line(f"     in doubt: {', '.join(done.in_doubt)}")


def _count(blobs: int, gone: int) -> str:
    return f"{blobs} blobs" + (f", {gone} no longer kept" if gone else "")


def _line(text: str) -> None:
    """Print one line, whatever a bundle says: one that is made up could look like ours."""
    print(visible(text).replace("\n", "\\n"))
