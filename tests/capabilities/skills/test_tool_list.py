from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.skills.tool_list import MAX_RULES, tool_rules
from a3s_code.errors import InvalidValue
from a3s_code.harness.patterns import parse_rule


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ("read(*), grep(*), glob(*)", ("read(*)", "grep(*)", "glob(*)")),
        ("Read, Bash(gh issue:*)", ("Read", "Bash(gh issue:*)")),
        ("Read Grep Bash(git add:*)", ("Read", "Grep", "Bash(git add:*)")),
        (["read(*.rs)", "grep(TODO:*)"], ("read(*.rs)", "grep(TODO:*)")),
        (["read, grep", "ls"], ("read", "grep", "ls")),
        ('["Read", "Bash"]', ("Read", "Bash")),
        ("*", ("*",)),
        ("", ()),
        ([], ()),
        ("read,, read ,", ("read",)),
        ("|\n  - MCP(notion:*)\n    - MCP(slack:*)\n", ("MCP(notion:*)", "MCP(slack:*)")),
        ('Bash(python -c "f(x, y)":*)', ('Bash(python -c "f(x, y)":*)',)),
        ("mcp__github__*", ("mcp__github__*",)),
        ("WebFetch, WebSearch, MultiEdit", ("web_fetch", "web_search", "edit")),
    ],
)
def test_every_form_becomes_rules(given: str | list[str], rules: tuple[str, ...]) -> None:
    assert tool_rules(given) == rules


@pytest.mark.parametrize("given", ["Bash(git", "Bash()", "re/ad", "read)x"])
def test_what_is_no_rule_is_named(given: str) -> None:
    with pytest.raises(InvalidValue, match="rule"):
        tool_rules(given)


def test_a_list_without_end_is_refused() -> None:
    with pytest.raises(InvalidValue, match="too long"):
        tool_rules([f"tool{n}" for n in range(MAX_RULES + 1)])


@given(st.text() | st.lists(st.text()))
def test_any_list_gives_rules_of_ours_or_is_refused(given: str | list[str]) -> None:
    try:
        rules = tool_rules(given)
    except InvalidValue:
        return
    assert all(parse_rule(rule) for rule in rules)
    assert len(set(rules)) == len(rules)


NAMES = st.from_regex(r"[a-z]{1,8}(\([a-z *.:]*[a-z*]\))?", fullmatch=True)


@given(st.lists(NAMES, unique=True), st.sampled_from([", ", ",", "\n", "  "]))
def test_a_list_is_the_same_in_every_form(names: list[str], between: str) -> None:
    ours = {"agent", "multiedit", "todowrite", "webfetch", "websearch"}
    names = [name for name in names if name.split("(")[0] not in ours]
    assert tool_rules(between.join(names)) == tool_rules(names) == tuple(names)
