"""What docs/compaction.md shows runs as written, and is what happens."""

from __future__ import annotations

import re
from pathlib import Path

from a3s_code import Agent
from a3s_code.harness.compaction import HEAD, TAIL
from a3s_code.harness.pins import MAX_FILES, MAX_PLAN_CHARS, MAX_QUESTIONS, MAX_VERDICTS
from a3s_code.harness.pruning import KEEP_SHARE, KEEP_TOKENS
from a3s_code.testing import Script, ScriptedServer, says

PAGE = (Path(__file__).parents[2] / "docs/compaction.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_session_of_the_page_compacts_by_itself(tmp_path: Path) -> None:
    with ScriptedServer(Script(default=says("ok"))) as server:
        agent = Agent(server.acl())
        names = {"agent": agent}
        where = f"agent.session({str(tmp_path)!r}, "
        exec(compile(BLOCK.replace('agent.session(".", ', where), "page", "exec"), names)
        session = names["session"]
        assert session.send("hello").text == "ok"
        terms = session._inner._engine.behaviour.compaction
        assert (terms.auto, terms.threshold) == (True, 0.8)
        agent.close()


def test_the_page_names_the_bounds_that_hold() -> None:
    said = PAGE.replace(",", "")
    for bound in (HEAD, TAIL, KEEP_TOKENS, MAX_QUESTIONS, MAX_FILES, MAX_VERDICTS, MAX_PLAN_CHARS):
        assert re.search(rf"\b{bound}\b", said), bound
    assert KEEP_SHARE == 1 / 5
    assert "a fifth of a smaller window" in PAGE
