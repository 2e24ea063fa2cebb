"""Models of children that are anybody's code: what they do is told to the parent as their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from a3s_code import AsyncAgent, PermissionPolicy, SessionOptions
from a3s_code.kernel.messages import JsonObject, Message, Text, ToolCall, Usage
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener

USAGE = Usage(10, 5)


class Weird(BaseException):
    pass


def answer(text: str) -> Reply:
    return Reply(Message("assistant", (Text(text),)), USAGE)


class Wild:
    """Has two children started; the first one is answered by `child`, the other one sensibly."""

    ref = "own/model"
    context_window = 200_000

    def __init__(self, child: Callable[[ModelRequest], Awaitable[Reply]]) -> None:
        self._child = child

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        del listener
        messages = request.conversation.messages
        if messages[0].text.startswith("WILD"):
            return await self._child(request)
        if messages[0].text.startswith("TAME") or messages[-1].role == "tool" or len(messages) > 1:
            return answer("done")
        tasks = [{"agent": "general", "description": "d", "prompt": p} for p in ("WILD", "TAME")]
        call = ToolCall("c", "parallel_task", {"tasks": tasks})
        return Reply(Message("assistant", (call,)), USAGE, "tool_calls")


async def rows(root: Path, child: Callable[[ModelRequest], Awaitable[Reply]]) -> list[JsonObject]:
    agent = AsyncAgent('default_model = "own/model"')
    async with agent:
        options = SessionOptions(
            llm_client=Wild(child), permission_policy=PermissionPolicy(default_decision="allow")
        )
        session = agent.session(root, options)
        assert (await session.send("go")).text == "done"
        return session.subagent_tasks()


async def raises(_: ModelRequest) -> Reply:
    raise Weird("odd")


async def test_a_model_that_raises_what_is_no_exception_fails_its_child_alone(
    tmp_path: Path,
) -> None:
    wild, tame = await rows(tmp_path, raises)

    assert (wild["status"], wild["output"]) == ("failed", "EndedItself: it raised Weird: odd")
    assert tame["status"] == "completed"


async def says_half(_: ModelRequest) -> Reply:
    return answer("half \ud800 a pair")


async def calls_half(request: ModelRequest) -> Reply:
    if len(request.conversation.messages) > 1:
        return answer("half \ud800 a pair")
    call = ToolCall("x\udc00", "bash", {"command": "echo \ud800"})
    return Reply(Message("assistant", (call,)), USAGE, "tool_calls")


@pytest.mark.parametrize("child", [says_half, calls_half])
async def test_a_child_that_says_half_of_a_surrogate_pair_has_an_end_and_a_transcript(
    tmp_path: Path, child: Callable[[ModelRequest], Awaitable[Reply]]
) -> None:
    wild, tame = await rows(tmp_path, child)

    assert (wild["status"], wild["output"]) == ("completed", "half \ud800 a pair")
    assert tame["status"] == "completed"
