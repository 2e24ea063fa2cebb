"""Tools are found by what a request says, in a stable order, and quickly among many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.tool_search import ToolIndex, ToolSearchConfig, server_of
from a3s_code.harness.tool_words import words

GITHUB, POSTGRES = "mcp__github__create_issue", "mcp__postgres__query"


def index(**config: object) -> ToolIndex:
    made = ToolIndex(ToolSearchConfig(**config))  # type: ignore[arg-type]
    made.add(GITHUB, "Create a GitHub issue", ["github", "issue"])
    made.add(POSTGRES, "Run a SQL query", ["sql", "database"])
    return made


def found(made: ToolIndex, query: str, limit: int | None = None) -> list[str]:
    return [match.name for match in made.search(query, limit)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("open an issue about the flaky test", [GITHUB]),
        ("Which ISSUES are open?", [GITHUB]),
        ("ask the databases", [POSTGRES]),
        ("write an SQL statement", [POSTGRES]),
        ("createIssue, please", [GITHUB]),
        ("use mcp__postgres__query", [POSTGRES]),
        ("what is the capital of France", []),
        ("please use a tool for me", []),
        ("", []),
    ],
)
def test_a_tool_is_found_by_the_words_that_name_it(query: str, names: list[str]) -> None:
    assert found(index(), query) == names


def test_a_match_says_how_sure_it_is_and_by_which_words() -> None:
    both, one = index().search("github issue")[0], index().search("github")[0]

    assert both.because == ("github", "issue")
    assert 0.3 <= one.score < both.score <= 1


def test_a_query_in_chinese_finds_what_was_added_in_chinese() -> None:
    made = index()
    made.add("tianqi", "查询天气预报", ["天气"])

    assert found(made, "今天北京的天气怎么样") == ["tianqi"]
    assert found(made, "请帮我写一个函数") == []


def test_a_server_that_is_named_is_found_even_if_every_tool_is_its_own() -> None:
    made = ToolIndex()
    for number in range(50):
        made.add(f"mcp__jira__thing_{number}")

    assert len(found(made, "what does jira say?")) == ToolSearchConfig().max_tools


def test_a_word_that_many_tools_share_tells_less_than_a_rare_one() -> None:
    made = ToolIndex()
    for number in range(40):
        made.add(f"report_{number}", "A report of the warehouse")
    made.add("forecast", "The weather")

    assert found(made, "the warehouse and the weather") == ["forecast"]


def test_what_is_always_included_is_found_by_any_query() -> None:
    made = index(always_include=("lookup", POSTGRES), max_tools=2)
    made.add("lookup")

    assert found(made, "hello") == ["lookup", POSTGRES]
    assert found(made, "github issue") == ["lookup", POSTGRES]


def test_no_more_are_found_than_were_asked_for() -> None:
    made = index(max_tools=2)
    made.add("issues", "All issues")

    assert len(found(made, "github issue sql database")) == 2
    assert len(found(made, "github issue sql database", 1)) == 1
    assert len(found(made, "github issue sql database", 99)) == 2
    assert found(made, "github", 0) == []


def test_a_tool_that_was_removed_is_not_found_and_leaves_nothing_behind() -> None:
    made = index()
    assert made.remove(GITHUB)
    assert not made.remove(GITHUB)

    assert found(made, "github issue") == []
    assert list(made) == [POSTGRES]
    assert GITHUB not in made
    assert len(made) == 1


def test_a_tool_that_is_added_again_is_found_by_its_new_words_alone() -> None:
    made = index()
    made.add(GITHUB, "Bake a cake", [])

    assert found(made, "a cake") == [GITHUB]
    assert list(made) == [GITHUB, POSTGRES]


@pytest.mark.parametrize(
    "wrong",
    [{"max_tools": 0}, {"max_tools": True}, {"min_score": 1.5}, {"min_score": "0.3"}],
)
def test_a_wrong_limit_is_refused_and_named(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        ToolSearchConfig(**wrong)  # type: ignore[arg-type]


def test_one_text_is_no_list_of_names_or_keywords() -> None:
    with pytest.raises(InvalidType, match="always_include"):
        ToolSearchConfig(always_include="git")  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="keywords"):
        ToolIndex().add("lookup", "Look a word up", "dictionary")
    with pytest.raises(InvalidType, match="description is a NoneType"):
        ToolIndex().add("lookup", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "server"),
    [(GITHUB, "github"), ("mcp__a_b__c__d", "a_b"), ("lookup", ""), ("MCP__X__y", "X")],
)
def test_the_server_of_a_tool_stands_in_its_name(name: str, server: str) -> None:
    assert server_of(name) == server


NAMES = st.sampled_from(["read_log", "mcp__a__b", "mcp__weather__today", "查天气", "sendMail", "x"])


@given(st.text(max_size=80), st.lists(NAMES, max_size=6))
def test_a_search_gives_the_same_again_and_keeps_its_bounds(query: str, names: list[str]) -> None:
    made, other = ToolIndex(), ToolIndex()
    for name in names:
        made.add(name, name)
        other.add(name, name)

    matches = made.search(query)
    assert matches == made.search(query) == other.search(query)
    assert all(made.config.min_score <= match.score <= 1 for match in matches)
    assert len({match.name for match in matches}) == len(matches)


@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=20))
def test_an_index_that_was_changed_is_as_one_that_was_made_so(
    steps: list[tuple[bool, str]],
) -> None:
    changed = ToolIndex()
    for is_added, name in steps:
        if is_added:
            changed.add(name, f"the {name}")
        else:
            changed.remove(name)
    fresh = ToolIndex()
    for name in changed:
        fresh.add(name, f"the {name}")

    query = "read the log of today, weather, mail 天气"
    assert changed.search(query) == fresh.search(query)


@given(st.text())
def test_any_text_has_words(text: str) -> None:
    assert all(words(text))


def test_an_index_says_what_is_no_configuration_and_no_query() -> None:
    wrong: Any = 3
    with pytest.raises(InvalidType, match="config of a ToolIndex is a int"):
        ToolIndex(wrong)
    with pytest.raises(InvalidType, match="query is a int"):
        ToolIndex().search(wrong)
