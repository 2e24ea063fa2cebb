from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from a3s_code.capabilities.edits.refusal import Refusal
from a3s_code.capabilities.edits.replacement import Replaced, replace


def replaced(text: str, old: str, new: str, *, everywhere: bool = False) -> str:
    made = replace(text, old, new, everywhere=everywhere)
    assert isinstance(made, Replaced), made
    return made.text


def refused(text: str, old: str, new: str, *, everywhere: bool = False) -> Refusal:
    made = replace(text, old, new, everywhere=everywhere)
    assert isinstance(made, Refusal), made
    return made


def test_the_only_match_is_replaced() -> None:
    made = replace("one\ntwo\n", "two", "dos")
    assert made == Replaced("one\ndos\n", "dos", 1, (2,))


def test_a_part_of_a_line_is_replaced() -> None:
    assert replaced("x = foo(1)\n", "foo(", "bar(") == "x = bar(1)\n"


def test_characters_that_mean_something_to_regular_expressions_are_plain_text() -> None:
    assert replaced("a.*(b) $1\n", ".*(b)", r"\1 \g<0> $0") == "a\\1 \\g<0> $0 $1\n"


def test_an_empty_replacement_deletes() -> None:
    assert replaced("one\ntwo\nthree\n", "two\n", "") == "one\nthree\n"


def test_two_matches_are_refused_with_their_line_numbers() -> None:
    refusal = refused("x\ny\nx\n", "x", "z")
    assert refusal.kind == "ambiguous"
    assert "2 times (lines 1, 3)" in refusal.text
    assert "replace_all" in refusal.text


def test_matches_that_overlap_are_two() -> None:
    assert refused("aaa", "aa", "b").kind == "ambiguous"


def test_a_long_list_of_matches_is_cut() -> None:
    refusal = refused("x\n" * 5000, "x", "z")
    assert "5000 times (lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …)" in refusal.text
    assert len(refusal.text) < 250


def test_every_match_is_replaced_when_asked_for() -> None:
    made = replace("x x\nx\n", "x", "yy", everywhere=True)
    assert made == Replaced("yy yy\nyy\n", "yy", 3, (1, 1, 2))


def test_a_replacement_that_holds_the_old_text_is_not_replaced_again() -> None:
    assert replaced("aa", "a", "aa", everywhere=True) == "aaaa"


def test_an_empty_old_string_is_refused_and_write_is_named() -> None:
    for text in ("", "x"):
        refusal = refused(text, "", "y")
        assert refusal.kind == "invalid_argument"
        assert "write" in refusal.text


def test_identical_strings_are_refused() -> None:
    assert refused("x", "x", "x").kind == "invalid_argument"


class TestLineEnds:
    def test_line_feeds_stand_for_the_files_crlf(self) -> None:
        assert replaced("a\r\nb\r\nc\r\n", "a\nb\n", "A\nB\nB2\n") == "A\r\nB\r\nB2\r\nc\r\n"

    def test_a_line_put_into_a_crlf_file_ends_in_crlf(self) -> None:
        assert replaced("a\r\nb\r\n", "b", "b1\nb2") == "a\r\nb1\r\nb2\r\n"

    def test_a_line_put_behind_the_last_of_a_crlf_file_ends_in_crlf(self) -> None:
        assert replaced("a\r\nb", "b", "b\nc") == "a\r\nb\r\nc"

    def test_crlf_stands_for_the_files_line_feeds(self) -> None:
        assert replaced("a\nb\nc\n", "a\r\nb", "a\r\nX\r\nb") == "a\nX\nb\nc\n"

    def test_lines_of_a_mixed_file_keep_their_own_ends(self) -> None:
        text = "a\r\nb\nc\r\nd\n"
        assert replaced(text, "a\nb\nc\nd", "a\nB\nc\nd") == "a\r\nB\nc\r\nd\n"
        assert replaced(text, "a\nb\nc\n", "A\nB\nC\n") == "A\r\nB\nC\r\nd\n"

    def test_a_match_that_differs_only_in_line_ends_makes_it_ambiguous(self) -> None:
        assert refused("a\nb\n\na\r\nb\n", "a\nb", "x").kind == "ambiguous"

    def test_line_ends_can_be_changed_by_spelling_them(self) -> None:
        assert replaced("a\r\nb\r\n", "a\r\nb", "a\nb") == "a\nb\r\n"
        assert replaced("a\nb\n", "a\nb", "a\r\nb") == "a\r\nb\n"

    def test_a_lone_carriage_return_is_text(self) -> None:
        assert replaced("a\rb\n", "a\rb", "a b") == "a b\n"

    def test_other_unicode_line_ends_are_text(self) -> None:
        assert replaced("a\u2028b\x85c\x0cd\r\ne\r\n", "d\ne", "D\nE").endswith("c\x0cD\r\nE\r\n")

    def test_a_byte_order_mark_stays(self) -> None:
        assert replaced("\ufeffa\nb\n", "a", "A") == "\ufeffA\nb\n"

    def test_a_missing_final_line_feed_stays_missing(self) -> None:
        assert replaced("a\nb", "b\n", "c\n") == "a\nc"
        assert replaced("a\r\nb", "b\n", "c\nd\n") == "a\r\nc\r\nd"
        assert replaced("a\nb", "b\n", "") == "a\n"


class TestBlanks:
    def test_blanks_at_line_ends_of_the_file_are_ignored_and_kept(self) -> None:
        made = replace(
            "def f():  \n    x = 1\t\n    return x\n",
            "def f():\n    x = 1\n    r",
            "def f():\n    x = 2\n    r",
        )
        assert isinstance(made, Replaced)
        assert made.text == "def f():  \n    x = 2\n    return x\n"
        assert made.loosely

    def test_blanks_at_line_ends_of_the_old_string_are_ignored(self) -> None:
        assert replaced("a\n\nb\n", "a\n   \nb", "a\n   \nB") == "a\n\nB\n"

    def test_an_exact_match_comes_before_a_loose_one(self) -> None:
        assert replaced("a \nb\na\nb\n", "a\nb", "X") == "a \nb\nX\n"

    def test_two_loose_matches_are_refused(self) -> None:
        assert refused("a \nb\na  \nb\n", "a\nb", "X").kind == "ambiguous"

    def test_other_indentation_is_refused_and_named(self) -> None:
        text = "class A:\n\tdef f(self):\n\t\treturn 1\n"
        refusal = refused(
            text, "    def f(self):\n        return 1", "    def f(self):\n        return 2"
        )
        assert refusal.kind == "context_mismatch"
        assert "lines 2-3" in refusal.text
        assert "     2\t\tdef f(self):\n     3\t\t\treturn 1" in refusal.text
        assert (
            "Line 2 is indented by 1 tab in the file, and by 4 spaces in old_string" in refusal.text
        )

    def test_other_blanks_within_a_line_are_refused(self) -> None:
        assert refused("x  =  1\n", "x = 1", "x = 2").kind == "context_mismatch"

    def test_blank_strings_never_match_loosely(self) -> None:
        assert refused("a\nb\n", " \n ", "x").kind == "context_mismatch"


class TestNotFound:
    def test_the_first_difference_is_shown_escaped(self) -> None:
        text = "one\nsay(“hello”)\nthree\n"
        refusal = refused(text, 'one\nsay("hello!")\nthree', "x")
        assert "     2\tsay(“hello”)" in refusal.text
        assert "line 2, column 5" in refusal.text
        assert "(U+201C)" in refusal.text

    def test_bytes_that_do_not_decode_are_shown_as_bytes(self) -> None:
        refusal = refused("one\nf\udcfcr\nthree\n", "one\nfur\nthree", "x")
        assert r'the file has "f\xfcr"' in refusal.text

    def test_numbers_of_a_listing_are_recognised(self) -> None:
        refusal = refused("one\ntwo\nthree\n", "     1\tone\n     2\ttwo", "x")
        assert "line numbers" in refusal.text

    def test_escaped_line_breaks_are_recognised(self) -> None:
        assert "backslash" in refused("one\ntwo\n", "one\\ntwo", "x").text

    def test_typographic_quotes_are_recognised(self) -> None:
        assert "typographic" in refused("it's\n", "it\u2019s", "x").text

    def test_an_edit_made_before_is_recognised(self) -> None:
        refusal = refused("a\nvalue = 2\n", "value = 1", "value = 2")
        assert "new_string stands at line 2 already" in refusal.text

    def test_a_text_without_anything_like_it_says_to_read(self) -> None:
        refusal = refused("one\ntwo\n", "zzzzzz qqqqqq", "x")
        assert "None of its 2 lines" in refusal.text

    def test_a_changed_line_is_found_by_its_words(self) -> None:
        text = "".join(f"value_{n} = compute(alpha_{n}, beta={n})\n" for n in range(3000))
        refusal = refused(text, "value_1500 = compute(alpha_1500,  beta=1501)", "x")
        assert "line 1501" in refusal.text

    @pytest.mark.parametrize(
        ("text", "old"),
        [
            ("a\n" * 500_000, "a\n" * 2000 + "b"),
            (" " * 500_000, " " * 1000 + "x"),
            ("ab" * 500_000, "ab" * 5000 + "c"),
            ("x y z w\n" * 200_000, "y x w z q\n" * 500),
        ],
        ids=["lines", "blanks", "one line", "words"],
    )
    def test_the_search_stays_bounded_in_repetitive_texts(self, text: str, old: str) -> None:
        refusal = refused(text, old, "")
        assert refusal.kind == "context_mismatch"
        assert len(refusal.text) < 8000


pieces = st.lists(
    st.sampled_from(["a", "b", "é", " ", "\t", "\r", "\n", "\r\n", "\udcff", "\ufeff"])
)
texts = pieces.map("".join)


@given(before=texts, old=texts, after=texts, new=texts)
def test_outside_the_match_every_character_stays(
    before: str, old: str, after: str, new: str
) -> None:
    text = before + old + after
    assume(text.count(old) == 1)
    assume(not (before.endswith("\r") and old.startswith("\n")))  # one line end, not two
    made = replace(text, old, new)
    if isinstance(made, Refusal):
        return
    assert made.text.startswith(before)
    assert made.text.endswith(after)
    if "\r" not in text + new:
        assert made.text == before + new + after


@given(text=texts, old=texts.filter(bool), new=texts)
def test_with_line_feeds_only_it_replaces_as_str_replace_does(
    text: str, old: str, new: str
) -> None:
    text, old, new = (part.replace("\r", "") for part in (text, old, new))
    if not old or old == new or old not in text:
        return
    assert replaced(text, old, new, everywhere=True) == text.replace(old, new)


@given(
    lines=st.lists(st.text(alphabet="ab \t", max_size=4), min_size=1, max_size=8), data=st.data()
)
def test_an_edit_of_a_crlf_file_is_the_edit_of_the_lf_file_with_crlf(
    lines: list[str], data: st.DataObject
) -> None:
    text = "".join(f"{line}\n" for line in lines)
    start = data.draw(st.integers(0, len(text)))
    old = text[start : data.draw(st.integers(start, len(text)))]
    new = data.draw(st.text(alphabet="ab\n", max_size=5))
    plain = replace(text, old, new)
    crlf = replace(text.replace("\n", "\r\n"), old, new)
    if isinstance(plain, Refusal):
        assert isinstance(crlf, Refusal)
        assert crlf.kind == plain.kind
    else:
        assert isinstance(crlf, Replaced)
        assert crlf.text.replace("\r\n", "\n") == plain.text
        assert "\n" not in crlf.text.replace("\r\n", "")
