from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("a\rb", "a\\rb"),
        ("\x07\x00", "\\x07\\x00"),
        ("safe\u202etxt.exe", "safe\\u202etxt.exe"),
        ("\u2066hidden\u2069", "\\u2066hidden\\u2069"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028end", "line\\u2028end"),
        ("\ud800", "\\ud800"),
        ("tag\U000e0041", "tag\\U000e0041"),
    ],
)
def test_what_could_deceive_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["", "plain", "two\n\tlines\n", "Grüße 漢字 🦀 → …"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = {unicodedata.category(char) for char in visible(text) if char not in "\n\t"}

    assert left.isdisjoint({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


@given(st.text())
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)
