"""Slash commands: how they are parsed and registered, and foreign handlers at their worst."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code import AsyncAgent, CommandContext, CommandOutput, CommandRegistry
from a3s_code.capabilities.commands import Compact, SwitchModel, parse
from a3s_code.errors import InvalidType, InvalidValue, ModelRefused
from a3s_code.testing import refuses, says
from api.house import House

BUILT_IN = ["clear", "compact", "cost", "help", "history", "model", "tools"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    root = tmp_path / "ws"
    root.mkdir()
    made = House(root)
    yield made
    made.close()


def pong(args: str, ctx: dict[str, Any]) -> str:
    return "pong"


# Parsing


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("/ping", ("ping", "")),
        ("  \n/ping\t", ("ping", "")),
        ("/model openai/gpt-4o", ("model", "openai/gpt-4o")),
        ("/note two  words\nand a line", ("note", "two  words\nand a line")),
        ("/note\ttab", ("note", "tab")),
        ("/", ("", "")),
        ("/ ping", ("ping", "")),
        ("//ping", ("/ping", "")),
        ("/usr/bin/env is broken", ("usr/bin/env", "is broken")),
        ("ping", None),
        ("what is /ping?", None),
        ("", None),
        (" ", None),
    ],
)
def test_a_command_is_what_begins_with_a_slash(text: str, parsed: tuple[str, str] | None) -> None:
    assert parse(text) == parsed


@given(st.text())
def test_whatever_begins_with_a_slash_and_nothing_else_is_a_command(text: str) -> None:
    assert (parse(text) is not None) is text.strip().startswith("/")


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.text())
def test_a_name_and_its_arguments_come_back(name: str, args: str) -> None:
    assert parse(f"/{name} {args}") == (name, args.strip())


# Registering


def test_the_built_in_commands_are_listed_by_name_and_described() -> None:
    rows = CommandRegistry().rows()

    assert [row["name"] for row in rows] == BUILT_IN
    assert all(row["description"] for row in rows)
    assert {row["name"] for row in rows if row["usage"]} == {"model"}


def test_one_more_command_is_listed_in_its_place_and_may_be_replaced() -> None:
    registry = CommandRegistry()
    registry.register("count", "Count", pong)
    registry.register("count", "Count again", pong)

    assert [row["name"] for row in registry.rows()] == sorted([*BUILT_IN, "count"])
    (row,) = (row for row in registry.rows() if row["name"] == "count")
    assert row == {"name": "count", "description": "Count again", "usage": None}


@given(st.text(max_size=70))
def test_every_name_that_is_accepted_can_be_typed(name: str) -> None:
    registry = CommandRegistry()
    try:
        registry.register(name, "", pong)
    except InvalidValue:
        assert registry.get(name) is None or name in BUILT_IN
        return
    assert parse(f"/{name} x") == (name, "x")
    assert registry.get(name) is not None


class NoExecute:
    name = "x"
    description = ""


class WrongExecute(NoExecute):
    execute = "text"


@pytest.mark.parametrize("command", [NoExecute(), WrongExecute(), object(), None, 7])
def test_what_cannot_be_called_is_no_command(command: Any) -> None:
    registry = CommandRegistry()

    with pytest.raises(InvalidType):
        registry.register(command)
    with pytest.raises(InvalidType, match="/x"):
        registry.register("x", "", command)
    assert len(registry.rows()) == len(BUILT_IN)


class Reserved:
    name = "clear"
    description = "Mine"

    def execute(self, args: str, context: CommandContext) -> CommandOutput:
        return CommandOutput("mine")


def test_an_object_cannot_take_a_built_in_name_either() -> None:
    with pytest.raises(InvalidValue, match="built in"):
        CommandRegistry().register(Reserved())


def test_an_object_without_a_name_is_told_what_it_lacks() -> None:
    class Nameless:
        def execute(self, args: str, context: CommandContext) -> CommandOutput:
            return CommandOutput("mine")

    with pytest.raises(InvalidType, match="name"):
        CommandRegistry().register(Nameless())  # pyright: ignore[reportArgumentType] - the claim


# Foreign handlers in a session


class PlainText:
    name = "plain"
    description = "Gives text where a CommandOutput belongs"

    def execute(self, args: str, context: CommandContext) -> Any:
        return "plain text"


def test_an_object_that_gives_no_output_does_not_break_the_session(house: House) -> None:
    session = house.session()
    session.register_command(PlainText())

    assert "plain text" in session.send("/plain").text


class AsyncCall:
    async def __call__(self, args: str, ctx: dict[str, Any]) -> str:
        return f"later {args}"


def hidden(args: str, ctx: dict[str, Any]) -> Any:
    return AsyncCall()(args, ctx)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("handler", [AsyncCall(), hidden])
def test_whatever_can_be_awaited_is_awaited(handler: Any, house: House) -> None:
    session = house.session()
    session.register_command("later", "", handler)

    assert session.send("/later on").text == "later on"


def test_a_model_that_nobody_serves_is_not_switched_to_by_a_command(house: House) -> None:
    session = house.session(says("Hello."))
    output = CommandOutput("switched", SwitchModel("nobody/m1"))
    session.register_command("other", "", lambda args, ctx: output)

    assert "nobody" in session.send("/other").text
    assert session.send("/model").text == "Current model: openai/m1"
    assert session.send("hi").text == "Hello."


def test_a_summary_that_fails_leaves_the_conversation_as_it_was(house: House) -> None:
    session = house.session(*[says(f"answer {number}") for number in range(13)], refuses(401))
    for number in range(13):
        session.send(f"prompt {number}")
    before = session.history()
    output = CommandOutput("making room", Compact())
    session.register_command("shorten", "", lambda args, ctx: output)

    with pytest.raises(ModelRefused):
        session.send("/shorten")
    assert session.history() == before
    assert list(session.stream("/tools"))[-1].event_type == "end"


def test_an_async_handler_that_calls_the_blocking_session_is_told_and_does_not_hang(
    house: House,
) -> None:
    session = house.session(says("never asked"))

    async def ask(args: str, ctx: dict[str, Any]) -> str:
        return session.send(args).text

    session.register_command("ask", "", ask)
    answer = session.send("/ask hi").text

    assert "UsageError" in answer
    assert "await the Async API" in answer


async def test_an_async_handler_may_await_the_async_session(house: House) -> None:
    agent = AsyncAgent(house.serve(says("from the model")).acl())
    session = agent.session(house.root)

    async def ask(args: str, ctx: dict[str, Any]) -> str:
        return (await session.send(args)).text

    session.register_command("ask", "", ask)
    try:
        assert (await session.send("/ask hi")).text == "from the model"
        assert len(session.history()) == 2
    finally:
        await agent.close()


def test_a_handler_may_use_the_tools_and_the_records_of_its_session(house: House) -> None:
    house.put("a.txt", "alpha\n")
    session = house.session(says("Hello."))

    def look(args: str, ctx: dict[str, Any]) -> str:
        said = len(session.history())
        return f"{said} messages, {session.read_file('a.txt')}, {session.send('/model').text}"

    session.register_command("look", "", look)
    session.send("hi")

    answer = session.send("/look").text
    assert answer.startswith("2 messages, ")
    assert "alpha" in answer
    assert answer.endswith("Current model: openai/m1")


def test_a_command_leaves_the_conversation_and_the_runs_alone(house: House) -> None:
    session = house.session(says("Hello."))
    session.register_command("ping", "", pong)
    session.send("hi")
    before = session.history(), session.runs()
    result = session.send("/ping")

    assert (result.tool_calls_count, result.total_tokens) == (0, 0)
    assert (session.history(), session.runs()) == before
    assert len(house.server.requests) == 1
