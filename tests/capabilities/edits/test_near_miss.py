from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.edits.near_miss import MAX_QUOTED_LINES, NearMiss, nearest
from a3s_code.kernel.visible import on_one_line

FILE = ["import os", "", "def f(x):", "\treturn x + 1", "", "def g(x):", "\treturn x + 1", "end"]


def found(wanted: list[str], around: int | None = None) -> NearMiss:
    made = nearest(FILE, wanted, name="old_string", around=around)
    assert made is not None
    return made


def test_equal_lines_say_where_the_text_was_meant_to_be() -> None:
    miss = found(["def g(x):", "\treturn x - 1", "end"])
    assert (miss.first, miss.lines) == (6, tuple(FILE[5:8]))
    assert "line 7, column 11" in miss.difference


def test_a_draw_goes_to_the_place_that_was_expected() -> None:
    wanted = ["    return x + 1"]
    assert [found(wanted, around).first for around in (None, 3, 6)] == [4, 4, 7]


def test_indentation_is_named_in_words() -> None:
    assert (
        "by 1 tab in the file, and by 4 spaces in old_string"
        in found(["    return x + 1"]).difference
    )


def test_one_long_line_is_compared_where_the_part_begins() -> None:
    miss = nearest(["value = compute(alpha, beta, gamma)"], ["compute(alpha, beta)"], name="it")
    assert miss is not None
    assert "column 28" in miss.difference


def test_a_text_that_goes_beyond_the_file_is_called_so() -> None:
    assert (
        'The file ends there, and old_string goes on with "more"'
        in found(["end", "more"]).difference
    )


def test_nothing_alike_is_nothing() -> None:
    assert nearest(FILE, ["zzz qqq"], name="it") is None
    assert nearest([], ["a"], name="it") is None
    assert nearest(FILE, ["", " "], name="it") is None


def test_a_long_region_is_quoted_around_its_difference() -> None:
    lines = [f"line {number}" for number in range(200)]
    miss = nearest(lines, [*lines[:150], "other", *lines[151:]], name="it")
    assert miss is not None
    text = miss.describe()
    assert "lines 1-200, of which lines 141-160" in text
    assert text.count("\n") == MAX_QUOTED_LINES + 1
    assert "   151\tline 150" in text


def test_what_cannot_be_seen_is_escaped() -> None:
    miss = nearest(["one two\tb\r\u200b\xa0\udcffé"], ["one two"], name="old_string")
    assert miss is not None
    assert "     1\tone two\tb\\r\\u200b\\xa0\\xffé" in miss.describe()


some_lines = st.lists(st.text(alphabet="ab \t(\udcff\u2019", max_size=6), max_size=12)


@given(some_lines, some_lines)
def test_the_quoted_lines_are_lines_of_the_file(lines: list[str], wanted: list[str]) -> None:
    miss = nearest(lines, wanted, name="it")
    if miss is None:
        return
    assert list(miss.lines) == lines[miss.first - 1 : miss.first - 1 + len(miss.lines)]
    for number, text in re.findall(r"^ *(\d+)\t(.*)$", miss.describe(), flags=re.MULTILINE):
        assert text == on_one_line(lines[int(number) - 1], kept="\t")
