"""The page about delegation runs as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from a3s_code import Agent
from a3s_code.delegation.agent_text import AgentSource, agent_of
from a3s_code.delegation.agents import MAX_STEPS
from a3s_code.delegation.builtin_agents import ALIASES, builtin_agents
from a3s_code.testing import Script, ScriptedServer, says

PAGE = (Path(__file__).parents[2] / "docs/delegation.md").read_text(encoding="utf-8")


def test_the_blocks_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = Script(default=says("All is well."))
    with ScriptedServer(script) as server, Agent(server.acl()) as agent:
        (tmp_path / "agent.acl").write_text(server.acl())
        names = {"agent": agent}
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
            exec(compile(block, "delegation.md", "exec"), names)
        names["agent"].close()

    shown = capsys.readouterr().out
    assert "verify-cow 30" in shown
    assert "All is well." in shown


def test_the_file_of_the_page_is_an_agent() -> None:
    (text,) = re.findall(r"^    ---\n.*?first\.$", PAGE, re.DOTALL | re.MULTILINE)
    data = re.sub(r"^    ", "", text, flags=re.MULTILINE).encode()
    role = agent_of(data, AgentSource("agents/page.md", "page"))

    assert role is not None
    assert (role.name, role.max_steps) == ("schema-expert", 12)
    assert role.allow == ("Read", "Grep", "Bash(psql --list:*)")


def test_the_tables_of_the_page_name_every_agent_and_every_kind() -> None:
    for each in builtin_agents():
        (row,) = re.findall(rf"^\| `{each.name}` \|.*$", PAGE, re.MULTILINE)
        assert f"| {each.max_steps} |" in row
        for alias in (alias for alias, name in ALIASES.items() if name == each.name):
            assert f"`{alias}`" in row
    for kind, steps in MAX_STEPS.items():
        assert re.search(rf"^\| `{kind}` \|.*\| {steps} \|$", PAGE, re.MULTILINE)
