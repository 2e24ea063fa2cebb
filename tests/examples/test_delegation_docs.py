"""What docs/delegation.md shows of tasks runs as written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code.testing import says
from api.house import House

PAGE = Path(__file__).parents[2] / "docs/delegation.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_the_example_of_tasks_runs(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = (block for block in BLOCKS if "session.tasks(" in block)
    house.serve(default=says("It is in auth.py."))
    house.put("agent.acl", house.server.acl())
    monkeypatch.chdir(house.root)
    names: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), names)

    names["agent"].close()
    assert "explore True It is in auth.py." in capsys.readouterr().out
