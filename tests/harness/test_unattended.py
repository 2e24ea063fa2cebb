"""Where nobody can be asked, the answer is no, and says how it could be yes."""

from __future__ import annotations

import pytest

from a3s_code.capabilities.tools.bash import bash
from a3s_code.capabilities.tools.write import write
from a3s_code.harness.unattended import Unattended
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Ask, Authority, Deny
from a3s_code.kernel.tool import Effect, Tool
from capabilities.conftest import decode


@pytest.mark.parametrize(
    ("tool", "args", "rule"),
    [
        (bash, {"command": "make test"}, "bash(make test)"),
        (write, {"file_path": "a.txt", "content": "x"}, "write(a.txt)"),
    ],
)
async def test_a_question_is_denied_with_its_reason_and_the_rule_that_would_allow_it(
    tool: Tool, args: dict[str, str], rule: str
) -> None:
    decoded = decode(tool, args)
    action = Action(
        ToolCall("c1", tool.name, args),
        tool,
        decoded,
        tool.subject_of(decoded),
        Effect.EXECUTE,
        None,
        Authority.SESSION,
    )
    answer = await Unattended().approve(action, Ask("it runs a program"))

    assert isinstance(answer, Deny)
    assert answer.reason.startswith("it runs a program")
    assert "nobody is there" in answer.reason
    assert rule in answer.reason
