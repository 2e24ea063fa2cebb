"""The tools that a session has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.testing import calls, says
from api.house import House


def make(answer: str) -> Callable[[str], str]:
    def lookup(word: str) -> str:
        """Look a word up."""
        return f"{answer} {word}"

    return lookup


@pytest.mark.parametrize("awake", [False, True])
def test_a_tool_that_is_registered_again_takes_the_place_of_the_first(
    awake: bool, house: House
) -> None:
    session = house.session(
        says("Hello."), calls("lookup", word="x"), says("ok"), tools=[make("given")]
    )
    if awake:
        session.ls()
    session.register_tool(make("first"))
    session.register_tool(make("second"))

    assert session.tool_names().count("lookup") == 1
    assert len(session.tool_definitions()) == len(session.tool_names())
    session.send("hi")
    session.send("look it up")
    assert "second x" in str(house.bodies[-1]["messages"])


@pytest.mark.parametrize("name", ["bash", "Bash", "task", "mcp__x__y"])
def test_a_reserved_name_is_refused_before_and_after_waking(name: str, house: House) -> None:
    tool = make("x")
    tool.__name__ = name
    session = house.session(default=says("Hello."))
    for _ in range(2):
        with pytest.raises(InvalidValue, match="reserved"):
            session.register_tool(tool)
        session.ls()
