from __future__ import annotations

import difflib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from a3s_code.capabilities.edits.hunks import Diff, parse
from a3s_code.capabilities.edits.refusal import Refusal
from a3s_code.capabilities.edits.splice import MAX_PLACES, Landing, Spliced, splice

TEN = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n"
DONE = TEN.replace("two", "TWO")
BODY = " one\n-two\n+TWO\n three\n"
UNENDED = "\\ No newline at end of file\n"


def outcome(text: str, diff: str) -> Spliced | Refusal:
    made = parse(diff)
    assert isinstance(made, Diff), made
    return splice(text, made)


def patched(text: str, diff: str) -> str:
    made = outcome(text, diff)
    assert isinstance(made, Spliced), made
    return made.text


def refused(text: str, diff: str) -> Refusal:
    made = outcome(text, diff)
    assert isinstance(made, Refusal), made
    return made


def landings(text: str, diff: str) -> tuple[Landing, ...]:
    made = outcome(text, diff)
    assert isinstance(made, Spliced), made
    return made.landings


class TestPlace:
    @pytest.mark.parametrize(
        "header",
        [
            "@@ -1,3 +1,3 @@",
            "@@ -1 +1 @@",
            "@@ -6,3 +6,3 @@",
            "@@ -0,3 +0,3 @@",
            "@@ -9000,3 +9000,3 @@",
            "@@ -99999999999999999999,3 +1,3 @@",
            "@@ -1,9 +1,9 @@",
            "@@",
            "@@ @@",
        ],
    )
    def test_unique_lines_are_found_whatever_the_header_says(self, header: str) -> None:
        assert patched(TEN, f"{header}\n{BODY}") == DONE

    def test_where_a_hunk_landed_is_told(self) -> None:
        diff = "@@ -1,2 +1,3 @@\n one\n+1.5\n two\n@@ -6,2 +7 @@\n-seven\n eight\n"
        assert landings(TEN, diff) == (
            Landing(1, 1, 3, added=1, removed=0, stated=1, off=0),
            Landing(2, 8, 1, added=0, removed=1, stated=6, off=1),
        )

    def test_the_stated_place_is_taken_though_others_would_do(self) -> None:
        assert patched("a\na\na\n", "@@ -2 +2 @@\n-a\n+b\n") == "a\nb\na\n"

    def test_the_clearly_nearest_place_is_taken(self) -> None:
        text = "x\na\ny\nx\na\ny\n"
        assert patched(text, "@@ -5,2 +5,2 @@\n x\n-a\n+A\n") == "x\na\ny\nx\nA\ny\n"

    def test_a_place_that_is_hardly_nearer_is_refused(self) -> None:
        text = "x\n1\n2\n3\n4\nx\n"
        refusal = refused(text, "@@ -3 +3 @@\n-x\n+y\n")
        assert refusal.kind == "ambiguous"
        assert "lines 1, 6" in refusal.text

    def test_several_places_and_no_number_are_refused(self) -> None:
        assert refused("x\na\nx\na\n", "@@\n x\n-a\n+b\n").kind == "ambiguous"

    def test_more_places_than_are_counted_are_refused(self) -> None:
        assert refused("x\n" * (2 * MAX_PLACES), "@@\n-x\n+y\n").kind == "ambiguous"

    def test_a_shift_is_carried_on_to_later_hunks(self) -> None:
        text = "0\n0\n0\n0\n" + "a\nb\nx\n" + "a\nc\nx\n" + "a\nd\nx\n"
        diff = "@@ -2 +2 @@\n-b\n+B\n@@ -9 +9 @@\n-x\n+X\n"
        assert patched(text, diff) == text.replace("b", "B").removesuffix("x\n") + "X\n"

    def test_what_earlier_hunks_added_is_counted_in(self) -> None:
        text = "a\n" + "x\n" * 9
        diff = "@@ -1 +1,3 @@\n-a\n+1\n+2\n+3\n@@ -5 +7 @@\n-x\n+y\n"
        assert patched(text, diff) == "1\n2\n3\nx\nx\nx\ny\nx\nx\nx\nx\nx\n"

    def test_hunks_out_of_order_are_placed_by_their_numbers(self) -> None:
        diff = "@@ -9,1 +9,1 @@\n-nine\n+NINE\n@@ -2,1 +2,2 @@\n-two\n+2\n+2.5\n"
        made = outcome(TEN, diff)
        assert isinstance(made, Spliced)
        assert made.text == TEN.replace("nine", "NINE").replace("two", "2\n2.5")
        assert [landing.line for landing in made.landings] == [10, 2]

    def test_a_later_hunk_without_numbers_belongs_below_the_earlier(self) -> None:
        text = "f\nreturn 1\ng\nreturn 1\n"
        assert (
            patched(text, "@@\n-g\n+G\n@@\n-return 1\n+return 2\n") == "f\nreturn 1\nG\nreturn 2\n"
        )

    def test_an_anchor_settles_which_place_is_meant(self) -> None:
        text = "class A:\n  def f():\n    x\n  def g():\n    x\nclass B:\n  def f():\n    x\n"
        diff = "@@ class B:\n@@ def f():\n-    x\n+    y\n"
        assert patched(text, diff) == text.removesuffix("x\n") + "y\n"
        assert patched(text, "@@ def g():\n-    x\n+    y\n").splitlines()[4] == "    y"

    def test_an_unknown_anchor_settles_nothing(self) -> None:
        assert refused("x\nx\n", "@@ def h():\n-x\n+y\n").kind == "ambiguous"


class TestInsertion:
    def test_a_line_number_places_lines_without_context(self) -> None:
        assert patched("a\nb\n", "@@ -0,0 +1 @@\n+0\n") == "0\na\nb\n"
        assert patched("a\nb\n", "@@ -1,0 +2 @@\n+x\n") == "a\nx\nb\n"
        assert patched("a\nb\n", "@@ -2,0 +3 @@\n+x\n") == "a\nb\nx\n"

    def test_lines_without_context_and_place_are_refused(self) -> None:
        for header in ("@@", "@@ -9,0 +10 @@"):
            assert refused("a\nb\n", f"{header}\n+x\n").kind == "ambiguous"

    def test_an_empty_file_is_filled(self) -> None:
        for header in ("@@ -0,0 +1,2 @@", "@@"):
            assert patched("", f"--- /dev/null\n+++ b/f\n{header}\n+a\n+b\n") == "a\nb\n"

    def test_a_file_that_has_text_is_not_created_again(self) -> None:
        refusal = refused("a\n", "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n")
        assert refusal.kind == "context_mismatch"

    def test_all_lines_can_be_removed(self) -> None:
        assert patched("a\nb\n", "--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n") == ""

    def test_a_deletion_that_leaves_lines_is_refused(self) -> None:
        diff = "--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n"
        assert refused("a\nb\nc\n", diff).kind == "context_mismatch"


class TestAllOrNothing:
    def test_one_hunk_without_a_place_refuses_all(self) -> None:
        refusal = refused(TEN, f"@@ -1,3 +1,3 @@\n{BODY}@@ -8,3 +8,3 @@\n eight\n-NINE\n+x\n ten\n")
        assert refusal.kind == "context_mismatch"
        assert "hunk 2 (line 6 of the diff)" in refusal.text
        assert 'the file has "nine", the diff has "NINE"' in refusal.text

    def test_touching_hunks_both_apply(self) -> None:
        diff = "@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n@@ -3,2 +3,2 @@\n-three\n+THREE\n four\n"
        assert patched(TEN, diff) == DONE.replace("three", "THREE")

    def test_hunks_may_share_context(self) -> None:
        diff = f"@@ -1,3 +1,3 @@\n{BODY}@@ -3,2 +3,2 @@\n three\n-four\n+FOUR\n"
        assert patched(TEN, diff) == DONE.replace("four", "FOUR")

    def test_a_hunk_that_needs_lines_which_an_earlier_one_replaced_is_refused(self) -> None:
        diff = f"@@ -1,3 +1,3 @@\n{BODY}@@ -2,3 +2,3 @@\n two\n-three\n+THREE\n four\n"
        refusal = refused(TEN, diff)
        assert refusal.kind == "context_mismatch"
        assert "overlap" in refusal.text

    def test_a_hunk_may_show_what_an_earlier_one_added_as_context(self) -> None:
        diff = f"@@ -1,3 +1,3 @@\n{BODY}@@ -2,3 +2,3 @@\n TWO\n-three\n+THREE\n four\n"
        assert patched(TEN, diff) == DONE.replace("three", "THREE")

    def test_a_hunk_never_removes_what_an_earlier_one_added(self) -> None:
        diff = "@@ -1 +1,2 @@\n-a\n+x\n+x\n@@ -3 +4 @@\n-x\n+y\n"
        assert refused("a\nb\nc\n", diff).kind == "context_mismatch"

    def test_a_diff_that_is_applied_already_is_recognised_and_not_reversed(self) -> None:
        assert refused(DONE, f"@@ -1,3 +1,3 @@\n{BODY}").kind == "already_applied"


class TestBlanks:
    def test_blanks_at_line_ends_are_ignored_and_the_files_are_kept(self) -> None:
        assert patched("a  \nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+B\n") == "a  \nB\n"
        assert patched("a\nb\t\n", "@@ -1,2 +1,2 @@\n a \n-b\n+B\n") == "a\nB\n"

    def test_an_exact_place_is_taken_before_one_with_other_blanks(self) -> None:
        assert patched("x\nx\nx\na \nx\nx\na\n", "@@\n-a\n+b\n") == "x\nx\nx\na \nx\nx\nb\n"

    def test_indentation_is_never_ignored(self) -> None:
        refusal = refused(
            "\tx = 1\n\ty = 2\n", "@@ -1,2 +1,2 @@\n     x = 1\n-    y = 2\n+    y = 3\n"
        )
        assert refusal.kind == "context_mismatch"
        assert (
            "Line 1 is indented by 1 tab in the file, and by 4 spaces in the diff" in refusal.text
        )

    def test_an_empty_line_of_the_diff_is_an_empty_line_of_the_file(self) -> None:
        assert patched("a\n\nb\n", "@@ -1,3 +1,3 @@\n a\n\n-b\n+B\n") == "a\n\nB\n"

    def test_an_empty_line_behind_a_hunk_is_no_context(self) -> None:
        for header in ("@@ -1,3 +1,3 @@", "@@"):
            assert patched(TEN, f"{header}\n{BODY}\n") == DONE
            assert patched(TEN, f"{header}\n{BODY}\n\n@@ -9 +9 @@\n-nine\n+9\n") == DONE.replace(
                "nine", "9"
            )

    def test_prose_behind_a_hunk_is_no_context(self) -> None:
        for header in ("@@ -1,3 +1,3 @@", "@@"):
            assert patched(TEN, f"{header}\n{BODY}\nThis replaces two.\n") == DONE

    def test_context_may_lack_its_leading_blank(self) -> None:
        assert patched(TEN, "@@ -1,3 +1,3 @@\none\n-two\n+TWO\nthree\n") == DONE
        text = "def f():\n    a\n    b\n    c\n"
        diff = "@@ -1,4 +1,4 @@\ndef f():\n    a\n-    b\n+    B\n    c\n"
        assert patched(text, diff) == text.replace("b", "B")

    @pytest.mark.parametrize("line", ["?two", "*two", "x"])
    def test_a_line_with_an_unknown_mark_is_malformed(self, line: str) -> None:
        for body in (f" one\n{line}\n+TWO\n three\n", f" one\n-two\n+TWO\n{line}\n"):
            assert refused(TEN, f"@@ -1,3 +1,3 @@\n{body}").kind == "malformed"

    def test_escaped_or_numbered_context_is_not_guessed(self) -> None:
        escaped = refused("if a < b:\n  x\n", "@@ -1,2 +1,2 @@\n if a &lt; b:\n-  x\n+  y\n")
        numbered = refused(TEN, "@@ -1,3 +1,3 @@\n 1| one\n-2| two\n+2| TWO\n 3| three\n")
        assert (escaped.kind, numbered.kind) == ("context_mismatch", "context_mismatch")
        assert "HTML-escaped" in escaped.text
        assert "line numbers" in numbered.text


class TestLineEnds:
    def test_a_line_feed_diff_keeps_a_crlf_file(self) -> None:
        crlf = TEN.replace("\n", "\r\n")
        assert patched(crlf, f"@@ -1,3 +1,3 @@\n{BODY}") == DONE.replace("\n", "\r\n")

    def test_a_crlf_diff_keeps_a_crlf_file_and_a_line_feed_file(self) -> None:
        diff = f"--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n{BODY}".replace("\n", "\r\n")
        assert patched(TEN.replace("\n", "\r\n"), diff) == DONE.replace("\n", "\r\n")
        assert patched(TEN, diff) == DONE

    def test_untouched_lines_of_a_mixed_file_keep_theirs(self) -> None:
        assert patched("a\r\nb\nc\r\n", "@@ -1,3 +1,3 @@\n a\r\n-b\n+B\n c\r\n") == "a\r\nB\nc\r\n"
        assert patched("a\r\nb\nc\r\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n") == "a\r\nB\nc\r\n"

    def test_a_diff_may_be_about_line_ends(self) -> None:
        assert patched("a\r\nb\r\n", "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+b\n") == "a\r\nb\n"
        assert patched("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+b\r\n") == "a\nb\r\n"

    def test_a_final_line_feed_is_added_or_removed_by_its_note(self) -> None:
        assert patched("a\nb", f"@@ -1,2 +1,2 @@\n a\n-b\n{UNENDED}+b\n") == "a\nb\n"
        assert patched("a\nb\n", f"@@ -1,2 +1,2 @@\n a\n-b\n+b\n{UNENDED}") == "a\nb"

    def test_without_notes_the_end_of_the_file_stays_as_it_is(self) -> None:
        assert patched("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n+B\n") == "a\nB"
        assert patched("a\r\nb", "@@ -2 +2,2 @@\n b\n+c\n") == "a\r\nb\r\nc"
        assert patched("a\nb", "@@ -2,0 +3 @@\n+c\n") == "a\nb\nc"
        assert patched("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+B") == "a\nB\n"
        assert patched("a\nb", "@@ -1,2 +1 @@\n a\n-b\n") == "a\n"

    def test_a_note_that_changes_the_end_is_refused_inside_the_file(self) -> None:
        assert (
            refused("a\nb\nc\n", f"@@ -1,2 +1,2 @@\n a\n-b\n+B\n{UNENDED}").kind
            == "context_mismatch"
        )

    def test_other_unicode_line_ends_are_text(self) -> None:
        for odd in ("\u2028", "\x85", "\x1c", "\x0c", "\r"):
            text = f"a{odd}b\nx\n"
            assert patched(text, f"@@ -1,2 +1,2 @@\n a{odd}b\n-x\n+y\n") == f"a{odd}b\ny\n"

    def test_a_byte_order_mark_of_the_file_stays(self) -> None:
        for first in (" a", " \ufeffa"):
            assert patched("\ufeffa\nx\n", f"@@ -1,2 +1,2 @@\n{first}\n-x\n+y\n") == "\ufeffa\ny\n"

    def test_a_diff_may_be_about_the_byte_order_mark(self) -> None:
        assert patched("\ufeffa\n", "@@ -1 +1 @@\n-\ufeffa\n+a\n") == "a\n"
        assert patched("a\n", "@@ -1 +1 @@\n-a\n+\ufeffa\n") == "\ufeffa\n"

    def test_replacement_characters_are_plain_text(self) -> None:
        assert r"100% {x} \1 $0 &" in patched(TEN, "@@ -2 +2 @@\n-two\n+100% {x} \\1 $0 &\n")


def test_a_near_miss_in_a_repetitive_file_is_found_out_in_bounded_time() -> None:
    body = " a\n" * 4999 + "-b\n+c\n"
    refusal = refused("a\n" * 400_000, f"@@ -1,5000 +1,5000 @@\n{body}")
    assert refusal.kind == "context_mismatch"
    assert len(refusal.text) < 4000


def test_many_hunks_at_wrong_lines_are_placed_in_a_large_file() -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))
    diff = "".join(
        f"@@ -{number + 7},1 +{number + 7},1 @@\n-line {number}\n+LINE {number}\n"
        for number in range(0, 20_000, 100)
    )
    assert patched(text, diff).count("LINE") == 200


line_texts = st.sampled_from(
    ["a", "b", "c", "", " ", "\t", "-- x", "++ y", "--- a/f", "+++ b/f", "@@ -1 +1 @@", "@@",
     "\\ No", "```", "*** End Patch", "diff --git a b", "é", "\udcff", "\ufeffa", "\u2028", "x\ry"]
)  # fmt: skip
lines = st.lists(st.tuples(line_texts, st.sampled_from(["\n", "\n", "\r\n"])), max_size=12)


def joined(parts: list[tuple[str, str]], *, ended: bool) -> str:
    text = "".join(line + end for line, end in parts)
    return text if ended else text.removesuffix("\n").removesuffix("\r")


def diff_of(before: str, after: str, context: int) -> str:
    """Give the diff that GNU diff would, with its notes about missing line feeds."""
    old, new = ([f"{line}\n" for line in text.split("\n")] for text in (before, after))
    for side in (old, new):
        side[-1] = side[-1].removesuffix("\n")
        if not side[-1]:
            side.pop()
    rows = list(difflib.unified_diff(old, new, "a/f", "b/f", n=context))
    return "".join(row if row.endswith("\n") else f"{row}\n{UNENDED}" for row in rows)


@given(lines, lines, st.booleans(), st.booleans(), st.integers(1, 3))
def test_a_true_diff_applies_exactly(
    old: list[tuple[str, str]], new: list[tuple[str, str]], x: bool, y: bool, context: int
) -> None:
    before, after = joined(old, ended=x), joined(new, ended=y)
    assume(before != after)
    assert patched(before, diff_of(before, after, context)) == after


@given(lines, lines, st.booleans(), st.booleans())
def test_a_true_diff_without_context_applies_exactly_where_line_ends_agree(
    old: list[tuple[str, str]], new: list[tuple[str, str]], x: bool, y: bool
) -> None:
    before, after = (joined(o, ended=e).replace("\r\n", "\n") for o, e in ((old, x), (new, y)))
    assume(before != after and not before.startswith("\ufeff"))  # which stays in front
    assert patched(before, diff_of(before, after, 0)) == after


@given(lines, lines, st.integers(1, 3))
def test_a_line_feed_diff_of_a_crlf_file_gives_a_crlf_file(
    old: list[tuple[str, str]], new: list[tuple[str, str]], context: int
) -> None:
    before, after = (joined(side, ended=True).replace("\r\n", "\n") for side in (old, new))
    assume(before and after and before != after)
    made = patched(before.replace("\n", "\r\n"), diff_of(before, after, context))
    assert made == after.replace("\n", "\r\n")


@given(lines, lines, lines)
def test_a_diff_for_another_text_changes_only_what_it_names(
    old: list[tuple[str, str]], new: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    before, after, text = (joined(side, ended=True) for side in (old, new, other))
    assume(before != after)
    diff = parse(diff_of(before, after, 1))
    assert isinstance(diff, Diff)
    made = splice(text, diff)
    if isinstance(made, Spliced):
        grown = sum(landing.added - landing.removed for landing in made.landings)
        assert made.text.count("\n") - text.count("\n") == grown
