"""What docs/verification.md shows runs as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code.testing import calls, says
from api.house import House

PAGE = Path(__file__).parents[2] / "docs/verification.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_block_runs_and_says_what_the_page_says(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.put("run_tests.sh", "true\n")
    house.put("package.json", '{"scripts": {"test": "true"}}')
    write = calls("write", file_path="greeting", content="Hello.")
    session = house.session(write, says("Done."))
    names: dict[str, Any] = {
        "session": session,
        "agent": house.agent,
        "workspace": house.root,
    }
    said: list[str] = []
    for block in BLOCKS:
        exec(compile(block, PAGE.name, "exec"), names)
        said.append(capsys.readouterr().out)

    ran, summary, reported, presets, required, evidence = said
    assert "Verification " in ran
    assert names["report"]["checks"][0]["status"] == "passed"
    assert summary.split()[0] in {"passed", "failed"}  # of a linter that need not be there
    assert reported == "host\n"
    assert presets == "node\n"
    assert required == "passed\n"
    assert evidence.split()[0] in {"passed", "failed", "needs_review"}


def test_every_field_of_the_summary_is_on_the_page(house: House) -> None:
    for field in house.session().verification_summary():
        assert f"`{field}`" in TEXT, field
