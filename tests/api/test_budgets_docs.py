"""What docs/budgets.md shows runs as written, and says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from a3s_code import Agent
from a3s_code.harness.budgets.guarding import TIMEOUT_MS
from a3s_code.harness.budgets.metered_model import LEAST_OUTPUT, MAX_WAIT_S
from a3s_code.kernel.budget import SOFT, Budget
from a3s_code.kernel.events import BudgetThresholdHit
from a3s_code.testing import says
from api.house import House

PAGE = Path(__file__).parents[2] / "docs/budgets.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_block_runs(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.root)
    with Agent(house.serve(default=says("Fine.")).acl()) as agent:
        known = {"agent": agent}
        for block in BLOCKS:
            exec(compile(block, PAGE.name, "exec"), known)

    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "15 of 500000"
    assert shown[1] == "15"
    assert shown[2].startswith("tokens session")


def test_every_limit_and_every_field_of_the_event_is_in_a_table() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", TEXT, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"\w+", row)}
    limits = {*Budget.__struct_fields__} - {"soft", "per_run", "per_child"}
    assert named == limits | {*BudgetThresholdHit.__struct_fields__}


def test_the_numbers_are_those_of_the_code() -> None:
    assert (SOFT, LEAST_OUTPUT, TIMEOUT_MS, MAX_WAIT_S) == (0.8, 256, 5000, 300)
    for said in ("(0.8)", "256 tokens", "(5000)", "5 minutes"):
        assert said in TEXT
