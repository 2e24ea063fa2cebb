"""What docs/network.md shows runs as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from a3s_code.testing import says
from api.house import House

PAGE = Path(__file__).parents[2] / "docs/network.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_block_runs_and_gives_what_a_session_takes(house: House) -> None:
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, PAGE.name, "exec"), names)

    assert (names["policy"].network.mode, names["config"].network_mode) == ("proxy", "proxy")
    session = house.session(default=says("ok"), sandbox=names["Remote"]())
    assert session.bash("ls") == "ls in /workspace\n"
