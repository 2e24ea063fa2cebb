"""What docs/code-intelligence.md shows runs as written, and its table is that of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code.capabilities.language_server.servers import SERVERS
from a3s_code.testing import says
from api.house import House

TEXT = (Path(__file__).parents[2] / "docs/code-intelligence.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_blocks_run_one_after_the_other(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.serve(default=says("ok"))
    house.put("agent.acl", house.server.acl())
    house.put("src/tokens.py", "def refresh_token():\n    pass\n")
    monkeypatch.chdir(house.root)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block.replace("/my-project", str(house.root)), "docs", "exec"), names)
    names["agent"].close()
    assert "1 def refresh_token()" in capsys.readouterr().out


def test_the_table_has_every_server_as_it_is_started() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `(.*?)` \|.*\| (no|it may)[^|]*\|$", TEXT, re.MULTILINE)
    assert rows == [
        (each.name, " ".join(each.argv), "it may" if each.runs_code else "no") for each in SERVERS
    ]
