"""Sessions show their model the tools that the conversation asks for, and record which and why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from a3s_code import (
    MemorySessionStore,
    PermissionPolicy,
    SessionId,
    SessionOptions,
    ToolIndex,
    ToolSearchConfig,
)
from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.errors import InvalidType
from a3s_code.harness.tool_intent import GROUPS
from a3s_code.kernel.records import ToolsOffered
from a3s_code.testing import calls, says
from api.house import House

CORE = tuple(tool.name for tool in CORE_TOOLS if tool.name not in GROUPS)


def names(house: House, at: int = -1) -> list[str]:
    return [tool["function"]["name"] for tool in house.bodies[at]["tools"]]


def lookup(word: str) -> str:
    """Look a word up."""
    return f"about {word}"


def ship(parcel: str) -> str:
    """Ship a parcel."""
    return f"shipped {parcel}"


def offered(store: MemorySessionStore, session_id: str) -> list[ToolsOffered]:
    records = asyncio.run(store.load(SessionId(session_id), None))
    return [record.event for record in records if isinstance(record.event, ToolsOffered)]


def test_git_is_shown_once_it_is_asked_for_and_stays(house: House) -> None:
    session = house.session(default=says("ok"))
    session.send("hello there")
    assert "git" not in names(house)
    session.send("show the git status of this repository")
    assert names(house) == [*names(house, 0), "git"]
    session.send("thank you")
    assert names(house) == names(house, 1)


def test_every_tool_is_listed_to_the_host_and_can_be_called_by_the_model(house: House) -> None:
    session = house.session(calls("git", command="status"), says("ok"), permissive=True)
    assert {"git", "git_worktree"} <= set(session.tool_names())
    assert len(session.tool_definitions()) == len(session.tool_names())
    session.send("go")

    assert "git" not in names(house, 0)
    (result,) = (m for m in house.bodies[1]["messages"] if m["role"] == "tool")
    assert "unknown tool" not in result["content"].lower()
    assert names(house, 1) == [*names(house, 0), "git"]


def test_a_hidden_tool_that_is_denied_stays_denied(house: House) -> None:
    policy = PermissionPolicy(allow=["*"], deny=["git"])
    session = house.session(calls("git", command="status"), says("ok"), permission_policy=policy)
    session.send("go")

    (result,) = (m for m in house.bodies[1]["messages"] if m["role"] == "tool")
    assert "denied" in result["content"].lower()


def test_a_resumed_session_goes_on_with_what_it_had_shown(house: House) -> None:
    store = MemorySessionStore()
    given = {"session_store": store, "tools": [lookup]}
    session = house.session(default=says("ok"), **given)
    session.send("hello there")
    session.send("show the git status")
    before = names(house)
    session.close()
    again = house.agent.resume_session(session.session_id, SessionOptions(**given))
    again.send("thank you")
    assert names(house) == before
    house.agent.close()

    first, second = offered(store, session.session_id)
    assert first.new == ()
    assert [(new.name, new.why) for new in second.new] == [("git", "asked for: git")]


def test_after_clear_a_session_shows_what_is_asked_for_now(house: House) -> None:
    session = house.session(default=says("ok"))
    session.send("show the git status")
    assert "git" in names(house)
    session.send("/clear")
    session.send("hello")
    assert tuple(names(house)) == CORE


def test_a_run_with_a_history_of_its_own_is_about_that_history(house: House) -> None:
    session = house.session(default=says("ok"))
    session.send("and now?", history=[{"role": "user", "content": "show the git status"}])

    assert "git" in names(house)


def test_tools_of_an_index_are_shown_when_it_finds_them(house: House) -> None:
    index = ToolIndex(ToolSearchConfig())
    index.add("ship", "Ship a parcel", ["parcel"])
    session = house.session(default=says("ok"), tools=[lookup, ship], tool_index=index)
    session.send("hello")
    assert names(house) == [*CORE, "lookup"]
    session.send("where is my parcel?")
    assert names(house) == [*CORE, "lookup", "ship"]


def test_an_index_that_is_none_is_refused(house: House) -> None:
    wrong: Any = ["ship"]
    with pytest.raises(InvalidType, match="tool_index is a list, not ToolIndex"):
        house.session(default=says("ok"), tool_index=wrong)


def test_the_beginning_of_a_request_stays_the_same_while_nothing_is_disclosed(
    house: House,
) -> None:
    turns = (calls("ls"), says("ok"), calls("grep", pattern="x"))
    session = house.session(*turns, default=says("ok"), tools=[lookup])
    for text in ("look around", "go on", "and on"):
        session.send(text)

    assert len({str(body["tools"]) for body in house.bodies}) == 1
    assert len({body["messages"][0]["content"] for body in house.bodies}) == 1
