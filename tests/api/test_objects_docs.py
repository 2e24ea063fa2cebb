"""What docs/objects.md shows runs as written, and lists what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code.harness.objects.keywords import KEYWORDS
from a3s_code.testing import calls
from api.house import House

PAGE = (Path(__file__).parents[2] / "docs/objects.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_block_runs_and_prints_what_the_model_gave(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.serve(default=calls("*", sentiment="positive", confidence=0.95))
    house.put("agent.acl", house.server.acl())
    monkeypatch.chdir(house.root)
    names: dict[str, Any] = {"__name__": __name__}
    for block in BLOCKS:
        exec(compile(block, "objects.md", "exec", dont_inherit=True), names)
    names["agent"].close()
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["positive 0.95", "{'sentiment': 'positive', 'confidence': 0.95}"]


def test_the_keywords_that_are_listed_are_those_that_are_checked() -> None:
    listed = PAGE.partition("Checked are:")[2].partition("`$ref` leads")[0]
    assert set(re.findall(r"`([^`]+)`", listed)) == KEYWORDS
