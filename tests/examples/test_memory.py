"""What docs/memory.md shows runs as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent
from a3s_code.testing import Script, ScriptedServer, says

PAGE = (Path(__file__).parents[2] / "docs/memory.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
BLOCKS = [text for language, text in FENCED if language == "python"]
(CONFIG,) = [text for language, text in FENCED if not language]


def test_every_block_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        ScriptedServer(Script(says("ok"))) as server,
        Agent(server.acl(extra=CONFIG)) as agent,
    ):
        names: dict[str, Any] = {"agent": agent, "session": agent.session(tmp_path)}
        for block in BLOCKS:
            exec(compile(block, "memory.md", "exec"), names)

    said = capsys.readouterr().out
    assert said.startswith("0.8 Success: fix the login bug\n")
    assert said.endswith("True None\n")
    assert "'long_term_count': 3" in said
