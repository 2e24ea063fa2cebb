"""Slash commands as a session carries them out."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from a3s_code import CommandContext, CommandOutput, Session
from a3s_code.capabilities.commands import ClearHistory, Compact, SwitchModel
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.events import ContextCompacted
from a3s_code.kernel.messages import Usage
from a3s_code.testing import says
from api.house import House

BUILT_IN = ("clear", "compact", "cost", "help", "history", "model", "tools")


def talked(house: House, turns: int, **keywords: Any) -> Session:
    """Give a session whose conversation has two messages for each turn."""
    usage = Usage(prompt_tokens=100, completion_tokens=10)
    session = house.session(*[says(f"answer {n}", usage=usage) for n in range(turns)], **keywords)
    for n in range(turns):
        session.send(f"question {n}")
    return session


# Built in


def test_help_lists_every_command(house: House) -> None:
    session = house.session()
    session.register_command("mine", "Do my thing", lambda args, ctx: args)

    text = session.send("/help").text
    for name in (*BUILT_IN, "mine"):
        assert f"/{name}" in text
    rows = session.list_commands()
    assert [row["name"] for row in rows] == sorted([*BUILT_IN, "mine"])
    assert {row["description"] for row in rows} >= {"Do my thing", "List available commands"}


def test_commands_are_answered_without_the_model(house: House) -> None:
    session = house.session()
    for name in BUILT_IN:
        assert session.send(f"/{name}").text

    assert house.server.requests == []
    assert session.runs() == []
    assert session.history() == []


def test_clear_forgets_the_conversation(house: House) -> None:
    session = talked(house, 1)
    assert session.send("/clear").text == "Cleared 2 messages."

    assert session.history() == []
    assert len(session.runs()) == 1


def test_the_next_prompt_after_clear_starts_anew(house: House) -> None:
    session = house.session(says("one"), says("two"))
    session.send("first")
    session.send("/clear")
    session.send("second")

    assert "first" not in str(house.bodies[1]["messages"])


def test_cost_shows_model_and_tokens(house: House) -> None:
    text = talked(house, 2).send("/cost").text

    assert "openai/m1" in text
    assert "220" in text
    assert "$" in text


def test_history_shows_how_much_was_said(house: House) -> None:
    session = talked(house, 2)
    text = session.send("/history").text

    assert "Messages: 4" in text
    assert "220" in text
    assert session.session_id in text


def test_model_shows_and_switches_the_model(house: House) -> None:
    session = house.session(says("Hello."))
    assert session.send("/model").text == "Current model: openai/m1"
    assert session.send("/model openai/other").text == "Model switched to openai/other"
    assert session.send("/model").text == "Current model: openai/other"

    session.send("hi")
    assert house.bodies[0]["model"] == "other"


@pytest.mark.parametrize("wrong", ["nobody/m", "nonsense"])
def test_a_model_that_does_not_exist_is_not_switched_to(wrong: str, house: House) -> None:
    session = house.session(says("Hello."))
    text = session.send(f"/model {wrong}").text

    assert "switched" not in text
    assert session.send("/model").text == "Current model: openai/m1"


def test_tools_lists_the_tools(house: House) -> None:
    session = house.session()
    text = session.send("/tools").text

    assert all(name in text for name in session.tool_names())


def test_compact_puts_the_middle_into_a_summary(house: House) -> None:
    session = talked(house, 13, default=says("They counted."))
    text = session.send("/compact").text

    assert "23 are left" in text
    history = session.history()
    assert len(history) == 23
    (summary,) = history[2]["content"]
    assert summary["text"].startswith("[Summary of 4 earlier messages]\n")
    assert summary["text"].endswith("\nThey counted.")
    assert "- question 1\n- question 2\n" in summary["text"]
    assert "question 0" in str(history[0])
    assert "answer 12" in str(history[-1])
    assert "question 1" in str(house.bodies[-1]["messages"])
    session.send("go on")
    assert "They counted." in str(house.bodies[-1]["messages"])


def test_a_compaction_says_how_full_the_window_was(house: House) -> None:
    """Each request used 100,000 of 200,000 tokens, however many there were."""
    usage = Usage(prompt_tokens=100_000, completion_tokens=1)
    session = house.session(default=says("answer", usage=usage))
    for n in range(12):
        session.send(f"question {n}")
    session.send("/compact")

    records = session._inner._engine.log.records
    (compacted,) = [r.event for r in records if isinstance(r.event, ContextCompacted)]
    assert compacted.percent_before == pytest.approx(50.0, abs=0.1)


def test_compact_of_a_short_conversation_changes_nothing(house: House) -> None:
    session = talked(house, 2)
    before = session.history()

    assert "nothing to summarise" in session.send("/compact").text
    assert session.history() == before
    assert len(house.server.requests) == 2


def test_what_a_summary_costs_is_counted(house: House) -> None:
    session = talked(house, 13, default=says("Short.", usage=Usage(1_000, 100)))
    session.send("/compact")

    assert str(13 * 110 + 1_100) in session.send("/history").text


# Forms


@pytest.mark.parametrize("prompt", ["/ping", "  /ping", "/ping   ", "/ping\n"])
def test_a_prompt_that_starts_with_a_slash_is_a_command(prompt: str, house: House) -> None:
    session = house.session()
    session.register_command("ping", "Pong!", lambda args, ctx: "pong")

    assert session.send(prompt).text == "pong"
    assert session.send({"prompt": prompt}).text == "pong"


def test_an_unknown_command_is_answered_with_help(house: House) -> None:
    assert house.session().send("/nope").text == "Unknown command: /nope. Type /help for the list."


def test_a_command_can_be_streamed(house: House) -> None:
    session = house.session()
    events = list(session.stream("/model"))

    assert [event.event_type for event in events] == ["start", "end"]
    assert events[-1].text == "Current model: openai/m1"


# Of the caller


def test_a_function_is_given_its_arguments_and_the_session(house: House) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def status(args: str, ctx: dict[str, Any]) -> str:
        seen.append((args, ctx))
        return f"{ctx['model']} in {ctx['workspace']}"

    session = talked(house, 1)
    session.register_command("status", "Show status", status)

    assert session.send("/status of  all").text == f"openai/m1 in {house.root}"
    ((args, ctx),) = seen
    assert args == "of  all"
    assert ctx["session_id"] == session.session_id
    assert (ctx["history_len"], ctx["total_tokens"]) == (2, 110)
    assert "read" in ctx["tool_names"]


def test_an_async_function_is_awaited(house: House) -> None:
    async def later(args: str, ctx: dict[str, Any]) -> str:
        await asyncio.sleep(0)
        return f"later {args}"

    session = house.session()
    session.register_command("later", "Later", later)

    assert session.send("/later on").text == "later on"


def test_a_blocking_function_may_call_the_session(house: House) -> None:
    session = house.session(says("from the model"))
    session.register_command("ask", "Ask", lambda args, ctx: session.send(args).text)

    assert session.send("/ask hi").text == "from the model"


def test_a_blocking_function_does_not_hold_up_others(house: House) -> None:
    go = threading.Event()

    def wait(args: str, ctx: dict[str, Any]) -> str:
        return "waited" if go.wait(10) else "never"

    session = house.session()
    session.register_command("wait", "Wait", wait)
    stream = session.stream("/wait")
    assert session.send("/model").text
    go.set()

    assert list(stream)[-1].text == "waited"


class PingCommand:
    """The command of the README, in Python."""

    name = "ping"
    description = "Pong!"

    def execute(self, args: str, context: CommandContext) -> CommandOutput:
        return CommandOutput("pong")


class Later:
    name = "later"
    description = "Answers later"
    usage = "/later [name]"

    async def execute(self, args: str, context: CommandContext) -> CommandOutput:
        await asyncio.sleep(0)
        return CommandOutput(f"{args} in {context.workspace}")


def test_an_object_can_be_a_command(house: House) -> None:
    session = house.session()
    session.register_command(PingCommand())
    session.register_command(Later())

    assert session.send("/ping").text == "pong"
    assert session.send("/later Ada").text == f"Ada in {house.root}"
    rows = {row["name"]: row for row in session.list_commands()}
    assert rows["ping"]["description"] == "Pong!"
    assert rows["later"]["usage"] == "/later [name]"


def test_a_command_can_clear_compact_and_switch_the_model(house: House) -> None:
    session = talked(house, 13, default=says("They counted."))
    for name, action in (
        ("shorten", Compact()),
        ("other", SwitchModel("openai/other")),
        ("forget", ClearHistory()),
    ):
        output = CommandOutput(f"{name} it", action)
        session.register_command(name, name, lambda args, ctx, output=output: output)

    assert session.send("/shorten").text.startswith("shorten it")
    assert len(session.history()) == 23
    assert session.send("/other").text == "other it"
    assert session.send("/model").text == "Current model: openai/other"
    assert session.send("/forget").text == "forget it"
    assert session.history() == []


def test_a_command_that_fails_says_so_and_the_session_goes_on(house: House) -> None:
    def broken(args: str, ctx: dict[str, Any]) -> str:
        raise ValueError("no such thing")

    session = house.session(says("Hello."))
    session.register_command("broken", "Breaks", broken)

    assert session.send("/broken").text == "Command error: ValueError: no such thing"
    assert session.send("hi").text == "Hello."


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_commands_cannot_be_replaced(name: str, house: House) -> None:
    with pytest.raises(InvalidValue, match="built in"):
        house.session().register_command(name, "mine", lambda args, ctx: "mine")


@pytest.mark.parametrize("name", ["", "a b", "/x", "-x", "x" * 65, "ä"])
def test_names_are_simple(name: str, house: House) -> None:
    with pytest.raises(InvalidValue):
        house.session().register_command(name, "mine", lambda args, ctx: "mine")


@pytest.mark.parametrize("handler", [None, "text", 3])
def test_a_command_needs_something_to_call(handler: Any, house: House) -> None:
    with pytest.raises(InvalidType):
        house.session().register_command("mine", "mine", handler)
    with pytest.raises(InvalidType):
        house.session().register_command(object())  # pyright: ignore[reportArgumentType] - the claim


def test_a_command_of_one_session_is_not_known_to_another(house: House) -> None:
    first = house.session()
    first.register_command("mine", "mine", lambda args, ctx: "mine")

    assert "Unknown" in house.agent.session(house.root).send("/mine").text
