from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent
from a3s_code.errors import InvalidType, ModelUnavailable, UsageError
from a3s_code.kernel.messages import (
    Conversation,
    Message,
    ToolCall,
    ToolResult,
    user,
)
from a3s_code.kernel.ports import Model, ModelRequest
from a3s_code.kernel.tool import ToolSet
from a3s_code.testing import (
    Script,
    Scripted,
    breaks,
    calls,
    says,
)
from llm.asking import FakeClock, Watcher, ask


async def test_every_request_is_kept_as_it_was_when_it_was_made() -> None:
    scripted = Scripted(calls("ls"))
    conversation = Conversation([user("look")])
    request = ModelRequest("sys", conversation, ToolSet(()), "s-1")
    first = await scripted.reply(request, Watcher())
    conversation.append(first.message)
    conversation.append(Message("tool", (ToolResult("call_1", "a.txt"),)))
    with pytest.raises(UsageError, match="over after 1 requests"):
        await scripted.reply(request, Watcher())

    assert first.message.calls == (ToolCall("call_1", "ls", {}),)
    assert [len(seen.conversation) for seen in scripted.seen] == [1, 3]
    assert scripted.seen[0].system == "sys"


async def test_a_hanging_answer_lasts_until_the_deadline() -> None:
    clock = FakeClock()
    with pytest.raises(ModelUnavailable) as caught:
        await Scripted(breaks("hang"), clock=clock).reply(ask(deadline=5.0), Watcher())

    assert caught.value.kind == "timeout"
    assert clock.sleeps == [5.0]


async def test_delays_pass_on_the_given_clock() -> None:
    clock = FakeClock()
    turn = says("a", "b", delay_s=3.0, piece_delay_s=1.0)
    await Scripted(turn, clock=clock).reply(ask(), Watcher())

    assert clock.sleeps == [3.0, 1.0, 1.0]


def test_its_docstring_shows_a_program_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program = re.search(r"\n\n((?: {4}.*\n)+)", inspect.getdoc(Scripted) or "")
    assert program is not None
    names: dict[str, Any] = {"Agent": Agent, "Scripted": Scripted, "calls": calls, "says": says}
    exec(textwrap.dedent(program[1]), names)
    names["agent"].close()

    assert capsys.readouterr().out == "Two files.\n"


def test_it_is_a_model() -> None:
    scripted: Model = Scripted(ref="a/b", context_window=10)

    assert (scripted.ref, scripted.context_window) == ("a/b", 10)


@pytest.mark.parametrize("wrong", [Script(says("x")), "Two files.", None])
def test_what_is_no_turn_is_refused_where_the_script_is_written(wrong: Any) -> None:
    with pytest.raises(InvalidType, match=rf"A {type(wrong).__name__} is no turn of a script"):
        Scripted(wrong)
    if wrong is not None:
        with pytest.raises(InvalidType, match="is no turn of a script"):
            Scripted(default=wrong)
