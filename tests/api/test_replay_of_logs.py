"""Logs of every version, and logs written by hand, as bundles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from a3s_code import MemorySessionStore
from a3s_code.api.bundle import FORMAT
from a3s_code.api.export import export_run
from a3s_code.api.replay import Replay, replay
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import RunId, SessionId
from a3s_code.kernel.log import Log
from a3s_code.kernel.records import (
    EffectIntended,
    EffectSettled,
    Event,
    FileChanging,
    FileImage,
    FileLeft,
    Record,
    RunStarted,
    SessionOpened,
)
from a3s_code.persistence.codec import decode
from a3s_code.persistence.sqlite import FileSessionStore
from api.bundles import Bundle
from golden.form import GOLDEN, golden_logs, lines_of
from kernel.bench import files

MADE_UP = {"effects"}
"""Golden logs that hold records as no session writes them: a change without an intent."""

BUNDLES = sorted(GOLDEN.glob("*/run.a3s"))
LOGS = [log for log in golden_logs() if log.stem not in MADE_UP]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log.parent.name}/{log.stem}")
async def test_runs_that_an_earlier_version_stored_replay_clean(log: Path, tmp_path: Path) -> None:
    records = [decode(line.body) for line in lines_of(log)]
    store = FileSessionStore(tmp_path)
    await _keep(store, records)
    runs = [each.run for each in records if isinstance(each.event, RunStarted)]
    for run in dict.fromkeys(runs):
        await export_run(store, run, tmp_path / "x.a3s", force=True)
        assert (await replay(tmp_path / "x.a3s")).difference is None
    await store.close()


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.parent.name)
async def test_bundles_that_an_earlier_version_wrote_replay_clean(
    bundle: Path, tmp_path: Path
) -> None:
    done = await replay(bundle, extract=tmp_path / "end")

    assert (done.difference, done.status, done.changed) == (None, "completed", ("a", "b"))
    assert files(tmp_path / "end") == {"a": "ONE two", "b": "command\n"}
    assert b"/tmp" not in b"".join(Bundle(bundle).members.values())


def test_this_format_has_a_golden_bundle() -> None:
    formats = {Bundle(path).manifest["format"] for path in BUNDLES}
    assert FORMAT in formats, "run: python tools/golden_bundle.py"


async def _keep(store: FileSessionStore, records: Sequence[Record]) -> None:
    opened = records[0].event
    assert isinstance(opened, SessionOpened)
    for record in records:
        store.append(SessionId(opened.session_id), record)
    await store.barrier(SessionId(opened.session_id))


# By hand


def _intended(call: str, effect: str = "write") -> EffectIntended:
    return EffectIntended(
        call_id=call, tool="x", args_sha256="", decision="", authority="", effect=effect
    )


def _changing(call: str, before: str, after: str) -> FileChanging:
    images = FileImage(before * 64, 1), FileImage(after * 64, 1)
    return FileChanging(call_id=call, tool="x", path="a", before=images[0], after=images[1])


def _settled(call: str) -> EffectSettled:
    return EffectSettled(call_id=call, outcome="done", exit_code=0)


def _replayed(path: Path, *events: Event) -> Replay:
    async def both() -> Replay:
        store = MemorySessionStore()
        log = Log(SessionId("s"), SystemClock(), store)
        log.append(SessionOpened(session_id="s", workspace="/w", model="p/m", created_at_ms=1))
        for event in (RunStarted(prompt="go"), *events):
            log.append(event, RunId("run-1"))
        await export_run(store, "run-1", path)
        return await replay(path)

    return asyncio.run(both())


FIRST = (_intended("c1"), _changing("c1", "0", "1"), _settled("c1"))
NEXT = (_intended("c2"), _changing("c2", "2", "3"), _settled("c2"))


def test_a_file_that_nobody_may_have_changed_between_is_a_difference(tmp_path: Path) -> None:
    found = _replayed(tmp_path / "x.a3s", *FIRST, *NEXT).difference
    assert found is not None
    assert (found.sequence, found.expected, found.found) == (6, "1" * 64, "2" * 64)


def test_a_command_may_change_a_file_while_it_runs(tmp_path: Path) -> None:
    command = _intended("b", "execute")
    assert _replayed(tmp_path / "x", *FIRST, command, *NEXT).difference is None
    assert _replayed(tmp_path / "y", *FIRST, command, _settled("b"), *NEXT).difference is None


def test_a_write_that_did_not_come_about_changed_nothing(tmp_path: Path) -> None:
    again = (_intended("c2"), _changing("c2", "0", "3"), _settled("c2"))
    left = FileLeft(call_id="c1", path="a")
    assert _replayed(tmp_path / "x", *FIRST[:2], left, *FIRST[2:], *again).difference is None
    assert _replayed(tmp_path / "y", *FIRST, *again).difference is not None
