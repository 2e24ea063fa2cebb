"""What the pages about context show runs as written."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent
from a3s_code.testing import says
from api.house import House

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("compaction.md", "context.md", "hooks.md", "memory.md", "retrieval.md", "skills.md")


def blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_run_one_after_the_other(
    page: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.serve(default=says("ok"))
    house.put("src/net/retry.py", "def pause():\n    pass  # retries are paused\n")
    house.put("skills/safe-reviewer/SKILL.md", "---\nname: safe-reviewer\n---\nReview.\n")
    monkeypatch.chdir(house.root)
    found = blocks(page)
    assert found
    with Agent(house.server.acl()) as agent:
        session = agent.session(house.root, skill_dirs=["skills"])
        session.send("What is here?")
        names: dict[str, Any] = {
            "agent": agent,
            "session": session,
            "run_id": session.runs()[-1]["id"],
            "api_key": "sk-sham",
            "base_url": f"{house.server.base_url}/v1",
        }
        for block in found:
            exec(compile(block, page, "exec"), names)
        if "embedding" in names:
            asyncio.run(names["embedding"].close())  # as the page says
