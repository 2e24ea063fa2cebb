"""The page about skills runs as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from a3s_code import Agent
from a3s_code.capabilities.skills.text import skill_of
from a3s_code.testing import Script, ScriptedServer, says

PAGE = (Path(__file__).parents[2] / "docs/skills.md").read_text(encoding="utf-8")


def test_the_blocks_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills/safe.md").write_bytes(_file())
    script = Script(default=says("All is well."))
    with ScriptedServer(script) as server, Agent(server.acl()) as agent:
        names = {"agent": agent}
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
            exec(compile(block, "skills.md", "exec"), names)

    shown = capsys.readouterr().out
    assert shown.startswith("1. house-style: How we write release notes")
    assert "All is well." in shown
    assert "a3s://tool-output/" in shown


def _file() -> bytes:
    (text,) = re.findall(r"^    ---\n.*?tests\.$", PAGE, re.DOTALL | re.MULTILINE)
    return re.sub(r"^    ", "", text, flags=re.MULTILINE).encode()


def test_the_file_of_the_page_is_a_skill() -> None:
    skill = skill_of(_file(), name="page", source="page")
    assert skill is not None
    assert skill.name == "safe-reviewer"
    assert skill.allowed_tools == ("read(*)", "grep(*)", "glob(*)")
