"""The example and the page about retrieval, as they stand."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent
from a3s_code.testing import Script, ScriptedServer, says

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/retrieval.md").read_text(encoding="utf-8")
RETRY = "def pause(retries):\n    '''Pause between two retries.'''\n    return 2 ** retries\n"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Script(default=says("It doubles."))) as made:
        yield made


def test_the_example_shows_what_files_and_texts_say(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "agent.acl").write_text(server.acl())
    workspace = tmp_path / "ws"
    workspace.mkdir()
    (workspace / "retry.py").write_text(RETRY)
    (workspace / "cook.py").write_text("def boil(potatoes): ...\n")
    run = subprocess.run(
        [sys.executable, ROOT / "examples/09_vector_rag.py", workspace],
        cwd=tmp_path,
        env={**os.environ, "OPENAI_API_KEY": "sk-scripted", "OPENAI_BASE_URL": server.base_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.stderr == ""
    said = run.stdout.splitlines()
    assert said[:3] == ["new parts: 2", "It doubles.", f"items: {len(said) - 3}"]
    assert set(said[3:]) == {"file://retry.py#L1-L4", "docs://house-rules#L1-L1"}


def test_the_blocks_of_the_page_run(
    server: ScriptedServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = tmp_path / "ws"
    (workspace / "src").mkdir(parents=True)
    (workspace / "src/retry.py").write_text(RETRY)
    with Agent(server.acl()) as agent:
        names: dict[str, Any] = {
            "agent": agent,
            "api_key": "sk-scripted",
            "base_url": server.base_url,
        }
        monkeypatch.chdir(workspace)
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
            exec(compile(block, "retrieval.md", "exec"), names)
        names["session"].send("How are retries paused?")
        asyncio.run(names["embedding"].close())

    assert capsys.readouterr().out == "It doubles.\n" * 2
    told = str(server.requests[-1].body)
    assert "file://src/retry.py" in told
    assert "ticket://17" in told
