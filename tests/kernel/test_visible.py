from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.kernel.visible import HIDDEN, hidden_count, on_one_line, visible, visible_json


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
        ("filler\u3164", "filler\\u3164"),
        ("selector\U000e0100", "selector\\U000e0100"),
        ("byte \udc9b", "byte \\x9b"),
    ],
)
def test_what_could_deceive_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["", "plain", "two\n\tlines\n", "Grüße 漢字 🦀 → …", "\u26a0\ufe0f"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = {unicodedata.category(char) for char in visible(text) if char not in "\n\t"}

    assert left.isdisjoint({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


@given(st.text())
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_every_character_of_the_hidden_categories_is_known() -> None:
    categories = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
    missed = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in categories
        and chr(code) not in "\n\t"
        and not HIDDEN.match(chr(code))
    ]
    assert missed == []


@given(st.text())
def test_a_name_stays_on_one_line_and_can_be_written_anywhere(text: str) -> None:
    shown = on_one_line(text)
    assert shown.isprintable()
    assert HIDDEN.search(shown) is None
    shown.encode()


@given(st.text(st.characters(codec="utf-8")))
def test_json_says_the_same_and_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(shown) == {text: [text]}
    assert HIDDEN.search(shown) is None


@given(st.text())
def test_what_is_counted_is_what_is_escaped(text: str) -> None:
    assert (hidden_count(text) == 0) == (visible(text) == text)


@given(st.text(st.characters(max_codepoint=0x9F)))
def test_every_hidden_character_is_counted(text: str) -> None:
    assert hidden_count(text) == len(HIDDEN.findall(text))
