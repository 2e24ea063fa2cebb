"""What a model is shown of the tools: the core always, the rest when asked for, never shuffled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.harness.completion import GO_ON
from a3s_code.harness.selector import Disclosure, Selection
from a3s_code.harness.tool_intent import GROUPS
from a3s_code.harness.tool_search import ToolIndex, ToolSearchConfig
from a3s_code.harness.tool_shelf import MAX_SERVER_TOOLS, MAX_SHOWN, SharedSets
from a3s_code.kernel.messages import Conversation, Message, Text, ToolCall, ToolResult, user
from a3s_code.kernel.tool import Tool

CORE = tuple(tool for tool in CORE_TOOLS if tool.name not in GROUPS)


def named(name: str) -> Tool:
    return replace(CORE_TOOLS[0], name=name)


TOOLS = (*CORE, *map(named, ("git", "batch", "web_fetch", "web_search", "lookup")))
ALWAYS = (*(tool.name for tool in CORE), "lookup")
SERVER = tuple(f"mcp__github__{name}" for name in ("create_issue", "list_pulls"))
WITH_SERVERS = (*TOOLS, *map(named, (*SERVER, "mcp__postgres__query")))


def says(text: str) -> Message:
    return Message("assistant", (Text(text),))


def calls(name: str) -> Message:
    return Message("assistant", (ToolCall("c1", name, {}),))


def result(text: str) -> Message:
    return Message("tool", (ToolResult("c1", text),))


def shown(selection: Selection, *messages: Message, is_own: bool = True) -> tuple[str, ...]:
    return tuple(selection.of(Conversation(list(messages)), is_own=is_own).by_name)


# What is shown


def test_an_ordinary_turn_has_the_core_and_the_hosts_own() -> None:
    assert shown(Selection(TOOLS), user("hello there")) == ALWAYS


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("show the git status", ("git",)),
        ("search the web", ("web_fetch", "web_search")),
        ("all in one go, and commit", ("git", "batch")),
        ("提交这些改动", ("git",)),
    ],
)
def test_what_is_asked_for_stands_behind_the_rest(text: str, more: tuple[str, ...]) -> None:
    assert shown(Selection(TOOLS), user(text)) == (*ALWAYS, *more)


def test_tools_of_servers_are_shown_when_their_server_or_what_they_do_is_named() -> None:
    assert shown(Selection(WITH_SERVERS), user("what is the capital of France")) == ALWAYS
    assert shown(Selection(WITH_SERVERS), user("look at github")) == (*ALWAYS, *SERVER)
    assert shown(Selection(WITH_SERVERS), user("which issues are there?")) == (*ALWAYS, SERVER[0])
    assert len(shown(Selection(WITH_SERVERS), user("use an MCP tool"))) == len(ALWAYS) + 3


def test_what_tools_print_asks_for_nothing() -> None:
    selection = Selection(TOOLS)

    assert shown(selection, user("look"), calls("read"), result("git https://a.b")) == ALWAYS


def test_what_the_model_says_it_needs_is_shown_to_it() -> None:
    assert "git" in shown(Selection(TOOLS), user("why did it break?"), says("I need git for it."))


def test_a_tool_that_was_called_unseen_is_seen_from_then_on() -> None:
    selection = Selection(TOOLS)
    said = [user("go"), calls("batch"), result("done")]

    assert shown(selection, *said) == (*ALWAYS, "batch")
    assert selection.latest.why == {"batch": "called"}


def test_a_name_that_no_tool_has_is_not_shown() -> None:
    assert shown(Selection(TOOLS), user("go"), calls("nothing")) == ALWAYS


def test_what_the_harness_says_itself_asks_for_nothing() -> None:
    index = ToolIndex()
    index.add("lookup", "finish a task")
    assert "lookup" not in shown(Selection(TOOLS, index), user("go"), says("Hm."), user(GO_ON))


# It only grows


def test_what_was_shown_stays_at_its_place() -> None:
    selection = Selection(TOOLS)
    said = [user("search the web")]
    web = (*ALWAYS, "web_fetch", "web_search")
    assert shown(selection, *said) == web
    said += [says("Done."), user("and now commit it")]
    assert shown(selection, *said) == (*web, "git")
    said += [says("Done."), *(user(f"hello {n}") for n in range(20))]
    assert shown(selection, *said) == (*web, "git")


def test_the_same_tools_are_the_same_set_and_cost_no_second_encoding() -> None:
    selection, said = Selection(TOOLS), [user("hello")]
    first = selection.of(Conversation(said))
    said += [says("Hm."), user("go on")]

    assert selection.of(Conversation(said)) is first
    sets = SharedSets()
    one, two = Selection(TOOLS, sets=sets), Selection(TOOLS, sets=sets)
    assert one.of(Conversation(said)) is two.of(Conversation(said))


def test_what_changed_is_said_with_its_reason_and_only_once() -> None:
    selection, said = Selection(TOOLS), [user("hello")]
    shown(selection, *said)
    assert selection.latest == Disclosure()
    said.append(user("show the git log"))
    shown(selection, *said)
    assert selection.latest == Disclosure({"git": "asked for: git"})
    assert str(selection.latest) == "git (asked for: git)"
    shown(selection, *said, says("Here."))
    assert not selection.latest


def test_a_session_that_goes_on_begins_with_what_it_had_shown() -> None:
    before = ("read", "git", "bash", "gone")
    selection = Selection(TOOLS, before=before)
    names = shown(selection, user("hello"))

    assert names[:3] == ("read", "git", "bash")
    assert set(names) == {*ALWAYS, "git"}
    assert selection.latest.gone == ("gone",)


def test_a_history_that_is_new_is_about_its_last_messages_and_what_it_called() -> None:
    old = [user("commit it"), calls("batch"), result("ok"), *(says(f"{n}") for n in range(6))]

    assert shown(Selection(TOOLS), *old) == (*ALWAYS, "batch")
    assert shown(Selection(TOOLS), *old[:-1]) == (*ALWAYS, "batch")
    assert shown(Selection(TOOLS), *old[:-3]) == (*ALWAYS, "git", "batch")


def test_a_conversation_that_was_replaced_shows_what_it_asks_for_and_no_more() -> None:
    selection = Selection(TOOLS)
    shown(selection, user("search the web"), says("Done."), user("commit it"))

    assert shown(selection, user("commit again")) == (*ALWAYS, "git")
    assert selection.latest.gone == ("web_fetch", "web_search")


def test_a_history_of_the_caller_takes_nothing_from_the_session() -> None:
    selection = Selection(TOOLS)
    own = [user("commit it")]
    shown(selection, *own)

    assert shown(selection, user("hi"), is_own=False) == (*ALWAYS, "git")
    assert shown(selection, user("search the web"), is_own=False)[-2:] == TOOL_WEB
    assert shown(selection, *own, says("Done.")) == (*ALWAYS, "git", *TOOL_WEB)


TOOL_WEB = ("web_fetch", "web_search")


def test_a_tool_that_is_registered_later_stands_behind_and_a_new_one_of_a_name_in_its_place() -> (
    None
):
    selection, said = Selection(TOOLS), [user("commit it")]
    shown(selection, *said)
    selection.add(named("later"))
    assert shown(selection, *said) == (*ALWAYS, "git", "later")
    assert selection.latest.why == {"later": "registered"}
    other = named("lookup")
    selection.add(other)
    now = selection.of(Conversation(said))
    assert tuple(now.by_name) == (*ALWAYS, "git", "later")
    assert now.by_name["lookup"] is other


# Many


def test_a_thousand_tools_of_servers_never_flood_a_request() -> None:
    many = tuple(named(f"mcp__s{n % 20}__do_thing{n}") for n in range(1_000))
    selection, said = Selection((*TOOLS, *many)), [user("use mcp")]

    assert len(shown(selection, *said)) == len(ALWAYS) + MAX_SERVER_TOOLS
    for number in range(20):
        said.append(user(f"and what does s{number} say?"))
        assert len(shown(selection, *said)) <= MAX_SHOWN
    assert shown(selection, *said)[: len(ALWAYS)] == ALWAYS


def test_more_of_the_hosts_own_than_providers_take_are_all_shown_and_git_beside_them() -> None:
    own = tuple(named(f"own_{n}") for n in range(300))
    names = shown(Selection((*TOOLS, *own)), user("git status"))

    assert len(names) == len(ALWAYS) + 300 + 1
    assert "git" in names


# With an index


def test_tools_in_an_index_are_shown_when_it_finds_them_and_all_others_as_ever() -> None:
    index = ToolIndex(ToolSearchConfig(max_tools=1))
    index.add("lookup", "Look a word up in the dictionary")
    index.add("unknown", "dictionary")
    selection = Selection(TOOLS, index)

    assert shown(selection, user("hello")) == ALWAYS[:-1]
    assert shown(selection, user("hello"), user("git, and the dictionary")) == (
        *ALWAYS[:-1],
        "git",
        "lookup",
    )
    assert selection.latest.why["lookup"] == "found: dictionary"


TEXTS = st.sampled_from(
    ["hello", "git status", "search the web", "in one go", "github issues", "mcp", "一次性", ""]
)
SAID = st.lists(
    st.one_of(
        TEXTS.map(user),
        TEXTS.map(says),
        TEXTS.map(result),
        st.sampled_from(["git", "x"]).map(calls),
    ),
    min_size=1,
    max_size=12,
)


@given(SAID, st.data())
def test_however_a_conversation_grows_what_was_shown_is_the_beginning_of_what_is(
    said: list[Message], data: st.DataObject
) -> None:
    """And a session that is resumed anywhere on the way shows the same."""
    selection, conversation = Selection(WITH_SERVERS), Conversation()
    before: tuple[str, ...] = ()
    for message in said:
        conversation.append(message)
        now = tuple(selection.of(conversation).by_name)
        assert now[: len(before)] == before
        assert len(set(now)) == len(now)
        if data.draw(st.booleans()):
            selection = Selection(WITH_SERVERS, before=now)
            assert tuple(selection.of(conversation).by_name) == now
        before = now


@given(SAID)
def test_the_same_conversation_shows_the_same_tools(said: list[Message]) -> None:
    assert shown(Selection(WITH_SERVERS), *said) == shown(Selection(WITH_SERVERS), *said)
