"""The verifier names what happened to a store, and says what it cannot know."""

from __future__ import annotations

import ast
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_code.errors import StoreError
from a3s_code.persistence import verify as verifier
from a3s_code.persistence.codec import encode
from a3s_code.persistence.sqlite import FileSessionStore
from a3s_code.persistence.verify import main, verify
from persistence.logs import OTHER, S, change, keep, record, records

SOURCE = Path(verifier.__file__)
LENGTH = 8


@pytest.fixture
async def stored(tmp_path: Path) -> Path:
    """A closed store of two sessions and a blob."""
    store = FileSessionStore(tmp_path / "s")
    await keep(store, records(LENGTH))
    await keep(store, records(3, "other "), OTHER)
    store.put_blob(S, hashlib.sha256(b"data").hexdigest(), b"data")
    await store.barrier(S)
    await store.close()
    return tmp_path / "s"


def faults(directory: Path, session: str | None = S, head: str | None = None) -> list[str]:
    return [fault for report in verify(directory, session, head) for fault in report.faults]


def head_of(directory: Path) -> str:
    return next(report.head for report in verify(directory) if report.name == S)


def body_of(sequence: int, said: int | None = None) -> bytes:
    return encode(record(sequence if said is None else said, "x"))


def test_it_is_one_short_file_that_needs_nothing_but_python() -> None:
    tree = ast.parse(SOURCE.read_text())
    imported = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }

    assert imported <= {*sys.stdlib_module_names}
    assert len(SOURCE.read_text().splitlines()) <= 200


def test_a_copy_of_it_runs_alone(stored: Path, tmp_path: Path) -> None:
    copy = shutil.copy(SOURCE, tmp_path / "v.py")
    command = [sys.executable, "-I", copy, str(stored)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"ok   'my-session'  8 records  head {head_of(stored)}" in done.stdout
    assert "ok   '(blobs)'  1 blobs" in done.stdout


@pytest.mark.parametrize("sequence", range(LENGTH))
def test_a_changed_record_is_named(stored: Path, sequence: int) -> None:
    change(
        stored, "UPDATE records SET body = ? WHERE session = 1 AND sequence = ?",
        body_of(sequence), sequence,
    )  # fmt: skip

    assert faults(stored) == [
        f"record {sequence} was changed, or does not follow the one before it"
    ]


@pytest.mark.parametrize("sequence", range(LENGTH))
def test_a_missing_record_is_named(stored: Path, sequence: int) -> None:
    change(stored, "DELETE FROM records WHERE session = 1 AND sequence = ?", sequence)

    assert faults(stored)[0] == f"record {sequence} is missing"


def test_moved_records_are_named(stored: Path) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        change(
            stored, "UPDATE records SET sequence = ? WHERE session = 1 AND sequence = ?", new, old
        )

    said = faults(stored)
    assert "record 3 says that it is record 4" in said
    assert "record 4 says that it is record 3" in said


def test_a_record_that_was_put_in_is_named(stored: Path) -> None:
    for old in range(LENGTH - 1, 3, -1):
        change(
            stored,
            "UPDATE records SET sequence = ? WHERE session = 1 AND sequence = ?", old + 1, old,
        )  # fmt: skip
    change(
        stored, "INSERT INTO records SELECT session, 4, run, ?, hash FROM records"
        " WHERE session = 1 AND sequence = 3", body_of(4),
    )  # fmt: skip

    said = faults(stored)
    assert said[0] == "record 4 was changed, or does not follow the one before it"
    assert f"there are more records than the {LENGTH} that were written" in said


def test_a_record_that_was_added_at_the_end_is_named(stored: Path) -> None:
    body = body_of(LENGTH)
    link = hashlib.sha256(bytes.fromhex(head_of(stored)) + body).digest()
    change(stored, "INSERT INTO records VALUES (1, ?, 'r', ?, ?)", LENGTH, body, link)

    assert faults(stored) == [f"there are more records than the {LENGTH} that were written"]


def cut(directory: Path) -> None:
    """Cut off the last record as somebody would who knows the format."""
    change(directory, "DELETE FROM records WHERE session = 1 AND sequence = ?", LENGTH - 1)
    change(
        directory, "UPDATE sessions SET next = ?, head = (SELECT hash FROM records"
        " WHERE session = 1 AND sequence = ?) WHERE number = 1", LENGTH - 1, LENGTH - 2,
    )  # fmt: skip


def test_a_cut_tail_is_named_when_the_head_is_known(stored: Path) -> None:
    head = head_of(stored)
    cut(stored)

    assert faults(stored) == []
    assert faults(stored, head=head) == [
        "the given head is not in this log: it was cut off or written anew"
    ]


async def test_a_log_that_has_grown_still_contains_its_old_head(stored: Path) -> None:
    head = head_of(stored)
    store = FileSessionStore(stored)
    await store.load(S)
    store.append(S, record(LENGTH))
    await store.barrier(S)
    await store.close()

    assert faults(stored, head=head.upper()) == []


def test_other_damage_is_named(stored: Path) -> None:
    change(stored, "UPDATE blobs SET data = x'00'")
    change(stored, "PRAGMA foreign_keys = OFF")
    change(stored, "DELETE FROM sessions WHERE id = ?", OTHER)
    said = faults(stored, session=None)

    assert any(fault.startswith("blob ") and fault.endswith(" was changed") for fault in said)
    assert "the session of these records is missing" in said


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["{}"], 0, "ok   'other'"),
        (["{}", "--session", "other"], 0, "3 records"),
        (["{}", "--session", "nobody"], 2, "has no session 'nobody'"),
        (["{}", "--head", "00"], 2, "--session"),
        (["{}", "--session", "other", "--head", "00"], 1, "not in this log"),
        (["{}/nowhere"], 2, "/nowhere; give the directory of a FileSessionStore"),
        (["{}/.."], 2, "/../sessions.db; give the directory of a FileSessionStore"),
        ([str(SOURCE)], 1, "not a database"),
    ],
)
def test_the_exit_status_tells_damage_from_misuse(
    stored: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    assert main([argument.format(stored) for argument in arguments]) == status
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


async def test_no_byte_of_a_store_can_be_damaged_behind_the_verifiers_back(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (stored / "sessions.db").read_bytes()
    copy = tmp_path / "copy"
    copy.mkdir()
    expected = await FileSessionStore(stored).load(S, None)
    for at in range(0, len(good), 97):
        damaged = bytearray(good)
        damaged[at] ^= 1 << at % 8
        (copy / "sessions.db").write_bytes(damaged)
        if main([str(copy)]) == 0:
            try:
                read = await FileSessionStore(copy).load(S, None)
            except StoreError:
                continue
            assert read == expected, at
    capsys.readouterr()
