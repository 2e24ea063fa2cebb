"""Texts ask for groups of tools, in English and in Chinese, whatever their length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.tool_intent import MAX_SCANNED_CHARS, TERMS, asked


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("hello there", set[str]()),
        ("Fix the failing test in parser.py", set[str]()),
        ("what is the capital of France", set[str]()),
        ("digits, legit and websockets", set[str]()),
        ("show the git status of this repository", {"git"}),
        ("Commit this, please.", {"git"}),
        ("Open a pull  request", {"git"}),
        ("resolve the MERGE-CONFLICT in a.py", {"git"}),
        ("search the web for the newest release", {"web"}),
        ("see https://example.com/a", {"web"}),
        ("is there a newer one online?", {"web"}),
        ("rename them all in one go", {"batch"}),
        ("read these ten files in parallel", {"batch"}),
        ("use the MCP server", {"mcp"}),
        ("which external tools are there?", {"mcp"}),
        ("git log, and look on the internet", {"git", "web"}),
        ("请帮我提交代码", {"git"}),
        ("请用git看看状态", {"git"}),
        ("切换到新的分支", {"git"}),
        ("上网查一下最新版本", {"web"}),
        ("批量重命名这些文件", {"batch"}),
        ("使用外部工具", {"mcp"}),
        ("写一个排序函数", set[str]()),
    ],
)
def test_a_text_asks_for_what_it_speaks_of(text: str, groups: set[str]) -> None:
    assert {group for group, _ in asked(text)} == groups


def test_the_reason_is_the_term_that_was_found() -> None:
    assert dict(asked("push the branch to git")) == {"git": "branch"}
    assert dict(asked("Open a Pull Request")) == {"git": "pull request"}


@pytest.mark.parametrize(("at", "is_seen"), [(0, True), (50_000, False), (99_990, True)])
def test_of_a_long_text_the_beginning_and_the_end_are_read(at: int, is_seen: bool) -> None:
    text = f"{'x ' * (at // 2)}git {'x ' * ((100_000 - at) // 2)}"

    assert len(text) > MAX_SCANNED_CHARS
    assert bool(list(asked(text))) is is_seen


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    found = dict(asked(text))

    assert found == dict(asked(text))
    assert set(found) <= set(TERMS)


@pytest.mark.parametrize("group", TERMS)
def test_every_term_is_found_where_it_stands_alone(group: str) -> None:
    terms = TERMS[group]
    for term in (*terms.words, *terms.phrases, *terms.parts):
        assert group in dict(asked(term)), term
