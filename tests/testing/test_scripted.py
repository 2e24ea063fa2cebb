from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from a3s_code.errors import ContextOverflow, ModelRefused, ModelUnavailable, UsageError
from a3s_code.kernel.messages import (
    Conversation,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from a3s_code.kernel.ports import Model, Reply
from a3s_code.kernel.tool import ToolSet
from a3s_code.llm.http import Http
from a3s_code.testing import (
    Script,
    Scripted,
    ScriptedServer,
    Turn,
    When,
    breaks,
    calls,
    calls_text,
    on,
    overflows,
    refuses,
    says,
)
from llm.talk import FakeClock, Watcher, ask, model

Serve = Callable[[Script], ScriptedServer]


async def test_turns_are_played_in_order_and_requests_are_kept() -> None:
    scripted = Scripted(calls("ls"), says("Done."))
    conversation = Conversation([user("look")])
    request = ask()
    request = type(request)("sys", conversation, ToolSet(()), "s-1")
    first = await scripted.reply(request, Watcher())
    conversation.append(first.message)
    conversation.append(Message("tool", (ToolResult("call_1", "a.txt"),)))
    second = await scripted.reply(request, Watcher())

    assert first.message.calls == (ToolCall("call_1", "ls", {}),)
    assert second.message.text == "Done."
    assert [len(seen.conversation) for seen in scripted.seen] == [1, 3]
    assert scripted.seen[0].system == "sys"


async def test_asked_once_more_than_the_script_is_long_it_is_a_usage_error() -> None:
    scripted = Scripted(says("one"))
    await scripted.reply(ask(), Watcher())

    with pytest.raises(UsageError, match="over after 1 requests"):
        await scripted.reply(ask(), Watcher())
    assert len(scripted.seen) == 2


async def test_the_listener_sees_every_delta() -> None:
    watcher = Watcher()
    turn = says("Hel", "lo", thinking="Hm.") + calls("ls", path="a")
    reply = await Scripted(turn).reply(ask(), watcher)

    assert (watcher.reasoning, watcher.text) == ("Hm.", "Hello")
    assert watcher.arguments("call_1") == '{"path":"a"}'
    assert reply.message.blocks[:2] == (Thinking("Hm."), Text("Hello"))


async def test_rules_see_system_text_and_results() -> None:
    rules = (
        on(When(system="planner", last_user="plan"), says("a plan")),
        on(When(tool_results=1, last="a.txt"), says("seen")),
    )
    scripted = Scripted(rules=rules, default=says("else"))
    results = Message("tool", (ToolResult("c", "a.txt"),))

    async def answer(*messages: Message, system: str = "") -> str:
        return (await scripted.reply(ask(*messages, system=system), Watcher())).message.text

    assert await answer(user("plan it"), system="a planner") == "a plan"
    assert await answer(user("x"), results) == "seen"
    assert await answer(user("x")) == "else"


@pytest.mark.parametrize(
    ("turn", "error", "kind"),
    [
        (refuses(401), ModelRefused, "auth"),
        (refuses(400), ModelRefused, "bad_request"),
        (refuses(429), ModelUnavailable, "rate_limit"),
        (refuses(503), ModelUnavailable, "server"),
        (overflows(), ContextOverflow, "context_length"),
        (breaks("reset"), ModelUnavailable, "transport"),
        (breaks("truncate"), ModelUnavailable, "truncated"),
        (breaks("empty"), ModelUnavailable, "empty"),
    ],
)
async def test_failures_are_the_errors_of_the_port(
    turn: Turn, error: type[Exception], kind: str
) -> None:
    with pytest.raises(error) as caught:
        await Scripted(turn).reply(ask(), Watcher())
    assert getattr(caught.value, "kind", "") == kind


async def test_a_broken_answer_shows_its_first_half() -> None:
    watcher = Watcher()
    with pytest.raises(ModelUnavailable):
        await Scripted(breaks("reset_mid", says("ab", "cd", "ef", "gh"))).reply(ask(), watcher)

    assert watcher.text == "abcd"


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


def test_it_is_a_model() -> None:
    scripted: Model = Scripted(ref="a/b", context_window=10)

    assert (scripted.ref, scripted.context_window) == ("a/b", 10)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "turn",
    [
        says("The answer.", usage=Usage(5, 6)),
        says("Looking.") + calls("ls") + calls("read", file_path="a"),
        calls_text("bash", '{"command": '),
        says("cut", stop="length"),
    ],
)
async def test_a_turn_means_the_same_in_process_and_over_http(
    wire: str, turn: Turn, serve: Serve, http: Http, clock: FakeClock
) -> None:
    over_http = model(wire, serve(Script(turn)).base_url, http, clock)
    far, near = Watcher(), Watcher()
    replies = (
        await over_http.reply(ask(), far),
        await Scripted(turn).reply(ask(), near),
    )

    assert meaning(replies[0]) == meaning(replies[1])
    assert far.text == near.text


def meaning(reply: Reply) -> Any:
    """Give what a reply says, without the ids of its calls, which differ between wires."""
    called = [(call.name, call.input, call.malformed) for call in reply.message.calls]
    return reply.message.text, called, reply.usage, reply.stop
