"""`a3s-code demo`: the main job, with real files and commands, and no model unless named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cli.command_line import PROGRAM, WAIT_S, CommandLine, calls_made


@pytest.fixture
def temporary(command_line: CommandLine, tmp_path: Path) -> Path:
    """Give the directory that the command has for temporary files."""
    place = tmp_path / "temporary"
    place.mkdir()
    command_line.environment["TMPDIR"] = str(place)
    return place


def test_the_demo_mends_the_project_and_says_that_the_model_is_scripted(
    command_line: CommandLine, temporary: Path
) -> None:
    done = command_line.run("demo")

    assert done.returncode == 0, done.stderr
    assert "SCRIPTED" in done.stderr
    assert "All tests pass." in done.stdout
    made = [line.split()[1] for line in calls_made(done.stderr.splitlines())]
    assert made == ["ls", "bash", "grep", "read", "edit", "bash"]
    assert "<- bash failed (1)" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("says OK")
    assert list(temporary.iterdir()) == []
    assert f"Record:    {temporary}" not in done.stderr
    assert "Record:    removed with the project" in done.stderr


def test_what_is_kept_is_the_mended_project_and_its_record(
    command_line: CommandLine, temporary: Path
) -> None:
    done = command_line.run("demo", "--keep")

    (place,) = temporary.iterdir()
    assert f"Kept: {place}" in done.stderr
    assert f"Record:    {place / 'record'}\n" in done.stderr
    assert ">= least" in (place / "project/discounts.py").read_text()
    assert list((place / "record").iterdir()) != []
    again = subprocess.run(
        ["python3", "-m", "unittest"], cwd=place / "project", capture_output=True, check=False
    )
    assert again.returncode == 0


def test_a_record_that_cannot_be_written_is_a_failure_and_no_wrong_use(
    command_line: CommandLine, temporary: Path
) -> None:
    script = 'ulimit -f 16; exec "$@"'  # 16 KiB a file: enough for the project, not for its record
    done = subprocess.run(
        ["bash", "-c", script, "bash", PROGRAM, "demo"],
        cwd=command_line.root,
        env=command_line.variables,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(temporary.iterdir()) == []


def test_a_real_model_needs_a_key(command_line: CommandLine, temporary: Path) -> None:
    done = command_line.run("demo", "--model", "some-provider/m1")

    assert (done.returncode, done.stdout) == (2, "")
    assert "SOME_PROVIDER_API_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(temporary.iterdir()) == []


def test_a_configuration_of_the_user_is_taken_for_a_real_model(
    command_line: CommandLine, temporary: Path
) -> None:
    config = command_line.put("mine.acl", command_line.serve())
    done = command_line.run("demo", "--model", "openai/other", "-c", str(config))

    assert done.returncode == 1, "the model that answers nothing has mended nothing"
    assert command_line.server.requests[0].asked.model == "other"
    assert "SCRIPTED" not in done.stderr


def test_the_demo_needs_no_home_and_reads_no_configuration(
    command_line: CommandLine, temporary: Path
) -> None:
    command_line.put("agent.acl", "this is { no configuration")
    command_line.environment["A3S_CONFIG"] = "/nowhere/agent.acl"

    assert command_line.run("demo").returncode == 0
