"""The example and the page about hooks, as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent
from a3s_code.harness.hooks.event_names import FIRED, IDLE
from a3s_code.testing import Script, ScriptedServer, calls, says

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/hooks.md").read_text(encoding="utf-8")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    making = calls("bash", command="make all") + calls("write", file_path=".env", content="key")
    with ScriptedServer(Script(making, default=says("Built."))) as made:
        yield made


def test_the_example_audits_blocks_and_transforms(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "agent.acl").write_text(server.acl())
    (tmp_path / "Makefile").write_text("all:\n\t@touch made\n")
    run = subprocess.run(
        [sys.executable, ROOT / "examples/08_hooks.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert run.stdout.splitlines() == [
        "audit: bash {'command': 'make all'}",
        "audit: bash {'command': 'nice make all'}",
        "Built.",
        "audit continue ",
        "nice modify ",
        "audit continue ",
        "secrets block .env stays as it is",
    ]
    assert not (tmp_path / ".env").exists()
    assert (tmp_path / "made").exists()


def test_the_blocks_of_the_page_run(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Agent(server.acl()) as agent:
        session = agent.session(tmp_path, permissive=True)
        names: dict[str, Any] = {"agent": agent, "session": session}
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
            exec(compile(block, "hooks.md", "exec"), names)

    assert capsys.readouterr().out == "2 True\n"


def test_the_page_names_every_event() -> None:
    heads = "pre|post|on|generate|session|permission|skill|intent"
    rows = set(re.findall(rf"`((?:{heads})_\w+)`", PAGE))
    spoken = {name for name in IDLE if name.partition("_")[0] in {"pre", "post"}}

    assert rows >= FIRED
    assert "before and after planning and\nreasoning" in PAGE
    assert spoken == IDLE
