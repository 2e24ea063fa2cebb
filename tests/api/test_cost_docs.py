"""What docs/cost.md shows runs as written, and says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from a3s_code import Agent
from a3s_code.kernel.events import PrefixChanged
from a3s_code.testing import says
from api.house import House

PAGE = Path(__file__).parents[2] / "docs/cost.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
(CONFIG,) = re.findall(r"^```text\nmodels \"m1\" \{\n(.*?)\}\n```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_block_runs(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    with Agent(house.serve(default=says("Fine.")).acl(model_extra=CONFIG)) as agent:
        session = agent.session(house.root)
        session.send("hello")
        session.send("/clear")
        for block in BLOCKS:
            exec(compile(block, PAGE.name, "exec"), {"session": session})

    shown = capsys.readouterr().out
    assert "the conversation was cleared" in shown
    assert "openai/m1" in shown
    cost = (10 * 3 + 5 * 15) / 1e6  # of each of the scripted turns
    assert str(cost) in shown


def test_every_field_of_the_event_is_in_the_table() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    assert rows == {*PrefixChanged.__struct_fields__} - {"model"}
