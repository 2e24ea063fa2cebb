"""Directories that a configuration names are beside its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code import Agent
from a3s_code.config.schema import load
from a3s_code.testing import Script, ScriptedServer, says

TEXT = """
sessions_dir = "kept/sessions"
memory_dir = "memory"
user_instructions_dir = "~/house"
skill_dirs = ["skills", "/srv/skills"]
agent_dirs = ["./agents"]
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the process; the file lies in another one."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/agent.acl").write_text(TEXT)
    return place


@pytest.mark.parametrize("written", ["{base}/etc/agent.acl", "../etc/agent.acl"])
def test_directories_are_beside_the_file_that_names_them(
    tmp_path: Path, elsewhere: Path, written: str
) -> None:
    config = load(written.format(base=tmp_path)).rooted()

    assert config.sessions_dir == str(tmp_path / "etc/kept/sessions")
    assert config.memory_dir == str(tmp_path / "etc/memory")
    assert config.user_instructions_dir == str(tmp_path / "home/house")
    assert config.skill_dirs == (str(tmp_path / "etc/skills"), "/srv/skills")
    assert config.agent_dirs == (str(tmp_path / "etc/agents"),)
    assert config.rooted() == config


def test_those_of_a_text_are_in_the_directory_of_the_process(elsewhere: Path) -> None:
    config = load(TEXT).rooted()

    assert config.sessions_dir == str(elsewhere / "kept/sessions")
    assert config.skill_dirs[0] == str(elsewhere / "skills")
    assert load("max_tool_rounds = 3").rooted().sessions_dir is None


def test_sessions_and_memories_are_kept_beside_the_file(tmp_path: Path, elsewhere: Path) -> None:
    with ScriptedServer(Script(default=says("Hello."))) as server:
        kept = 'storage_backend = "file"\nsessions_dir = "sessions"\nmemory_dir = "memory"\n'
        (tmp_path / "etc/agent.acl").write_text(server.acl(extra=kept))
        agent = Agent(tmp_path / "etc/agent.acl")
        session = agent.session(elsewhere)
        session.send("hello")
        session.remember_success("hello", ["read"], "it was there")
        agent.close()

    assert list((tmp_path / "etc/sessions").iterdir())
    assert list((tmp_path / "etc/memory").iterdir())
    assert list(elsewhere.iterdir()) == []
