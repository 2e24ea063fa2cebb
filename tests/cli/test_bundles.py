"""`a3s-code export` and `a3s-code replay`, as somebody calls them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from a3s_code.cli.bundles import WARNING
from a3s_code.cli.main import main
from a3s_code.testing import calls, says
from cli.command_line import CommandLine

TURNS = (calls("write", file_path="a", content="by the tool"), says("Written."))


@pytest.fixture
def run(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the command answer once, with a store in its configuration; give the run's id."""
    monkeypatch.chdir(command_line.root)
    monkeypatch.setenv("HOME", str(command_line.home))
    directory = command_line.root / "sessions"
    kept = f'storage_backend = "file"\nsessions_dir = "{directory}"\n'
    command_line.put("agent.acl", command_line.serve(*TURNS) + kept)
    command_line.trust()
    assert main(["write"]) == 0
    found = re.search(rb'"run":"(run-[^"]+)"', _all_bytes(directory))
    assert found is not None
    return found[1].decode()


def _all_bytes(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.glob("sessions.db*"))


def test_a_run_is_exported_and_replayed(
    command_line: CommandLine, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["export", run, "-o", "x.a3s"]) == 0
    exported = capsys.readouterr()
    head = re.search(r"head  ([0-9a-f]{64})", exported.out)
    assert head is not None
    assert main(["replay", "x.a3s", "--head", head[1], "--extract", "end"]) == 0
    replayed = capsys.readouterr()

    assert WARNING in exported.err
    assert replayed.err == ""
    assert replayed.out.startswith(f"ok   {run} of session ")
    assert "the given head proves" in replayed.out
    assert "1 changed" in replayed.out
    assert (command_line.root / "end/a").read_text() == "by the tool"
    assert stat.S_IMODE((command_line.root / "x.a3s").stat().st_mode) == 0o600


def test_a_difference_is_the_exit_status(
    command_line: CommandLine, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = str(command_line.root / "x.a3s"), str(command_line.root / "sessions")
    assert main(["export", run, "--store", store, "-o", path]) == 0
    capsys.readouterr()

    assert main(["replay", path, "--head", "0" * 64]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(f"BAD  {run}")
    assert "the given head is not in the log" in shown
    assert f"expected {'0' * 64}" in shown


def test_what_cannot_be_read_is_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.a3s").touch()
    assert main(["replay", str(tmp_path / "x.a3s")]) == 2
    assert main(["replay", str(tmp_path / "none.a3s")]) == 2
    assert "no bundle" in capsys.readouterr().err


def test_a_file_that_is_there_is_replaced_only_when_that_is_said(
    command_line: CommandLine, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = command_line.put("x.a3s", "mine"), str(command_line.root / "sessions")
    command = ["export", run, "--store", store, "-o", os.fspath(path)]

    assert main(command) == 2
    assert "there already" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main([*command, "--force"]) == 0
    assert main(["replay", str(path)]) == 0


def test_a_run_or_a_store_that_is_not_there_is_wrong_use(
    command_line: CommandLine, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, path = str(command_line.root / "sessions"), str(command_line.root / "x.a3s")

    assert main(["export", "run-x", "--store", store, "-o", path]) == 2
    assert main(["export", run, "--store", f"{store}-x", "-o", path]) == 2
    assert main(["export", run, "--store", store, "--session", "nobody", "-o", path]) == 1
    shown = capsys.readouterr().err
    assert "no run 'run-x'" in shown
    assert "is no directory" in shown
    assert not Path(path).exists()
    assert not Path(f"{store}-x").exists()
