"""What a version has stored, every later version reads, and understands the same way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.fold import fold, run_events
from a3s_code.kernel.records import Record, RunStarted, SessionOpened
from a3s_code.persistence.codec import decode, encode, read_chain
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.persistence.verify import verify
from golden.examples import TAGS, tags_in
from golden.form import GOLDEN, differences, golden_logs, lines_of, state_as_json, state_file

LOGS = golden_logs()
TOOL = GOLDEN.parent.parent / "tools/golden_log.py"


def name_of(log: Path) -> str:
    return f"{log.parent.name}/{log.stem}"


def records_of(log: Path) -> list[Record]:
    return [decode(line.body) for line in lines_of(log)]


each = pytest.mark.parametrize("log", LOGS, ids=map(name_of, LOGS))


@each
def test_the_chain_is_whole(log: Path) -> None:
    lines = lines_of(log)
    rows = [(sequence, line.body, line.hash) for sequence, line in enumerate(lines)]

    assert len(read_chain(SessionId("s"), rows, len(lines), lines[-1].hash)) == len(lines) > 0


@each
def test_every_record_is_written_as_the_same_bytes_again(log: Path) -> None:
    for line in lines_of(log):
        assert encode(decode(line.body)) == line.body


@each
def test_the_fold_is_what_it_was(log: Path) -> None:
    then = json.loads(state_file(log).read_text())
    assert differences(then, state_as_json(fold(records_of(log)))) == []


@each
def test_a_run_has_as_many_events_as_its_snapshot_counts(log: Path) -> None:
    records = records_of(log)
    starts = [record.run for record in records if isinstance(record.event, RunStarted)]
    for run in fold(records).runs.values():
        if starts.count(run.id) == 1:  # the count begins anew when a hand-made run does
            assert len(run_events(records, run.id)) == run.event_count


@each
async def test_a_store_keeps_it_under_the_same_hashes(log: Path, tmp_path: Path) -> None:
    records, lines = records_of(log), lines_of(log)
    opened = records[0].event
    assert isinstance(opened, SessionOpened)
    session = SessionId(opened.session_id)
    store = FileSessionStore(tmp_path)
    for record in records:
        store.append(session, record)
    await store.barrier(session)
    loaded = await store.load(session)
    await store.close()

    assert [encode(record) for record in loaded] == [line.body for line in lines]
    report = verify(tmp_path, session, lines[-1].hash.hex())[0]
    assert (report.head, report.faults) == (lines[-1].hash.hex(), [])


def test_every_type_of_record_is_in_a_golden_log() -> None:
    kept = set[str]().union(*(tags_in(records_of(log)) for log in LOGS))
    assert set(TAGS) - kept == set(), "run: python tools/golden_log.py NAME-OF-WHAT-IS-NEW"


def test_every_golden_log_has_its_state_and_no_path_of_a_machine() -> None:
    for log in LOGS:
        text = log.read_bytes() + state_file(log).read_bytes()
        assert b"/tmp" not in text
        assert b"127.0.0.1" not in text


def test_a_changed_byte_of_a_golden_log_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "copy.log"
    copy.write_bytes(LOGS[0].read_bytes().replace(b'"timestamp_ms":1', b'"timestamp_ms":2', 1))
    rows = [(sequence, line.body, line.hash) for sequence, line in enumerate(lines_of(copy))]

    with pytest.raises(StoreError, match="was changed"):
        read_chain(SessionId("s"), rows, len(rows), rows[-1][2])


def test_a_field_that_was_gained_is_no_difference_and_everything_else_is() -> None:
    then: Any = {"runs": [["r", {"status": "failed"}]], "model": "m"}

    assert differences(then, {**then, "files": []}) == []
    assert differences(then, {**then, "runs": [["r", {"status": "failed", "cost": 1}]]}) == []
    assert differences(then, {**then, "runs": [["r", {"status": "completed"}]]}) == [
        ".runs[0][1].status was 'failed' and is 'completed'"
    ]
    assert differences(then, {**then, "runs": []}) != []
    assert differences(then, {"runs": then["runs"]}) == [".model is gone"]


# The command that adds them


def add(golden: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TOOL, "--into", golden, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def files_in(golden: Path) -> dict[str, bytes]:
    return {str(file.relative_to(golden)): file.read_bytes() for file in golden.glob("*/*")}


def test_types_that_no_golden_log_has_are_added_by_one_command(tmp_path: Path) -> None:
    added = add(tmp_path, "odd-values")
    assert added.returncode == 0, added.stderr
    before = files_in(tmp_path)
    added = add(tmp_path, "all-the-others")

    assert added.returncode == 0, added.stderr
    assert set().union(*(tags_in(records_of(log)) for log in golden_logs(tmp_path))) == set(TAGS)
    assert before.items() < files_in(tmp_path).items()


def test_a_golden_log_is_never_written_again(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "g", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    before = files_in(tmp_path / "g")
    again = add(tmp_path / "g", "every-type")
    nothing_new = add(tmp_path / "g", "nothing-new")

    assert (again.returncode, nothing_new.returncode) == (1, 1)
    assert "never written again" in again.stderr
    assert "every type is in a golden log" in nothing_new.stderr
    assert files_in(tmp_path / "g") == before
