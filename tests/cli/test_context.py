"""`a3s-code context`, as somebody calls it who wants to know what a model was shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_code import Agent, FileSessionStore
from a3s_code.cli.discovery import VARIABLES
from a3s_code.cli.main import main
from a3s_code.testing import Scripted, calls, overflows, says


@pytest.fixture
def run(tmp_path: Path) -> str:
    (tmp_path / "AGENTS.md").write_text("Use tabs.")
    with Agent.create('default_model = "scripted/model"') as agent:
        session = agent.session(
            tmp_path,
            session_store=FileSessionStore(tmp_path / "sessions"),
            llm_client=Scripted(calls("ls"), says("Done.")),
        )
        session.send("Look around\x1b[2J")
        return session.runs()[0]["id"]


def test_every_turn_is_shown_with_its_parts(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["context", run, "--store", str(tmp_path / "sessions")]) == 0
    shown = capsys.readouterr().out

    assert [line.split()[:2] for line in shown.splitlines() if line.startswith("turn")] == [
        ["turn", "1"],
        ["turn", "2"],
    ]
    assert "context file://AGENTS.md" in shown
    assert "[workspace]" in shown
    assert "\x1b" not in shown


def test_one_turn_as_json_adds_up(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "sessions")
    assert main(["context", run, "--turn", "2", "--json", "--store", store]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    receipt = json.loads(line)

    assert (receipt["run_id"], receipt["turn"]) == (run, 2)
    assert sum(part["bytes"] for part in receipt["parts"]) == receipt["bytes"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--turn", "9"], 1, "has no turn 9 (turns with a receipt: 1, 2)"),
        (["--session", "nobody"], 1, "nobody"),
    ],
)
def test_what_is_not_there_is_said(
    arguments: list[str],
    status: int,
    said: str,
    run: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = str(tmp_path / "sessions")
    assert main(["context", run, *arguments, "--store", store]) == status
    assert said in capsys.readouterr().err


def test_an_unknown_run_is_said(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["context", f"{run}x", "--store", str(tmp_path / "sessions")]) != 0
    assert "There is no run" in capsys.readouterr().err


def test_without_a_configuration_a_store_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)

    assert main(["context", "run-1"]) == 2
    assert "There is no configuration. (name the store with --store)" in capsys.readouterr().err


def test_a_request_for_a_summary_is_called_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "sessions"
    answers = [says("answer")] * 13
    with Agent.create('default_model = "scripted/model"') as agent:
        session = agent.session(
            tmp_path,
            session_store=FileSessionStore(store),
            llm_client=Scripted(*answers, overflows(), says("NOTES"), says("fits now")),
        )
        for at in range(14):
            session.send(f"question {at}")
        last = session.runs()[-1]["id"]

    assert main(["context", last, "--store", str(store)]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [head.split("  ")[0] for head in heads] == ["turn 1", "summary", "turn 1"]
    assert "counted by the provider" in heads[1]
    assert main(["context", last, "--turn", "0", "--store", str(store)]) == 0
    assert "conversation://middle" in capsys.readouterr().out
