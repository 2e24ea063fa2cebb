"""What docs/tools.md shows runs as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code.testing import says
from api.house import House

PAGE = Path(__file__).parents[2] / "docs/tools.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_every_block_runs_and_the_tool_is_shown_when_it_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.serve(default=says("ok"))
    house.put("agent.acl", house.server.acl())
    monkeypatch.chdir(house.root)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, PAGE.name, "exec"), names)

    for text in ("hello", "the support team needs a ticket"):
        names["session"].send(text)
    shown = [{tool["function"]["name"] for tool in body["tools"]} for body in house.bodies]
    assert shown[1] - shown[0] == {"open_ticket"}
    names["agent"].close()
