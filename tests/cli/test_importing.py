"""`a3s-code import`, on directories that A3S Code 3 has written."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code.cli.main import main
from api.earlier_sessions import WHOLE, directory_at


def test_every_session_is_shown_and_the_record_verifies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, store = directory_at(tmp_path / "old"), tmp_path / "s"
    assert main(["import", str(old), "--store", str(store)]) == 0
    shown = capsys.readouterr().out
    assert "imported  tools  12 messages, 3 runs, 0 artifacts" in shown
    assert "without" not in shown

    assert main(["verify", str(store)]) == 0
    verified = capsys.readouterr().out
    assert all(f"ok   {name!r}" in verified for name in WHOLE)


def test_one_session_that_is_not_imported_is_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, store = directory_at(tmp_path / "old"), tmp_path / "s"
    (old / "runs" / "tools.json").write_bytes(b"")
    assert main(["import", str(old), "--store", str(store)]) == 1
    shown = capsys.readouterr()

    assert "not imported  tools: " in shown.err
    assert "runs/tools.json: it is empty" in shown.err
    assert "imported  failed" in shown.out


def test_one_session_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, store = directory_at(tmp_path / "old"), tmp_path / "s"
    chosen = ["--session", "odd/../id with space"]
    assert main(["import", str(old), "--store", str(store), *chosen]) == 0
    assert capsys.readouterr().out.count("imported") == 1


def test_the_directory_cannot_be_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = directory_at(tmp_path / "old")
    assert main(["import", str(old), "--store", f"{old}/../old"]) == 2
    assert "only read" in capsys.readouterr().err
    assert not (old / "sessions.db").exists()
