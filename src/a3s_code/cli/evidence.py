"""
`a3s-code evidence RUN`: what can be shown for a run that a store keeps, on the files of now.

Exit status: 0 all of it is verified on the files of now, 1 it is not, 2 wrong use.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from a3s_code.api.evidence_stored import stored_evidence
from a3s_code.api.stores import file_store
from a3s_code.cli.bundles import store_directory
from a3s_code.harness.verification.evidence import CheckEvidence, RunEvidence
from a3s_code.harness.verification.freshness import some
from a3s_code.kernel.verification import Ran
from a3s_code.kernel.visible import on_one_line, visible_json

ABOUT = """Say what can be shown for a run: what was asked, which files it changed, which checks
the harness ran and on which files, whether those are the files of now, and what is uncertain.
The records are only read; nothing is run. The files of the workspace are taken to compare."""

SHOWN_FILES = 50
SHOWN_CHARS = 200
"""Of what was asked, and of a command."""


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    Raises:
        InvalidValue, ConfigError: there is no such run, or no store.
        StoreError: the session cannot be read.
    """
    parser = argparse.ArgumentParser(prog="a3s-code evidence", description=ABOUT)
    parser.add_argument("run", metavar="RUN", help="id of the run; see `a3s-code runs`")
    parser.add_argument("--store", type=Path, metavar="DIR", help="else that of the configuration")
    parser.add_argument("--session", metavar="ID", help="whose run it is")
    parser.add_argument(
        "-C", "--workspace", metavar="DIR", help="where the files are now, if they were moved"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    given = parser.parse_args(arguments)
    if given.workspace is not None:
        given.workspace = os.path.abspath(given.workspace)  # noqa: PTH100 - keeps links
    evidence = asyncio.run(_read(given, store_directory(given.store)))
    _print(
        visible_json(msgspec.json.encode(evidence).decode())
        if given.json
        else "\n".join(_lines(evidence))
    )
    return 0 if evidence.verdict == "passed" and evidence.tree else 1


async def _read(given: argparse.Namespace, directory: Path) -> RunEvidence:
    store = file_store(directory)
    try:
        return await stored_evidence(store, given.run, given.session, given.workspace)
    finally:
        await store.close()


def _print(text: str) -> None:
    """Print; who stops reading does not change what it comes to."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(evidence: RunEvidence) -> Iterator[str]:
    for line in (*_head(evidence), *_files(evidence), *_checks(evidence), *_rest(evidence)):
        yield on_one_line(line)


def _head(evidence: RunEvidence) -> Iterator[str]:
    began = datetime.fromtimestamp(evidence.started_at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    yield f"{evidence.verdict.upper()}  {evidence.run_id} of session {evidence.session_id}"
    yield f"asked     {_short(evidence.prompt)}"
    yield f"run       {evidence.status}, began {began} UTC"
    yield f"workspace {evidence.workspace}"
    yield f"files now {evidence.tree or f'not known: {evidence.trouble}'}"


def _files(evidence: RunEvidence) -> Iterator[str]:
    more = "; a command may have changed more" if evidence.may_have_changed_more else ""
    files = "1 file" if len(evidence.files) == 1 else f"{len(evidence.files)} files"
    yield f"changed   {files}{more}"
    for file in evidence.files[:SHOWN_FILES]:
        how = "added  " if not file.before else "changed" if file.after else "removed"
        yield f"  {how} {file.path}  {file.after or file.before}"
    if len(evidence.files) > SHOWN_FILES:
        yield f"  and {len(evidence.files) - SHOWN_FILES} more"


def _checks(evidence: RunEvidence) -> Iterator[str]:
    if evidence.by_products:
        yield f"beside    {len(evidence.by_products)} made by checks: {some(evidence.by_products)}"
    yield f"checks    {len(evidence.checks)} run by the harness"
    for check in evidence.checks:
        yield from _check(check)
    if evidence.reported:
        yield f"reported  {len(evidence.reported)} that the harness has not run"
    for said in evidence.reported:
        yield f"  {said.status:<12} {said.subject}, {said.id} ({said.made_by})"


def _check(check: CheckEvidence) -> Iterator[str]:
    optional = "" if check.required else ", optional"
    yield f"  {check.status:<12} {check.subject}, {check.id}{optional}: {_ran(check.ran)}"
    why = f": {check.why}" if check.why else ""
    yield f"      {check.standing}{why}"
    yield f"      on {check.ran.tree or 'files that nobody can name'}"
    if check.base is not None:
        yield f"      before the change: {_ran(check.base)}"
    if check.ran.output_uri:
        yield f"      {check.ran.output_uri}"


def _ran(ran: Ran) -> str:
    ended = "stopped" if ran.exit_code is None else f"status {ran.exit_code}"
    return f"`{_short(ran.command)}` {ended}"


def _rest(evidence: RunEvidence) -> Iterator[str]:
    for risk in evidence.risks:
        about = f"{risk.subject}, {risk.check}" if risk.check else risk.subject
        yield f"risk      {risk.kind}: {about}: {risk.text}"
    for path in evidence.not_covered:
        yield f"uncovered {path}: no tree holds it"
    if evidence.log is not None:
        yield f"log       {evidence.log.records} records, head {evidence.log.sha256}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
