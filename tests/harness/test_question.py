"""A person is shown all of a call, and nothing that deceives."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.question import Question


def question(**args: object) -> Question:
    return Question("bash", dict(args), "`x` needs approval", part="x", rule="bash(x*)")


def test_the_view_says_what_why_and_by_which_rule() -> None:
    assert question(command="echo hi\nrm x", timeout=None, env={"A": 1}).view() == (
        "`x` needs approval\n"
        "  bash\n"
        "    command: echo hi\n      rm x\n"
        '    env: {"A": 1}\n'
        "  part: x\n"
        "  rule: bash(x*)"
    )


@given(st.text(), st.text(), st.text())
def test_nothing_in_a_view_moves_a_terminal_or_hides(name: str, text: str, why: str) -> None:
    view = Question("t", {name: text}, why, why, text).view()
    kinds = {unicodedata.category(char) for char in view if char not in "\n\t "}

    assert kinds.isdisjoint({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})


@given(st.text(alphabet="ab\n: ", max_size=60))
def test_no_line_of_a_value_passes_for_an_argument(text: str) -> None:
    lines = question(command=text, after="z").view().split("\n")
    arguments = [line for line in lines if line[:4].isspace() and not line[4:5].isspace()]

    assert [line.partition(":")[0].strip() for line in arguments if line.strip()] == [
        "command",
        "after",
    ]


@given(st.integers(0, 300), st.integers(2, 50))
def test_what_is_left_out_is_counted_and_head_and_tail_stay(length: int, limit: int) -> None:
    text = "".join(chr(ord("a") + at % 26) for at in range(length))
    asked = Question("bash", {"command": text}, "why")
    view, left = asked.view(limit), asked.left_out(limit)

    assert left == (length - limit // 2 * 2 if length > limit else 0)
    assert (f"[{left} characters are not shown here]" in view) is (left > 0)
    half = limit // 2
    if left:
        assert text[:half] in view
        assert view.rstrip().endswith(text[-half:])
    assert text in asked.view()


@pytest.mark.parametrize(
    "hidden", ["\u3164", "\u115f", "\u2800", "\ufe0f", "\u00a0", "\u034f", "\U000e0101", "\u061c"]
)
def test_a_character_that_is_drawn_as_nothing_is_shown(hidden: str) -> None:
    view = question(command=f"rm{hidden}x").view()

    assert hidden not in view
    assert hidden.encode("unicode_escape").decode() in view
